"""Runs a notebook as papermill does: with parameters of one's own in a cell behind the one that has the defaults.

`python -m tests.notebooks.running NOTEBOOK…` runs notebooks on their stage and keeps what they show in their files,
without anything of the machine and the moment.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.notebooks.stage import Stage

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PARAMETERS, INJECTED = "parameters", "injected-parameters"
_OF_THE_MOMENT = (
    (re.compile(r"/tmp/kubeagentix-demo-\w+"), "/tmp/kubeagentix-demo"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:6443"),
    (re.compile(re.escape(sys.prefix)), ".venv"),
    (re.compile(r"/tmp/kx-\w+"), "~"),
)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call, no-any-return]


def with_parameters(book: NotebookNode, parameters: Mapping[str, Any]) -> NotebookNode:
    """The notebook with a cell that sets them, behind the one tagged `parameters`. Raises StopIteration without it."""
    place = next(number for number, cell in enumerate(book.cells) if PARAMETERS in cell.metadata.get("tags", ()))
    lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = nbformat.v4.new_code_cell(lines, metadata={"tags": [INJECTED]})  # type: ignore[no-untyped-call]
    book.cells.insert(place + 1, cell)
    return book


def run(book: NotebookNode, folder: Path) -> NotebookNode:
    """The same with what its cells have shown. Raises CellExecutionError."""
    client = NotebookClient(book, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(folder)}})
    return client.execute()


def shown(book: NotebookNode) -> str:
    """All that its cells have shown, as text."""
    found = []
    for cell in book.cells:
        for output in cell.get("outputs", ()):
            found.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(found)


def kept(book: NotebookNode) -> NotebookNode:
    """The notebook for its file: with what it shows, and nothing of the machine and the moment."""
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            for holder, keys in ((output, ("text",)), (output.get("data", {}), tuple(output.get("data", {})))):
                for key in keys:
                    if isinstance(holder.get(key), str):
                        holder[key] = _without_moment(holder[key])
    book.metadata.get("language_info", {}).pop("version", None)
    return book


def _without_moment(text: str) -> str:
    for pattern, word in _OF_THE_MOMENT:
        text = pattern.sub(word, text)
    return text


def main() -> None:
    for name in sys.argv[1:]:
        path = Path(name).resolve()
        with Stage(path.name) as stage:
            book = kept(run(read(path), path.parent))
        stage.check()
        nbformat.write(book, path)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
