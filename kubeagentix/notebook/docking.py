"""A widget that stays usable after its cell has ended, while the notebook file holds the static report alone.

A saved notebook must show the report to whoever opens it without a kernel, and a widget's output shows an error there.
So the report is what an output holds, in an element with a name that nobody can guess, and as long as a kernel holds
the widget, it covers the report wherever that stands in the page (dock.js).
"""

from __future__ import annotations

import contextvars
import secrets
import threading
from collections.abc import Callable
from typing import Any

from kubeagentix import sync
from kubeagentix.notebook.showing import Bundle, Shown, is_watched
from kubeagentix.notebook.view import PROBE_S, Intent, View
from kubeagentix.report.text import NO_FORMULAS


class DockedView(View):
    """A View whose JavaScript ends in `export default () => docked(mount)`.

    Either its reports are displayed by others, as `covered` makes them; or it shows itself, with its report.
    """

    def __init__(self, on_intent: Intent = lambda _, __: None, **state: Any) -> None:
        self.dock = f"kx-dock-{secrets.token_hex(8)}"
        self._shown: list[Shown] = []
        self._has_docked = False
        self._has_left = False
        # What is made last is shown last: a browser speaks on a thread of its own, also while the cell ends.
        self._in_turn = threading.RLock()
        super().__init__(on_intent, dock=self.dock, **state)

    def covered(self, report: str) -> str:
        """The HTML of a report, in an element that this covers."""
        return f'<div class="{self.dock} {NO_FORMULAS}"><div class="kx-report">{report}</div></div>'

    def show(self, static: Callable[[], Bundle], *, until_heard: bool = False) -> None:
        """Shows it in the cell that calls, as often as it is called; `static` gives what stands in the file.

        Frontends that do not tell that they find the report in the page have the widget in the output, as usual:
        also where nothing is heard of them if it is shown `until_heard`, as for a cell that runs.
        """

        def report() -> Bundle:
            bundle = static()
            if self._has_left:
                return bundle
            return {**bundle, "text/html": self.covered(bundle["text/html"])}

        self._context = contextvars.copy_context()
        with self._in_turn:
            self._shown.append(Shown(self, report))
        if not is_watched() or self._has_docked:
            self._settle()
        elif not until_heard:
            sync.start(self._settle_when_heard())

    def refresh(self) -> None:
        """Brings the reports up to date. From any thread."""
        with self._in_turn:
            for shown in self._shown:
                self._context.copy().run(shown.refresh)

    def leave(self) -> None:
        """Puts the reports in its place, for good."""
        with self._in_turn:
            self._has_left = True
            self._settle()

    def _received(self, sender: Any, content: Any, buffers: Any) -> None:
        intent = content.get("intent") if isinstance(content, dict) else None
        if intent == "docks":
            if not self._has_docked:
                self._has_docked = True
                self._settle()
        elif intent == "stays":
            self._unsettle()
        else:
            super()._received(sender, content, buffers)

    async def _settle_when_heard(self) -> None:
        """Where no browser is there, nothing is left in the file that only a browser could show."""
        if self._has_docked or not await self.is_heard_soon(3 * PROBE_S):
            self._settle()

    def _settle(self) -> None:
        with self._in_turn:
            for shown in self._shown:
                self._context.copy().run(shown.settle)
            if self._shown:
                self._context.copy().run(self.set, settled=True)

    def _unsettle(self) -> None:
        """A browser that was thought to find the report does not: the widget stays beside it, until it has left."""
        with self._in_turn:
            for shown in () if self._has_left else self._shown:
                self._context.copy().run(shown.unsettle)
