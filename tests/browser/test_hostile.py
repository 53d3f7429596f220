"""What models, logs and objects say does nothing, live and from the file, trusted or not; whatever it looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.book import Book
from tests.browser.hostile import CORPUS, harms
from tests.browser.lab import Lab
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Say, Think
from tests.servers.wire import WireServer

ALL = "\n\n".join(CORPUS)
ASKED = ALL.replace("\x00", "").replace("{{", r"\{{")  # what a cell can hold
POISON = """
from tests.browser.hostile import CORPUS
store = kx.current()._running.store
found = dict(store.get("Deployment", "orders", "checkout"))
notes = {f"note-{number}": text for number, text in enumerate(CORPUS)}
store.put({**found, "metadata": {**found["metadata"], "annotations": notes}})
lines = [f"FATAL {line}" for text in CORPUS for line in text.splitlines()]
for namespace, pod, container, previous in [*store._logs]:
    store.set_log(namespace, pod, container, lines, previous)
len(lines)
"""


@pytest.fixture
def model() -> Iterator[WireServer]:
    """A model that says everything, thinks it, and asks for it."""
    looks: list[Any] = [
        Think(ALL),
        Call("get_resource", {"kind": "Deployment", "name": "checkout", "namespace": "orders"}),
        Call("pod_logs", {"pod": "checkout-4rgvsrdg8m-52bhh", "namespace": "orders"}),
        Call("get_events", {"namespace": ALL}),
    ]
    with OpenAIServer() as running:
        running.script(looks, [Say(ALL, piece=7)], looks, then=[Say(ALL, piece=5)])
        yield running


def test_nothing_of_it_acts_live_or_from_the_file(notebook: Callable[..., Book], lab: Lab, model: WireServer) -> None:
    environ = {
        "KUBEAGENTIX_OPENAI_BASE_URL": model.base_url,
        "KUBEAGENTIX_OPENAI_API": "responses",
        "OPENAI_API_KEY": "dummy-key-of-this-test",
    }
    book = notebook(
        f"import os; os.environ |= {environ!r}\n%load_ext kubeagentix\nimport kubeagentix as kx\n"
        "_ = %kdemo crash-missing-variable",
        POISON,
        "%kdx -n orders",
        f"%%kchat -n orders\n{ASKED}",
        "%kchat -n orders",
    )
    for number in range(5):
        book.run_cell(number)
        book.wait_cell(number)
    table, chat = book.output(2).locator(".kx-dx").last, book.page.locator(".kx-chat")
    table.locator(".kx-dx-body .kx-dx-row").first.click()
    expect(table.get_by_label("Details of the finding")).to_contain_text("FATAL")
    book.page.get_by_label("Your question").fill(ALL)
    book.page.keyboard.press("Enter")
    expect(chat.locator(".kx-ran")).to_have_count(2)
    for summary in chat.locator("details > summary").all():
        summary.click()
    expect(chat.locator(".kx-tool").first).to_contain_text("note-0")
    expect(chat.locator(".kx-answer").last).to_contain_text("<script>window.owned=1</script>")
    assert harms(book.page) == []
    book.shot("hostile")

    saved = book.save()
    lab.folder.joinpath("hostile.ipynb").write_text(saved)  # with nobody's signature: not trusted
    for name in (book.name, "hostile.ipynb"):
        book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        book.name = name
        book.open()
        expect(book.output(3)).to_contain_text("<script>window.owned=1</script>")
        expect(book.page.locator(".kx")).to_have_count(0)
        assert harms(book.page) == []
    assert (book.problems, book.left) == ([], [])
