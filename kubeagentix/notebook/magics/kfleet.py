"""`%kfleet` and `%%kfleet`: Quick Dx of many clusters in a cell, with the options of `kubeagentix fleet`."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from kubeagentix import fleet_options
from kubeagentix.contracts import MagicPlugin
from kubeagentix.domain.events import StageChanged
from kubeagentix.notebook import session
from kubeagentix.notebook.variables import check_name

if TYPE_CHECKING:
    from kubeagentix.fleet.asking import FleetEvent
    from kubeagentix.fleet.diagnosis import FleetDiagnosis


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    fleet_options.add_fleet_options(parser)
    parser.add_argument("-o", "--out", metavar="NAME", help="also keep the FleetDiagnosis in this variable")


def call(arguments: argparse.Namespace, user_ns: dict[str, Any]) -> Awaitable[object]:
    """An awaitable of what the cell shows, as a rule the FleetDiagnosis."""
    fleet_options.check_fleet(arguments)
    check_name(arguments.out, user_ns, "fleet")
    return Sweeping(arguments, user_ns)


class Sweeping:
    """The awaitable that a cell waits for. Interrupted, it has what is there by then."""

    def __init__(self, arguments: argparse.Namespace, user_ns: dict[str, Any]) -> None:
        from kubeagentix.fleet.asking import prepared  # noqa: PLC0415  the magics load without it

        self._arguments, self._user_ns = arguments, user_ns
        self._troubled = self._unread = 0
        self._executors = ExitStack()
        with ExitStack() as opened:
            executor = opened.enter_context(fleet_options.executor_of(arguments))
            question = fleet_options.question(arguments)
            self._run = prepared(**question, executor=executor, listen=self._hear)
            self._executors = opened.pop_all()
        # The first display belongs to the cell's own thread.
        self._progress = session.Progress("Quick Dx of a fleet")

    def __await__(self) -> Generator[Any, None, Any]:
        return self._swept().__await__()

    def left(self) -> FleetDiagnosis | None:
        """What the cell shows after an interrupt."""
        return self._finished(self._run.so_far(is_over=True))

    async def _swept(self) -> FleetDiagnosis | None:
        try:
            with self._progress as self._listen:
                found = await self._run.finished()
        finally:
            await asyncio.to_thread(self._executors.close)
        return self._finished(found)

    def _hear(self, event: FleetEvent) -> None:
        from kubeagentix.fleet.asking import ClusterReported  # noqa: PLC0415  the magics load without it

        if not isinstance(event, ClusterReported):
            self._listen(event)
            return
        self._troubled += bool(event.report.roots)
        self._unread += not event.report.is_read
        so_far = f"{self._troubled} with incidents, {self._unread} not read so far"
        self._listen(StageChanged(stage="collect", done=event.done, total=event.total, detail=so_far))

    def _finished(self, found: FleetDiagnosis) -> FleetDiagnosis | None:
        if self._arguments.out:
            self._user_ns[self._arguments.out] = found
        is_bad = fleet_options.is_bad(found, self._arguments)
        return session.presented(found, self._arguments, fleet_options.fleet_rendered, is_bad=is_bad)


plugin = MagicPlugin(
    id="kfleet",
    help="Say what is broken in many clusters at once, the same incident once.",
    configure=configure,
    call=call,
    has_cell=True,
)
