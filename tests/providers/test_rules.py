"""`rules`: calls that follow from what the analyzers found, and an explanation by template."""

from __future__ import annotations

import asyncio
from typing import Any

from kubeagentix.domain.events import ModelEvent, ModelFinished, TextDelta, ToolCallReady
from kubeagentix.domain.messages import Message, ToolCall, ToolResult
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.providers.rules import plugin, ready

TOOLS = tuple(
    ToolSpec(name=name, description=name, parameters={"type": "object"})
    for name in ("run_quickdx", "describe_resource", "pod_logs", "get_events")
)


def hypothesis(name: str, number: int) -> dict[str, Any]:
    return {
        "id": f"h{number}",
        "title": f"{name} keeps ending",
        "summary": f"{name} has no disk left",
        "confidence": 0.9,
        "root": {"kind": "StatefulSet", "namespace": "records", "name": name},
        "findings": [f"f{number}"],
    }


def finding(name: str, number: int) -> dict[str, Any]:
    pod = {"kind": "Pod", "namespace": "records", "name": f"{name}-0"}
    evidence = {"id": f"e-{number}", "resource": pod, "source": "log", "summary": "full", "excerpt": "no space"}
    remedy = {"title": "Read its log", "command": f"kubectl logs {name}-0", "effect": "read"}
    return {
        "id": f"f{number}",
        "resource": {"kind": "StatefulSet", "namespace": "records", "name": name},
        "evidence": [evidence],
        "remedies": [remedy],
    }


def diagnosed(*names: str) -> ToolResult:
    data = {
        "hypotheses": [hypothesis(name, number) for number, name in enumerate(names)],
        "findings": [finding(name, number) for number, name in enumerate(names)],
        "gaps": [{"what": "logs", "why": "403 Forbidden"}],
    }
    return ToolResult(call_id="c1", tool_name="run_quickdx", content="…", data=data)


def answered(*messages: Message, tools: tuple[ToolSpec, ...] = TOOLS, **options: Any) -> tuple[list[ToolCall], str]:
    async def read() -> list[ModelEvent]:
        request = ModelRequest(model="", system="", messages=messages, tools=tools, **options)
        credential = ready({}, None).credential
        assert credential is not None
        return [event async for event in plugin.build({}).stream(request, credential)]

    events = asyncio.run(read())
    assert isinstance(events[-1], ModelFinished)
    calls = [event.call for event in events if isinstance(event, ToolCallReady)]
    return calls, "".join(event.text for event in events if isinstance(event, TextDelta))


def after(question: str, *results: ToolResult) -> tuple[Message, ...]:
    call = ToolCall(id="c1", name="run_quickdx", arguments={})
    return (
        Message.of("user", question),
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=results),
    )


def test_it_begins_with_the_analyzers() -> None:
    calls, text = answered(Message.of("user", "why?"))
    assert [call.name for call in calls] == ["run_quickdx"]
    assert text == ""


def test_then_it_looks_at_the_object_that_the_question_names() -> None:
    calls, _ = answered(*after("why is cache failing?", diagnosed("db", "cache")))
    assert [call.name for call in calls] == ["describe_resource", "pod_logs", "get_events"]
    assert calls[0].arguments == {"kind": "StatefulSet", "name": "cache", "namespace": "records"}
    assert calls[1].arguments["pod"] == "cache-0"


def test_then_it_explains_with_evidence_and_commands_and_says_that_it_is_no_model() -> None:
    logs = ToolResult(call_id="c2", tool_name="pod_logs", content="starting\nno space left")
    calls, text = answered(*after("what is wrong?", diagnosed("db", "cache"), logs))
    assert calls == []
    assert "1. **db keeps ending** (StatefulSet records/db, 90%)" in text
    assert "[e-0]" in text
    assert "`kubectl logs db-0`" in text
    assert "no space left" in text
    assert "no language model was asked" in text


def test_a_call_that_failed_is_told() -> None:
    failed = ToolResult(call_id="c2", tool_name="pod_logs", content="403 Forbidden", is_error=True)
    _, text = answered(*after("why?", diagnosed("db"), failed))
    assert "pod_logs failed: 403 Forbidden" in text


def test_what_was_not_read_is_told_whatever_was_found() -> None:
    for names in ((), ("db",)):
        _, text = answered(*after("why?", diagnosed(*names)), tools=())
        assert "not in this answer:\n- logs: 403 Forbidden\n" in text
        assert ("found nothing wrong in what could be read." in text) is (not names)


def test_where_the_analyzers_could_not_run_it_says_why() -> None:
    failed = ToolResult(call_id="c1", tool_name="run_quickdx", content="no cluster answers", is_error=True)
    _, text = answered(*after("why?", failed))
    assert text.startswith("Nothing can be said: no cluster answers")


def test_without_tools_it_says_so() -> None:
    _, text = answered(Message.of("user", "why?"), tools=())
    assert "was not offered" in text
    calls, text = answered(*after("what is wrong?", diagnosed("db")), may_call=False)
    assert calls == []
    assert "db keeps ending" in text


def test_a_second_question_is_looked_into_anew() -> None:
    first = after("why?", diagnosed("db"), ToolResult(call_id="c2", tool_name="pod_logs", content="x"))
    calls, _ = answered(*first, Message.of("assistant", "…"), Message.of("user", "and cache?"))
    assert [call.name for call in calls] == ["run_quickdx"]
