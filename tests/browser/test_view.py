"""A widget's parts reach the browser whole and in order, whatever is missed; clicks come back while a cell runs too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.book import Book

# A widget of lines: each part is a paragraph, and a button tells that it was clicked.
LINES = '''
import asyncio, json, time
from kubeagentix import sync
from kubeagentix.notebook.view import View, source
from kubeagentix.report.rendering import Growing
from IPython.display import display

class Lines(View):
    _css = source("kit.css")
    _esm = source("kit.js") + """
function render({ model, el }) {
  const root = h("div.kx", {}); const list = h("ol", {}); const button = h("button.kx-button.go", {}, "Go");
  root.append(list, button); el.append(root);
  const link = follow(model, (picture, due) => {
    list.replaceChildren(...[...picture.parts.values()].map((part) => {
      const item = h("li", { dataset: { id: part.id } }, part.text || "");
      if (part.html || part.tail) item.append(htmlFragment((part.html || "") + (part.tail || "")));
      return item;
    }));
    root.dataset.title = picture.state.title || "";
  });
  button.onclick = () => link.intend("go", { at: 7 });
  return () => link.stop();
}
export default { render };
"""
told = []
view = Lines(lambda name, more: told.append((name, more["at"])), title="first")
'''
KERNELS = pytest.mark.parametrize("kernel", ["now", "old"])


@KERNELS
def test_what_is_put_is_seen_and_a_click_comes_back(notebook: Callable[..., Book], kernel: str) -> None:
    book = notebook(
        LINES,
        "view.put({'id': 'a', 'text': 'one'}); view.put({'id': 'b', 'text': 'two'}); view",
        "view.put({'id': 'a', 'text': 'one again'}); view.drop('b'); view.put({'id': 'c', 'text': '<b>three</b>'})",
        kernel=kernel,
    )
    book.run_all()
    book.wait_run()
    expect(book.page.locator(".kx li")).to_have_text(["one again", "<b>three</b>"])
    expect(book.page.locator(".kx")).to_have_attribute("data-title", "first")
    book.page.locator(".go").click()
    book.page.wait_for_timeout(300)
    book.command("notebook:insert-cell-below")
    assert book.problems == []


@KERNELS
@pytest.mark.parametrize("how", ["await", "blocking"])
def test_a_click_arrives_while_a_cell_runs(notebook: Callable[..., Book], kernel: str, how: str) -> None:
    wait = """
async def clicked():
    for _ in range(1600):
        if told:
            return f"told {told}"
        await asyncio.sleep(0.05)
    return "never"
"""
    run = "print(await sync.arun(clicked()))" if how == "await" else "print(sync.run(clicked()))"
    joined = "while not view.is_heard: await asyncio.sleep(0.05)"  # its comm has its own way to the kernel by then
    book = notebook(LINES, wait, "view", joined, f"print('begun'); {run}", kernel=kernel)
    book.run_all()
    expect(book.output().first).to_contain_text("begun")
    book.page.locator(".go").click()
    expect(book.output().first).to_contain_text("told [('go', 7)]")


def test_messages_that_the_browser_missed_are_made_good(notebook: Callable[..., Book]) -> None:
    book = notebook(
        LINES,
        "view",
        "send = view.send\n"
        "view.send = lambda *_: None\n"  # the server drops some
        "view.put({'id': 'a', 'text': 'one'})\n"
        "view.send = send\n"
        "time.sleep(0.1)\n"
        "view.put({'id': 'b', 'text': 'two'})",
    )
    book.run_all()
    expect(book.page.locator(".kx li")).to_have_text(["one", "two"])


def test_a_reloaded_page_shows_all_of_it_again(notebook: Callable[..., Book]) -> None:
    book = notebook(LINES, "view.put({'id': 'a', 'text': 'one'}); view")
    book.run_all()
    expect(book.page.locator(".kx li")).to_have_text(["one"])
    book.save()
    book.reload()
    expect(book.page.locator(".kx li")).to_have_text(["one"])


def test_text_streams_in_few_messages_and_is_whole_at_the_end(notebook: Callable[..., Book]) -> None:
    book = notebook(
        LINES,
        "view",
        """
sent, send = [], view.send
def counted(content, buffers=None):
    sent.append(content["op"])
    send(content, buffers)
view.send = counted
async def stream():
    text = Growing()
    view.put({"id": "t"})
    for number in range(1000):
        text.add(f"word{number} " + ("\\n\\n" if number % 50 == 49 else ""))
        view.grow("t", text.take)
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
begin = time.monotonic()
await sync.arun(stream())
took = time.monotonic() - begin
print("a second", round(len(sent) / took))
""",
    )
    book.run_all()
    book.wait_run()
    expect(book.page.locator(".kx li p")).to_have_count(20)
    expect(book.page.locator(".kx li p").last).to_contain_text("word999")
    said = book.output().inner_text().split()
    assert 5 < int(said[-1]) <= 30
