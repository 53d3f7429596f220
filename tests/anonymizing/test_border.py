"""A provider that sees placeholders only, behind an engine that sees names only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from kubeagentix.anonymizing.border import Anonymizer, Anonymous
from kubeagentix.anonymizing.placeholders import Piece
from kubeagentix.domain.events import ModelEvent, ModelFinished, Notice, TextDelta, ThinkingDelta, ToolCallReady
from kubeagentix.domain.messages import Message, Part, Text, Thinking, ToolCall, ToolResult
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.errors import RefusedError
from kubeagentix.testing import ScriptedProvider

KEY = Credential(kind="api_key", secret=Secret("dummy"), source="the request")
SPEC = ToolSpec(
    name="falcon_check",
    description="Checks falcon.",
    parameters={
        "type": "object",
        "properties": {"falcon": {"type": "string", "description": "Such as falcon.", "enum": ["falcon", "hawk"]}},
        "required": ["falcon"],
    },
)


def anonymizer() -> Anonymizer:
    found = Anonymizer()
    for name, kind in {"falcon": "ns", "hawk": "deploy"}.items():
        found.names.add(name, Piece(name, kind))
    return found


def request_of(*messages: Message, **changes: Any) -> ModelRequest:
    chosen: dict[str, Any] = {"model": "m", "system": "You are an SRE.", "messages": messages, "tools": (SPEC,)}
    return ModelRequest(**{**chosen, **changes})


def asked(request: ModelRequest, *steps: Any, by: Anonymizer | None = None) -> tuple[ModelRequest, list[ModelEvent]]:
    """What a provider that says these things was asked, and what came back."""
    provider = ScriptedProvider(steps)

    async def run() -> list[ModelEvent]:
        return [event async for event in Anonymous(provider, by or anonymizer()).stream(request, KEY)]

    events = asyncio.run(run())
    return provider.requests[0], events


def finished(*parts: Part) -> ModelFinished:
    return ModelFinished(stop_reason="stop", message=Message(role="assistant", parts=parts), model="m")


def said(events: Iterable[ModelEvent], kind: type[TextDelta | ThinkingDelta] = TextDelta) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def test_nothing_of_a_request_has_a_name() -> None:
    call = ToolCall(id="c1", name="pod_logs", arguments={"pod": "hawk-0", "deep": [{"in": "ns falcon"}], "lines": 5})
    result = ToolResult(call_id="c1", tool_name="pod_logs", content="hawk down", data={"pod": "hawk-0"})
    sent, _ = asked(
        request_of(
            Message.of("user", "why is hawk down?"),
            Message(role="assistant", parts=(Text(text="I look at hawk."), call)),
            Message(role="tool", parts=(result,)),
        )
    )
    shown = f"{sent.system}{sent.messages}{sent.tools[0].description}"
    assert "hawk" not in shown
    assert "falcon" not in shown.replace("falcon_check", "")
    assert sent.messages[1].tool_calls[0].arguments["lines"] == 5
    assert "Names are hidden from you" in sent.system


def test_a_schema_keeps_the_names_of_parameters_and_hides_values() -> None:
    sent, events = asked(
        request_of(Message.of("user", "?")),
        ToolCallReady(call=ToolCall(id="c", name="falcon_check", arguments={"falcon": "ns-k1"})),
    )
    (tool,) = sent.tools
    assert tool.name == "falcon_check"
    assert tool.parameters["required"] == ["falcon"]
    assert tool.parameters["properties"]["falcon"]["enum"] == ["ns-k1", "deploy-k1"]
    calls = [event.call.arguments for event in events if isinstance(event, ToolCallReady)]
    assert calls == [{"falcon": "falcon"}]


def test_a_placeholder_in_pieces_and_over_a_thought_comes_back_whole() -> None:
    pieces = [TextDelta(text="The "), TextDelta(text="depl"), ThinkingDelta(text="ns-"), TextDelta(text="oy-k"),
              ThinkingDelta(text="k1 it is"), TextDelta(text="1"), TextDelta(text=" is down in ns-k1")]  # fmt: skip
    question = Message.of("user", "falcon/hawk?")
    _, events = asked(request_of(question), *pieces)
    assert said(events) == "The hawk is down in falcon"
    assert said(events, ThinkingDelta) == "falcon it is"
    assert not any("-k" in event.text for event in events if isinstance(event, TextDelta | ThinkingDelta))


def test_what_was_held_back_is_told_before_a_call_and_before_the_end() -> None:
    call = ToolCall(id="c", name="kubectl", arguments={"command": "get pods -n ns-k1 -l app=deploy-k1"})
    _, events = asked(
        request_of(Message.of("user", "falcon/hawk?")),
        *(
            TextDelta(text="in ns-k1"),
            ToolCallReady(call=call),
            TextDelta(text="so ns"),
            Notice(code="x", message="ns-k1"),
        ),
    )
    kinds = [event.kind for event in events]
    assert kinds == [
        "text_delta",
        "text_delta",
        "tool_call_ready",
        "text_delta",
        "notice",
        "text_delta",
        "model_finished",
    ]
    assert said(events) == "in falconso ns"
    assert next(event for event in events if isinstance(event, ToolCallReady)).call.arguments == {
        "command": "get pods -n falcon -l app=hawk"
    }
    assert next(event for event in events if isinstance(event, Notice)).message == "falcon"


def test_a_tool_in_the_middle_of_a_call_runs_on_real_names() -> None:
    ran: list[ToolCall] = []
    heard: list[ToolResult] = []

    async def run_tool(call: ToolCall) -> ToolResult:
        ran.append(call)
        text = 'pods "eagle-1" not found in falcon'
        return ToolResult(call_id=call.id, tool_name=call.name, content=text, data={"namespace": "nest"})

    class Middle:
        async def stream(self, request: ModelRequest, credential: Credential) -> Any:
            assert request.run_tool is not None
            heard.append(await request.run_tool(ToolCall(id="c", name="pod_logs", arguments={"pod": "deploy-k1"})))
            yield finished(Text(text=heard[0].content))

    async def run() -> list[ModelEvent]:
        request = request_of(Message.of("user", "hawk in falcon?"), run_tool=run_tool)
        return [event async for event in Anonymous(Middle(), anonymizer()).stream(request, KEY)]

    events = asyncio.run(run())
    assert ran[0].arguments == {"pod": "hawk"}
    assert heard[0].content == 'pods "pod-k1" not found in ns-k1'
    assert isinstance(events[-1], ModelFinished)
    assert events[-1].message.text == 'pods "eagle-1" not found in falcon'


def test_what_a_model_said_goes_back_to_it_as_it_was() -> None:
    by = anonymizer()
    parts: Sequence[Part] = (
        Thinking(text="ns-k1, an ordinary word: deploy-k1", signature="signed"),
        Text(text="Deploy-K1 is down"),
        ToolCall(id="c", name="pod_logs", arguments={"pod": "DEPLOY-K1"}, signature="s"),
    )
    question = Message.of("user", "falcon/hawk?")
    _, events = asked(request_of(question), finished(*parts), by=by)
    end = events[-1]
    assert isinstance(end, ModelFinished)
    assert "hawk" in str(end.message)
    result = Message(role="tool", parts=(ToolResult(call_id="c", tool_name="pod_logs", content="hawk: no log"),))
    sent, _ = asked(request_of(question, end.message, result), by=by)
    assert sent.messages[1].parts == tuple(parts)


def test_a_name_that_is_learnt_later_is_hidden_in_earlier_texts_too() -> None:
    by = anonymizer()
    first = Message.of("user", "is eagle up?")
    asked(request_of(first), by=by)
    result = ToolResult(call_id="c", tool_name="t", content="ok", data={"pod": "eagle"})
    sent, _ = asked(request_of(first, Message(role="tool", parts=(result,))), by=by)
    assert sent.messages[0].text == "is pod-k1 up?"


def test_an_error_that_quotes_the_request_is_told_in_real_names() -> None:
    with pytest.raises(RefusedError, match="will not speak of hawk; ask about falcon"):
        asked(
            request_of(Message.of("user", "falcon/hawk?")),
            RefusedError("m will not speak of deploy-k1", hint="ask about ns-k1"),
        )
