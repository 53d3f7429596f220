"""A run's time, which stands still while a person is asked: to think about a change must not cost the run its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Clock:
    """What a run has used of its time. `deadline`, once set, is moved on by as long as somebody was waited for."""

    def __init__(self) -> None:
        self.deadline: asyncio.Timeout | None = None
        self._started = time.monotonic()
        self._stood_s = 0.0
        self._since: float | None = None
        self._waiting = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, without those in which somebody was waited for."""
        now = time.monotonic()
        standing_s = now - self._since if self._since is not None else 0.0
        return now - self._started - self._stood_s - standing_s

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Within it no time passes, and the deadline does not come."""
        self._waiting += 1
        if self._waiting == 1:
            self._since = time.monotonic()
            left_s = self._take_off()
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0 and self._since is not None:
                self._stood_s += time.monotonic() - self._since
                self._since = None
                self._put_back(left_s)

    def _take_off(self) -> float | None:
        if self.deadline is None or self.deadline.when() is None:
            return None
        left_s = (self.deadline.when() or 0.0) - asyncio.get_running_loop().time()
        with suppress(RuntimeError):  # it is over already
            self.deadline.reschedule(None)
        return left_s

    def _put_back(self, left_s: float | None) -> None:
        if self.deadline is not None and left_s is not None:
            with suppress(RuntimeError):  # it is over already
                self.deadline.reschedule(asyncio.get_running_loop().time() + left_s)
