"""MCP over standard input and output. Nothing but the protocol is ever written to the latter.

The package's own transport reads on a thread that nobody can call back: a signal would wait for the client's next
line. Here the threads are daemons, which keep no process from ending.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from mcp.server import Server
from mcp.server.stdio import stdio_server

MAX_LINE_BYTES = 4_000_000  # of one message of a client: what the HTTP transport takes, too
_CHUNK = 65_536


async def serve(server: Server[Any]) -> None:
    """Serves one client until its end of the pipe is closed."""
    with _wires() as (incoming, outgoing):
        stdin, stdout = cast("Any", _Lines(incoming)), cast("Any", _Writer(outgoing))
        try:
            async with stdio_server(stdin, stdout) as (read, write):
                await server.run(read, write, server.create_initialization_options())
        except* BrokenPipeError:
            pass  # the client is gone, and with it whoever would be told


@contextmanager
def _wires() -> Iterator[tuple[int, int]]:
    """Descriptors for the protocol alone: what else reads gets nothing, what else writes goes to standard error."""
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2 if _is_open(2) else nothing, 1)
    os.close(nothing)
    yield incoming, outgoing  # they stay as they are: a thread may still wait at one of them


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


class _Lines:
    """The lines of a pipe, read by a daemon as far ahead as one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(1)
        threading.Thread(target=self._read, name="kubeagentix-mcp-stdin", daemon=True).start()

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            yield line

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop has ended before us
            rest = b""
            while chunk := self._chunk():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._put(line.decode("utf-8", "replace"))
                if len(rest) > MAX_LINE_BYTES:
                    print(f"a message of more than {MAX_LINE_BYTES:,} bytes: not read on", file=sys.stderr)  # noqa: T201
                    break
            self._put(None)

    def _chunk(self) -> bytes:
        try:
            return os.read(self._descriptor, _CHUNK)
        except OSError:
            return b""

    def _put(self, line: str | None) -> None:
        asyncio.run_coroutine_threadsafe(self._lines.put(line), self._loop).result()


class _Writer:
    """Writes to a pipe without holding up the loop, or its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def write(self, text: str) -> None:
        """Writes all of it. Raises BrokenPipeError where nobody reads."""
        loop, data = asyncio.get_running_loop(), text.encode("utf-8", "replace")
        done: asyncio.Future[None] = loop.create_future()
        threading.Thread(target=self._write, args=(data, loop, done), daemon=True).start()
        await done

    async def flush(self) -> None:
        """Nothing is held back."""

    def _write(self, data: bytes, loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
        error: OSError | None = None
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as raised:
            error = raised
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, done, error)


def _settle(done: asyncio.Future[None], error: OSError | None) -> None:
    if not done.done():
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
