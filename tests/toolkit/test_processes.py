"""Programs: their output bounded, and nothing of them left when time or patience ends."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.toolkit.processes import Ended, run_program

FAMILY = """
import os, sys, time
if os.fork() == 0:
    open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(20)
"""


def run(code: str, *words: str, timeout_s: float = 10.0, max_bytes: int = 1000) -> Ended:
    command = (sys.executable, "-c", code, *words)
    return asyncio.run(run_program(command, environ={"A": "b"}, timeout_s=timeout_s, max_bytes=max_bytes))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


def test_what_a_program_prints_and_how_it_ends() -> None:
    ended = run("import os, sys; print(os.environ['A']); print('no', file=sys.stderr); sys.exit(3)")
    assert (ended.code, ended.stdout, ended.stderr, ended.is_cut, ended.is_late) == (3, "b\n", "no\n", False, False)


def test_it_reads_nothing_from_us() -> None:
    assert run("import sys; print(repr(sys.stdin.read()))").stdout == "''\n"


def test_too_much_is_cut_and_the_program_stopped() -> None:
    started = time.monotonic()
    ended = run("while True: print('x' * 99)")
    assert ended.is_cut
    assert len(ended.stdout) == 1000
    assert time.monotonic() - started < 8


def test_much_on_the_other_stream_does_not_block() -> None:
    ended = run("import sys; sys.stderr.write('e' * 1_000_000); print('done')")
    assert ended.stdout == "done\n"
    assert not ended.is_cut


def test_the_whole_family_is_killed_when_time_is_up(tmp_path: Path) -> None:
    note, started = tmp_path / "pid", time.monotonic()
    ended = run(FAMILY, str(note), timeout_s=1.0)
    assert ended.is_late
    assert gone(int(note.read_text()))
    assert time.monotonic() - started < 15  # it would have ended by itself later


def test_the_whole_family_is_killed_when_the_caller_leaves(tmp_path: Path) -> None:
    note, started = tmp_path / "pid", time.monotonic()

    async def leave() -> None:
        command = (sys.executable, "-c", FAMILY, str(note))
        task = asyncio.ensure_future(run_program(command, environ={}, timeout_s=30, max_bytes=10))
        while not (note.exists() and note.read_text()):  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert gone(int(note.read_text()))
    assert time.monotonic() - started < 15


def test_nothing_is_left_of_a_program_that_was_just_being_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, started, start = tmp_path / "pid", time.monotonic(), asyncio.create_subprocess_exec

    async def slowly(*words: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*words, **options)
        await asyncio.sleep(1)
        return process

    async def leave() -> None:
        command = (sys.executable, "-c", FAMILY, str(note))
        task = asyncio.ensure_future(run_program(command, environ={}, timeout_s=30, max_bytes=10))
        while not (note.exists() and note.read_text()):  # noqa: ASYNC110  another process writes it
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    asyncio.run(leave())
    assert gone(int(note.read_text()))
    assert time.monotonic() - started < 15


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(run_program(("/no/such/program",), environ={}, timeout_s=1, max_bytes=1))
