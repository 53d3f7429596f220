"""When the Claude Code CLI breaks: the real one killed and stopped, and programs in its place that hang or babble."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.contracts import ToolContext
from kubeagentix.domain.tooling import ToolOutput
from tests.claude_cli.running import a_cli
from tests.engine.test_run import tool
from tests.engine.test_wires import CLIENTS, Client, serving
from tests.faults.asking import MAX_GROWTH_MB, Told, diagnosed
from tests.faults.leftovers import nothing_left
from tests.faults.memory import forget_peak, peak_mb
from tests.faults.table import Section
from tests.servers.turns import Call, Hang, Say
from tests.servers.wire import WireServer

SDK, CLI = CLIENTS[4:]
both = pytest.mark.parametrize("client", [SDK, CLI], ids=str)
HUNG: dict[str, Any] = {"deadline_s": 4.0}
MAX_S = 15.0
PATH = "CLAUDE_CODE_CLI_PATH"


def children() -> set[int]:
    """Our child processes."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found |= {int(pid) for pid in (task / "children").read_text().split()}
        except OSError:  # the thread has ended
            continue
    return found


@contextmanager
def struck(number: signal.Signals, is_time: Callable[[], bool]) -> Iterator[None]:
    """Sends the signal to every child that there is by that time."""
    before, is_over = children(), threading.Event()

    def strike() -> None:
        until = time.monotonic() + 20
        while not is_time() and time.monotonic() < until and not is_over.is_set():
            time.sleep(0.02)
        time.sleep(0.3)  # what it was sent is shown by then
        for pid in children() - before:
            os.kill(pid, number)

    thread = threading.Thread(target=strike, name="striking")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def tell(table: Section, fault: str, client: Client, told: Told) -> None:
    """The row, and what every one of them has in common."""
    assert told.seconds < MAX_S
    assert told.dx.answer is None
    assert client.token not in repr(told)
    bound = f"≤ {MAX_S:g} s, ≤ {MAX_GROWTH_MB} MB more"
    table.row(fault, f"dx, {client}", told.seen, ended=told.ended, result=told.result, bound=bound)


def has_asked(server: WireServer) -> Callable[[], bool]:
    return lambda: bool(server.requests)


@both
def test_killed_in_mid_stream(client: Client, table: Section, temporary: Path, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script(then=[Say("So far "), Hang()])
        with nothing_left(temporary), struck(signal.SIGKILL, has_asked(server)):
            told = diagnosed(client, server, tmp_path)
    assert "killed" in told.seen
    tell(table, "the CLI is killed (SIGKILL) in mid-stream", client, told)


def test_killed_in_mid_tool_call(table: Section, temporary: Path, tmp_path: Path) -> None:
    has_begun, was_cancelled = threading.Event(), threading.Event()

    async def endless(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        has_begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            was_cancelled.set()
        return ToolOutput(text="never")

    with serving(SDK) as server:
        server.script(then=[Call("mcp__kube__look", {"name": "web"})])
        own = {"look": tool("look", endless)}
        with nothing_left(temporary), struck(signal.SIGKILL, has_begun.is_set):
            told = diagnosed(SDK, server, tmp_path, tools=own)
    assert was_cancelled.is_set()
    tell(table, "the CLI is killed (SIGKILL) in mid-tool-call", SDK, told)


@both
def test_stopped_in_mid_stream(client: Client, table: Section, temporary: Path, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script(then=[Say("So far "), Hang()])
        with nothing_left(temporary), struck(signal.SIGSTOP, has_asked(server)):
            told = diagnosed(client, server, tmp_path, **HUNG)
    tell(table, "the CLI hangs (SIGSTOP) in mid-stream", client, told)


PROGRAMS = {
    "it never says a word": "exec sleep 600",
    "it cannot be made to end (SIGTERM is ignored)": "trap '' TERM\nwhile true; do sleep 0.1; done",
    "it babbles": "while true; do echo '{\"type\": \"assist'; echo 'no JSON \\xff at all'; sleep 0.05; done",
    "it writes a line without end": "exec cat /dev/zero",
    "it floods stderr": "exec cat /dev/zero >&2",
    "it ends at once": "exit 0",
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_program_that_is_no_cli(what: str, table: Section, temporary: Path, tmp_path: Path) -> None:
    path = a_cli(tmp_path / "own", PROGRAMS[what])
    forget_peak()
    before = peak_mb()
    with serving(SDK) as server, nothing_left(temporary):
        told = diagnosed(SDK, server, tmp_path, environ={PATH: str(path)}, **HUNG)
    assert peak_mb() - before < MAX_GROWTH_MB
    tell(table, f"in the CLI's place: {what}", SDK, told)
