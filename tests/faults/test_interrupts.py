"""When a run is interrupted: at every step of the event loop, by its `cancel` and by the end of whoever reads it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import RunFailed, RunFinished
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.engine import quick
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.engine.run import Run
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.testing import ScriptedProvider, Step, scripted_plugin
from tests.engine.test_run import ask, say, tool
from tests.engine.test_wires import CLIENTS, Client, options, serving
from tests.faults.asking import REASON, conclusion, pictured
from tests.faults.leftovers import nothing_left
from tests.faults.stepping import SteppedLoop
from tests.faults.table import Section
from tests.servers.turns import Hang, Say

MAX_END_S = 10.0
SOON = 100  # times 10 ms
MOST = 3_000  # steps of a run: far more than any has
ways = pytest.mark.parametrize("way", ["cancel", "reader"])
Strike = Callable[[Run | None, "asyncio.Task[Any]"], object]
STRIKES: Mapping[str, Strike] = {
    "cancel": lambda run, task: run.cancel() if run is not None else task.cancel(),
    "reader": lambda _, task: task.cancel(),
}


def struck(at: int, way: str, engine: Engine, work: Callable[[], Any]) -> tuple[list[Run], bool]:
    """Does `work` and interrupts it at that step; the runs that were begun, and whether it was soon enough."""
    runs = runs_of(engine)

    async def main(loop: SteppedLoop) -> None:
        task = asyncio.ensure_future(work())
        loop.arm(at, lambda: STRIKES[way](runs[-1] if runs else None, task))
        await asyncio.wait([task])
        loop.disarm()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        for _ in range(SOON):  # a client's generators that nobody holds are closed in tasks of their own
            if len(asyncio.all_tasks()) == 1:
                break
            await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == {asyncio.current_task()}, (at, asyncio.all_tasks())

    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SteppedLoop)
        runner.run(main(loop))
        return runs, loop.has_struck


def runs_of(engine: Engine) -> list[Run]:
    """The runs that the engine begins from now on."""
    runs: list[Run] = []
    begin = type(engine).begin

    def begun(*given: Any, **named: Any) -> Run:
        runs.append(begin(engine, *given, **named))
        return runs[-1]

    engine.begin = begun  # type: ignore[method-assign]
    return runs


def terminal_of(run: Run) -> RunFinished | RunFailed:
    """The one terminal event, which is last."""
    found = [record for record in run.records if isinstance(record.event, RunFinished | RunFailed)]
    assert found == run.records[-1:], [record.event.kind for record in run.records]
    assert [record.seq for record in run.records] == list(range(len(run.records)))
    event = run.records[-1].event
    assert isinstance(event, RunFinished | RunFailed)
    return event


def assert_whole(conversation: Conversation) -> None:
    """Every call has its result, as the APIs demand."""
    parts = [part for message in conversation.messages for part in message.parts]
    calls = [part.id for part in parts if isinstance(part, ToolCall)]
    assert calls == [part.call_id for part in parts if isinstance(part, ToolResult)]


async def looked(arguments: Mapping[str, Any], _: ToolContext) -> ToolOutput:
    for _round in range(3):
        await asyncio.sleep(0)
    return ToolOutput(text=f"look of {arguments['name']}")


def scripted() -> Engine:
    """Two tools side by side, one more, and an answer in pieces."""
    turns: tuple[list[Step], ...] = (
        [say("I "), say("look."), ask("look", "a", name="a"), ask("look", "b", name="b")],
        [ask("look", "c", name="c")],
        [say("It is "), say("the disk.")],
    )
    tools = {"look": tool("look", looked)}
    plugins = {"claude": scripted_plugin(ScriptedProvider(*turns))}
    return Engine(pictured(), plugins=plugins, tools=tools, environ={})


@ways
def test_a_chat_ends_once_and_goes_on_with_the_next_question(way: str, table: Section, temporary: Path) -> None:
    endings: list[str] = []
    with nothing_left(temporary):
        for at in range(MOST):
            conversation, engine = Conversation(), scripted()

            async def read(engine: Engine = engine, conversation: Conversation = conversation) -> None:
                async with aclosing(engine.stream("why?", conversation=conversation)) as events:
                    async for _ in events:
                        pass

            runs, was_struck = struck(at, way, engine, read)
            endings += [getattr(terminal_of(run), "reason", "failed") for run in runs if run.records]
            assert_whole(conversation)
            following = scripted()
            end = asyncio.run(following.run("and now?", conversation=conversation))
            assert (end.reason, end.text) == ("stop", "I look.It is the disk.")
            assert_whole(conversation)
            if not was_struck:
                break
    assert at > 30
    assert set(endings) == {"cancelled", "stop"}
    table.row(
        f"interrupted at each step ({'its own cancel' if way == 'cancel' else 'whoever reads it ends'})",
        "chat, a scripted model",
        "the run ends, what was said stays, the next question is answered",
        ended="run_finished (cancelled)",
    )


def test_quick_dx_hands_out_the_analyzers_answer(table: Section, temporary: Path) -> None:
    handed: list[Diagnosis] = []
    without = 0
    with nothing_left(temporary):
        for at in range(MOST):
            engine = scripted()
            kept: list[Diagnosis] = []

            async def read(engine: Engine = engine, kept: list[Diagnosis] = kept) -> Diagnosis:
                return await quick.diagnose(engine, Target(), interrupted=kept.append)

            runs, was_struck = struck(at, "reader", engine, read)
            if not was_struck:
                assert kept == []
                break
            for run in runs:
                if run.records:
                    terminal_of(run)
                    assert kept or terminal_of(run).kind == "run_finished"
            without += not kept
            handed += kept
    assert len(handed) > 30
    for found in handed:
        assert found.finding(found.hypotheses[0].findings[0]).reason == REASON
        assert found.notes[-1] == quick.INTERRUPTED
    assert without < 12  # while the analyzers were at it, or as the answer was there
    table.row(
        "interrupted at each step (whoever waits for it ends)",
        "dx, a scripted model",
        handed[0].notes[-1],
        ended="run_finished (cancelled)",
        result="kept in the history",
    )


def steps_for(client: Client) -> Iterator[int]:
    """Every step of a fast client, and a sample of the CLI's, whose runs take a second each."""
    if client.name.startswith("claude_code"):
        yield from range(0, 60, 4)
        yield from range(60, MOST, 20)
    else:
        yield from range(MOST)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_real_client_is_let_go_of(client: Client, table: Section, temporary: Path, tmp_path: Path) -> None:
    plugins = {client.wired.plugin.id: registry.providers()[client.wired.plugin.id]}
    ended: list[str] = []
    count = 0
    with serving(client) as server, nothing_left(temporary):
        for at in steps_for(client):
            count += 1
            turns = [client.ask("list_unhealthy"), [Say("So far "), Say("so good.", pause_s=0.001)]]
            server.restart(*turns, then=conclusion(client))
            engine = Engine(pictured(), plugins=plugins, environ=client.environ(server, tmp_path))
            chosen: RunOptions = options(client)

            async def read(engine: Engine = engine, chosen: RunOptions = chosen) -> None:
                async with aclosing(engine.stream("why?", options=chosen, with_findings=False)) as events:
                    async for _ in events:
                        pass

            runs, was_struck = struck(at, "cancel", engine, read)
            ended += [getattr(terminal_of(run), "reason", "failed") for run in runs if run.records]
            if not was_struck:
                break
    assert count > 10
    assert "cancelled" in ended
    assert set(ended) <= {"cancelled", "stop"}
    is_sampled = client.name.startswith("claude_code")
    table.row(
        f"interrupted at {'a sample of its steps' if is_sampled else 'each step'} (its own cancel)",
        f"chat, {client}",
        "the run ends, and nothing of the client stays",
        ended="run_finished (cancelled)",
    )


