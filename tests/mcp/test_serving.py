"""What MCP clients are offered, and what comes of calls: policy, masking, limits and audit are those of a chat."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import mcp_types as types
import pytest
from mcp import Client

import kubeagentix as kx
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.engine.workbench import MAX_CHARS
from kubeagentix.mcp import progress, serving
from kubeagentix.own_tools import tools
from tests.engine.changing import Lab
from tests.mcp.clients import ERAS, PLANTED, SCALE, desk_of, over_http, plugin_of, served, text_of, with_client
from tests.tools.test_contract import CALLS


@pytest.mark.parametrize("mode", ERAS)
def test_what_reads_is_offered_with_its_schema_and_said_to_read(lab: Lab, mode: str) -> None:
    async def talk(client: Client) -> types.ListToolsResult:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("kubeagentix", kx.__version__)
        return await client.list_tools()

    listed = with_client(partial(desk_of, lab.cluster, lab.home), talk, mode).tools
    reading = {name: tool for name, tool in tools.items() if tool.spec.effect == "read"}
    assert {tool.name: tool.input_schema for tool in listed} == {
        name: tool.spec.parameters for name, tool in reading.items()
    }
    assert {tool.description for tool in listed} == {tool.spec.description for tool in reading.values()}
    assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in listed)


def test_each_tool_answers_a_client_as_it_answers_a_chat(lab: Lab) -> None:
    async def talk(client: Client) -> dict[str, types.CallToolResult]:
        offered = (await client.list_tools()).tools
        return {tool.name: await client.call_tool(tool.name, CALLS[tool.name][-1]) for tool in offered}

    found = with_client(partial(desk_of, lab.cluster, lab.home), talk)
    assert {name for name, result in found.items() if result.is_error} == {
        "kubectl",  # `config view` is refused by the policy
        "query_metrics",  # there is no Prometheus
        "search_result",  # there is no such result
        "top_pods",  # no pod of that namespace runs
    }
    for name, result in found.items():
        text = text_of(result)
        assert text.startswith('<cluster_data id="'), name
        assert "sentinel-of-a-secret" not in text
        if result.is_error:
            assert "\n" not in text


@pytest.mark.parametrize("mode", ERAS)
def test_quick_dx_names_the_cause_with_evidence_to_cite(lab: Lab, mode: str) -> None:
    result = with_client(
        partial(desk_of, lab.cluster, lab.home), lambda client: client.call_tool("run_quickdx", {}), mode
    )
    text = text_of(result)
    assert "CrashLoopBackOff/MissingVariable" in text
    assert result.meta is not None
    pieces = result.meta[serving.EVIDENCE]
    assert pieces
    assert all(f"[{piece['id']}]" in text for piece in pieces)
    assert "(no evidence id)" not in text


def test_a_credential_in_the_cluster_never_arrives(lab: Lab) -> None:
    async def talk(client: Client) -> str:
        calls = (
            ("get_resource", {"kind": "configmap", "name": "settings"}),
            ("kubectl", {"command": "kubectl get cm settings -o yaml"}),
            ("get_resource", {"kind": "secret", "name": "plain"}),
        )
        found = [await client.call_tool(name, arguments) for name, arguments in calls]
        assert not any(result.is_error for result in found)
        return json.dumps([result.model_dump(mode="json") for result in found])

    said = with_client(partial(desk_of, lab.cluster, lab.home), talk)
    assert PLANTED not in said
    assert "sentinel-of-a-secret" not in said
    assert said.count("[MASKED-1]") >= 2  # one placeholder for one value, from call to call


def test_the_same_call_is_made_anew(lab: Lab) -> None:
    calls: list[int] = []

    async def count(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        calls.append(1)
        return ToolOutput(text=f"answer {len(calls)}")

    async def talk(client: Client) -> list[str]:
        return [text_of(await client.call_tool("own", {})) for _ in range(2)]

    first, second = with_client(partial(desk_of, lab.cluster, lab.home, own=plugin_of(count)), talk)
    assert ("answer 1" in first, "answer 2" in second) == (True, True)


def test_a_huge_result_is_cut_and_the_rest_can_be_searched(lab: Lab) -> None:
    async def huge(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        return ToolOutput(text="\n".join(f"line {number}" for number in range(100_000)))

    own = {**plugin_of(huge), "search_result": tools["search_result"]}

    async def talk(client: Client) -> tuple[types.CallToolResult, types.CallToolResult]:
        cut = await client.call_tool("own", {})
        return cut, await client.call_tool("search_result", {"result_id": "r1", "pattern": "line 50000$"})

    cut, found = with_client(partial(desk_of, lab.cluster, lab.home, own=own), talk)
    assert len(cut.model_dump_json()) < MAX_CHARS
    assert 'search_result(result_id="r1"' in text_of(cut)
    assert "line 50000" in text_of(found)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("pod_log", {}, "There is no tool pod_log. Did you mean pod_logs?"),
        ("pod_logs", {"pod": "x", "limit": 3}, "pod_logs has no argument `limit`"),
        ("pod_logs", {}, "pod_logs needs `pod`"),
        ("top_pods", {"sort_by": "age"}, "`sort_by` of top_pods"),
        ("scale_workload", SCALE, "changes the cluster, which this run may not"),
    ],
)
@pytest.mark.parametrize("mode", ERAS)
def test_a_mistake_is_an_error_of_the_tool_in_one_line(
    lab: Lab, mode: str, name: str, arguments: dict[str, Any], told: str
) -> None:
    result = with_client(
        partial(desk_of, lab.cluster, lab.home), lambda client: client.call_tool(name, arguments), mode
    )
    assert result.is_error
    assert told in text_of(result)
    assert "\n" not in text_of(result)
    assert lab.heard.changing == []


def test_a_tool_that_breaks_is_an_error_and_the_next_call_works(lab: Lab) -> None:
    async def broken(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        raise ZeroDivisionError(f"with {PLANTED}")

    own = {**plugin_of(broken), "list_namespaces": tools["list_namespaces"]}

    async def talk(client: Client) -> tuple[types.CallToolResult, types.CallToolResult]:
        return await client.call_tool("own", {}), await client.call_tool("list_namespaces", {})

    failed, works = with_client(partial(desk_of, lab.cluster, lab.home, own=own), talk)
    assert (failed.is_error, works.is_error) == (True, False)
    assert "own failed: ZeroDivisionError" in text_of(failed)
    assert PLANTED not in text_of(failed)


def test_calls_run_side_by_side_and_not_too_many(lab: Lab) -> None:
    running: list[int] = []
    most: list[int] = []

    async def slow(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        running.append(1)
        most.append(len(running))
        for _turn in range(50):
            await asyncio.sleep(0)
        running.pop()
        return ToolOutput(text="done")

    async def talk(client: Client) -> list[types.CallToolResult]:
        return await asyncio.gather(*(client.call_tool("own", {"n": number}) for number in range(30)))

    own = plugin_of(slow, n={"type": "integer"})
    found = with_client(partial(desk_of, lab.cluster, lab.home, own=own), talk)
    assert len(found) == 30
    assert max(most) == 8


@pytest.mark.parametrize("mode", ERAS)
def test_a_call_that_is_given_up_ends_the_tool(lab: Lab, mode: str) -> None:
    async def talk(client: Client, begun: asyncio.Event, ended: asyncio.Event) -> None:
        call = asyncio.ensure_future(client.call_tool("own", {}))
        await asyncio.wait_for(begun.wait(), 20)
        call.cancel()
        await asyncio.wait_for(ended.wait(), 20)

    async def talked() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def endless(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            raise AssertionError

        desk = desk_of(lab.cluster, lab.home, own=plugin_of(endless))
        async with Client(desk.server, mode=mode) as client:
            await talk(client, begun, ended)
        await desk.close()

    asyncio.run(talked())


@pytest.mark.parametrize("mode", ERAS)
def test_a_call_that_takes_long_gives_signs_of_life(lab: Lab, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.001)
    heard: list[tuple[float, str | None]] = []
    enough = threading.Event()  # the server has a loop of its own

    async def told(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, message))
        if len(heard) == 3:
            enough.set()

    async def until_heard(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        assert await asyncio.to_thread(enough.wait, 20)
        return ToolOutput(text="done")

    async def talked(url: str) -> list[types.CallToolResult]:
        async with over_http(url, mode) as client:
            own = await client.call_tool("own", {}, progress_callback=told)
            assert [message for _, message in heard[:3]] == [None] * 3
            return [own, await client.call_tool("run_quickdx", {}, progress_callback=told)]

    own = {**plugin_of(until_heard), "run_quickdx": tools["run_quickdx"]}
    with served(partial(desk_of, lab.cluster, lab.home, own=own)) as url:
        found = asyncio.run(talked(url))
    assert not any(result.is_error for result in found)
    assert heard[0][0] < heard[1][0] < heard[2][0]
    assert any(message is not None and message.startswith("collect ") for _, message in heard)


def test_tools_are_allowed_and_denied_by_patterns(lab: Lab) -> None:
    make = partial(desk_of, lab.cluster, lab.home, tools_allowed=("list_*", "top_pods"), tools_denied=("*_unhealthy",))
    listed = with_client(make, lambda client: client.list_tools()).tools
    assert [tool.name for tool in listed] == ["list_namespaces", "list_resources", "top_pods"]
