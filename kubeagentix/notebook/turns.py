"""One question of a chat and what comes of it: parts in the order of its run's events, for widgets and reports alike.

Foreign words are cleaned on the way in: nothing in a part can steer a terminal or reorder a line. What streams grows
in each view that shows the turn; the whole of it is kept here, for a view that comes later and for the static report.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, assert_never

from kubeagentix import agent
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding
from kubeagentix.domain.events import (
    FindingReported,
    Notice,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    StageChanged,
    TextDelta,
    ThinkingDelta,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.messages import Message, ToolCall
from kubeagentix.engine.approvals import LATE
from kubeagentix.engine.citations import ID
from kubeagentix.notebook import ran
from kubeagentix.notebook.suggesting import suggestions
from kubeagentix.notebook.view import Part, View
from kubeagentix.report.rendering import Growing
from kubeagentix.report.text import clean_block, clean_line, clean_piece

QUIET = ("attempt",)  # notices that stand in the line of what ran anyway
RESULT_LINES, RESULT_CHARS = 400, 20_000  # of a tool's answer that are shown
LISTED = 8  # pieces of evidence that are offered below one tool call
WHOLE = 1_000_000  # lines, characters: what somebody is asked to approve is shown whole
ID_CHARS = 12


class Turn:
    """A question, and what came of it so far. `told` takes the events of its run, in order.

    `parts` are by id, in order: kinds are question, findings, thinking, text, tool, approval, notice, ran, error.
    `cited` is the evidence that is named in it.
    """

    def __init__(self, number: int, question: str, views: Iterable[View] = ()) -> None:
        self.number = number
        self.question = question
        self.parts: dict[str, Part] = {}
        self.cited: dict[str, Evidence] = {}
        self.ended: RunFinished | RunFailed | None = None
        self.diagnosis: Diagnosis | None = None
        self.known: Callable[[], Mapping[str, Evidence]] = dict  # what may be cited by now
        self.is_verbose = False  # also lists who was asked
        self.is_stopped = False  # somebody does not want the answer any more
        self.before: tuple[Message, ...] = ()  # what the conversation was before it
        self.heard = 0  # how many events
        self.views = [*views]
        self._lock = threading.RLock()  # what comes is told on one thread, and shown anew on another
        self._streams: dict[str, list[tuple[View, Growing]]] = {}
        self._put("question", "question", text=clean_block(question, max_lines=WHOLE, max_chars=WHOLE))

    @property
    def text(self) -> str:
        """What was answered, as Markdown."""
        return "\n\n".join(part["markdown"] for part in self.parts.values() if part["kind"] == "text").strip()

    @property
    def is_asking(self) -> bool:
        """Whether somebody is asked about a change."""
        return any(part["kind"] == "approval" and part["state"] == "open" for part in self.parts.values())

    def show_in(self, view: View) -> None:
        """Shows all of it in one more view, which then follows it."""
        with self._lock:
            self.views.append(view)
            for item in self.cited.values():
                view.put(_shown(item))
            for part in self.parts.values():
                self._send(part, view)

    def told(self, event: RunEvent) -> None:
        """Takes the next event."""
        with self._lock:
            self.heard += 1
            self._take(event)

    def _take(self, event: RunEvent) -> None:  # noqa: PLR0912  one line for each kind of event
        match event:
            case TextDelta():
                self._grow("text", event.text)
            case ThinkingDelta():
                self._grow("thinking", event.text)
            case ToolCallReady():
                self._put(event.call.id, "tool", state="running", **_call(event.call))
            case ToolCallFinished():
                self._tool_finished(event)
            case ToolApprovalRequested():
                self._put(event.request.id, "approval", **_request(event.request))
                self._doing("waiting for your answer")
            case ToolApprovalAnswered():
                self._change(event.request_id, **_answer(event.answer))
            case FindingReported():
                self._found(event.finding)
            case StageChanged():
                count = f" {event.done}/{event.total}" if event.total > 1 else ""
                stage = "asking the model" if event.stage == "ask" else f"{event.stage}{count}"
                self._doing(clean_line(f"{stage} {event.detail}", 100))
            case Notice():
                if event.code not in QUIET:
                    self._put(f"notice-{len(self.parts)}", "notice", text=clean_line(event.message, 600))
            case RunStarted():
                self._doing("reading the cluster")
            case RunFinished() | RunFailed():
                self._end(event)
            case _:
                assert_never(event)

    def fail(self, message: str, hint: str = "") -> None:
        """It ended before anything ran."""
        self._put("error", "error", text=clean_line(message, 2000), hint=clean_line(hint))
        self._flush()

    def _id(self, name: str) -> str:
        return f"{self.number}.{name}"

    def _put(self, name: str, kind: str, /, **content: Any) -> None:
        part = {"id": self._id(name), "kind": kind, **content}
        self.parts[part["id"]] = part
        for view in self.views:
            self._send(part, view)

    def _change(self, name: str, /, **content: Any) -> None:
        before = self.parts.get(self._id(name))
        if before is not None:
            rest = {key: value for key, value in before.items() if key not in ("id", "kind")}
            self._put(name, before["kind"], **{**rest, **content})

    def _send(self, part: Part, view: View) -> None:
        if "markdown" not in part:
            view.put(part)
            return
        text = Growing()
        text.add(part["markdown"])
        done, tail = text.take(self.cited)
        view.put({"id": part["id"], "kind": part["kind"], "html": done, "tail": tail})
        self._streams.setdefault(part["id"], []).append((view, text))

    def _grow(self, kind: str, piece: str) -> None:
        """More of what streams: goes on in the last part if that is of this kind, else begins one."""
        last = next(reversed(self.parts.values()))
        if last["kind"] != kind:
            self._put(f"{kind}-{len(self.parts)}", kind, markdown="")
            last = next(reversed(self.parts.values()))
            self._doing("thinking" if kind == "thinking" else "answering")
        clean = clean_piece(piece)
        before, last["markdown"] = last["markdown"], last["markdown"] + clean
        if "e-" in (near := before[-ID_CHARS:] + clean):
            self._cite(ID.findall(near))
        for view, text in self._streams.get(last["id"], ()):
            text.add(clean)
            view.grow(last["id"], partial(text.take, self.cited))

    def _cite(self, names: Iterable[str]) -> list[str]:
        """Shows evidence of these ids, where there is such; those that there are."""
        known = self.known()
        found = [name for name in dict.fromkeys(names) if name in known or name in self.cited]
        for name in found:
            if name not in self.cited:
                self.cited[name] = known[name]
                for view in self.views:
                    view.put(_shown(known[name]))
        return found

    def _tool_finished(self, event: ToolCallFinished) -> None:
        result = event.result
        self._put(
            event.call.id,
            "tool",
            **_call(event.call),
            state="failed" if result.is_error else "done",
            seconds=round(result.elapsed_s, 1),
            result=clean_block(result.content, max_lines=RESULT_LINES, max_chars=RESULT_CHARS),
            evidence=self._offer(result.evidence),
        )
        self._doing("thinking")

    def _offer(self, evidence: Sequence[Evidence]) -> list[str]:
        """Shows the first pieces of evidence; their ids."""
        for item in evidence[:LISTED]:
            if item.id not in self.cited:
                self.cited[item.id] = item
                for view in self.views:
                    view.put(_shown(item))
        return [item.id for item in evidence[:LISTED]]

    def _found(self, finding: Finding) -> None:
        told = {
            "title": clean_line(finding.title, 200),
            "severity": finding.severity.value,
            "object": clean_line(str(finding.ref), 200),
            "evidence": self._offer(finding.evidence[:3]),
        }
        listed = self.parts.get(self._id("findings"), {}).get("findings", [])
        self._put("findings", "findings", findings=[*listed, told])

    def _doing(self, what: str) -> None:
        for view in self.views:
            view.set(doing=what)

    def _end(self, event: RunFinished | RunFailed) -> None:
        self.ended = event
        for part in [part for part in self.parts.values() if part.get("state") == "running"]:
            self._change(part["id"].partition(".")[2], state="stopped")
        if isinstance(event, RunFailed):
            self._put("error", "error", text=clean_line(event.error.message, 2000), hint=clean_line(event.error.hint))
            self._flush()
            return
        self._put(
            "ran",
            "ran",
            text=clean_line(agent.describe(event)),
            ended=event.reason,
            copy=self.text,
            attempts=[ran.line(item) for item in event.attempts] if self.is_verbose else [],
            suggestions=suggestions(self.text, self.diagnosis) if event.reason == "stop" else [],
        )
        self._flush()

    def _flush(self) -> None:
        for view in self.views:
            view.flush()


def _call(call: ToolCall) -> dict[str, Any]:
    """A tool call: its name, its arguments on one line, and in full."""
    short = ", ".join(f"{key}={value}" for key, value in call.arguments.items())
    full = json.dumps(dict(call.arguments), indent=2, ensure_ascii=False, default=str) if call.arguments else ""
    return {
        "name": clean_line(call.name, 80),
        "arguments": clean_line(short, 200),
        "full": clean_block(full, max_lines=RESULT_LINES, max_chars=RESULT_CHARS),
    }


def _request(request: ApprovalRequest) -> dict[str, Any]:
    ref = request.ref
    return {
        "state": "open",
        "request": request.id,
        "summary": clean_line(request.summary, WHOLE),
        "cluster": clean_line(ref.cluster, 200) if ref is not None else "",
        "diff": clean_block(request.diff, max_lines=WHOLE, max_chars=WHOLE),
        "may_be_always": request.may_be_always,
        "expires_at": int(request.expires_at.timestamp() * 1000),
    }


def _answer(answer: ApprovalAnswer) -> dict[str, str]:
    states = {"once": "approved", "always": "always", "refused": "expired" if answer.why == LATE else "refused"}
    return {"state": states[answer.decision], "why": clean_line(answer.why, 300)}


def _shown(evidence: Evidence) -> Part:
    """A piece of evidence as a part, which is opened where it is cited."""
    return {
        "id": evidence.id,
        "kind": "evidence",
        "object": clean_line(str(evidence.ref), 200),
        "source": evidence.source,
        "locator": clean_line(evidence.locator, 200),
        "summary": clean_line(evidence.summary, 600),
        "excerpt": clean_block(evidence.excerpt),
    }
