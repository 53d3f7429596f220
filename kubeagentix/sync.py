"""The one bridge from blocking callers to async code: a background thread with an event loop of its own.

It works the same in a script, in a running notebook (whose own loop is busy with the cell) and in several threads.
Three measured rules: the caller's context is copied, so that output lands in the cell that started the work; waits
are sliced, so that an interrupt is seen at once and cancels the work; awaiting callers get a heartbeat, because a
signal alone does not wake an idle loop.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from kubeagentix.errors import UsageError

T = TypeVar("T")

SLICE_S = 0.1  # how long a blocking wait ignores a signal at most
HEARTBEAT_S = 0.05  # the same for an awaiting caller
GRACE_S = 5.0  # how long cancelled work may clean up before the caller goes on
EXIT_GRACE_S = 1.0  # the same when the interpreter ends


class _LeavingError(Exception):
    """Stands for a SystemExit or KeyboardInterrupt of the work itself, which is raised where somebody waits."""

    def __init__(self, meant: BaseException) -> None:
        super().__init__()
        self.meant = meant


class Job(Generic[T]):
    """Work for the background loop, under way from `begin` on."""

    def __init__(self, bridge: _Bridge, work: Coroutine[Any, Any, T]) -> None:
        self._bridge = bridge
        self._work = work
        self._future: Future[T] = Future()
        self._ended = threading.Event()
        self._errands: queue.SimpleQueue[_Errand] = queue.SimpleQueue()
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> None:
        """Hands the work to the loop, with a copy of the caller's context."""
        self._bridge.loop.call_soon_threadsafe(self._begin, contextvars.copy_context())

    def _begin(self, context: contextvars.Context) -> None:
        self._task = self._bridge.loop.create_task(self._carried_out(), context=context)
        self._task.add_done_callback(self._end)

    async def _carried_out(self) -> T:
        _current.set(self)
        try:
            return await self._work
        except (SystemExit, KeyboardInterrupt) as error:  # either would end the loop, and all that waits for it
            raise _LeavingError(error) from None

    def _end(self, task: asyncio.Task[T]) -> None:
        # A callback, not a `finally` around the work: a task cancelled before its first step never gets there.
        self._work.close()
        if task.cancelled():
            self._future.cancel()
        elif (error := task.exception()) is not None:
            self._future.set_exception(error.meant if isinstance(error, _LeavingError) else error)
        else:
            self._future.set_result(task.result())
        self._ended.set()

    @property
    def is_done(self) -> bool:
        """Whether the work has ended, in whatever way."""
        return self._ended.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Waits at most that long; whether the work has ended."""
        return self._ended.wait(timeout_s)

    def ask_caller(self, errand: _Errand) -> None:
        """Leaves something to whoever waits for this job."""
        self._errands.put(errand)

    def run_errands(self) -> None:
        """Does what the work asks of the thread that waits for it. What an interrupt breaks off is raised."""
        with suppress(queue.Empty):
            while True:
                self._errands.get_nowait()()

    def cancel(self) -> None:
        """Asks the work to stop; it ends after its own cleaning up."""
        self._bridge.loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        else:  # interrupted before it was handed over
            self._work.close()
            self._future.cancel()
            self._ended.set()

    def result(self) -> T:
        """What the work returned or raised; asyncio.CancelledError if it was cancelled. Only once it has ended."""
        try:
            return self._future.result(timeout=0)
        except CancelledError:
            raise asyncio.CancelledError from None


class _Bridge:
    """The loop and its thread."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def stop(self, grace_s: float) -> None:
        """Cancels what runs, gives it `grace_s` to clean up, and ends the thread."""
        self.loop.call_soon_threadsafe(self._cancel_all)
        self.thread.join(grace_s)

    def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        ending = asyncio.gather(*tasks, return_exceptions=True)
        ending.add_done_callback(lambda _: self.loop.stop())


_Errand = Callable[[], None]
_current: contextvars.ContextVar[Job[Any] | None] = contextvars.ContextVar("kubeagentix job", default=None)
_lock = threading.Lock()
_afterwards: dict[Callable[[], None], None] = {}  # each once, in order
_bridges: list[_Bridge] = []  # at most one
_clocks: list[_Bridge] = []  # at most one, for what is called later
_parents: list[_Bridge] = []  # the parent process' bridges, kept so that a child never closes what it shares


