"""The table of `%kdx` in a real browser: sort, filter, drill down, watch, explain; what is left without a kernel."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.book import Book
from tests.browser.lab import Lab

LOAD = "%load_ext kubeagentix\n%kdemo crash-missing-variable service-selector-mismatch image-tag-not-found"
TABLE = ".jp-OutputArea-executeResult .kx-dx"


def cells(table: Locator, column: str) -> list[str]:
    """The texts of a column, from top to bottom."""
    nodes = table.locator(f".kx-dx-body .kx-dx-c-{column}")
    found = nodes.evaluate_all(
        "nodes => nodes.map((node) => [parseFloat(node.parentElement.style.top), node.textContent])"
    )
    return [text for _, text in sorted(found)]


def count(table: Locator) -> Locator:
    return table.locator(".kx-dx-count")


@pytest.mark.parametrize(("kernel", "theme"), [("now", "light"), ("old", "dark")])
def test_a_table_is_sorted_filtered_and_opened(notebook: Callable[..., Book], kernel: str, theme: str) -> None:
    book = notebook(LOAD, "%%kdx -o dx\n-A", kernel=kernel, theme=theme)
    book.run_all()
    book.wait_run()
    table = book.page.locator(TABLE)
    expect(table.locator(".kx-dx-cause").first).to_be_visible()
    assert book.output(1).locator(".kx-report").is_hidden()

    grid = table.get_by_role("grid")
    severity, name = (grid.get_by_role("columnheader").filter(has_text=word) for word in ("Severity", "Name"))
    expect(severity).to_have_attribute("aria-sort", "descending")
    grid.get_by_role("button", name="Name", exact=True).click()
    expect(grid.locator(".kx-dx-head .kx-dx-c-name")).to_have_attribute("aria-sort", "ascending")
    assert cells(table, "name") == sorted(cells(table, "name"))
    grid.get_by_role("button", name="Name", exact=True).click()
    assert cells(table, "name") == sorted(cells(table, "name"), reverse=True)
    assert name.count() == 2  # Namespace and Name

    all_of_them = count(table).inner_text()
    table.get_by_label("Filter findings by text").fill("database_url")
    expect(count(table)).to_contain_text(" of ")
    assert {*cells(table, "namespace")} == {"orders"}
    table.get_by_role("button", name="Clear filters").click()
    table.get_by_label("Namespace", exact=True).select_option("orders")
    assert {*cells(table, "namespace")} == {"orders"}
    table.get_by_role("button", name=re.compile("^critical")).click()
    assert {*cells(table, "severity")} == {"critical"}
    table.get_by_role("button", name="Clear filters").click()
    expect(count(table)).to_have_text(all_of_them)

    table.get_by_label("Filter findings by text").fill("missingvariable")
    grid.focus()
    book.page.keyboard.press("Enter")
    pane = table.get_by_label("Details of the finding")
    expect(pane.locator(".kx-dx-guilty").first).to_contain_text("DATABASE_URL not set")
    expect(pane.get_by_text("Leads to")).to_be_visible()
    expect(pane.get_by_text("only reads").first).to_be_visible()
    book.shot(f"table-{theme}")
    pane.locator(".kx-dx-jump").first.click()
    expect(pane.get_by_text("Caused by")).to_be_visible()
    book.page.keyboard.press("Escape")
    expect(pane).to_be_hidden()
    assert book.page.evaluate("document.activeElement.getAttribute('role')") == "grid"
    book.page.keyboard.press("End")
    expect(grid.locator(".kx-dx-active")).to_be_in_viewport()

    book.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    table.get_by_label("Namespace", exact=True).select_option("orders")
    table.get_by_role("button", name="Copy rows").click()
    expect(table.get_by_role("button", name="Copy rows")).to_have_text("Copied")
    copied = [line.split("\t") for line in book.page.evaluate("navigator.clipboard.readText()").split("\n")]
    assert copied[0][:4] == ["Severity", "Namespace", "Kind", "Name"]
    assert {line[1] for line in copied[1:]} == {"orders"}
    assert len(copied[1:]) == len(cells(table, "name"))

    table.get_by_role("button", name="Report").click()
    expect(book.output(1).locator(".kx-report")).to_be_visible()
    table.get_by_role("button", name="Table").click()
    assert (book.problems, book.left) == ([], [])


def test_what_is_saved_is_the_report_and_a_reloaded_page_has_the_table_again(
    notebook: Callable[..., Book], lab: Lab
) -> None:
    book = notebook(LOAD, "%kdx -A", "import kubeagentix as kx; kx.diagnose(namespace='orders')")
    book.run_all()
    book.wait_run()
    table = book.output(1).locator(TABLE)
    expect(table.locator(".kx-dx-cause").first).to_be_visible()
    expect(book.output(2).locator(TABLE).locator(".kx-dx-cause").first).to_be_visible()
    book.output(2).locator(".kx-dx-body .kx-dx-row").first.click()
    expect(book.output(2).locator(".kx-dx-list li").first).to_be_visible()
    saved = book.save()
    assert "widget-view" not in saved
    assert "root causes found in all namespaces" in saved
    book.reload()
    for cell in (1, 2):
        expect(book.output(cell).locator(TABLE).locator(".kx-dx-cause").first).to_be_visible()

    # Somebody else gets the file: no kernel that has made it, and no trust.
    lab.folder.joinpath("sent.ipynb").write_text(saved)
    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(table).to_have_count(0)
    expect(book.output(1).locator(".kx-report")).to_be_visible()
    book.name = "sent.ipynb"
    book.open()
    expect(book.output(1)).to_contain_text("root causes found in all namespaces")
    expect(book.page.get_by_text("Error displaying widget")).to_have_count(0)
    assert book.problems == []


SLOW = """
import asyncio, pathlib
import kubeagentix as kx
pathlib.Path("go-on").unlink(missing_ok=True)  # of another notebook in this folder
class Held:  # until a file is there
    async def answer(self, struck):
        while not pathlib.Path("go-on").exists():
            await asyncio.sleep(0.05)
        return await struck.healthy()
