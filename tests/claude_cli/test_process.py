"""The child on its own, with small programs in the CLI's place."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.claude_cli.process import MAX_LINE_BYTES, Child
from kubeagentix.errors import ClientError

SH = Path("/bin/sh")
PARENT = """
import asyncio, os, sys
from pathlib import Path
from kubeagentix.claude_cli.process import Child

async def main():
    child = await Child.start(Path("/bin/sh"), ["-c", "sleep 600 & wait"], dict(os.environ), Path("/"))
    print(child.pid, flush=True)
    await asyncio.sleep(600) if sys.argv[1] == "killed" else None

asyncio.run(main())
"""


def with_child(script: str, work: Callable[[Child], Coroutine[Any, Any, Any]], cwd: Path) -> Any:
    async def run() -> Any:
        child = await Child.start(SH, ["-c", script], {"PATH": "/usr/bin:/bin"}, cwd)
        try:
            return await work(child)
        finally:
            await child.end()

    return asyncio.run(run())


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def is_shell(pid: int, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while not (is_it := b"sh\0" in Path(f"/proc/{pid}/cmdline").read_bytes()[:8]) and time.monotonic() < until:
        time.sleep(0.02)
    return is_it


def ends(pid: int, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_running(pid)


def test_lines_come_whole_however_they_are_cut(tmp_path: Path) -> None:
    script = "printf 'a\\n\\nb'; sleep 0.1; printf 'c\\n'; head -c 300000 /dev/zero | tr '\\0' x; printf '\\nlast'"

    async def read(child: Child) -> list[bytes]:
        return [line async for line in child.lines()]

    assert with_child(script, read, tmp_path) == [b"a", b"", b"bc", b"x" * 300_000, b"last"]


def test_only_the_beginning_is_kept_of_a_line_that_is_longer_than_any_message(tmp_path: Path) -> None:
    async def lengths(child: Child) -> list[int]:
        return [len(line) async for line in child.lines()]

    pause = "sleep 0.3"  # what comes after it begins a chunk of its own
    script = f"""
        head -c {MAX_LINE_BYTES + 1_000_000} /dev/zero; echo; echo short
        {pause}; head -c {2 * MAX_LINE_BYTES} /dev/zero
    """
    too_long, short, without_end = with_child(script, lengths, tmp_path)
    assert short == len("short")
    assert 0 < too_long < 1 << 20
    assert 0 < without_end < 1 << 20


def test_only_the_end_of_stderr_is_kept(tmp_path: Path) -> None:
    async def read(child: Child) -> tuple[str, int | None]:
        assert await child.wait(10)
        return child.stderr, child.exit_code

    stderr, code = with_child("head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2; exit 3", read, tmp_path)
    assert (len(stderr), stderr[-5:], code) == (8_192, "xend\n", 3)


def test_a_child_that_is_gone_can_be_written_to(tmp_path: Path) -> None:
    async def write(child: Child) -> None:
        assert await child.wait(10)
        for _ in range(3):
            await child.write(b"x" * 100_000)

    with_child("exit 0", write, tmp_path)


def test_the_end_of_a_child_is_the_end_of_what_it_started(tmp_path: Path) -> None:
    async def grandchild_of(child: Child) -> int:
        return int(await anext(child.lines()))

    pid = with_child("trap '' TERM; sleep 600 & echo $!; wait; sleep 600", grandchild_of, tmp_path)
    assert ends(pid, 1)


def test_what_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    async def start() -> None:
        await Child.start(SH, [], {}, tmp_path / "nowhere")

    with pytest.raises(ClientError) as raised:
        asyncio.run(start())
    assert raised.value.detail == "cli_broken"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="only Linux can tie a child to its parent")
@pytest.mark.parametrize("way", ["killed", "ended"])
def test_a_child_does_not_outlive_us(tmp_path: Path, way: str) -> None:
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, way], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if way == "killed":
            assert is_running(pid)
            assert is_shell(pid, 10)  # tied to its parent by then
            parent.send_signal(signal.SIGKILL)
        parent.wait(10)
        assert ends(pid, 10)
    finally:
        parent.kill()
        parent.communicate()
