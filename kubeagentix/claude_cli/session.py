"""One run of the CLI from start to end: its place, its lock, its child, and the events of its lines.

Whatever ends a run (an answer, an error, a cancelled task, a closed iterator), its `finally` blocks end the child's
group, cancel the tools, give the lock back and remove the place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kubeagentix.claude_cli.config_repair import repair
from kubeagentix.claude_cli.environment import (
    SERVER,
    Config,
    arguments,
    child_environment,
    config_for,
    control_arguments,
)
from kubeagentix.claude_cli.fields import items, mapping
from kubeagentix.claude_cli.finding import Program
from kubeagentix.claude_cli.locking import FileLock, lock_of
from kubeagentix.claude_cli.outcomes import error_of, failed, timed_out
from kubeagentix.claude_cli.places import Place
from kubeagentix.claude_cli.process import EXIT_GRACE_S, Child
from kubeagentix.claude_cli.protocol import Control
from kubeagentix.claude_cli.stand_in import StandIn
from kubeagentix.claude_cli.streaming import Line, Reader, is_content, line_of, retry_pause_s, usage_of
from kubeagentix.claude_cli.switches import Switches, config_dir_of, state_file_of
from kubeagentix.claude_cli.watchdog import Limits, Watchdog
from kubeagentix.domain.events import ModelEvent, ModelFinished, Notice, ToolCallReady, UsageReported
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import excerpt
from kubeagentix.wire import catching

_MESSAGE_END_S = 2.0  # from a call that is complete to the end of the message it is in
ANSWER_NOW = "No more tools in this run: answer now, from what is known."


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run is to do: the request, its two prompts, as whom, with which CLI, and within which limits."""

    request: ModelRequest
    system: str
    prompt: str
    serves_tools: bool  # by the control protocol; otherwise the prompt is all that the CLI gets
    credential: Credential
    program: Program
    environ: Mapping[str, str]
    switches: Switches
    limits: Limits


async def run(order: Order) -> AsyncGenerator[ModelEvent]:
    """The events of one run, the last a ModelFinished. Raises ProviderError."""
    place = Place()
    lock: FileLock | None = None
    try:
        config = config_for(order.credential, order.environ, order.switches, place)
        if config.is_shared:
            lock = lock_of(_folder(order, config), order.environ)
            if not lock.try_acquire():
                yield Notice(code="waiting", message="another run of Claude Code uses the same login: waiting for it")
                await _acquired(lock, order.limits.total_s)
            if notice := await _repaired(order, config):
                yield notice
        async with aclosing(_Run(order, place, config).events()) as events:
            async for event in events:
                yield event
    finally:
        if lock is not None:
            lock.release()
        place.remove()


