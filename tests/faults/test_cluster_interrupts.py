"""Interrupts of Quick Dx: a run that is cancelled at any moment leaves nothing, and the next one works.

A task is cancelled at its n-th suspension, for every n until it ends by itself; the program gets SIGINT and the
kernel is interrupted and restarted in mid-diagnosis.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from kubeagentix.cluster.connection import Cluster
from kubeagentix.demo.mishaps import Delayed
from kubeagentix.domain.diagnosis import Target
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.diagnosis import Diagnosis
from tests.faults.apart import family
from tests.faults.leftovers import nothing_left
from tests.faults.surfaces import WHOLE, judged
from tests.faults.table import Section
from tests.faults.world import World, a_world

SAMPLED = 40  # of the moments, evenly; some hundred there are, and trying all of them takes a minute
EVERYTHING = Target()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(autouse=True)
def _healed(world: World) -> Iterator[None]:
    yield
    world.heal()


class Moments:
    """The suspensions of all tasks of a loop, counted; at the n-th of them the task `top` is cancelled."""

    def __init__(self, at: int | None) -> None:
        self._at = at
        self.count = 0
        self.top: asyncio.Task[Any] | None = None

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        def make(_: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
            task = asyncio.Task(self._counted(work), loop=loop, **options)
            task.add_done_callback(lambda _: work.close())  # it may be cancelled before its first step
            return task

        loop.set_task_factory(make)

    async def _counted(self, work: Coroutine[Any, Any, Any]) -> Any:
        return await _Steps(work, self)

    def passed(self) -> None:
        self.count += 1
        if self.count == self._at and self.top is not None:
            self.top.cancel()


class _Steps:
    """Awaits a coroutine, and tells of each of its suspensions."""

    def __init__(self, work: Coroutine[Any, Any, Any], moments: Moments) -> None:
        self._work, self._moments = work, moments

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._work.__await__()
        sent: Any = None
        thrown: BaseException | None = None
        while True:
            try:
                waited_for = steps.send(sent) if thrown is None else steps.throw(thrown)
            except StopIteration as done:
                return done.value
            self._moments.passed()
            try:
                sent, thrown = (yield waited_for), None
            except BaseException as error:  # noqa: BLE001  it belongs to whoever awaits
                sent, thrown = None, error


async def interrupted(cluster: Cluster, at: int | None) -> tuple[Diagnosis | None, int]:
    """(the diagnosis, or None if it was cancelled; how often its tasks were suspended)."""
    loop, moments = asyncio.get_running_loop(), Moments(at)
    moments.watch(loop)
    task = moments.top = loop.create_task(pipeline.run(cluster, EVERYTHING))
    try:
        return await task, moments.count
    except asyncio.CancelledError:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)
        assert not [item for item in others if not item.done()], "tasks that go on"
        return None, moments.count


def test_a_run_that_is_cancelled_at_any_suspension_leaves_nothing(
    world: World, table: Section, temporary: Path
) -> None:
    with world.connect() as cluster:
        whole, moments = asyncio.run(interrupted(cluster, None))
    assert whole is not None
    assert moments > 30
    step, cancelled = max(1, moments // SAMPLED), 0
    for moment in range(1, moments + 1, step):
        with nothing_left(temporary), world.connect() as cluster:
            told, _ = asyncio.run(interrupted(cluster, moment))
            cancelled += told is None
            assert told is None or judged(told) == WHOLE, f"moment {moment}"
            if moment % (10 * step) == 1:
                again, _ = asyncio.run(interrupted(cluster, None))
                assert again is not None
                assert judged(again) == WHOLE
    assert (
        cancelled > moments // step / 2
    )  # else nothing was tried: the last moments come after the end of a quicker run
    table.row(
        "cancelled at any suspension of a run",
        "adiagnose",
        "nothing: whoever cancelled it knows; the next run on the same cluster is whole",
        ended="raises CancelledError",
        bound="no task goes on",
    )


def test_an_interrupt_ends_the_program_at_any_moment(world: World, table: Section, temporary: Path) -> None:
    world.faults.latency_s = 0.15
    for after_s in (0.2, 0.6, 1.0, 1.4, 1.8):
        process = subprocess.Popen(
            (sys.executable, "-m", "kubeagentix", "dx", "-A", "--kubeconfig", str(world.kubeconfig)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode in (0, 130, -signal.SIGINT)
        assert "Traceback" not in err or process.returncode == -signal.SIGINT, err
        assert family(process.pid) == []
    assert list(temporary.iterdir()) == []
    table.row(
        "SIGINT (Ctrl-C) from the start of the program to its end",
        "dx",
        "nothing more",
        ended="exit code 130; 0 if it had ended; by SIGINT before the program began",
        bound="≤ 30 s",
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # not our sockets
@pytest.mark.parametrize("how", ["interrupt", "restart"])
def test_a_kernel_that_is_interrupted_or_restarted_in_mid_diagnosis_leaves_nothing(
    world: World, table: Section, temporary: Path, how: str
) -> None:
    rule = world.faults.strike("GET .*/pods", Delayed(first_byte_s=600))
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        ready = f"import os, kubeagentix as kx\ncluster = kx.connect(kubeconfig={str(world.kubeconfig)!r})\nos.getpid()"
        client.execute_interactive(ready, timeout=60)
        asked = client.execute("found = kx.diagnose(cluster=cluster, all_namespaces=True)")
        time.sleep(2)
        began = time.monotonic()
        if how == "interrupt":
            manager.interrupt_kernel()
            reply = next(
                message["content"]
                for message in iter(lambda: client.get_shell_msg(timeout=60), None)
                if message["parent_header"]["msg_id"] == asked
            )
            assert reply["ename"] == "KeyboardInterrupt"
        else:
            manager.restart_kernel(now=True)
            client.wait_for_ready(timeout=60)
        assert time.monotonic() - began < 30
        world.faults.rules.remove(rule)
        again = "\n".join((ready, "len(kx.diagnose(cluster=cluster, all_namespaces=True).hypotheses)"))
        answer = client.execute_interactive("pass", user_expressions={"n": "1"}, timeout=60)
        assert answer["content"]["status"] == "ok"
        told = client.execute_interactive(
            again.rsplit("\n", 1)[0], user_expressions={"n": again.rsplit("\n", 1)[1]}, timeout=60
        )
        assert told["content"]["user_expressions"]["n"]["data"]["text/plain"] == "1"
    finally:
        client.stop_channels()
        pid = manager.provisioner.process.pid  # type: ignore[union-attr]
        manager.shutdown_kernel(now=True)
    assert family(pid) == []
    assert list(temporary.iterdir()) == []
    table.row(
        f"the kernel is {how}ed in mid-diagnosis",
        "notebook",
        "KeyboardInterrupt, and the next cell works" if how == "interrupt" else "a new kernel, in which the cell works",
        ended="raises KeyboardInterrupt" if how == "interrupt" else "a kernel that is gone",
        bound="≤ 30 s",
    )
