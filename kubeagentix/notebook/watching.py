"""`%kdx --watch`: asks again and again, shows what is new and what is gone, and has the last answer at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from kubeagentix.domain.events import Listener
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.report.text import clean_line

if TYPE_CHECKING:
    from kubeagentix.notebook.dx_view import DxView

Look = Callable[[Listener], Awaitable[Diagnosis]]
MIN_S, MAX_S = 1.0, 3600.0


class Watch:
    """The awaitable that a cell waits for. It ends by Stop; an interrupt ends it too, and it has a result then."""

    def __init__(self, table: DxView, look: Look, seconds: float, finished: Callable[[Diagnosis], Any]) -> None:
        self._table, self._look, self._seconds, self._finished = table, look, seconds, finished
        self._last: Diagnosis | None = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._watched().__await__()

    def left(self) -> Any:
        """What the cell shows after an interrupt; None if nothing was seen yet."""
        return self._finished(self._last) if self._last is not None else None

    async def _watched(self) -> Any:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()

        def stop() -> None:
            loop.call_soon_threadsafe(stopped.set)

        self._table.on_stop = stop
        with self._table as listen:
            self._last = await self._look(listen)
            self._table.is_shown_after = True  # an interrupt has a result from now on
            self._table.show(self._last, phase="watching")
            self._table.view.set(may_stop=True)
            while not await _comes(stopped, self._seconds):
                await self._again(listen, stopped)
        return self._finished(self._last)

    async def _again(self, listen: Listener, stopped: asyncio.Event) -> None:
        """One more look, unless it is stopped meanwhile. What cannot be read now may be readable the next time."""
        self._table.view.set(is_reading=True)
        looking, stopping = asyncio.ensure_future(self._look(listen)), asyncio.ensure_future(stopped.wait())
        try:
            await asyncio.wait((looking, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not looking.done():
                return
            now, before = looking.result(), self._last
            assert before is not None
            self._last = now
            self._table.show(now, now.diff(before), phase="watching")
        except KubeAgentiXError as error:
            self._table.view.set(note=f"not refreshed: {clean_line(str(error), 300)}")
        finally:
            self._table.view.set(is_reading=False)
            for task in (looking, stopping):
                task.cancel()
            await asyncio.gather(looking, stopping, return_exceptions=True)


async def _comes(event: asyncio.Event, within_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), within_s)
    except TimeoutError:
        return False
    return True
