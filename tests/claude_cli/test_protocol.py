"""The control protocol with a CLI that sends what it should not: every request has an answer, and nothing breaks."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from kubeagentix.claude_cli.environment import SERVER
from kubeagentix.claude_cli.protocol import Control
from kubeagentix.domain.messages import ToolCall, ToolResult
from tests.claude_cli.running import POD_LOGS


class Written:
    """Keeps what is written to the CLI."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    async def write(self, data: bytes) -> None:
        self.lines.append(json.loads(data))


async def _served(request: Any) -> list[dict[str, Any]]:
    async def run_tool(call: ToolCall) -> ToolResult:
        return ToolResult(call_id=call.id, tool_name=call.name, content=repr(call.arguments))

    failures: list[Exception] = []
    written = Written()
    control = Control(cast("Any", written), (POD_LOGS,), run_tool, failures.append)
    control.serve({"type": "control_request", "request_id": "1", "request": request})
    for _ in range(5):
        await asyncio.sleep(0)
    await control.close()
    assert failures == []
    return written.lines


def asked(message: Any) -> dict[str, Any]:
    return {"subtype": "mcp_message", "server_name": SERVER, "message": message}


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [1],
        "x",
        {"subtype": [1]},
        asked(7),
        asked({"method": "tools/call", "params": [1]}),
        asked({"method": ["tools/call"], "id": 1}),
        asked({"method": "notifications/cancelled", "params": {"requestId": [1]}}),
    ],
)
def test_an_odd_request_is_answered(request_: Any) -> None:
    [answer] = asyncio.run(_served(request_))
    assert answer["type"] == "control_response"


@pytest.mark.parametrize("key", [1, "1", [1], {"a": 1}, None])
def test_a_call_is_answered_under_the_id_that_it_came_with(key: Any) -> None:
    call = {"method": "tools/call", "id": key, "params": {"name": POD_LOGS.name, "arguments": ["no object"]}}
    [answer] = asyncio.run(_served(asked(call)))
    response = answer["response"]["response"]["mcp_response"]
    assert response["id"] == key
    assert response["result"]["content"][0]["text"] == "{}"
