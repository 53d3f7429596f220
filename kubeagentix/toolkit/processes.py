"""A program run to its end: bounded in time and output, and never outliving the one who waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CHUNK_BYTES = 1 << 16
STDERR_MAX_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended. `is_cut`: it had more to say and was stopped; `is_late`: it took too long."""

    code: int
    stdout: str
    stderr: str
    is_cut: bool = False
    is_late: bool = False


async def run_program(
    arguments: Sequence[str], *, environ: Mapping[str, str], timeout_s: float, max_bytes: int
) -> Ended:
    """Runs a program in a process group of its own, which is killed when time, output or the caller's patience ends.

    Raises FileNotFoundError and its kin where it cannot be started.
    """
    process = await _started(arguments, environ)
    assert process.stdout is not None
    assert process.stderr is not None
    is_late = False
    out, err = _Sink(max_bytes), _Sink(STDERR_MAX_BYTES)
    errors = asyncio.ensure_future(err.drain(process.stderr))
    try:
        async with asyncio.timeout(timeout_s):
            await out.fill(process.stdout)
            if not out.is_cut:
                await process.wait()
    except TimeoutError:
        is_late = True
    finally:
        _kill(process)
        await process.wait()
        await asyncio.wait([errors], timeout=1)
        errors.cancel()
    return Ended(code=process.returncode or 0, stdout=out.text, stderr=err.text, is_cut=out.is_cut, is_late=is_late)


async def _started(arguments: Sequence[str], environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    """The program under way. One whose caller leaves before that is known is killed, with its family, as any other."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environ),
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):  # it could not be started
            process = await starting
            _kill(process)
            await process.wait()
        raise


class _Sink:
    """What was read of a stream, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._chunks: list[bytes] = []
        self._left = max_bytes
        self.is_cut = False

    async def fill(self, stream: asyncio.StreamReader) -> None:
        """Reads until the end, or until there is more than wanted."""
        while chunk := await stream.read(CHUNK_BYTES):
            self._take(chunk)
            if self.is_cut:
                return

    async def drain(self, stream: asyncio.StreamReader) -> None:
        """Reads until the end, and drops what is more than wanted."""
        while chunk := await stream.read(CHUNK_BYTES):
            self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        self._chunks.append(chunk[: self._left])
        self.is_cut = self.is_cut or len(chunk) > self._left
        self._left = max(0, self._left - len(chunk))

    @property
    def text(self) -> str:
        return b"".join(self._chunks).decode(errors="replace")


def _kill(process: asyncio.subprocess.Process) -> None:
    # The group outlives its leader where that has left children behind.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
