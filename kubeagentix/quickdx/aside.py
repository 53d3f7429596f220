"""Work that takes a processor's time, on a thread of its own: whoever shares the loop is not held up by it.

What it tells is heard on the loop, in order and before the work counts as done. Work that nobody waits for any more
ends with the next thing that it tells.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from kubeagentix.cluster.workers import Workers
from kubeagentix.domain.events import Listener, ProgressEvent

T = TypeVar("T")

# Threads that end when idle, and that the end of the program does not wait for. They share the interpreter's lock.
_workers = Workers(8, name="kubeagentix analysis")


class _Abandoned(BaseException):
    """Raised in the thread where nobody waits for the work any more."""


async def aside(work: Callable[[Listener], T], listen: Listener) -> T:
    """What `work` returns or raises, given a listener, or what `listen` raises. It sees the context of its caller."""
    loop, is_over, failed = asyncio.get_running_loop(), threading.Event(), list[Exception]()

    def tell(event: ProgressEvent) -> None:
        if is_over.is_set():
            raise _Abandoned
        loop.call_soon_threadsafe(hear, event)

    def hear(event: ProgressEvent) -> None:
        if not is_over.is_set():
            try:
                listen(event)
            except Exception as error:  # noqa: BLE001  it is raised where the work is awaited
                failed.append(error)
                is_over.set()

    try:
        context = contextvars.copy_context()
        done = await asyncio.wrap_future(_workers.submit(partial(context.run, _caught, work, tell)))
    finally:
        is_over.set()
    if failed:
        raise failed[0]
    assert done is not None
    return done[0]


def _caught(work: Callable[[Listener], T], tell: Listener) -> tuple[T] | None:
    try:
        return (work(tell),)
    except _Abandoned:
        return None