_ = kx.current().faults.strike("/(configmaps|pods/.*/log)", Held())
"""


def test_rows_are_there_while_a_slow_cluster_is_still_read(notebook: Callable[..., Book], lab: Lab) -> None:
    book = notebook(LOAD, SLOW, "%%kdx\n-A", "%kdx -A", theme="dark")
    book.run_all()
    live = book.output(2).locator(".kx-dx").first
    expect(live.locator(".kx-dx-so-far")).to_be_visible()
    expect(live.locator(".kx-dx-pill")).to_have_text("collecting")
    expect(live.locator(".kx-dx-stages")).to_contain_text(re.compile(r"collect \d+/\d+ [\d,]+ objects"))
    expect(count(live)).to_contain_text("so far")
    live.locator(".kx-dx-body .kx-dx-row").first.click()
    expect(live.get_by_label("Details of the finding").locator(".kx-dx-list li").first).to_be_visible()
    book.shot("table-partial-dark")
    lab.folder.joinpath("go-on").touch()
    table = book.output(2).locator(TABLE)
    expect(table.locator(".kx-dx-cause").first).to_be_visible()
    expect(table.locator(".kx-dx-so-far")).to_be_hidden()
    expect(count(table)).not_to_contain_text("so far")
    book.wait_run()

    lab.folder.joinpath("go-on").unlink()
    book.run_cell(3)  # where the cell blocks
    expect(book.output(3).locator(".kx-dx-body .kx-dx-row").first).to_be_visible()
    book.interrupt()
    expect(book.output(3)).to_contain_text("Found until then")
    lab.folder.joinpath("go-on").touch()
    assert book.problems == []


WATCHED = """
import pathlib, threading, time
import kubeagentix as kx
def when(name, act):
    def wait():
        while not pathlib.Path(name).exists():
            time.sleep(0.05)
        act()
    threading.Thread(target=wait, daemon=True).start()
store = kx.current()._running.store
def broken():
    found = dict(store.get("Service", "orders", "checkout"))
    store.put({**found, "spec": {**found["spec"], "selector": {"app": "nobody"}}})
