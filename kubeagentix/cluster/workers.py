"""A bounded pool of daemon threads for blocking reads.

Not concurrent.futures: its threads are waited for when the interpreter ends, so that one server that never answers
would hold up the end of an interrupted program. These are not; they also end by themselves when there is no work.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar
from weakref import WeakSet

T = TypeVar("T")

IDLE_S = 5.0  # how long a thread waits for work before it ends; the next job starts a new one


class Workers:
    """Runs jobs on at most `limit` threads, in order of submission, but for those that come first."""

    def __init__(self, limit: int, *, name: str) -> None:
        self._limit = limit
        self._name = name
        self._begin()
        _pools.add(self)

    def _begin(self) -> None:
        """As new: in a forked process, where there are no threads, and whose locks nobody would ever release."""
        self._jobs: deque[Callable[[], None]] = deque()
        self._condition = threading.Condition()
        self._threads = 0
        self._idle = 0

    def submit(self, job: Callable[[], T], *, comes_first: bool = False) -> Future[T]:
        """Run `job` on a thread; a future cancelled before its turn is never started."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001  it belongs to whoever awaits the future
                future.set_exception(error)

        with self._condition:
            (self._jobs.appendleft if comes_first else self._jobs.append)(run)
            if len(self._jobs) > self._idle and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
            self._condition.notify()
        return future

    def _work(self) -> None:
        while True:
            with self._condition:
                self._idle += 1
                self._condition.wait_for(lambda: self._jobs, timeout=IDLE_S)
                self._idle -= 1
                if not self._jobs:
                    self._threads -= 1
                    return
                job = self._jobs.popleft()
            job()


_pools: WeakSet[Workers] = WeakSet()


def _forget_parent() -> None:
    for pool in _pools:
        pool._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
