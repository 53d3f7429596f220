"""Notebooks of `notebooks/` run in JupyterLab as a reader would run them, and their files read without a kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from playwright.sync_api import Browser, expect

from tests.browser.book import Book
from tests.browser.lab import shots
from tests.notebooks.running import NOTEBOOKS, read

FULL = """() => [...document.querySelectorAll('.jp-OutputArea-child')].every((output) => {
  const box = output.querySelector('.jp-OutputArea-output')?.getBoundingClientRect();
  return box && box.height > 12 && output.textContent.trim();
})"""
SAYS = {  # what a reader without a kernel finds
    "02-chat.ipynb": ("Why is checkout failing?", "DATABASE_URL is missing", "no space left for postmaster.pid"),
    "06-provider-fallback.ipynb": ("1 root cause found", "started without DATABASE_URL, which its log says"),
    "runbooks/crash-loop.ipynb": ("1 root cause found", "kubectl set env deployment/checkout"),
}


@pytest.mark.parametrize("name", SAYS)
def test_a_notebook_runs_live_and_its_file_is_read_without_a_kernel(
    notebook: Callable[..., Book], browser: Browser, tmp_path: Path, name: str
) -> None:
    book = notebook(file=NOTEBOOKS / name)
    book.run_all()
    book.wait_run()
    expect(book.page.locator(".jp-OutputArea-child")).not_to_have_count(0)
    book.stretch()
    for theme in ("light", "dark"):
        book.theme(theme)
        book.shot(f"notebook-{Path(name).stem}-{theme}")
    book.page.wait_for_function(FULL)
    assert (book.problems, book.left) == ([], [])

    saved = nbformat.reads(book.save(), as_version=4)  # type: ignore[no-untyped-call]
    outputs = [output for cell in saved.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"] == []
    assert [output for output in outputs if "application/vnd.jupyter.widget-view+json" in output.get("data", {})] == []

    page = browser.new_context(java_script_enabled=False, offline=True).new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(converted(saved, tmp_path / "converted.html").as_uri())
    for words in SAYS[name]:
        expect(page.get_by_text(words).first).to_be_attached()
    page.screenshot(path=str(shots(f"converted-{Path(name).stem}")), full_page=True)
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    page.context.close()


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.rglob("*.ipynb")), ids=lambda path: path.stem)
def test_what_lies_in_the_repository_converts_without_a_manager_of_widgets(path: Path, tmp_path: Path) -> None:
    text = converted(read(path), tmp_path / "converted.html").read_text()
    assert "html-manager" not in text  # which comes from a CDN
    assert all(words in text for words in SAYS.get(str(path.relative_to(NOTEBOOKS)), ()))


def converted(book: NotebookNode, path: Path) -> Path:
    """The notebook as a page, made by nbconvert."""
    text, _ = HTMLExporter().from_notebook_node(book)  # type: ignore[no-untyped-call]
    path.write_text(text)
    return path
