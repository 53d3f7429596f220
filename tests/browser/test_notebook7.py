"""Chat, table and providers' card in Notebook 7, and what of them is in its file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.book import Book
from tests.browser.test_table import cells
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Hang, Say
from tests.servers.wire import WireServer


@pytest.fixture
def model() -> Iterator[WireServer]:
    with OpenAIServer() as running:
        running.script([Call("list_namespaces")], [Say("It lacks **a variable**. ", pause_s=0.01), Hang()])
        yield running


def test_chat_table_and_card_work_and_leave_reports(notebook: Callable[..., Book], model: WireServer) -> None:
    environ = {
        "KUBEAGENTIX_OPENAI_BASE_URL": model.base_url,
        "KUBEAGENTIX_OPENAI_API": "responses",
        "OPENAI_API_KEY": "dummy-key-of-this-test",
    }
    book = notebook(
        f"import os; os.environ.update({environ!r})\n%load_ext kubeagentix",
        "%kdx --demo=crash-missing-variable,service-selector-mismatch -A",
        "%%kchat --demo=crash-missing-variable -n orders\nwhy is checkout failing?",
        "%kproviders",
        app="notebook7",
    )
    book.run_all()
    table = book.output(1).locator(".kx-dx").last
    expect(table.locator(".kx-dx-cause").first).to_be_visible()
    expect(book.output(2).locator(".kx-answer strong")).to_have_text("a variable")
    expect(book.output(2).locator(".kx-tool")).to_contain_text("done")
    book.shot("notebook-7-chat")
    book.output(2).locator(".kx-stop").click()
    card = book.output(3).locator(".kx-providers")
    expect(card.get_by_role("group", name="OpenAI API")).to_contain_text("uses OPENAI_API_KEY")
    book.wait_run()

    table.get_by_role("grid").get_by_role("button", name="Name", exact=True).click()
    expect(table.locator(".kx-dx-head .kx-dx-c-name")).to_have_attribute("aria-sort", "ascending")
    names = cells(table, "name")
    assert (len(names) > 1, names) == (True, sorted(names))
    book.shot("notebook-7-table")
    card.get_by_role("button", name="Use").first.scroll_into_view_if_needed()
    book.shot("notebook-7-card")

    saved = json.loads(book.save())
    data = [output["data"] for cell in saved["cells"] for output in cell["outputs"] if "data" in output]
    assert {kind for found in data for kind in found} <= {"text/html", "text/plain", "text/markdown"}
    assert "widgets" not in saved["metadata"]
    assert [output for cell in saved["cells"] for output in cell["outputs"] if output["output_type"] == "error"] == []
    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    book.reload()
    expect(book.output(1)).to_contain_text("root causes found")
    expect(book.output(2)).to_contain_text("It lacks a variable.")
    expect(book.output(3).locator("table caption")).to_have_text("Providers")
    expect(book.page.locator(".kx")).to_have_count(0)
    for words in ("Error displaying widget", "model not found"):
        expect(book.page.get_by_text(words)).to_have_count(0)
    assert (book.problems, book.left) == ([], [])
