"""An event loop that counts what it does and lets something happen before the n-th: so that no await point is missed.

Whatever a run awaits, in whatever task of its own, it goes on by a callback of the loop. To interrupt it before each of
them, from the first to the last, is to interrupt it at every point at which it can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any


class SteppedLoop(asyncio.SelectorEventLoop):
    """Calls what it is armed with before its `at`-th callback from then on, once."""

    def __init__(self) -> None:
        super().__init__()
        self.has_struck = False
        self._left = 0
        self._strike: Callable[[], object] | None = None

    def arm(self, at: int, strike: Callable[[], object]) -> None:
        self._left, self._strike = at, strike

    def disarm(self) -> None:
        self._strike = None

    def call_soon(  # type: ignore[override]  # the types of a callback's arguments say nothing here
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        return super().call_soon(partial(self._counted, callback, *args), context=context)

    def _counted(self, callback: Callable[..., object], *args: Any) -> None:
        if self._strike is not None:
            self._left -= 1
            if self._left < 0:
                strike, self._strike = self._strike, None
                self.has_struck = True
                strike()
        callback(*args)
