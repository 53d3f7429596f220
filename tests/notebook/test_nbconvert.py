"""Where cells run and nobody sits before them: every output is the report, and a page of it needs nothing from afar."""

from __future__ import annotations

import os
import re
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert.exporters import HTMLExporter

WIDGET = "application/vnd.jupyter.widget-view+json"
CELLS = (
    "%load_ext kubeagentix",
    "%kdx --snapshot {broken}",
    "%%kchat --snapshot {broken} --provider rules\nwhy is it broken?",
    "%kproviders",
    "%kchat",
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # not our sockets
def test_a_page_made_of_a_run_shows_every_report(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    made: Any = nbformat.v4  # untyped
    notebook = made.new_notebook(cells=[made.new_code_cell(cell.format(broken=broken)) for cell in CELLS])
    NotebookClient(notebook, timeout=60, kernel_name="python3", env=dict(os.environ)).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert [output for output in outputs if WIDGET in output.get("data", {})] == []
    page, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call]
    body = page[page.index("<body") :]
    assert "root cause found" in body
    assert "why is it broken?" in body
    assert "Providers</caption>" in body
    assert WIDGET not in body
    assert re.findall(r"<img|<iframe|(?:src|data)=.?http", body) == []
