"""A scripted model behind a real HTTP server on loopback; each wire format is a subclass in a file of its own.

    with AnthropicServer() as server:
        server.script([Say("Hello")])
        ...  # ask server.base_url with any token
        assert server.requests[0].token == "the-token"

It runs in a thread with a loop of its own, so that blocking and async tests use it alike. The token that is sent can
choose the script (`script(..., token=...)`), and nothing else about a token matters.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from aiohttp import web

from kubeagentix.domain.events import StopReason
from kubeagentix.domain.messages import Message, Usage
from tests.servers.turns import (
    Call,
    Cut,
    Disconnect,
    Fail,
    Garble,
    Hang,
    Pause,
    Ping,
    Reply,
    Say,
    Step,
    Stop,
    Think,
    Torn,
)

Event = Mapping[str, Any] | str
USAGE = Usage(input_tokens=25, output_tokens=40, cached_tokens=3, thinking_tokens=12)


@dataclass(frozen=True)
class Heard:
    """What a request asks, read from its wire format: signatures are as they were on the wire."""

    model: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    must_call: str = ""
    may_call: bool = True
    max_tokens: int = 0


@dataclass(frozen=True)
class Recorded:
    """A request as it came in. `gone` is set when the client went away before the answer was over."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: Any
    heard: Heard
    port: int = 0  # of the client: the same for the same connection
    at: float = field(default_factory=time.monotonic)
    gone: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def token(self) -> str:
        """The key or token it carries."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return bearer or self.headers.get("x-api-key", "") or self.headers.get("x-goog-api-key", "")


Turn = Step | Sequence[Step] | Callable[[Recorded], "Step | Sequence[Step]"]


class Writer(ABC):
    """Puts one answer into a wire format, event by event."""

    def __init__(self, heard: Heard, usage: Usage, number: int) -> None:
        self.heard = heard
        self.usage = usage
        self.number = number
        self.has_calls = False

    @abstractmethod
    def begin(self) -> Iterator[Event]:
        """What opens the stream."""

    @abstractmethod
    def say(self, step: Say) -> Iterator[Event]:
        """Text."""

    @abstractmethod
    def think(self, step: Think) -> Iterator[Event]:
        """Thinking."""

    @abstractmethod
    def call(self, step: Call, call_id: str) -> Iterator[Event]:
        """A tool call."""

    @abstractmethod
    def error(self, step: Fail) -> Iterator[Event]:
        """An error inside the stream."""

    @abstractmethod
    def end(self, reason: StopReason) -> Iterator[Event]:
        """What closes a turn."""


class WireServer(ABC):
    """Speaks one wire format. `script` what it answers; `requests` is what it received."""

    is_named: ClassVar[bool] = True  # whether events carry an `event:` line

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.usage = USAGE
        self.cookie = ""  # set by every answer that is a stream, if given
        self._scripts: dict[str, deque[Turn]] = {}
        self._then: dict[str, Turn] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self._root = ""

    def script(self, *turns: Turn, then: Turn | None = None, token: str = "") -> None:
        """One turn for each request to come, `then` for all after them; with a token, for requests that carry it."""
        self._scripts.setdefault(token, deque()).extend(turns)
        if then is not None:
            self._then[token] = then

    def restart(self, *turns: Turn, then: Turn | None = None) -> None:
        """Another script in place of what is left of all before."""
        self._scripts.clear()
        self._then.clear()
        self.script(*turns, then=then)

    @property
    def base_url(self) -> str:
        """What a client is given as its base_url."""
        return self._root

    @property
    def heard(self) -> list[Heard]:
        """What each request asked."""
        return [request.heard for request in self.requests]

    def wait_for(self, number: int, timeout_s: float = 5.0) -> Recorded:
        """Request `number` (from 1), as soon as it is there. Blocks: not for use on an event loop."""
        until = time.monotonic() + timeout_s
        while len(self.requests) < number:
            assert time.monotonic() < until, f"no request {number}"
            time.sleep(0.005)
        return self.requests[number - 1]

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._root = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST":
            return web.json_response({"error": {"message": "not found"}}, status=404)
        body = await request.json()
        headers = {name.lower(): value for name, value in request.headers.items()}
        heard = self.hear(request.path, body)
        port = request.transport.get_extra_info("peername")[1] if request.transport else 0
        recorded = Recorded(path=request.path_qs, headers=headers, body=body, heard=heard, port=port)
        self.requests.append(recorded)
        try:
            return self.before(recorded) or await self._play(request, recorded, self._next(recorded))
        except (ConnectionResetError, asyncio.CancelledError):
            recorded.gone.set()
            raise
        finally:
            recorded.done.set()

    def _next(self, recorded: Recorded) -> Sequence[Step]:
        token = recorded.token if recorded.token in self._scripts else ""
        turns = self._scripts.get(token, deque())
        turn = turns.popleft() if turns else self._then.get(token, Fail("bad_request", message="the script is over"))
        steps = turn(recorded) if callable(turn) else turn
        return steps if isinstance(steps, Sequence) else [steps]

    async def _play(self, request: web.Request, recorded: Recorded, steps: Sequence[Step]) -> web.StreamResponse:
        for index, step in enumerate(steps):
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Hang):
                await asyncio.sleep(3600)
            elif isinstance(step, Disconnect):
                return self._broken(request, web.Response())
            elif isinstance(step, Fail):
                return self.refuse(request.path, step)
            elif isinstance(step, Reply):
                return web.Response(status=step.status, text=step.text, content_type=step.media_type)
            else:
                return await self._stream(request, recorded, steps[index:])
        return await self._stream(request, recorded, ())

    async def _stream(self, request: web.Request, recorded: Recorded, steps: Sequence[Step]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
        if self.cookie:
            response.headers["set-cookie"] = self.cookie
        await response.prepare(request)
        writer = self.writer(request.path, recorded.heard, len(self.requests))
        await self._write(response, writer.begin())
        reason: StopReason | None = None
        for number, step in enumerate(steps):
            if isinstance(step, Say):
                await self._write(response, writer.say(step), step.pause_s)
            elif isinstance(step, Think):
                await self._write(response, writer.think(step))
            elif isinstance(step, Call):
                writer.has_calls = True
                await self._write(response, writer.call(step, step.id or f"call_{len(self.requests)}_{number}"))
            elif isinstance(step, Garble):
                name = f"event: {step.event}\n" if self.is_named else ""
                await response.write(f"{name}data: {step.data}\n\n".encode())
            elif isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Hang):
                await asyncio.sleep(3600)
            elif isinstance(step, Torn):
                await response.write(step.data)
                await asyncio.sleep(0.05)  # so that it leaves before the end does
                return self._broken(request, response)
            elif isinstance(step, Disconnect):
                return self._broken(request, response)
            elif isinstance(step, Stop):
                reason = step.reason
            elif isinstance(step, Fail | Cut):
                await self._write(response, writer.error(step) if isinstance(step, Fail) else iter(()))
                await response.write_eof()
                return response
            else:
                assert isinstance(step, Ping), step
        await self._write(response, writer.end(reason or ("tool_calls" if writer.has_calls else "stop")))
        await response.write_eof()
        return response

    async def _write(self, response: web.StreamResponse, events: Iterator[Event], pause_s: float = 0.0) -> None:
        for event in events:
            data = event if isinstance(event, str) else json.dumps(event)
            name = event.get("type", "") if self.is_named and not isinstance(event, str) else ""
            await response.write((f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode())
            await asyncio.sleep(pause_s)

    @staticmethod
    def _broken(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return response

    def before(self, recorded: Recorded) -> web.Response | None:
        """An answer that comes before any script."""
        return None

    @abstractmethod
    def hear(self, path: str, body: Any) -> Heard:
        """What a request asks."""

    @abstractmethod
    def refuse(self, path: str, step: Fail) -> web.Response:
        """The answer that is this error."""

    @abstractmethod
    def writer(self, path: str, heard: Heard, number: int) -> Writer:
        """Who writes the answer."""


def pieces(text: str, size: int = 0) -> list[str]:
    """Text cut into words, or into pieces of that many characters."""
    if size:
        return [text[start : start + size] for start in range(0, len(text), size)]
    words = text.split(" ")
    return [word + " " for word in words[:-1]] + [words[-1]] if text else []


def retry_after_text(step: Fail) -> str:
    """The value of a Retry-After header, or nothing."""
    return "" if step.retry_after is None else f"{step.retry_after}"


def raw_arguments(step: Call) -> str:
    """The arguments of a call as text."""
    return step.arguments if isinstance(step.arguments, str) else json.dumps(step.arguments)
