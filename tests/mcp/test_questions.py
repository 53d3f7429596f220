"""What changes something is asked about at the client, in both eras of the protocol, and made after a yes alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import mcp_types as types
import pytest
from mcp import Client
from mcp.client import ClientRequestContext

from kubeagentix.contracts import ToolContext
from kubeagentix.domain import changes
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.mcp import questions, serving
from tests.engine.changing import Lab
from tests.mcp.clients import ERAS, SCALE, desk_of, over_http, plugin_of, served, text_of, with_client


class User:
    """Who sits at the client: says what was written down."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.forms: list[types.ElicitRequestFormParams] = []

    async def __call__(self, _: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestFormParams)
        self.forms.append(params)
        return types.ElicitResult(**self.answer)


@pytest.mark.parametrize("mode", ERAS)
def test_a_change_is_shown_asked_about_and_made_once(lab: Lab, mode: str) -> None:
    before, user = lab.replicas(), User(action="accept", content={"approve": True})

    async def talk(client: Client) -> types.CallToolResult:
        by_name = {tool.name: tool for tool in (await client.list_tools()).tools}
        annotations = by_name["scale_workload"].annotations
        assert annotations is not None
        assert (annotations.read_only_hint, annotations.destructive_hint) == (False, True)
        return await client.call_tool("scale_workload", {**SCALE, "replicas": before + 1})

    make = partial(desk_of, lab.cluster, lab.home, allow_writes=True)
    result = with_client(make, talk, mode, elicitation_callback=user)
    (form,) = user.forms
    assert f"scale Deployment orders/checkout from {before} to {before + 1} replicas" in form.message
    assert f"+  replicas: {before + 1}" in form.message
    assert not result.is_error
    assert lab.replicas() == before + 1
    assert lab.decisions == ["asked", "approved_once", "performed"]
    assert lab.audit[-2]["by"] == "MCP client mcp"


@pytest.mark.parametrize("mode", ERAS)
def test_a_change_is_asked_about_over_http_too(lab: Lab, mode: str) -> None:
    before, user = lab.replicas(), User(action="accept", content={"approve": True})

    async def talked(url: str) -> types.CallToolResult:
        async with over_http(url, mode, elicitation_callback=user) as client:
            return await client.call_tool("scale_workload", {**SCALE, "replicas": before + 1})

    with served(partial(desk_of, lab.cluster, lab.home, allow_writes=True)) as url:
        result = asyncio.run(talked(url))
    assert not result.is_error
    assert (len(user.forms), lab.replicas()) == (1, before + 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel"},
        {"action": "accept", "content": {"approve": False}},
        {"action": "accept", "content": {"approve": "true"}},
        {"action": "accept", "content": {}},
        {"action": "accept"},
        {"action": "decline", "content": {"approve": True}},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ERAS)
def test_anything_but_a_yes_changes_nothing(lab: Lab, mode: str, answer: dict[str, Any]) -> None:
    before = lab.replicas()
    make = partial(desk_of, lab.cluster, lab.home, allow_writes=True)
    result = with_client(
        make,
        lambda client: client.call_tool("scale_workload", {**SCALE, "replicas": before + 3}),
        mode,
        elicitation_callback=User(**answer),
    )
    assert result.is_error
    assert "not done" in text_of(result)
    assert (lab.replicas(), lab.heard.changing) == (before, [])
    assert lab.decisions == ["asked", "refused"]


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_that_cannot_ask_its_user_changes_nothing(lab: Lab, mode: str) -> None:
    before = lab.replicas()
    make = partial(desk_of, lab.cluster, lab.home, allow_writes=True)
    result = with_client(
        make, lambda client: client.call_tool("scale_workload", {**SCALE, "replicas": before + 3}), mode
    )
    assert questions.CANNOT_ASK in text_of(result)
    assert (lab.replicas(), lab.heard.changing) == (before, [])
    assert lab.decisions == ["asked", "refused"]


def test_a_client_that_fails_to_ask_its_user_changes_nothing(lab: Lab) -> None:
    async def broken(_: ClientRequestContext, __: types.ElicitRequestParams) -> types.ErrorData:
        return types.ErrorData(code=-32603, message="no window")

    before = lab.replicas()
    make = partial(desk_of, lab.cluster, lab.home, allow_writes=True)
    result = with_client(
        make,
        lambda client: client.call_tool("scale_workload", {**SCALE, "replicas": before + 3}),
        elicitation_callback=broken,
    )
    assert "the client could not ask its user: no window" in text_of(result)
    assert (lab.replicas(), lab.heard.changing) == (before, [])
    assert lab.decisions == ["asked", "refused"]


def test_a_question_that_nobody_answers_is_over_when_it_expires(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "REQUEST_S", 0.2)

    async def silent(_: ClientRequestContext, __: types.ElicitRequestParams) -> types.ElicitResult:
        await asyncio.Event().wait()
        raise AssertionError

    make = partial(desk_of, lab.cluster, lab.home, allow_writes=True)
    result = with_client(make, lambda client: client.call_tool("scale_workload", SCALE), elicitation_callback=silent)
    assert "no answer came in time" in text_of(result)
    assert lab.heard.changing == []


@pytest.mark.parametrize("mode", ERAS)
def test_a_tool_of_ones_own_that_changes_something_is_asked_about_as_in_a_chat(lab: Lab, mode: str) -> None:
    called: list[Mapping[str, Any]] = []

    async def page(arguments: Mapping[str, Any], _: ToolContext) -> ToolOutput:
        called.append(arguments)
        return ToolOutput(text="paged")

    own, user = plugin_of(page, "page", "write", who={"type": "string"}), User(action="decline")
    make = partial(desk_of, lab.cluster, lab.home, own=own, allow_writes=True)
    result = with_client(make, lambda client: client.call_tool("page", {"who": "ada"}), mode, elicitation_callback=user)
    assert (result.is_error, called) == (True, [])
    assert "page(who='ada')" in user.forms[0].message


def test_a_key_to_a_question_is_good_for_its_call_once(lab: Lab) -> None:
    before = lab.replicas()
    wanted = {**SCALE, "replicas": before + 1}
    yes = {questions.KEY: types.ElicitResult(action="accept", content={"approve": True})}

    async def talk(client: Client) -> list[types.CallToolResult]:
        async def call(arguments: dict[str, Any], key: str | None = None) -> Any:
            responses: Any = yes if key is not None else None
            return await client.session.call_tool(
                "scale_workload", arguments, input_responses=responses, request_state=key, allow_input_required=True
            )

        asked = await call(wanted)
        assert isinstance(asked, types.InputRequiredResult)
        guessed = await call(wanted, "guessed")
        other = await call({**wanted, "replicas": 50}, asked.request_state)
        assert (lab.replicas(), lab.heard.changing) == (before, [])
        made = await call(wanted, asked.request_state)
        again = await call(wanted, asked.request_state)
        return [guessed, other, made, again]

    make = partial(desk_of, lab.cluster, lab.home, allow_writes=True)
    found = with_client(make, talk, "auto", elicitation_callback=User(action="decline"))
    assert [result.is_error for result in found] == [True, True, False, True]
    assert text_of(found[0]) == text_of(found[1]) == text_of(found[3]) == serving.GONE
    assert lab.replicas() == before + 1
    assert len(lab.heard.changing) == 1
