"""A conversation of the history as Markdown: what was asked, what ran, what somebody was asked about."""

from __future__ import annotations

from datetime import UTC, datetime

from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.events import (
    RunEvent,
    RunRecord,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCallFinished,
)
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.history.reading import StoredConversation, StoredRun
from kubeagentix.report.transcript import markdown, plain

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
CALL = ToolCall(id="t1", name="scale", arguments={"name": "web`\x1b[31m", "replicas": 3})
EVENTS: list[RunEvent] = [
    ToolApprovalRequested(
        request=ApprovalRequest(id="q1", call=CALL, summary="scale web\x07 to 3", diff="", expires_at=AT)
    ),
    ToolApprovalAnswered(
        request_id="q1", call_id="t1", answer=ApprovalAnswer(decision="refused", by="terminal", why="not today")
    ),
    ToolCallFinished(call=CALL, result=ToolResult(call_id="t1", tool_name="scale", content="no", is_error=True)),
]
RUN = StoredRun(
    id="run-1",
    question="scale it\nnow",
    target="",
    cluster="c",
    provider="openai",
    model="m",
    answer="",
    state="interrupted",
    started_at=AT,
    ended_at=None,
    records=tuple(RunRecord(run_id="run-1", seq=seq, at=AT, event=event) for seq, event in enumerate(EVENTS)),
)
CHAT = StoredConversation(id="c-1", what="chat", title="# t", cluster="c", created_at=AT, updated_at=AT, runs=(RUN,))


def test_what_ran_and_what_was_approved_is_told_in_order() -> None:
    lines = markdown(CHAT).splitlines()
    assert "- asked: scale web to 3; refused by terminal: not today" in lines
    assert "- `scale(name=web', replicas=3)`: failed" in lines
    assert lines.index("- asked: scale web to 3; refused by terminal: not today") < lines.index(
        "- `scale(name=web', replicas=3)`: failed"
    )


def test_a_run_without_an_answer_says_so_and_nothing_steers_a_terminal() -> None:
    text = markdown(CHAT)
    assert "(no answer)" in text
    assert ", openai / m, interrupted*" in text
    assert "scale it\nnow" in text
    assert text.isprintable() or set(filter(lambda char: not char.isprintable(), text)) == {"\n"}
    assert "\x1b" not in plain(CHAT)