def healed():
    store.delete("Service", "orders", "checkout")
def lost():
    kx.current().faults.fail("", 0)
acts = {"break-it": broken, "heal-it": healed, "lose-it": lost, "find-it": kx.current().faults.clear}
"""


def test_watching_marks_a_fault_that_comes_and_one_that_goes(notebook: Callable[..., Book], lab: Lab) -> None:
    book = notebook(
        LOAD,
        WATCHED + "for name, act in acts.items(): when(name, act)",
        "%%kdx --watch 1 -o last\n-n orders",
        "print('last', type(last).__name__, len(last.findings), last is _3)",
    )
    book.run_all()
    live = book.output(2).locator(".kx-dx").first
    expect(live.locator(".kx-dx-pill")).to_have_text("watching")
    lab.folder.joinpath("break-it").touch()
    expect(live.locator(".kx-dx-note").first).to_contain_text("new")
    live.locator(".kx-dx-body .kx-dx-new").first.scroll_into_view_if_needed()
    book.shot("table-watch")
    lab.folder.joinpath("lose-it").touch()  # the API server answers no more, for a while
    expect(live.locator(".kx-dx-note.kx-dx-warning")).to_contain_text("not refreshed: ")
    expect(live.locator(".kx-dx-body .kx-dx-row").first).to_be_visible()
    lab.folder.joinpath("find-it").touch()
    expect(live.locator(".kx-dx-note.kx-dx-warning")).to_be_hidden()
    lab.folder.joinpath("heal-it").touch()
    expect(live.locator(".kx-dx-body .kx-dx-gone").first).to_be_visible()
    live.get_by_role("button", name="Stop").click()
    expect(book.output(3)).to_contain_text("last Diagnosis")
    expect(book.output(3)).to_contain_text("True")
    expect(book.page.locator(TABLE)).to_be_visible()
    assert book.problems == []


def test_an_interrupt_ends_watching_with_the_last_answer(notebook: Callable[..., Book]) -> None:
    book = notebook(LOAD, "%%kdx --watch 60 -o last\n-A", "%kdx --watch 60", "print('after', len(last.findings) > 3)")
    book.run_all()
    for cell in (1, 2):  # awaiting, and blocking
        expect(book.output(cell).locator(".kx-dx-pill")).to_have_text("watching")
        book.interrupt()
        expect(book.output(cell).locator(".jp-OutputArea-executeResult .kx-dx")).to_be_visible()
        expect(book.output(cell).locator(".kx-dx")).to_have_count(1)
        if cell == 1:
            book.command("notebook:run-all-below")
    assert book.problems == []


def test_a_kernel_that_is_restarted_while_it_watches_leaves_the_report(notebook: Callable[..., Book]) -> None:
    book = notebook(LOAD, "%kdx -n orders --watch 60")
    book.run_all()
    table = book.output(1).locator(".kx-dx")
    expect(table.locator(".kx-dx-pill")).to_have_text("watching")
    expect(table.get_by_role("button", name="Stop")).to_be_visible()
    expect(book.output(1).locator(".kx-report")).to_have_count(1)
    expect(book.output(1).locator(".kx-report")).to_be_hidden()
    assert "widget-view" not in book.save()
    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(table).to_have_count(0)
    expect(book.output(1).locator(".kx-report")).to_contain_text("as far as it was at")
    assert "found in namespace orders" in book.save()
    book.reload()
    expect(book.output(1)).to_contain_text("found in namespace orders")
    expect(book.page.get_by_text("Error displaying widget")).to_have_count(0)
    assert book.problems == []


def test_before_anything_is_found_the_widget_says_that_its_kernel_has_ended(notebook: Callable[..., Book]) -> None:
    slow = SLOW.replace("/(configmaps|pods/.*/log)", ".")
    book = notebook(LOAD, slow, "%%kdx\n-A")
    book.run_all()
    table = book.output(2).locator(".kx-dx")
    expect(table.locator(".kx-dx-pill")).to_have_text("collecting")
    book.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(table.locator(".kx-dx-pill")).to_have_text("kernel ended")
    expect(table.get_by_role("button", name="Stop")).to_be_hidden()
