"""Changes, answered by clicks: once for all, too late, and where no click arrives; and commands that become cells."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.book import Book
from tests.browser.test_chat import model, setup
from tests.servers.turns import Call, Hang, Say
from tests.servers.wire import WireServer

__all__ = ["model"]  # a fixture
ASK = "%%kchat -n orders --allow-writes\n"
SOON = "import kubeagentix.domain.changes as changes\nchanges.REQUEST_S = 3.0"


def scale(replicas: int) -> Call:
    return Call("scale_workload", {"name": "deploy/checkout", "replicas": replicas})


def test_always_is_asked_once_and_a_request_expires(notebook: Callable[..., Book], model: WireServer) -> None:
    model.script([scale(5)], [Say("Done.")], [scale(7)], [Say("Done again.")])
    restart = Call("restart_rollout", {"name": "deploy/checkout"})
    model.script([restart], then=[Say("Nobody answered. "), Hang()])
    book = notebook(
        setup(model), f"{ASK}scale it to 5", f"{ASK}and to 7", "print('now', replicas())", SOON, f"{ASK}restart it"
    )
    book.run_all()
    asked = book.output(1).locator(".kx-approval")
    expect(asked.locator("[data-sign=added]").first).to_contain_text("replicas: 5")
    asked.locator(".kx-always").click()
    expect(book.output(1)).to_contain_text("approved for this session")
    expect(book.output(3)).to_contain_text("now 7")  # without another word
    expect(book.output(2)).not_to_contain_text("waiting for an answer")
    late = book.output(5).locator(".kx-approval")
    expect(late).to_have_attribute("data-state", "open")
    expect(late).to_have_attribute("data-state", "expired")
    expect(late).to_contain_text("expired: nobody answered in time")
    expect(late.locator("button")).to_have_count(0)
    book.shot("chat-expired-light")
    book.output(5).locator(".kx-stop").click()
    book.wait_run()
    expect(book.output(5)).to_contain_text("expired: nobody answered in time")
    assert (book.problems, book.left) == ([], [])


COMMAND = "kubectl -n orders get deploy checkout"
ANSWER = f"Look at it with `{COMMAND}` first.\n\n```\nkubectl -n orders logs deploy/checkout\n```\n\nThat is all.\n\n"


def test_a_command_becomes_a_cell_and_is_copied(notebook: Callable[..., Book], model: WireServer) -> None:
    model.script([Say(ANSWER), Hang()], then=[Say(ANSWER)])
    book = notebook(setup(model), "%%kchat -n orders\nhow do I look?", "%kchat -n orders", "%kchat --cell", width=1000)
    book.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    book.run_cell(0)
    book.run_cell(1)
    answer = book.output(1).locator(".kx-answer")
    answer.get_by_role("button", name="Copy to the clipboard").first.click()
    expect(answer.get_by_text("Copied")).to_be_visible()
    assert book.page.evaluate("navigator.clipboard.readText()") == COMMAND
    answer.locator(".kx-to-cell").first.click()
    book.shot("chat-commands-light")
    book.output(1).locator(".kx-stop").click()
    expect(book.page.locator(".jp-CodeCell")).to_have_count(5)
    expect(book.page.locator(".jp-CodeCell").nth(2)).to_contain_text(f"!{COMMAND}")
    book.run_cell(3)
    chat = book.page.locator(".kx-chat")
    chat.get_by_label("Your question").fill("again?")
    chat.locator(".kx-send").click()
    expect(chat.locator(".kx-pill")).to_have_text("ready")
    expect(chat.locator(".kx-ran")).to_have_count(2)
    chat.locator(".kx-answer").last.get_by_role("button", name="Copy as cell").last.click()
    assert book.page.evaluate("navigator.clipboard.readText()") == "!kubectl -n orders logs deploy/checkout"
    chat.locator(".kx-ran").last.get_by_role("button", name="Copy to the clipboard").click()
    assert book.page.evaluate("navigator.clipboard.readText()") == ANSWER.strip()
    chat.get_by_role("button", name="Ask this again").last.click()
    model.wait_for(3, timeout_s=60)
    expect(chat.locator(".kx-pill")).to_have_text("ready")
    expect(chat.locator(".kx-question")).to_have_count(2)
    expect(chat.locator(".kx-ran")).to_have_count(2)
    assert len(model.requests) == 3
    book.run_cell(4)
    expect(book.page.locator(".jp-CodeCell")).to_have_count(6)
    assert (book.problems, book.left) == ([], [])


@pytest.mark.parametrize(("kernel", "magic"), [("now", "%%time\n%kchat -n orders --allow-writes "), ("old", ASK)])
def test_where_no_click_arrives_it_streams_and_asks_below_the_cell(
    notebook: Callable[..., Book], model: WireServer, kernel: str, magic: str
) -> None:
    model.script([Say("I scale it. "), scale(5)], [Say("**Done**, it is 5 now. "), Hang()])
    book = notebook(setup(model), f"{magic}scale it", "print('now', replicas())", kernel=kernel, app="deaf")
    book.run_cell(0)
    book.run_cell(1)
    cell = book.output(1)
    expect(cell.locator(".kx-hint")).to_contain_text("Clicks do not reach the kernel while this cell runs")
    expect(cell.locator(".kx-stop")).to_be_hidden()
    expect(cell.locator(".kx-answer")).to_contain_text("I scale it.")
    typed = cell.locator(".jp-Stdin-input")
    expect(cell.locator(".kx-approval")).to_contain_text("Answer in the input field")
    expect(cell.locator(".kx-approval button")).to_have_count(0)  # which would do nothing
    book.shot(f"chat-deaf-{kernel}")
    typed.fill("y")
    typed.press("Enter")
    expect(cell.locator(".kx-answer strong")).to_have_text("Done")
    book.interrupt()
    expect(cell).to_contain_text("interrupted")
    book.wait_cell(1)
    book.run_cell(2)
    expect(book.output(2)).to_contain_text("now 5")
    assert (book.problems, book.left) == ([], [])
