"""Changes over real clients: asked for by an API, by MCP in the middle of a model call, and by markup."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.claude_cli.environment import Config, child_environment
from kubeagentix.claude_cli.places import Place
from kubeagentix.claude_cli.switches import Switches
from kubeagentix.domain.changes import REQUEST_S, ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.events import RunRecord, ToolCallFinished
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.providers.claude_code import _limits
from tests.engine.changing import Lab, lab_of
from tests.engine.test_wires import CHANNEL, CLIENTS, Client, engine, finished, options
from tests.servers.turns import Call, Say

MARKUP = """<function_calls>
<invoke name="scale_workload"><parameter name="name">deploy/checkout</parameter><parameter name="replicas">5</parameter>
</invoke>
<invoke name="restart_rollout"><parameter name="name">deploy/checkout</parameter></invoke>
</function_calls>"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with kx.demo("crash-missing-variable") as demo, lab_of(demo, tmp_path) as made:
        kx.use(None)
        yield made


def wanting(client: Client) -> list[Any]:
    """A turn in which the model wants two changes at once."""
    if (CHANNEL, "cli") in client.settings:
        return [Say(MARKUP)]
    checkout = {"name": "deploy/checkout"}
    return [
        Call(f"{client.prefix}scale_workload", {**checkout, "replicas": 5}),
        Call(f"{client.prefix}restart_rollout", checkout),
    ]


@pytest.mark.parametrize("client", [CLIENTS[2], *CLIENTS[4:]], ids=str)
def test_two_changes_that_are_wanted_at_once_are_asked_and_made_one_by_one(
    client: Client, lab: Lab, tmp_path: Path
) -> None:
    asking, most, asked = 0, 0, []

    async def approve(request: ApprovalRequest) -> ApprovalAnswer:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        asked.append(request.call.name)
        await asyncio.sleep(0.5)
        asking -= 1
        return ApprovalAnswer(decision="once" if len(asked) == 1 else "refused", by="test")

    async def collected(server: Any) -> list[RunRecord]:
        made = engine(client, lab.cluster, server, tmp_path, namespace="orders")
        chosen = options(client, allow_writes=True)
        stream = made.stream("scale and restart it", options=chosen, with_findings=False, approve=approve)
        return [record async for record in stream]

    with client.wired.server() as server:
        server.script(wanting(client), then=[Say("Done.")])
        records = asyncio.run(collected(server))
        told = str(server.requests[-1].body)
    results = {
        record.event.call.name: record.event.result.is_error
        for record in records
        if isinstance(record.event, ToolCallFinished)
    }
    assert sorted(asked) == ["restart_rollout", "scale_workload"]
    assert most == 1
    assert results == {asked[0]: False, asked[1]: True}
    assert len(lab.heard.changing) == 1
    assert "Done, as test approved" in told
    assert "test refused it" in told
    assert finished(records).reason == "stop"


def test_a_client_that_calls_tools_by_itself_waits_as_long_as_a_person_may_take() -> None:
    request = ModelRequest(model="m", system="s", messages=(), deadline_s=20.0, patience_s=REQUEST_S)
    code = CLIENTS[4]
    place = Place()
    try:
        found = child_environment(
            code.credential(), {"PATH": "/usr/bin"}, Config(folder=None, is_shared=False), place, request
        )
    finally:
        place.remove()
    assert int(found["MCP_TOOL_TIMEOUT"]) == (20 + REQUEST_S) * 1000
    assert _limits(request, Switches()).total_s == 20 + REQUEST_S