async def _acquired(lock: FileLock, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await lock.acquire()
    except TimeoutError:
        raise timed_out("lock", limit_s) from None


async def _repaired(order: Order, config: Config) -> Notice | None:
    folder = _folder(order, config)
    state = state_file_of(folder, order.environ, order.switches)
    return await asyncio.to_thread(repair, state, folder)


def _folder(order: Order, config: Config) -> Path:
    folder = config.folder or config_dir_of(order.environ, order.switches)
    return folder if folder is not None else Path.home() / ".claude"


class _Run:
    def __init__(self, order: Order, place: Place, config: Config) -> None:
        self._order = order
        self._place = place
        self._config = config
        self._reader = Reader()
        self._watchdog = Watchdog(order.limits)
        self._lines: asyncio.Queue[Line | Exception | None] = asyncio.Queue()
        self._stray = ""  # the last line that was no JSON
        self._control: Control | None = None
        self._said_all = asyncio.Event()  # the model's message is complete
        self._is_interrupted = False  # by us, as nothing more is wanted

    async def events(self) -> AsyncGenerator[ModelEvent]:
        child = await self._started()
        pump = asyncio.create_task(self._pump(child))
        try:
            await self._opened(child)
            while not self._reader.is_over and (line := await self._next()) is not None:
                for event in await self._take(line):
                    yield event
            for event in await self._ending(child):
                yield event
        finally:
            pump.cancel()
            try:
                if self._control is not None:
                    await self._control.close()
            finally:
                await child.end(is_done=self._reader.is_over)

    async def _started(self) -> Child:
        order = self._order
        prompt_file = self._place.write("system-prompt", order.system)
        called = arguments(order.request, order.credential, order.environ, order.switches, prompt_file)
        if order.serves_tools:
            called += control_arguments(order.request)
        environ = child_environment(order.credential, order.environ, self._config, self._place, order.request)
        if (catcher := catching.current()) is not None:
            return StandIn(catcher, order.program.path, called, environ)
        return await Child.start(order.program.path, called, environ, self._place.cwd)

    async def _opened(self, child: Child) -> None:
        if self._order.serves_tools:
            self._control = Control(child, self._order.request.tools, self._run_tool, self._fail)
            await self._control.begin()
        else:
            await self._watchdog.wait(child.write(self._order.prompt.encode("utf-8", "replace")))
            child.close_stdin()

    async def _pump(self, child: Child) -> None:
        try:
            async for text in child.lines():
                if (line := line_of(text)) is not None:
                    self._lines.put_nowait(line)
                elif text.strip():
                    self._stray = text[-1_000:].decode("utf-8", "replace")
        finally:
            self._lines.put_nowait(None)

    async def _next(self) -> Line | None:
        if self._lines.empty():
            is_busy = self._control is not None and self._control.is_busy
            line = await self._watchdog.wait(self._lines.get(), is_busy=is_busy)
        else:
            line = self._lines.get_nowait()
        if isinstance(line, Exception):
            raise line
        return line

    def _fail(self, error: Exception) -> None:
        self._lines.put_nowait(error)

    async def _take(self, line: Line) -> list[ModelEvent]:
        """What one line is for us, and for the watchdog."""
        control = self._control
        kind = line.get("type")
        called: list[ToolCallReady] = []
        if control is not None and kind == "control_response":
            if control.has_begun(line):
                await self._watchdog.wait(control.say(self._order.prompt))
        elif control is not None and kind == "control_request":
            calls = control.serve(line)
            called = [] if self._are_tools_over else [ToolCallReady(call=call) for call in calls]
        elif control is not None and kind == "control_cancel_request":
            control.withdraw(line)
        events: list[ModelEvent] = [*called, *self._reader.feed(line)]
        self._watch(line)
        if kind == "system" and line.get("subtype") == "init":
            self._check(line)
        (self._said_all.set if self._reader.is_complete else self._said_all.clear)()
        return events

    def _watch(self, line: Line) -> None:
        pause_s = retry_pause_s(line)
        if pause_s is not None:
            self._watchdog.saw("first_token", pause_s=pause_s)
        elif is_content(line):
            self._watchdog.saw("idle")
        elif line.get("subtype") == "init":
            self._watchdog.saw("first_token")

    def _check(self, init: Line) -> None:
        """Holds what the CLI says of itself at the start against what it was told."""
        credential, key_source = self._order.credential, str(init.get("apiKeySource") or "none")
        if credential.kind != "api_key" and key_source in {"ANTHROPIC_API_KEY", "apiKeyHelper"}:
            what = f"an API key ({key_source}) took the place of {credential.source}"
            raise failed("api_key_took_over", what)
        foreign = [name for name in items(init.get("tools")) if not str(name).startswith(f"mcp__{SERVER}__")]
        if foreign:
            what = f"Claude Code offers tools that are not ours ({excerpt(', '.join(map(str, foreign)), 120)})"
            raise failed("not_isolated", what)
        servers = {
            str(server.get("name")): str(server.get("status"))
            for server in map(mapping, items(init.get("mcp_servers")))
        }
        if self._control is not None and self._order.request.tools and servers.get(SERVER) != "connected":
            what = f"Claude Code did not connect to our tools (status {servers.get(SERVER, 'missing')})"
            raise failed("not_isolated", what)

    async def _run_tool(self, call: ToolCall) -> ToolResult:
        request = self._order.request
        if self._are_tools_over or request.run_tool is None:
            return ToolResult(call_id=call.id, tool_name=call.name, content=ANSWER_NOW, is_error=True)
        result = await request.run_tool(call)
        self._watchdog.saw("idle")
        if call.name in {request.must_call, request.final_tool} and not result.is_error:
            await self._interrupt()
        is_next_the_last = self._reader.turns >= request.max_turns - 1
        return replace(result, content=f"{result.content}\n\n{ANSWER_NOW}") if is_next_the_last else result

    async def _interrupt(self) -> None:
        """Stops the run before the model is asked again, once its message is there and counted."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_MESSAGE_END_S):
                await self._said_all.wait()
        self._is_interrupted = True
        if self._control is not None:
            await self._control.interrupt()

    @property
    def _are_tools_over(self) -> bool:
        return self._reader.turns > self._order.request.max_turns

    async def _ending(self, child: Child) -> list[ModelEvent]:
        """The last events of a run that went well. Raises what went wrong with any other."""
        ended = self._reader.ended
        result = ended.result or {}
        reason = _stop_reason(result, was_interrupted=self._is_interrupted)
        if reason is None:
            if ended.result is None:
                await child.wait(EXIT_GRACE_S)
            ended.stderr, ended.exit_code = child.stderr or self._stray, child.exit_code
            raise error_of(ended, self._order.credential)
        events: list[ModelEvent] = []
        if reason == "max_turns":
            events.append(Notice(code="max_turns", message="Claude Code stopped at its limit of turns"))
        events.append(UsageReported(usage=usage_of(result)))
        finished = ModelFinished(
            stop_reason="max_tokens" if reason == "max_tokens" else "stop",
            message=self._reader.message,
            model=self._reader.model,
        )
        return [*events, finished]


def _stop_reason(result: Line, *, was_interrupted: bool) -> str | None:
    """How a run ended that has an answer; None for one that failed."""
    if not result:
        return None
    if not result.get("is_error") or was_interrupted:
        return "stop"
    if result.get("subtype") == "error_max_turns":
        return "max_turns"
    is_cut = "output token maximum" in str(result.get("result")) or result.get("stop_reason") == "max_tokens"
    return "max_tokens" if is_cut else None
