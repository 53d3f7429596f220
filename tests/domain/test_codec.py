"""The codec: what is written comes back the same, also to a version that knows less or more, and no secret is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from kubeagentix.domain import codec
from kubeagentix.domain.answers import Answer, Attempt, Claim
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.diagnosis import (
    Diagnosis,
    Evidence,
    Finding,
    Gap,
    Hypothesis,
    Ignored,
    Remedy,
    ResourceRef,
    Severity,
    Target,
    Term,
)
from kubeagentix.domain.events import (
    Failure,
    FindingReported,
    Notice,
    RunEvent,
    RunFailed,
    RunFinished,
    RunRecord,
    RunStarted,
    StageChanged,
    TextDelta,
    ThinkingDelta,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.messages import Message, Text, Thinking, ToolCall, ToolResult, Usage
from kubeagentix.domain.secrets import Credential, Secret

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
REF = ResourceRef(kind="Pod", namespace="shop", name="web-1", uid="u1")
EVIDENCE = Evidence.of(REF, "log", "it says: „ü\u2028", excerpt="x\ud800y", observed_at=AT)
FINDING = Finding.of(
    analyzer="pods",
    reason="OOMKilled",
    ref=REF,
    title="killed",
    severity=Severity.CRITICAL,
    confidence=0.9,
    cause="memory",
    evidence=(EVIDENCE,),
    remedies=(Remedy(title="Look", command="kubectl get pods", effect="read"),),
    points_at=(REF,),
    since=AT,
)
CALL = ToolCall(id="t1", name="pod_logs", arguments={"pod": "web-1", "tail": 5, "deep": [{"a": None}]}, signature="s")
RESULT = ToolResult(call_id="t1", tool_name="pod_logs", content="log", evidence=(EVIDENCE,), data={"lines": [1, 2.5]})
REQUEST = ApprovalRequest(
    id="a1", call=CALL, summary="it changes", diff="-a\n+b", expires_at=AT, ref=REF, verb="patch", fields=("spec.a",)
)
ANSWER = Answer(root_cause="memory", hypotheses=(Claim(title="m", confidence=0.5, evidence=("e-1",)),))
USAGE = Usage(input_tokens=3, output_tokens=4, cost_usd=0.01)
FINISHED = RunFinished(
    reason="stop",
    provider="claude",
    model="m",
    attempt="selected",
    credential_source="KEY",
    usage=USAGE,
    elapsed_s=1.5,
    tool_calls=1,
    turns=2,
    text="memory",
    answer=ANSWER,
    attempts=(Attempt(label="selected", provider="claude", model="m", credential_source="KEY"),),
)
EVENTS: list[RunEvent] = [
    RunStarted(provider="claude", model="m", credential_source="KEY", tools=("a", "b"), target=Target(namespace="x")),
    TextDelta(text="hello"),
    ThinkingDelta(text="hm"),
    ToolCallReady(call=CALL),
    ToolApprovalRequested(request=REQUEST),
    ToolApprovalAnswered(request_id="a1", call_id="t1", answer=ApprovalAnswer(decision="once", by="terminal")),
    ToolCallFinished(call=CALL, result=RESULT),
    FindingReported(finding=FINDING),
    StageChanged(stage="analyze", done=1, total=2),
    Notice(code="retry", message="again"),
    FINISHED,
    RunFailed(error=Failure(code="timeout", message="late", is_retryable=True), usage=USAGE),
]
DIAGNOSIS = Diagnosis(
    id="d-1",
    target=Target(namespace="shop", kind="Deployment", name="web"),
    cluster="c",
    hypotheses=(
        Hypothesis(
            id="h",
            title="t",
            summary="s",
            confidence=0.9,
            root=REF,
            findings=(FINDING.id,),
            breakdown=(Term(label="a", value=0.9),),
        ),
    ),
    findings=(FINDING,),
    gaps=(Gap(what="nodes", why="403"),),
    ignored=(
        Ignored(rule=IgnoreRule(reason=("X",), until=date(2026, 12, 31)), findings=(FINDING,)),
        Ignored(rule=IgnoreRule(reason=("Y",), until=AT), is_idle=True),
    ),
    answer=ANSWER,
    notes=("n",),
    usage={"input_tokens": 3},
    timings={"collect_s": 0.25},
    counts={"Pod": 2},
    started_at=AT,
    finished_at=AT,
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_every_event_comes_back_the_same(event: RunEvent) -> None:
    record = RunRecord(run_id="run-1", seq=3, at=AT, event=event)
    assert codec.loads(RunRecord, codec.dumps(record)) == record


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(event) for event in EVENTS} == set(RunEvent.__args__)


def test_messages_come_back_the_same_with_signatures_and_data() -> None:
    parts = (Text(text="a", signature="s"), Thinking(text="b", signature="z"), CALL, RESULT)
    message = Message(role="assistant", parts=parts, at=AT)
    back = codec.loads(Message, codec.dumps(message))
    assert back == message
    result = back.parts[3]
    assert isinstance(result, ToolResult)
    assert result.data == {"lines": [1, 2.5]}  # which == does not compare


def test_a_diagnosis_comes_back_the_same() -> None:
    assert codec.loads(Diagnosis, codec.dumps(DIAGNOSIS)) == DIAGNOSIS


def test_what_has_its_default_is_left_out() -> None:
    assert json.loads(codec.dumps(Text(text="a"))) == {"part": "text", "text": "a"}


def test_fields_of_a_newer_version_are_passed_over_wherever_they_are() -> None:
    plain: Any = json.loads(codec.dumps(DIAGNOSIS))
    plain["mood"] = "good"
    plain["findings"][0]["weather"] = {"rain": True}
    plain["findings"][0]["evidence"][0]["ref"]["planet"] = "Mars"
    assert codec.decode(Diagnosis, plain) == DIAGNOSIS


def test_fields_that_an_older_version_did_not_know_get_their_default() -> None:
    plain: Any = json.loads(codec.dumps(FINISHED))
    del plain["attempts"], plain["answer"]
    assert codec.decode(RunEvent, plain) == replace(FINISHED, attempts=(), answer=None)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (RunEvent, '{"kind": "of_next_year"}'),
        (RunEvent, "[]"),
        (Message, '{"role": "user", "parts": [{"part": "smell"}]}'),
        (Message, '{"role": "user"}'),
        (Message, '{"role": "user", "parts": "abc"}'),
        (Diagnosis, "null"),
        (Diagnosis, "{"),
        (Finding, codec.dumps(FINDING).replace("critical", "unheard of")),
        (Evidence, codec.dumps(EVIDENCE).replace("2026-01-15T12", "yesterday")),
    ],
)
def test_what_cannot_be_read_is_a_codec_error(kind: Any, text: str) -> None:
    with pytest.raises(codec.CodecError):
        codec.loads(kind, text)


def test_a_secret_is_never_written() -> None:
    secret = Secret("hunter2-Zq7x")
    credential = Credential(kind="api_key", secret=secret, source="test")
    for value in (secret, credential, {"a": [secret]}, replace(RESULT, data={"key": credential})):
        with pytest.raises(TypeError, match="not stored"):
            codec.dumps(value)


def test_data_that_json_has_no_word_for_becomes_text() -> None:
    result = replace(RESULT, data={"at": AT, "nan": float("nan"), "set": {1}, "bytes": b"x", 3: object})
    text = codec.dumps(result)
    assert json.loads(text)["data"]["at"] == AT.isoformat()
    assert json.loads(text)["data"]["nan"] == "nan"
    assert codec.loads(ToolResult, text).content == RESULT.content


def test_half_characters_can_be_written_to_any_file() -> None:
    codec.dumps(Text(text="a\ud800b")).encode("utf-8")
    assert codec.loads(Text, codec.dumps(Text(text="a\ud800b"))).text == "a\ud800b"
