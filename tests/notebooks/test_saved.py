"""The notebooks as they lie in the repository: run, readable without a kernel, with nothing of the machine in them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.notebooks.running import NOTEBOOKS, read
from tests.notebooks.stand_in import LOGIN_TOKEN, OVERRIDE_TOKEN

PATHS = sorted(NOTEBOOKS.rglob("*.ipynb"))
OF_THE_MOMENT = re.compile(
    r"/tmp/kx|127\.0\.0\.1:(?!6443\b|8888\b)\d|/root/|/home/(?!jovyan)\w|site-packages/(?!claude)"
)
every = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@every
def test_it_has_been_run_and_nothing_failed(path: Path) -> None:
    outputs = [output for cell in read(path).cells for output in cell.get("outputs", ())]
    assert len(outputs) > 3
    assert [output for output in outputs if output.output_type == "error"] == []


@every
def test_it_shows_without_a_kernel(path: Path) -> None:
    book = read(path)
    assert "widgets" not in book.metadata
    kinds = {kind for cell in book.cells for output in cell.get("outputs", ()) for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds


@every
def test_nothing_of_the_machine_and_no_token_is_in_it(path: Path) -> None:
    text = path.read_text()
    outputs = [output for cell in read(path).cells for output in cell.get("outputs", ())]
    assert OF_THE_MOMENT.findall(json.dumps(outputs, ensure_ascii=False)) == []
    assert LOGIN_TOKEN not in text
    assert OVERRIDE_TOKEN not in text


@every
def test_it_says_how_to_point_it_at_a_real_cluster(path: Path) -> None:
    assert re.search(
        r"`%kcontext NAME`|^context = \"\"", "\n".join(cell.source for cell in read(path).cells), re.MULTILINE
    )
