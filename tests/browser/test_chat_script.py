"""The chat's script on a page of its own, without a kernel: messages, keys, and clicks that are no person's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from kubeagentix.notebook.view import source

CITE = '<button type="button" class="kx-cite" data-evidence="e-1">e-1</button>'
COMMAND = "<pre><code>kubectl get pods\n</code></pre>"
PARTS: list[dict[str, Any]] = [
    {"id": "1.question", "kind": "question", "text": "why?"},
    {
        "id": "1.text",
        "kind": "text",
        "html": f"<p>It lacks a variable {CITE}.</p>",
        "tail": "<pre><code>kub</code></pre>",
    },
    {
        "id": "e-1",
        "kind": "evidence",
        "object": "Pod web",
        "source": "log",
        "locator": "",
        "summary": "s",
        "excerpt": "x",
    },
]
RAN = {"id": "1.ran", "kind": "ran", "text": "openai", "copy": "It lacks …", "attempts": [], "suggestions": []}
MODEL = """
window.told = [];
const model = {
  send(message) {
    told.push(message);
    const picture = { op: "reset", seq: 0, parts: PARTS, state: { mode: "MODE" } };
    if (message.op === "hello") queueMicrotask(() => receive(picture));
  },
  on(_, heard) { window.receive = heard; },
  off() {},
};
let chat = null;
const link = follow(model, (picture, due) => chat.show(picture, due));
chat = mount(link);
document.body.append(chat.root);
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    found = browser.new_context().new_page()
    found.set_content("<body></body>")
    found.add_style_tag(content=source("kit.css", "chat.css"))
    found.add_script_tag(content=source("kit.js", "chat.js").replace("export default", "const unused ="))
    yield found
    found.context.close()


def begin(page: Page, mode: str) -> None:
    page.add_script_tag(content=MODEL.replace("PARTS", json.dumps(PARTS)).replace("MODE", mode))
    expect(page.locator(".kx-answer")).to_be_visible()


@pytest.mark.parametrize(("mode", "label"), [("open", "Copy as cell"), ("cell", "To a cell")])
def test_a_command_that_comes_with_the_end_has_its_buttons(page: Page, mode: str, label: str) -> None:
    begin(page, mode)
    ops = [{"op": "put", "part": RAN}, {"op": "grow", "id": "1.text", "done": "", "tail": COMMAND}]
    for last in (ops, ops[::-1]):
        page.evaluate("(ops) => receive({ op: 'change', seq: 1, ops })", last)
        expect(page.locator(".kx-code").get_by_text(label)).to_have_count(1)
        page.evaluate(
            f"() => receive({{ op: 'reset', seq: 0, parts: {json.dumps(PARTS)}, state: {{ mode: '{mode}' }} }})"
        )
        expect(page.locator(".kx-ran")).to_have_count(0)


def test_evidence_is_opened_closed_and_left_by_keyboard(page: Page) -> None:
    begin(page, "open")
    cite, drawer = page.locator(".kx-cite"), page.locator(".kx-drawer")
    for opens, closes in (("Enter", "Enter"), ("Space", "Space"), ("Enter", "Escape")):
        cite.press(opens)
        expect(drawer.locator(".kx-close")).to_be_focused()
        page.keyboard.press(closes)
        expect(drawer).to_be_hidden()
        expect(cite).to_be_focused()
    cite.press("Enter")
    page.keyboard.press("Tab")
    expect(drawer.locator("pre")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your question")).to_be_focused()


def test_a_scripts_click_approves_nothing(page: Page) -> None:
    begin(page, "open")
    asked = {"id": "1.a", "kind": "approval", "state": "open", "request": "r", "summary": "scale it", "cluster": "c"}
    more = {"diff": "+ replicas: 5", "may_be_always": True}
    page.evaluate(
        "(part) => receive({ op: 'change', seq: 1, ops: [{ op: 'put', part }] })",
        {**asked, **more, "expires_at": int(time.time() + 60) * 1000},
    )
    approve = page.locator(".kx-approve")
    expect(approve).to_be_enabled()
    approve.evaluate("(button) => button.click()")
    assert page.evaluate("told.filter((one) => one.intent)") == []
    approve.click()
    assert page.evaluate("told.filter((one) => one.intent)") == [
        {"intent": "answer", "request": "r", "decision": "once"}
    ]
