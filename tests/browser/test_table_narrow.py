"""The table in a narrow cell: nothing sticks out, and what a row leaves out is in its details."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import expect

from tests.browser.book import Book
from tests.browser.test_table import LOAD, TABLE

STICKING_OUT = """
(table) => [...table.querySelectorAll("*")]
  .filter((node) => node.offsetWidth && node.getBoundingClientRect().right > table.getBoundingClientRect().right + 1)
  .filter((node) => !node.closest("pre, .kx-dx-body, .kx-dx-head"))
  .map((node) => node.className)
"""


@pytest.mark.parametrize(("app", "theme", "width"), [("lab", "dark", 480), ("notebook7", "light", 420)])
def test_nothing_sticks_out_of_a_narrow_table(
    notebook: Callable[..., Book], app: str, theme: Literal["light", "dark"], width: int
) -> None:
    book = notebook(LOAD, "%kdx -A", app=app, theme=theme, width=width)
    book.run_all()
    book.wait_run()
    table = book.output(1).locator(TABLE)
    expect(table.locator(".kx-dx-cause").first).to_be_visible()
    row = table.locator(".kx-dx-body .kx-dx-row").first
    expect(row.locator(".kx-dx-c-title")).to_be_visible()
    expect(row.locator(".kx-dx-c-namespace")).to_be_hidden()
    row.click()
    pane = table.get_by_label("Details of the finding")
    expect(pane.locator(".kx-dx-from").first).to_contain_text("/")  # namespace and name
    box = table.bounding_box()
    assert box is not None
    assert box["width"] < 400
    assert table.evaluate(STICKING_OUT) == []
    table.locator(".kx-dx-grid").evaluate("(node) => node.scrollIntoView({ block: 'center' })")
    book.shot(f"table-narrow-{theme}")
    assert book.problems == []
