"""The agent on one row of the table: its run, streamed into the row's details, with what ran at the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from kubeagentix.domain.diagnosis import OUTSIDE, Evidence, Finding, Target
from kubeagentix.domain.events import (
    Notice,
    RunFailed,
    RunFinished,
    RunRecord,
    StageChanged,
    TextDelta,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.messages import ToolCall
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.citations import ID
from kubeagentix.engine.conversation import Conversation
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.notebook.open_chat import OpenChat
from kubeagentix.notebook.turns import Turn
from kubeagentix.notebook.widgets.findings import evidence_part
from kubeagentix.report.rendering import Growing
from kubeagentix.report.text import clean_line, clean_piece

if TYPE_CHECKING:
    from kubeagentix.agent import Engine
    from kubeagentix.engine.run import Run
    from kubeagentix.notebook.chatting import Place
    from kubeagentix.notebook.choice import KubeAgentix
    from kubeagentix.notebook.view import View

MAX_ARGUMENT_CHARS = 160
ID_CHARS = 12  # of evidence


def question_about(finding: Finding) -> str:
    """What the agent is asked. Of the finding only what names it: the rest it reads itself, as what it is."""
    return (
        f"Why does {clean_line(str(finding.ref), 300)} have the problem {clean_line(finding.reason, 80)}? "
        "Check it with the tools, say what the cause is and how sure you are, and what to do next."
    )


def target_of(finding: Finding) -> Target:
    """What the agent looks at: the object, or its namespace where there is no such object to read."""
    ref = finding.ref
    if ref.kind in OUTSIDE:
        return Target(namespace=ref.namespace or None)
    return Target(namespace=ref.namespace or None, kind=ref.kind, name=ref.name)


class Explanation:
    """One run, shown as the parts `said-ID` (text), `run-ID` (calls, state, and what ran) and the evidence it cites.

    `chat` goes on from it, once it has ended.
    """

    def __init__(self, view: View, finding: Finding) -> None:
        self._view, self._finding = view, finding
        self._said = Growing()
        self._calls: dict[str, dict[str, str]] = {}
        self._cited: dict[str, Evidence] = {}
        self._conversation = Conversation()
        self._records: list[RunRecord] = []
        self._run: Run | None = None
        self._shown = ("", "")
        self.is_over = False  # and all that was said is in the conversation

    def chat(self, choice: KubeAgentix, place: Place) -> OpenChat:
        """A chat whose first question and answer these are."""
        chat = OpenChat(choice, place)
        chat.conversation = self._conversation
        turn = Turn(1, question_about(self._finding))
        turn.known = lambda: self._conversation.evidence
        for record in self._records:
            turn.told(record.event)
        chat.turns.append(turn)
        return chat

    async def run(self, engine: Engine, who: str) -> None:
        """Asks, and shows what comes, to whatever end. `who` is the provider that is asked first."""
        self._view.put({"id": f"said-{self._finding.id}", "html": "", "tail": ""})
        self._show("running", f"asking {clean_line(who, 60)} …")
        try:
            await self._asked(engine)
            self.is_over = True
            self._show(*self._shown)
        except asyncio.CancelledError:
            self._show("stopped", "stopped")
            raise
        except KubeAgentiXError as error:
            self._show("failed", f"not explained: {clean_line(str(error), 600)}")

    async def _asked(self, engine: Engine) -> None:
        options, conversation = RunOptions(target=target_of(self._finding)), self._conversation
        self._run = run = engine.begin(question_about(self._finding), options=options, conversation=conversation)
        stream: AsyncGenerator[RunRecord, None] = run.__aiter__()
        try:
            async with aclosing(stream) as records:
                async for record in records:
                    self._hear(record)
        finally:
            self._records = [*run.records]
            if run.messages:
                conversation.extend(run.messages, run.evidence)

    def _hear(self, record: RunRecord) -> None:
        event = record.event
        if isinstance(event, TextDelta):
            self._say(event.text)
        elif isinstance(event, ToolCallReady):
            self._say("\n\n" if self._said.text else "")
            self._calls[event.call.id] = _call(event.call, "running", "")
            self._show("running", f"{clean_line(event.call.name, 60)} …")
        elif isinstance(event, ToolCallFinished):
            state = "failed" if event.result.is_error else "done"
            self._calls[event.call.id] = _call(event.call, state, f"{event.result.elapsed_s:.1f} s")
            self._show("running", "thinking …")
        elif isinstance(event, StageChanged):
            self._show("running", clean_line(f"{event.stage} {event.done}/{event.total} {event.detail}", 120))
        elif isinstance(event, Notice):
            self._show("running", clean_line(event.message, 300))
        elif isinstance(event, RunFailed):
            self._show("failed", f"not explained: {clean_line(_failure(event), 600)}")
        elif isinstance(event, RunFinished):
            self._end(event)

    def _end(self, ended: RunFinished) -> None:
        from kubeagentix.agent import describe  # noqa: PLC0415  only where a model is asked

        if not self._said.text.strip():
            self._say(ended.text)
        self._show("done", clean_line(describe(ended), 400))

    def _say(self, text: str) -> None:
        if text:
            clean, before = clean_piece(text), self._said.text[-ID_CHARS:]
            self._cite(before + clean)
            self._said.add(clean)
            self._view.grow(f"said-{self._finding.id}", partial(self._said.take, self._cited))

    def _cite(self, text: str) -> None:
        """Shows the evidence that is named in it, where there is such."""
        known = self._run.evidence if self._run is not None else {}
        for name in ID.findall(text):
            if name in known and name not in self._cited:
                self._cited[name] = known[name]
                self._view.put(evidence_part(known[name]))

    def _show(self, state: str, ran: str) -> None:
        self._shown = (state, ran)
        self._view.put(
            {
                "id": f"run-{self._finding.id}",
                "state": state,
                "ran": ran,
                "calls": [*self._calls.values()],
                "goes_on": self.is_over and state == "done",
            }
        )


def _call(call: ToolCall, state: str, seconds: str) -> dict[str, str]:
    return {
        "name": clean_line(call.name, 80),
        "arguments": _short(call.arguments) or clean_line(call.malformed, MAX_ARGUMENT_CHARS),
        "state": state,
        "seconds": seconds,
    }


def _short(arguments: Mapping[str, Any]) -> str:
    return (
        clean_line(json.dumps(dict(arguments), ensure_ascii=False, default=str), MAX_ARGUMENT_CHARS)
        if arguments
        else ""
    )


def _failure(event: RunFailed) -> str:
    return f"{event.error.message}; {event.error.hint}" if event.error.hint else event.error.message
