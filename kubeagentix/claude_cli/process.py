"""The child process: started in a group of its own, read line by line however long a line is, and never left behind."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from kubeagentix.claude_cli.outcomes import failed
from kubeagentix.errors import excerpt

TERM_GRACE_S = 0.5  # between SIGTERM and SIGKILL; the CLI needs 0.04 s
EXIT_GRACE_S = 2.0  # what a CLI that is done may take to exit by itself
_CHUNK = 1 << 16
MAX_LINE_BYTES = 64 << 20  # ten times what the CLI takes as a prompt; an answer of 1 MB is a line of 1 MB
_STDERR_MAX_BYTES = 8_192

_groups: set[int] = set()  # of children that run now, for when the interpreter ends in the middle


class Child:
    """A running CLI."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stderr = bytearray()
        self._drain = asyncio.create_task(self._read_stderr())
        _groups.add(process.pid)

    @classmethod
    async def start(cls, path: Path, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Child:
        """Starts the CLI. Raises ClientError if it cannot be started."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *_tie(),
                path,
                *arguments,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=dict(environ),
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise failed("cli_broken", f"{path} could not be started: {excerpt(str(error))}") from error
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id, which is the group's too."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.returncode

    @property
    def stderr(self) -> str:
        """The end of what it wrote there."""
        return self._stderr.decode("utf-8", "replace")

    async def write(self, data: bytes) -> None:
        """Writes to its stdin; a child that is gone is told by its lines' end, not here."""
        stdin = self._process.stdin
        if stdin is None or stdin.is_closing():
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(data)
            await stdin.drain()

    def close_stdin(self) -> None:
        """Tells it that nothing more comes; a CLI whose stdin stays open waits for ever."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of its stdout without their ends. Of one that never ends only the beginning is kept."""
        stdout = self._process.stdout
        held, is_too_long = bytearray(), False  # of a line whose end has not come
        while stdout is not None and (chunk := await stdout.read(_CHUNK)):
            first, *rest = chunk.split(b"\n")
            if not is_too_long:
                held += first
                if is_too_long := len(held) >= MAX_LINE_BYTES:
                    del held[_CHUNK:]  # no message is as long, and its beginning tells what it is
            for piece in rest:
                yield bytes(held)
                held, is_too_long = bytearray(piece), False
        if held:
            yield bytes(held)

    async def wait(self, timeout_s: float) -> bool:
        """Waits for its end; whether it ended in that time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._process.wait()
                await self._drain
        except TimeoutError:
            return False
        return True

    async def end(self, *, is_done: bool = False) -> None:
        """Ends it and all of its group: by itself if it is done, else by SIGTERM, then by SIGKILL."""
        try:
            self.close_stdin()
            if is_done and await self.wait(EXIT_GRACE_S):
                return
            self._signal(signal.SIGTERM)
            await self.wait(TERM_GRACE_S)
        finally:
            self._signal(signal.SIGKILL)  # also what the CLI itself may have left in its group
            _groups.discard(self.pid)
        await self.wait(EXIT_GRACE_S)
        self._drain.cancel()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def _read_stderr(self) -> None:
        stream = self._process.stderr
        while stream is not None and (chunk := await stream.read(_CHUNK)):
            self._stderr += chunk
            del self._stderr[:-_STDERR_MAX_BYTES]


@cache
def _tie() -> tuple[str, ...]:
    """What a child is started through so that it dies with us, also of a SIGKILL; nothing where there is no setpriv."""
    program = shutil.which("setpriv")
    if program is None:
        return ()
    tie = (program, "--pdeathsig", "KILL", "--")  # Linux: set on itself, and kept by what it then becomes
    try:
        tried = subprocess.run([*tie, program, "--version"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tie if tried.returncode == 0 else ()


@atexit.register
def _end_all() -> None:
    for group in tuple(_groups):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