def test_ctrl_c_keeps_the_analyzers_answer(table: Section, tmp_path: Path) -> None:
    client = CLIENTS[0]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), client.wired.key_variable: "dummy-key-of-this-test"}
    with serving(client) as server:
        server.script(then=[Say("So far "), Hang()])
        environ |= client.wired.environ(server)
        command = [sys.executable, "-m", "kubeagentix", "dx", "--demo=crash-panic", "--provider=claude"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            server.wait_for(1, 60)
            child.send_signal(signal.SIGINT)
            began = time.monotonic()
            said = "".join(child.communicate(timeout=30)).strip()
            seconds = time.monotonic() - began
    assert child.returncode == 130
    assert "Traceback" not in said
    with closing(sqlite3.connect(tmp_path / ".local" / "state" / "kubeagentix" / "history.db")) as history:
        ((payload,),) = history.execute("SELECT payload FROM diagnoses").fetchall()
    assert "CrashLoopBackOff/Panic" in payload
    assert quick.INTERRUPTED in payload
    assert seconds < MAX_END_S
    table.row(
        "Ctrl-C while a model is waited for",
        "dx, the program",
        said or "nothing",
        ended="exit code 130",
        result="kept in the history",
        bound=f"ends in ≤ {MAX_END_S:g} s",
    )
