"""■ ends a run and keeps what was shown; the same widgets in Notebook 7, and in a cell that is narrow."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from kubeagentix.cluster import archive
from kubeagentix.testing import snapshot_of
from tests.browser.book import Book
from tests.browser.test_view import LINES

KUBECONFIG = (
    "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    "clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n"
)
WAIT = "async def clicked():\n    while not told:\n        await asyncio.sleep(0.05)\n    return told"


@pytest.fixture
def silent_server(tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of a server that accepts and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        path = tmp_path / "silent"
        path.write_text(KUBECONFIG.format(port=listening.getsockname()[1]))
        yield path


@pytest.mark.parametrize("kernel", ["now", "old"])
def test_an_interrupt_ends_a_run_and_keeps_what_was_shown(
    notebook: Callable[..., Book], silent_server: Path, kernel: str
) -> None:
    book = notebook(
        "%load_ext kubeagentix",
        f"%%kdx --kubeconfig {silent_server}\n-A",
        f"%%time\n%kdx -A --kubeconfig {silent_server}",
        "%kdx --snapshot nowhere",
        "print('still', 'usable')",
        kernel=kernel,
    )
    book.run_cell(0)
    for cell in (1, 2):
        book.run_cell(cell)
        expect(book.output(cell).first).to_contain_text("Quick Dx of the cluster")
        book.interrupt()
        expect(book.output(cell).first).to_contain_text("interrupted")
        expect(book.output(cell).first).to_contain_text("Quick Dx: stopped in")
        expect(book.output(cell).first).not_to_contain_text("Traceback")
        book.wait_cell(cell)
    book.run_cell(3)
    expect(book.output(3).first).to_contain_text("error: there is no file nowhere; check the path")
    book.wait_cell(3)
    book.run_cell(4)
    expect(book.output(4).first).to_contain_text("still usable")
    assert book.problems == []


def test_tab_completes_an_option_a_namespace_and_a_name(notebook: Callable[..., Book], tmp_path: Path) -> None:
    path = str(tmp_path / "one.snapshot")
    archive.save(snapshot_of({"kind": "ConfigMap", "metadata": {"name": "checkout", "namespace": "shop"}}), path)
    typed = {"--form": "--format", "-n sh": "-n shop", "cm/che": "cm/checkout"}
    load = f"%load_ext kubeagentix\nimport kubeagentix as kx\nkx.use(kx.load({path!r}))"
    book = notebook(load, *(f"%kdx {word}" for word in typed))
    book.run_cell(0)
    book.wait_cell(0)
    for cell, completed in enumerate(typed.values(), start=1):
        editor = book.page.locator(".jp-CodeCell").nth(cell).locator(".cm-content")
        editor.click()
        book.page.keyboard.press("Control+End")
        book.page.wait_for_selector(".jp-Notebook.jp-mod-editMode .jp-mod-completer-enabled")
        book.page.keyboard.press("Tab")
        offered = book.page.locator(".jp-Completer-item .jp-Completer-match")
        expect(offered).to_have_text([completed.split()[-1]])
        book.page.keyboard.press("Enter")  # one is offered, too, before it is taken
        expect(editor).to_have_text(f"%kdx {completed}")
    assert book.problems == []


def test_notebook_7_shows_the_same_and_a_click_arrives(notebook: Callable[..., Book]) -> None:
    cells = (LINES, WAIT, "view.put({'id': 'a', 'text': 'one ' * 200}); view", "await clicked()")
    book = notebook(*cells, app="notebook7", width=480, height=700)
    book.run_all()
    expect(book.page.locator(".kx li")).to_contain_text("one one")
    book.page.locator(".go").click()
    book.wait_run()
    assert "('go', 7)" in book.output().inner_text()
    assert book.page.evaluate("() => document.querySelector('.kx').scrollWidth <= innerWidth")
    book.shot("notebook-7-narrow")
    assert (book.problems, book.left) == ([], [])
