"""The pictures of the README: chat, table and providers' card in light and dark; and the same in a narrow cell.

`python -m tests.browser.pictures` keeps them in `docs/pictures`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from kubeagentix.claude_cli.finding import bundled_path
from tests.browser.book import Book
from tests.browser.lab import Lab, shots
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Say, Think
from tests.servers.wire import Recorded, WireServer
from tests.servers.wired import RESPONSES

NARROW_PX = 350
TALL_PX = 5000  # a picture of what has to be scrolled to shows what it was scrolled under
LOOKS_AT_THE_LOG: list[Any] = [
    Think("All three pods end at once with exit code 1: what they say last will tell."),
    Call("pod_logs", {"pod": "checkout-4rgvsrdg8m-52bhh", "namespace": "orders"}),
    Call("get_events", {"namespace": "orders"}),
]
ANSWER = """**`checkout` is started without `DATABASE_URL`**, so each of its pods ends after 2 s {cited}.

| object | state | because |
|---|---|---|
| Deployment `checkout` | 0 of 3 ready | the variable is missing |
| Service `checkout` | no endpoints | none of its pods is ready |

Set it, and the rest follows:

```
kubectl -n orders set env deployment/checkout DATABASE_URL=VALUE
```
"""
OF_THIS_MACHINE = re.compile(r"/(?:root|home|tmp|work|usr|opt|etc)\b|127\.0\.0\.1|localhost|site-packages")
OVERFLOWING = """(root) => {
  const right = root.getBoundingClientRect().right + 1;
  const cuts = (node) => getComputedStyle(node).overflowX !== 'visible';
  const isCut = (node) => node !== root && (cuts(node) || isCut(node.parentElement));
  return [...root.querySelectorAll('*')]
    .filter((node) => node.getBoundingClientRect().right > right && !isCut(node.parentElement))
    .map((node) => node.outerHTML.slice(0, 120));
}"""


def answer(request: Recorded) -> list[Any]:
    cited = re.findall(r"\be-[0-9a-f]{10}\b", str(request.body))[0]
    return [Say(ANSWER.format(cited=f"[{cited}]"))]


@pytest.fixture
def model() -> Iterator[WireServer]:
    with OpenAIServer() as running:
        running.script(LOOKS_AT_THE_LOG, answer, then=[Say("ready")])
        yield running


def setup(model: WireServer) -> str:
    """Nothing of this machine is passed on; Claude Code is found in a folder of this name."""
    environ = {
        **RESPONSES.environ(model, "dummy-key-of-this-test"),
        "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-dummy-token-of-this-test",
        "CLAUDE_CODE_CLI_PATH": "claude",
    }
    return (
        "import os\n"
        "for name in [name for name in os.environ if 'PROXY' in name.upper() or 'CERT' in name]:\n"
        "    del os.environ[name]\n"
        f"os.environ |= {environ!r}\n"
        "os.environ['PATH'] = f'bin:{os.environ[\"PATH\"]}'\n"
        "%load_ext kubeagentix\n"
        "_ = %kdemo crash-missing-variable service-selector-mismatch image-tag-not-found memory-limit-exceeded"
    )


def test_they_show_what_they_should_and_nothing_of_this_machine(
    notebook: Callable[..., Book], lab: Lab, model: WireServer
) -> None:
    program = bundled_path()
    assert program is not None
    (lab.folder / "bin").mkdir(exist_ok=True)
    (lab.folder / "bin" / "claude").symlink_to(program)
    cells = (
        setup(model),
        "%kdx -A",
        "%kchat -n orders --provider openai",
        "%kproviders",
        "del os.environ['KUBEAGENTIX_OPENAI_BASE_URL']",
    )
    book = notebook(*cells, width=1200, height=TALL_PX, scale=1.5)
    for number in range(4):
        book.run_cell(number)
        book.wait_cell(number)
    table, chat, card = (
        book.output(number).locator(f".{name}").last
        for number, name in ((1, "kx-dx"), (2, "kx-chat"), (3, "kx-providers"))
    )
    open_the_row(table)
    ask(book, chat)
    tried(book, card)

    shown = {"table": table, "chat": chat, "providers": card}
    for theme in ("light", "dark"):
        book.theme(theme)
        for name, place in shown.items():
            picture(book, place, f"readme-{name}-{theme}")
            assert OF_THIS_MACHINE.findall(place.inner_text()) == [], name
    narrow(book, chat)
    for theme in ("dark", "light"):
        book.theme(theme)
        for name, place in shown.items():
            book.shot(f"narrow-{name}-{theme}", of=place)
            assert place.evaluate(OVERFLOWING) == [], name
    assert (book.problems, book.left) == ([], [])


def picture(book: Book, place: Locator, name: str) -> None:
    """The element, down to its second piece of evidence if it shows so many: the rest is alike."""
    box, last = place.bounding_box(), place.locator(".kx-dx-list > li").nth(1)
    assert box is not None
    if last.count():
        end = last.bounding_box()
        assert end is not None
        box["height"] = end["y"] + end["height"] + 8 - box["y"]
    book.page.screenshot(path=str(shots(name)), clip=box)


def open_the_row(table: Locator) -> None:
    table.get_by_label("Filter findings by text").fill("checkout")
    table.get_by_role("grid").locator(".kx-dx-row").filter(has_text="keeps ending").click()
    expect(table.get_by_label("Details of the finding")).to_contain_text("DATABASE_URL not set")


def ask(book: Book, chat: Locator) -> None:
    book.page.get_by_label("Your question").fill("Why is checkout failing?")
    book.page.keyboard.press("Enter")
    expect(chat.locator(".kx-ran")).to_contain_text("openai")
    expect(chat.locator(".kx-pill")).to_have_text("ready")
    expect(chat.locator(".kx-answer table")).to_be_visible()


def tried(book: Book, card: Locator) -> None:
    row = card.locator('.kx-provider[data-provider="openai"]')
    row.get_by_role("button", name="Test").click()
    expect(row).to_contain_text("answered in")
    book.run_cell(4)  # the address of the stand-in is not for the picture
    book.wait_cell(4)
    row.get_by_role("button", name="Use").click()
    expect(row).to_have_attribute("data-chosen", "yes")
    expect(row).not_to_contain_text("passed on")


def narrow(book: Book, place: Locator) -> None:
    """Makes the page so narrow that a widget in it is NARROW_PX wide."""
    book.page.set_viewport_size({"width": 600, "height": TALL_PX})
    beside = 600 - place.evaluate("(node) => node.getBoundingClientRect().width")
    book.page.set_viewport_size({"width": round(NARROW_PX + beside), "height": TALL_PX})
    expect(place).to_be_visible()
