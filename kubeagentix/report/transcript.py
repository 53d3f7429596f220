"""Conversations of the history as text: a list of what there is, and one of them as Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from kubeagentix.domain import codec
from kubeagentix.domain.events import RunFailed, ToolApprovalAnswered, ToolApprovalRequested, ToolCallFinished
from kubeagentix.domain.messages import ToolCall
from kubeagentix.history.reading import Entry, StoredConversation, StoredRun
from kubeagentix.report.text import clean_block, clean_line, clean_piece

SCHEMA_VERSION = 1
TITLE_CHARS = 70
ARGUMENT_CHARS = 60


def listing(entries: Sequence[Entry]) -> str:
    """One line each: id, when, what, state, provider, cluster, title; below it where the words were found."""
    rows = [
        (
            entry.id,
            _when(entry.at),
            entry.what,
            _state(entry),
            entry.provider or "-",
            clean_line(entry.cluster, 30) or "-",
        )
        for entry in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)] if rows else []
    lines: list[str] = []
    for row, entry in zip(rows, entries, strict=True):
        cells = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        lines.append(f"{cells}  {clean_line(entry.title, TITLE_CHARS)}")
        if entry.found:
            lines.append(f"    {clean_line(entry.found, 180)}")
    return "\n".join(lines)


def _asked(entry: Entry) -> tuple[str, str]:
    return entry.provider or "-", clean_line(entry.cluster, 30) or "-"


def _state(entry: Entry) -> str:
    return entry.state if entry.runs == 1 else f"{entry.state}, {entry.runs} questions"


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def markdown(conversation: StoredConversation) -> str:
    """The questions with their answers, the tools that ran, and who was asked."""
    title = clean_line(conversation.title, TITLE_CHARS).replace("#", "")
    head = f"# {title}\n\n*{conversation.id}, cluster {clean_line(conversation.cluster) or '-'}*\n"
    return "\n".join((head, *("\n".join(_run(run)) for run in conversation.runs)))


def _run(run: StoredRun) -> Iterator[str]:
    who = " / ".join(filter(None, (run.provider, run.model))) or "nobody was asked yet"
    yield f"## {clean_line(run.question, 300)}\n"
    if "\n" in run.question.strip():
        yield f"{clean_block(run.question, max_lines=200, max_chars=20_000)}\n"
    yield f"*{_when(run.started_at)}, {who}, {run.state}*\n"
    done = list(_done(run))
    yield from (*done, "") if done else ()
    yield f"{clean_piece(run.answer).strip() or '(no answer)'}\n"
    for record in run.records:
        if isinstance(record.event, RunFailed):
            yield f"*failed: {clean_line(record.event.error.message)}*\n"


def _done(run: StoredRun) -> Iterator[str]:
    """The tools that ran, and the changes that somebody was asked about."""
    asked: dict[str, str] = {}
    for event in (record.event for record in run.records):
        if isinstance(event, ToolCallFinished):
            result = "failed" if event.result.is_error else f"{len(event.result.content)} characters"
            yield f"- `{_call(event.call)}`: {result}"
        elif isinstance(event, ToolApprovalRequested):
            asked[event.request.id] = event.request.summary
        elif isinstance(event, ToolApprovalAnswered):
            yield f"- {_answered(event, asked.get(event.request_id, 'a change'))}"


def _answered(event: ToolApprovalAnswered, summary: str) -> str:
    """A change that somebody was asked about, and what was said to it."""
    who = clean_line(event.answer.by, 40) or "nobody"
    why = f": {clean_line(event.answer.why, 100)}" if event.answer.why else ""
    return f"asked: {clean_line(summary, 200)}; {event.answer.decision} by {who}{why}"


def _call(call: ToolCall) -> str:
    given = (f"{key}={clean_line(str(value), ARGUMENT_CHARS)}" for key, value in call.arguments.items())
    return clean_line(f"{call.name}({', '.join(given)})", 300).replace("`", "'")


def plain(conversation: StoredConversation) -> str:
    """One JSON object with `schema_version`: every run with every event of it."""
    found = {
        "schema_version": SCHEMA_VERSION,
        "id": conversation.id,
        "what": conversation.what,
        "title": conversation.title,
        "cluster": conversation.cluster,
        "state": conversation.state,
        "created_at": conversation.created_at.isoformat(),
        "updated_at": conversation.updated_at.isoformat(),
        "runs": [_plain_run(run) for run in conversation.runs],
    }
    return json.dumps(found, indent=2, ensure_ascii=True)  # which leaves nothing in it that could steer a terminal


def _plain_run(run: StoredRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "question": run.question,
        "target": run.target,
        "cluster": run.cluster,
        "provider": run.provider,
        "model": run.model,
        "state": run.state,
        "answer": run.answer,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "events": [
            {"seq": record.seq, "at": record.at.isoformat(), **codec.encode(record.event)} for record in run.records
        ],
    }


def plain_listing(entries: Sequence[Entry]) -> str:
    """The list as JSON."""
    return json.dumps([codec.encode(entry) for entry in entries], indent=2, ensure_ascii=True)
