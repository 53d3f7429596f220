"""A connection to one of the user's MCP servers, alive in the background until it is closed or the process ends.

Its program is started by `launcher.py`, ends with this process, and gets an environment made of what is allowed (a
home, a path, a user) and what the user gave it: none of our credentials is in it.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import math
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from kubeagentix import sync
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.errors import KubeAgentiXError, MissingExtraError, UsageError, excerpt
from kubeagentix.mcp_client.offers import Tool
from kubeagentix.mcp_client.places import Place
from kubeagentix.mcp_client.results import output_of, text_of

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult

MAX_LISTED = 1_000  # tools: a list that never ends is not waited for
CLOSE_S = 8.0  # the package gives a program two seconds to end by itself, and two more after SIGTERM
_LAST_WORDS = 2_000  # characters of standard error that are kept
_LAUNCHER = Path(__file__).with_name("launcher.py")
_STRANGE = "it writes what is no message of MCP to its standard output"


class Connection:
    """One server. `open` first; whatever goes wrong is a KubeAgentiXError of one line that names it.

    Raises UsageError for a time that is none.
    """

    def __init__(self, place: Place, timeout_s: float) -> None:
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not 0 < timeout_s < math.inf:
            raise UsageError("timeout_s= is a number of seconds, more than 0", hint="as in timeout_s=30")
        self.place = place
        self._timeout_s = timeout_s
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._ready: asyncio.Future[list[Tool]] | None = None
        self._ended: asyncio.Event | None = None
        self._is_strange = False
        self._said: collections.deque[str] = collections.deque(maxlen=20)

    def __repr__(self) -> str:
        return f"<MCP server {self.place.name}>"

    def open(self) -> list[Tool]:
        """Starts or reaches it, and lists its tools."""
        return sync.run(self._open())

    def close(self) -> None:
        """Ends it."""
        sync.run(self._close())

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolOutput:
        """What the server answers. Raises KubeAgentiXError where it fails, or is no more."""
        return await sync.arun(self._call(tool, arguments))

    async def _open(self) -> list[Tool]:
        await asyncio.to_thread(_load)
        self._ready, self._ended = asyncio.get_running_loop().create_future(), asyncio.Event()
        self._task = asyncio.create_task(self._live(self._ready, self._ended))
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            await self._close()
            raise self._failed(f"did not answer within {self._timeout_s:g} s") from None
        except BaseException:
            await self._close()
            raise

    async def _close(self) -> None:
        if self._task is not None and self._ended is not None:
            self._ended.set()
            if self._client is None:
                self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_S)
            self._task.cancel()

    async def _live(self, ready: asyncio.Future[list[Tool]], ended: asyncio.Event) -> None:
        """From the first word to the last, in one task, as the package wants it."""
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(self._made(stack))
                tools = await _listed(client)
                self._client = client
                ready.set_result(tools)
                await ended.wait()
        except Exception as error:  # noqa: BLE001  whatever the package raises is told in one line
            if not ready.done():
                ready.set_exception(self._failed(f"could not be used: {_innermost(error)}"))
                ready.exception()  # somebody may no longer wait for it
        finally:
            self._client = None

    def _made(self, stack: AsyncExitStack) -> Client:
        from mcp import Client, StdioServerParameters  # noqa: PLC0415  a second, for whoever has a server
        from mcp.client.stdio import stdio_client  # noqa: PLC0415
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415
        from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: PLC0415

        place, transport = self.place, None
        if place.url:
            from kubeagentix.mcp_client import bounds  # noqa: PLC0415  on the package's own client

            given = create_mcp_http_client(headers={**place.headers, **bounds.UNPACKED})
            given.event_hooks["response"].append(bounds.bound)
            stack.push_async_exit(given)
            transport = streamable_http_client(place.url, http_client=given)
        else:
            words = ["-I", "-S", str(_LAUNCHER), place.command, *place.args]
            parameters = StdioServerParameters(command=sys.executable, args=words, env=dict(place.env))
            transport = stdio_client(parameters, stack.enter_context(self._listening()))
        _silence(threading.get_ident())
        return Client(transport, cache=None, read_timeout_seconds=self._timeout_s, message_handler=self._noticed)

    async def _noticed(self, message: object) -> None:
        if isinstance(message, Exception):
            self._is_strange = True

    @contextmanager
    def _listening(self) -> Iterator[TextIO]:
        """A stream for what the program says on standard error; the end of it is kept, for when it fails."""
        reading, writing = os.pipe()
        threading.Thread(target=self._hear, args=(reading,), name="kubeagentix-mcp-stderr", daemon=True).start()
        with os.fdopen(writing, "w") as stream:
            yield stream

    def _hear(self, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as lines, suppress(OSError):
            while line := lines.readline(_LAST_WORDS):
                self._said.append(line)

    async def _call(self, tool: str, arguments: Mapping[str, Any]) -> ToolOutput:
        from mcp import MCPError  # noqa: PLC0415

        if self._client is None:
            raise self._failed("has ended")
        try:
            result: CallToolResult = await self._client.call_tool(tool, dict(arguments))
        except MCPError as error:
            raise self._failed(_in_words(error)) from error
        except Exception as error:
            raise self._failed(f"failed: {_innermost(error)}") from error
        if result.is_error:
            raise KubeAgentiXError(self.place.hidden(f"{self.place.name}: {excerpt(text_of(result), 250)}"))
        return output_of(result, self.place.hidden)

    def _failed(self, what: str) -> KubeAgentiXError:
        last = excerpt("".join(self._said)[-_LAST_WORDS:].strip().rpartition("\n")[2], 160)
        told = [f"it last said: {last}"] if last else []
        told += [_STRANGE] if self._is_strange else []
        said = f" ({'; '.join(told)})" if told else ""
        hint = f"go on without it; kx.tools.add_mcp({self.place.name!r}, …) starts it anew"
        return KubeAgentiXError(self.place.hidden(f"the MCP server {self.place.name} {what}{said}"), hint=hint)


def _load() -> None:
    try:
        import mcp  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingExtraError("the package mcp is not installed", hint="pip install 'kubeagentix[mcp]'") from error


async def _listed(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor: str | None = None
    while len(tools) < MAX_LISTED:
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            is_reading = tool.annotations is not None and tool.annotations.read_only_hint is True
            words = tool.description or tool.title or ""
            tools.append(Tool(name=tool.name, description=words, schema=tool.input_schema, is_reading=is_reading))
        cursor = page.next_cursor
        if not cursor or not page.tools:
            break
    return tools


def _silence(thread: int) -> None:
    """What the package logs of that thread is for no notebook: it quotes messages, with what was to be kept."""
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("mcp.")]:
        logging.getLogger(name).addFilter(_Silence(thread))


@dataclass(frozen=True)
class _Silence:
    """A filter, equal to each other one of its thread, so that there is one of them."""

    thread: int

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self.thread


def _innermost(error: BaseException) -> str:
    from pydantic import ValidationError  # noqa: PLC0415  the package has it loaded

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ValidationError):
        return f"what it sent is no {error.title} of MCP"
    return excerpt(str(error), 160) or type(error).__name__


def _in_words(error: Any) -> str:
    from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT  # noqa: PLC0415

    if error.code == CONNECTION_CLOSED:
        return "has ended"
    if error.code == REQUEST_TIMEOUT:
        return "did not answer in time"
    return f"refused: {excerpt(error.message, 160)}"
