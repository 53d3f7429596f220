"""The bridge: results, errors, context, interrupts, nesting, forks and the end of the program."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from kubeagentix import sync
from kubeagentix.errors import UsageError

colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


class Work:
    """A coroutine that says when it has begun and how it ended."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.was_cancelled = False

    async def forever(self) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)  # cleaning up may await
            self.was_cancelled = True
            raise
        finally:
            self.ended.set()


async def colour_of_here() -> str:
    await asyncio.sleep(0)
    return colour.get()


async def thread_of_here() -> str:
    return threading.current_thread().name


async def failing() -> None:
    raise LookupError("gone")


def interrupt_when(begun: threading.Event) -> None:
    def send() -> None:
        begun.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send, daemon=True).start()


def test_run_gives_the_result_of_another_thread() -> None:
    assert sync.run(thread_of_here()) == "kubeagentix-loop"


def test_run_raises_what_the_work_raised() -> None:
    with pytest.raises(LookupError, match="gone"):
        sync.run(failing())


def test_all_work_of_a_process_shares_one_loop() -> None:
    async def loop_here() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert sync.run(loop_here()) is sync.run(loop_here())


def test_the_callers_context_is_copied() -> None:
    token = colour.set("red")
    try:
        assert sync.run(colour_of_here()) == "red"
    finally:
        colour.reset(token)
    assert sync.run(colour_of_here()) == "none"


def test_an_interrupt_cancels_the_work_and_waits_for_its_cleaning_up() -> None:
    for _ in range(20):  # the moment differs
        work = Work()
        interrupt_when(work.begun)
        with pytest.raises(KeyboardInterrupt):
            sync.run(work.forever())
        assert work.was_cancelled
        assert work.ended.is_set()


def test_run_works_inside_a_running_loop() -> None:
    async def cell() -> str:
        return sync.run(thread_of_here())

    assert asyncio.run(cell()) == "kubeagentix-loop"


def test_run_on_the_bridge_itself_is_refused_instead_of_hanging() -> None:
    async def outer() -> str:
        return sync.run(thread_of_here())

    with pytest.raises(UsageError, match="blocking call"):
        sync.run(outer())


def test_arun_gives_the_result_and_the_callers_loop_stays_free() -> None:
    async def cell() -> tuple[str, bool]:
        seen = asyncio.Event()
        beside = asyncio.create_task(_set_soon(seen))
        name = await sync.arun(thread_of_here())
        await beside
        return name, seen.is_set()

    async def _set_soon(event: asyncio.Event) -> None:
        event.set()

    assert asyncio.run(cell()) == ("kubeagentix-loop", True)


def test_arun_on_the_bridge_awaits_in_place() -> None:
    async def outer() -> str:
        return await sync.arun(thread_of_here())

    assert sync.run(outer()) == "kubeagentix-loop"


def test_arun_raises_what_the_work_raised() -> None:
    with pytest.raises(LookupError, match="gone"):
        asyncio.run(sync.arun(failing()))


def test_cancelling_an_awaiting_caller_cancels_the_work() -> None:
    work = Work()

    async def cell() -> None:
        waiting = asyncio.create_task(sync.arun(work.forever()))
        while not work.begun.is_set():  # noqa: ASYNC110  it is set on another thread
            await asyncio.sleep(0.005)
        waiting.cancel()
        await waiting

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cell())
    assert work.was_cancelled


def test_a_job_cancelled_before_its_first_step_still_ends() -> None:
    async def hold() -> None:
        time.sleep(0.1)  # noqa: ASYNC251  keeps the loop busy on purpose

    busy, job = sync.start(hold()), sync.start(Work().forever())
    job.cancel()
    assert job.wait(10)
    with pytest.raises(asyncio.CancelledError):
        job.result()
    assert busy.wait(10)


def test_a_job_cancelled_before_it_was_handed_over_ends_without_having_run() -> None:
    work = Work()
    busy = sync.start(thread_of_here())
    job = sync.Job(busy._bridge, work.forever())
    job.cancel()
    assert job.wait(10)
    assert not work.begun.is_set()


def test_a_job_runs_beside_its_starter() -> None:
    job = sync.start(thread_of_here())
    assert job.wait(10)
    assert job.is_done
    assert job.result() == "kubeagentix-loop"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # that it has threads is the point
def test_a_forked_child_gets_a_loop_of_its_own() -> None:
    sync.run(thread_of_here())
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if sync.run(thread_of_here()) == "kubeagentix-loop" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sync.run(thread_of_here()) == "kubeagentix-loop"


def test_the_program_ends_though_work_is_under_way_and_the_work_is_told() -> None:
    code = """
import asyncio, sys, threading
from kubeagentix import sync
begun = threading.Event()
async def forever():
    begun.set()
    try:
        await asyncio.sleep(3600)
    finally:
        print("cleaned up", flush=True)
job = sync.start(forever())
begun.wait(10)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "cleaned up\n", "")


@pytest.mark.parametrize("leaving", [SystemExit(3), KeyboardInterrupt()])
def test_work_that_would_end_the_program_ends_only_the_wait_for_it(leaving: BaseException) -> None:
    async def leaves() -> None:
        raise leaving

    async def works() -> str:
        return "still there"

    with pytest.raises(type(leaving)) as caught:
        sync.run(leaves())
    assert caught.value is leaving
    with pytest.raises(type(leaving)):
        asyncio.run(sync.arun(leaves()))
    assert sync.run(works()) == "still there"


def test_an_errand_is_done_on_the_thread_that_waits() -> None:
    async def work() -> tuple[threading.Thread, threading.Thread]:
        return threading.current_thread(), await sync.in_caller(threading.current_thread)

    worker, caller = sync.run(work())
    assert caller is threading.current_thread() is not worker
    awaited = asyncio.run(sync.arun(work()))
    assert awaited[1] is threading.current_thread()


def test_what_an_errand_raises_goes_to_who_sent_it() -> None:
    def fail() -> None:
        raise ValueError("boom")

    async def work() -> str:
        try:
            await sync.in_caller(fail)
        except ValueError as error:
            return str(error)
        return "nothing"

    assert sync.run(work()) == "boom"


def test_an_interrupt_of_an_errand_is_the_callers_and_ends_the_work() -> None:
    ended: list[str] = []

    def interrupted() -> None:
        raise KeyboardInterrupt

    async def work() -> None:
        try:
            await sync.in_caller(interrupted)
        except EOFError:
            await asyncio.sleep(30)
        finally:
            ended.append("yes")

    with pytest.raises(KeyboardInterrupt):
        sync.run(work())
    assert ended == ["yes"]


def test_without_a_caller_an_errand_has_a_thread_of_its_own() -> None:
    assert asyncio.run(sync.in_caller(threading.current_thread)) is not threading.current_thread()


def test_what_is_called_later_is_called_though_the_callers_loop_has_ended() -> None:
    seen: list[str] = []
    called = threading.Event()

    def call() -> None:
        seen.append(colour.get())
        called.set()

    async def ask() -> None:
        colour.set("red")
        sync.later(0.05, call)

    asyncio.run(ask())
    assert called.wait(10)
    assert seen == ["red"]