def start(work: Coroutine[Any, Any, T]) -> Job[T]:
    """Begins `work` in the background and returns at once."""
    job = Job(_bridge(), work)
    job.begin()
    return job


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` and waits for its result. An interrupt cancels it, waits for its cleaning up, and is raised."""
    try:
        bridge = _bridge()
    except KeyboardInterrupt:  # before there is anything to cancel
        work.close()
        raise
    if threading.current_thread() is bridge.thread:
        work.close()
        raise UsageError("a blocking call was made from async code", hint="await the async one, such as adiagnose")
    job = Job(bridge, work)
    try:  # from before the work begins: an interrupt may come between any two steps
        job.begin()
        while not job.wait(SLICE_S):
            job.run_errands()
    except KeyboardInterrupt:
        job.cancel()
        job.wait(GRACE_S)
        raise
    return job.result()


async def arun(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` for a caller on another loop. If the caller is cancelled so is `work`, which may clean up first."""
    bridge = _bridge()
    if threading.current_thread() is bridge.thread:
        return await work
    job = Job(bridge, work)
    job.begin()
    try:
        while not job.is_done:
            _run_errands(job)
            await asyncio.sleep(HEARTBEAT_S)
    except asyncio.CancelledError:
        job.cancel()
        for _ in range(int(GRACE_S / HEARTBEAT_S)):
            if job.is_done:
                break
            await asyncio.sleep(HEARTBEAT_S)
        raise
    return job.result()


def _run_errands(job: Job[Any]) -> None:
    try:
        job.run_errands()
    except KeyboardInterrupt:  # it would end the caller's loop, and not only the caller
        raise asyncio.CancelledError from None


def later(delay_s: float, call: Callable[[], None]) -> None:
    """Calls it in the background after that time, in a copy of the caller's context, whatever keeps or ends its loop.

    What is called must be brief: it has one thread for all, which is not that of `run` and `start`.
    """
    loop = _only(_clocks, "kubeagentix-clock").loop
    loop.call_soon_threadsafe(loop.call_later, delay_s, call)


async def in_caller(function: Callable[[], T]) -> T:
    """What a blocking `function` returns in the thread that waits for this work, such as `input` in a kernel's.

    Where nobody waits by way of this module (the work is on the caller's own loop), it runs on a thread of its own.
    """
    job = _current.get()
    if job is None:
        return await asyncio.to_thread(function)
    future: Future[T] = Future()
    job.ask_caller(partial(_do, function, future))
    return await asyncio.wrap_future(future)


def _do(function: Callable[[], T], future: Future[T]) -> None:
    """An errand: the outcome goes to whoever asked for it; an interrupt goes to the caller, whose it is."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        found = function()
    except KeyboardInterrupt:
        future.set_exception(EOFError("interrupted"))
        raise
    except BaseException as error:  # noqa: BLE001  whatever it is, somebody waits for it
        future.set_exception(error)
    else:
        future.set_result(found)


def _bridge() -> _Bridge:
    return _only(_bridges, "kubeagentix-loop")


def _only(started: list[_Bridge], name: str) -> _Bridge:
    with _lock:
        if not started:
            started.append(_Bridge(name))
        return started[0]


def _forget_parent() -> None:
    """In a forked child: the thread did not come along, so the next call starts a loop of its own."""
    global _lock  # noqa: PLW0603  another thread may have held it when the process forked
    _lock = threading.Lock()
    for started in (_bridges, _clocks):
        _parents.extend(started)
        started.clear()


async def on_a_thread(call: Callable[[], T]) -> T:
    """What `call` returns or raises, on a thread of its own, in the caller's context.

    The end of the process waits for none of these, as it would for `asyncio.to_thread`: one may never come back.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # whoever no longer waits for it does not stop it
    context = contextvars.copy_context()

    def work() -> None:
        try:
            found = context.run(call)
        except BaseException as error:  # noqa: BLE001  it belongs to whoever awaits it
            done.set_exception(error)
        else:
            done.set_result(found)

    threading.Thread(target=work, name="kubeagentix call", daemon=True).start()
    return await asyncio.wrap_future(done)


def at_exit(call: Callable[[], None]) -> None:
    """Calls `call` when the interpreter ends, after all work has."""
    _afterwards[call] = None


def _stop_at_exit() -> None:
    for started in (_bridges, _clocks):
        while started:
            started.pop().stop(EXIT_GRACE_S)
    for call in _afterwards:
        call()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
atexit.register(_stop_at_exit)
