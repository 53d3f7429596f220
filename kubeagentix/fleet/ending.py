"""That nobody waits for a piece of work any more, as whoever is at it in this process learns it.

An executor cancels what it has not begun, and threads cannot be stopped from outside. So the work itself is told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Ending:
    """The end of one piece of work, told once. Its pickle is another one, for what another process does is its own."""

    __slots__ = ("_calls", "_is_told", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []
        self._is_told = False

    def __reduce__(self) -> tuple[type[Ending], tuple[()]]:
        return Ending, ()

    def tell(self) -> None:
        """Calls what waits for it, on this thread."""
        with self._lock:
            self._is_told = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def when_told(self, call: Callable[[], None]) -> None:
        """Has it called, which must not block: at once, if it was told before."""
        with self._lock:
            if not self._is_told:
                self._calls.append(call)
                return
        call()
