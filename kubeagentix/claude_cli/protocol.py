"""The CLI's control protocol, our side of it: JSON lines over its stdin and stdout, in which it asks us for tools.

The CLI wraps MCP messages (JSON-RPC) for a server that lives in this process. Every request wants one answer, also a
notification. Source: the protocol of claude-agent-sdk 0.2, measured on CLI 2.1.330.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from kubeagentix.claude_cli.environment import SERVER
from kubeagentix.claude_cli.fields import mapping
from kubeagentix.claude_cli.outcomes import failed
from kubeagentix.claude_cli.process import Child
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.errors import excerpt

RESULT_MAX_CHARS = 500_000  # the most the CLI allows; without it results above 50,000 are kept from the model
_PROTOCOL_VERSION = "2025-11-25"
RunTool = Callable[[ToolCall], Awaitable[ToolResult]]


class Control:
    """One conversation with one CLI. `on_failure` gets what a tool runner raised, which is no result of a tool."""

    def __init__(
        self, child: Child, tools: Sequence[ToolSpec], run_tool: RunTool, on_failure: Callable[[Exception], None]
    ) -> None:
        self._child = child
        self._tools = {tool.name: tool for tool in tools}
        self._run_tool = run_tool
        self._on_failure = on_failure
        self._begun = ""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._calls: dict[str, asyncio.Task[None]] = {}  # by the JSON-RPC id of the call, by which it is cancelled

    @property
    def is_busy(self) -> bool:
        """Whether tools run now."""
        return bool(self._calls)

    async def begin(self) -> None:
        """Opens the conversation; the answer to it is recognized by `has_begun`."""
        self._begun = await self._request({"subtype": "initialize", "hooks": None})

    def has_begun(self, line: Mapping[str, Any]) -> bool:
        """Whether this line is the answer to `begin`. Raises ClientError if it is a refusal."""
        response = line.get("response")
        if not isinstance(response, Mapping) or response.get("request_id") != self._begun:
            return False
        if response.get("subtype") != "success":
            what = f"Claude Code refused the control protocol: {excerpt(str(response.get('error')))}"
            raise failed("cli_too_old", what)
        return True

    async def say(self, text: str) -> None:
        """The user's words, which begin a turn."""
        message = {"role": "user", "content": text}
        await self._send({"type": "user", "session_id": "", "message": message, "parent_tool_use_id": None})

    async def interrupt(self) -> None:
        """Asks the CLI to stop the turn; it still tells what was used."""
        await self._request({"subtype": "interrupt"})

    def serve(self, line: Mapping[str, Any]) -> tuple[ToolCall, ...]:
        """Answers a request of the CLI, in its own time; the call, if it is one of a tool, which runs from now on."""
        key, request = str(line.get("request_id")), mapping(line.get("request"))
        call = self._call_in(request)
        task = asyncio.create_task(self._serve(key, request, call))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return (call,) if call is not None else ()

    def withdraw(self, line: Mapping[str, Any]) -> None:
        """The CLI wants no answer to a request any more."""
        if task := self._tasks.get(str(line.get("request_id"))):
            task.cancel()

    async def close(self) -> None:
        """Cancels all tools that run, and waits until they have ended."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call_in(self, request: Mapping[str, Any]) -> ToolCall | None:
        message = mapping(request.get("message"))
        parameters = mapping(message.get("params"))
        name = str(parameters.get("name"))
        if message.get("method") != "tools/call" or name not in self._tools:
            return None
        use_id = str(mapping(parameters.get("_meta")).get("claudecode/toolUseId") or uuid.uuid4().hex)
        return ToolCall(id=use_id, name=name, arguments=dict(mapping(parameters.get("arguments"))), origin="mcp")

    async def _serve(self, key: str, request: Mapping[str, Any], call: ToolCall | None) -> None:
        try:
            if request.get("subtype") != "mcp_message" or request.get("server_name") != SERVER:
                error = f"{excerpt(str(request.get('subtype')), 60)} is not served here"
                await self._respond(key, {"subtype": "error", "error": error})
                return
            message = mapping(request.get("message"))
            answer = {"jsonrpc": "2.0", **await self._answered(message, call)}
            if "id" in message:
                answer["id"] = message["id"]
            await self._respond(key, {"subtype": "success", "response": {"mcp_response": answer}})
        except Exception as error:  # noqa: BLE001  the reader of the run raises it
            self._on_failure(error)

    async def _answered(self, message: Mapping[str, Any], call: ToolCall | None) -> dict[str, Any]:
        parameters = mapping(message.get("params"))
        match message.get("method"):
            case "initialize":
                version = parameters.get("protocolVersion", _PROTOCOL_VERSION)
                server = {"name": SERVER, "version": "1"}
                return {"result": {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}}
            case "tools/list":
                return {"result": {"tools": [_offered(tool) for tool in self._tools.values()]}}
            case "tools/call":
                return {"result": await self._called(repr(message.get("id")), call)}
            case "notifications/cancelled":
                if task := self._calls.get(repr(parameters.get("requestId"))):
                    task.cancel()
            case str(method) if "id" in message and method != "ping":
                return {"error": {"code": -32601, "message": f"no method {excerpt(method, 60)}"}}
        return {"result": {}}

    async def _called(self, message_id: str, call: ToolCall | None) -> dict[str, Any]:
        if call is None:
            return _content("there is no such tool", is_error=True)
        task = asyncio.current_task()
        if task is not None:
            self._calls[message_id] = task
        try:
            result = await self._run_tool(call)
        finally:
            self._calls.pop(message_id, None)
        return _content(result.content, is_error=result.is_error)

    async def _request(self, request: Mapping[str, Any]) -> str:
        key = uuid.uuid4().hex
        await self._send({"type": "control_request", "request_id": key, "request": request})
        return key

    async def _respond(self, key: str, response: Mapping[str, Any]) -> None:
        await self._send({"type": "control_response", "response": {"request_id": key, **response}})

    async def _send(self, line: Mapping[str, Any]) -> None:
        await self._child.write(json.dumps(line).encode() + b"\n")


def _offered(tool: ToolSpec) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.parameters),
        "annotations": {"readOnlyHint": tool.effect == "read"},  # only such calls run side by side
        "_meta": {"anthropic/maxResultSizeChars": RESULT_MAX_CHARS, "anthropic/alwaysLoad": True},
    }


def _content(text: str, *, is_error: bool) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}
