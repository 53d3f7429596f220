"""Work on a thread of its own: the loop goes on, what is told arrives in order, and nobody works for nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any

import pytest

from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import Listener, ProgressEvent, StageChanged, silent
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.quickdx.aside import aside
from kubeagentix.redaction import Redactor, current, using
from kubeagentix.testing import snapshot_of

PATIENCE_S = 30.0  # after which a test has failed
DEPTH: ContextVar[int] = ContextVar("depth", default=0)


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


def stage(done: int) -> StageChanged:
    return StageChanged(stage="analyze", done=done, total=9)


@on_a_loop
async def test_the_loop_goes_on_while_the_work_is_done() -> None:
    went_on = threading.Event()
    asyncio.get_running_loop().call_soon(went_on.set)
    assert await aside(lambda _: went_on.wait(PATIENCE_S), silent)


@on_a_loop
async def test_what_is_told_is_heard_on_the_loop_in_order_before_the_work_is_done() -> None:
    heard: list[tuple[ProgressEvent, int]] = []

    def work(tell: Listener) -> str:
        for done in range(50):
            tell(stage(done))
        return "done"

    assert await aside(work, lambda event: heard.append((event, threading.get_ident()))) == "done"
    assert heard == [(stage(done), threading.get_ident()) for done in range(50)]


@on_a_loop
async def test_the_work_sees_the_context_of_its_caller() -> None:
    DEPTH.set(7)
    with using(Redactor()) as redactor:
        assert await aside(lambda _: (DEPTH.get(), current()), silent) == (7, redactor)


@on_a_loop
async def test_what_the_work_raises_is_raised() -> None:
    def work(tell: Listener) -> None:
        raise KeyError("pod")

    with pytest.raises(KeyError):
        await aside(work, silent)


@on_a_loop
async def test_what_a_listener_raises_is_raised_and_ends_the_work() -> None:
    ended = threading.Event()

    def fails(event: ProgressEvent) -> None:
        raise ValueError("no place to draw")

    with pytest.raises(ValueError, match="no place"):
        await aside(endless(threading.Event(), ended), fails)
    assert ended.wait(PATIENCE_S)


@on_a_loop
async def test_work_that_is_cancelled_ends_with_the_next_thing_that_it_tells() -> None:
    begun, ended = threading.Event(), threading.Event()
    task = asyncio.create_task(aside(endless(begun, ended), silent))
    await asyncio.to_thread(begun.wait, PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.wait(PATIENCE_S)


def endless(begun: threading.Event, ended: threading.Event) -> Callable[[Listener], None]:
    def work(tell: Listener) -> None:
        try:
            while True:
                tell(stage(0))
                begun.set()
        finally:
            ended.set()

    return work


@on_a_loop
async def test_quick_dx_leaves_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    went_on, waited = threading.Event(), list[bool]()

    def slow(*arguments: Any) -> Any:
        waited.append(went_on.wait(PATIENCE_S))
        return analyze(*arguments)

    monkeypatch.setattr(pipeline, "analyze", slow)
    picture = snapshot_of("{kind: Pod, metadata: {name: web}}")
    running = asyncio.create_task(pipeline.run(picture, Target(namespace=None)))
    asyncio.get_running_loop().call_later(0.05, went_on.set)
    assert (await running).target == Target(namespace=None)
    assert waited == [True]
