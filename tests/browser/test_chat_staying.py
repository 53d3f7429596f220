"""A conversation outlives its cell: shown again further down, both copies go on together; and Stop where loops nest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.book import IDLE, Book
from tests.browser.test_chat import ANSWER, model, setup
from tests.servers.turns import Call, Hang, Say
from tests.servers.wire import WireServer

__all__ = ["model"]  # a fixture


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_two_copies_of_a_conversation_stay_in_step(
    notebook: Callable[..., Book], model: WireServer, theme: str
) -> None:
    model.script([Call("list_namespaces")], [Say(ANSWER.format(cited=""))], [Say("Since **Monday**.")])
    model.script(then=[Say("Never.")])
    book = notebook(setup(model), "%kchat -n orders", "%kchat -n orders", theme=theme, width=500, height=1400)
    book.run_cell(0)
    book.run_cell(1)
    above, below = book.output(1).locator(".kx-chat"), book.output(2).locator(".kx-chat")
    above.get_by_label("Your question").fill("why is checkout failing?")
    above.get_by_label("Your question").press("Enter")
    expect(above.locator(".kx-ran")).to_have_count(1)
    book.run_cell(2)
    for copy in (above, below):
        expect(copy.locator(".kx-question")).to_have_text("You asked: why is checkout failing?")
        expect(copy.locator(".kx-answer table")).to_be_visible()
    below.get_by_label("Your question").fill("since when?")
    below.get_by_label("Your question").press("Enter")
    for copy in (above, below):
        expect(copy.locator(".kx-answer strong").last).to_have_text("Monday")
        expect(copy.locator(".kx-pill")).to_have_text("ready")
        expect(copy.locator(".kx-question")).to_have_count(2)
    above.evaluate("(chat) => { chat.parentElement.style.width = '350px' }")
    assert (
        above.evaluate("(chat) => [chat, ...chat.children].filter((e) => e.scrollWidth > e.clientWidth + 1).length")
        == 0
    )
    book.page.locator(".kx-chat").first.scroll_into_view_if_needed()
    book.shot(f"chat-narrow-{theme}")
    saved = book.save()
    assert "Since <strong>Monday</strong>" in saved
    assert "application/vnd.jupyter.widget-view+json" not in saved
    above.locator(".kx-new").click()
    for copy in (above, below):
        expect(copy.locator(".kx-log > *")).to_have_count(0)
    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    book.save()
    book.reload()
    book.page.wait_for_function(IDLE)  # that of another kernel
    for cell in (1, 2):
        expect(book.output(cell)).to_contain_text("nothing was asked yet")
    expect(book.page.get_by_text("Error displaying widget")).to_have_count(0)
    assert (book.problems, book.left) == ([], [])


def test_stop_and_interrupt_where_loops_nest(notebook: Callable[..., Book], model: WireServer) -> None:
    model.script([Say("So far.\n\n"), Hang()], [Say("So good.\n\n"), Hang()], [Say("Asked again. "), Hang()])
    model.script(then=[Say("Still usable.")])
    book = notebook(
        "import nest_asyncio\nnest_asyncio.apply()\n" + setup(model),
        "%%kchat -n orders\nwhy?",
        "%%kchat -n orders\nagain?",
        "%%time\n%kchat -n orders once more",
        "%%kchat -n orders\nand now?",
    )
    book.run_cell(0)
    for cell, end in ((1, "stop"), (2, "interrupt"), (3, "interrupt")):
        book.run_cell(cell)
        expect(book.output(cell).locator(".kx-answer")).to_be_visible()
        if end == "stop":
            book.output(cell).locator(".kx-stop").click()
        else:
            book.interrupt()
            expect(book.output(cell)).to_contain_text("interrupted")
        expect(book.output(cell)).to_contain_text("ended by cancelled")
        expect(book.page.locator(".kx-chat")).to_have_count(0)
        book.wait_cell(cell)
    book.run_cell(4)
    expect(book.output(4)).to_contain_text("Still usable.")
    assert all(request.gone.wait(10) for request in model.requests[:3])  # nothing of them goes on
    assert book.problems == []
