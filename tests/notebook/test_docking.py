"""A widget that covers its report, between the cell that ends and the browser that speaks on a thread of its own."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from kubeagentix.notebook.docking import DockedView


class Output:
    """Takes the place of a cell's output; the first report that is made for it takes a while."""

    def __init__(self, view: DockedView) -> None:
        self.view, self.seen = view, list[str]()
        self.is_at_it, self.may_go_on = threading.Event(), threading.Event()

    def settle(self) -> None:
        made = "report" if self.view._has_left else "covered report"
        if not self.is_at_it.is_set():
            self.is_at_it.set()
            self.may_go_on.wait(20)
        self.seen.append(made)

    def unsettle(self) -> None:
        self.seen.append("widget")


@pytest.fixture
def view() -> DockedView:
    made = DockedView()
    made.send = lambda *_, **__: None
    return made


@pytest.fixture
def output(view: DockedView) -> Output:
    made = Output(view)
    view._shown.append(cast("Any", made))
    return made


def said(view: DockedView, intent: str) -> None:
    view._received(None, {"intent": intent}, None)


def test_the_report_of_the_end_is_shown_last_though_a_browser_docks_just_then(view: DockedView, output: Output) -> None:
    docking = threading.Thread(target=said, args=(view, "docks"))
    docking.start()
    assert output.is_at_it.wait(20)
    leaving = threading.Thread(target=view.leave)
    leaving.start()
    leaving.join(0.2)  # it would have gone by then
    output.may_go_on.set()
    docking.join()
    leaving.join()
    assert output.seen == ["covered report", "report"]


def test_a_widget_that_has_left_does_not_come_back(view: DockedView, output: Output) -> None:
    output.may_go_on.set()
    said(view, "docks")
    said(view, "stays")
    view.leave()
    said(view, "stays")
    assert output.seen == ["covered report", "widget", "report"]
