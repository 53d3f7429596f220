"""A chat in a notebook: the engine's runs on one side, what shows them on the other, and a conversation over all cells.

A cell shows one answer as it comes, and then its report. An open chat stays: what is clicked and typed in it runs in
the background, also while no cell does. Both go on in the same conversation.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from kubeagentix import agent, asking, sync
from kubeagentix.agent import Reply
from kubeagentix.api import AUTO, Source
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest, Approver
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.payloads import Payload
from kubeagentix.engine.approvals import by_answer
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.run import Run
from kubeagentix.errors import KubeAgentiXError, UsageError
from kubeagentix.notebook import transcripts
from kubeagentix.notebook.choice import KubeAgentix
from kubeagentix.notebook.showing import Display, is_live
from kubeagentix.notebook.turns import Turn
from kubeagentix.notebook.view import View
from kubeagentix.notebook.widgets.chat import ChatView

DEAF = "Clicks do not reach the kernel while this cell runs: ■ in the toolbar stops it."
ASKED_BELOW = "Clicks do not reach the kernel while this cell runs: answer in the input field (VS Code: at the top)."
_COMMAND = re.compile(r"`(kubectl [^`\n]+)`|^[ \t]*(?:\$ )?(kubectl [^`\n]+)$", re.MULTILINE)
PUSH_S = 3.0  # how often a browser that cannot ask is sent all of it
KEEP_S = 4.0  # how often the file is brought up to date while an answer comes
DECISIONS = ("once", "always", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a question is asked, and with which options; the notebook's choice fills in what they leave open."""

    cluster: Source | None = None
    namespace: str | None = None
    options: RunOptions = field(default_factory=RunOptions)
    history: bool = True


class Chat:
    """A conversation about a cluster. In a cell of its own it is a field to ask in; `ask` asks from Python.

    `turns` are the questions with what came of them.
    """

    def __init__(self, choice: KubeAgentix, place: Place | None = None) -> None:
        self.choice = choice
        self.place = place if place is not None else Place()
        self.conversation = Conversation()
        self.turns: list[Turn] = []
        self.watchers: list[Callable[[], None]] = []  # are told when a turn has ended, and when all is begun anew
        self.views: list[View] = []  # that show all of it
        self.wanted_cell = ""  # what is to stand in the next cell
        self._lock = threading.Lock()
        self._turn: Turn | None = None  # that is under way
        self._run: Run | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self.turns)

    def __repr__(self) -> str:
        return f"<Chat of {len(self.turns)} questions>"

    def __str__(self) -> str:
        return self.to_markdown()

    def to_markdown(self) -> str:
        """All of it as Markdown: questions, tools, answers, evidence, and what ran."""
        return transcripts.markdown(self.turns)

    @property
    def under_way(self) -> Turn | None:
        """The turn that is being answered."""
        return self._turn

    @property
    def is_running(self) -> bool:
        """Whether an answer is under way."""
        return self._turn is not None

    def begin(self, question: str, *views: View) -> Turn:
        """A turn for this question, shown in these views and wherever all is shown. Raises UsageError.

        Only one is under way at a time, and `answered` ends it.
        """
        if not question.strip():
            raise UsageError("the question is empty", hint='ask something, as in "why is checkout failing?"')
        with self._lock:
            if self._turn is not None:
                raise UsageError("this chat is still answering", hint="stop that first, or wait for it")
            turn = Turn(self.turns[-1].number + 1 if self.turns else 1, question.strip(), [*views, *self.views])
            turn.is_verbose = self.choice.show_provider_debug
            turn.before = self.conversation.messages
            self._turn = turn
            self.turns.append(turn)
        for view in (*views, *self.views):
            view.set(running=True, doing="", hint="")
        return turn

    async def answered(self, turn: Turn, place: Place, approve: Approver) -> Reply:
        """Asks the question of a turn that has begun, and shows what comes. Raises what it failed with."""
        try:
            return await self._answered(turn, place, approve)
        except KubeAgentiXError as error:
            if turn.ended is None:
                turn.fail(error.message, error.hint)
            raise
        finally:
            with self._lock:
                self._turn = self._run = self._loop = None
            for view in turn.views:
                view.set(running=False, doing="")
                view.flush()
            for tell in self.watchers:
                tell()

    async def _answered(self, turn: Turn, place: Place, approve: Approver) -> Reply:
        conversation = self.conversation
        engine = agent.Engine(place.cluster, namespace=self._namespace(place), history=place.history)
        run = engine.begin(turn.question, options=self._options(place), conversation=conversation, approve=approve)
        with self._lock:
            self._loop, self._run = asyncio.get_running_loop(), run
            if turn.is_stopped:
                run.cancel()
        turn.known = lambda: {**conversation.evidence, **run.evidence}
        told = 0
        try:
            async with aclosing(run.__aiter__()) as records:
                async for record in records:
                    turn.diagnosis = run.diagnosis
                    turn.told(record.event)
                    told += 1
        finally:
            for record in run.records[told:]:  # of one that was cut short, which still says how it ended
                turn.told(record.event)
            if run.messages:
                conversation.extend(run.messages, run.evidence)
        return agent.reply_of(run.records, conversation)

    def _namespace(self, place: Place) -> str | None:
        if place.namespace is not None or place.cluster is not None or place.options.target is not None:
            return place.namespace
        return self.choice.namespace or None

    def _options(self, place: Place) -> RunOptions:
        """The options with the notebook's choice of whom to ask, where they leave it open."""
        given = place.options
        given = replace(given, credentials={**self.choice.credentials, **given.credentials})
        if given.credential is not None:
            return given
        whom = self.choice.whom(given.provider, given.model, otherwise=AUTO)
        name = "" if whom.provider == AUTO else whom.provider
        return replace(given, provider=name, model=whom.model, credential=whom.credential)

    def ask(self, question: str) -> Reply:
        """Asks, and waits for the answer, which is also shown where the chat is open."""
        return sync.run(self.answered(self.begin(question), self.place, asking.person()))

    def stop(self) -> None:
        """Ends what is under way, from any thread; what came so far stays."""
        with self._lock:
            turn, loop, run = self._turn, self._loop, self._run
            if turn is not None:
                turn.is_stopped = True  # also before there is a run
            if loop is not None and run is not None:
                loop.call_soon_threadsafe(run.cancel)

    def new(self) -> None:
        """Begins anew: the next question is the first."""
        if self.is_running:
            raise UsageError("this chat is still answering", hint="stop that first, or wait for it")
        self.conversation = Conversation()
        self.turns.clear()
        for view in self.views:
            view.clear()
        for tell in self.watchers:
            tell()

    def take_back(self) -> str:
        """Takes the last question out of the conversation, with its answer; what it was. Raises UsageError."""
        if self.is_running or not self.turns:
            raise UsageError("there is no question to take back", hint="ask one")
        turn = self.turns.pop()
        self.conversation.messages = turn.before
        for view in self.views:
            for name in turn.parts:
                view.drop(name)
        return turn.question

    def make_cell(self) -> None:
        """Puts the first command of the last answer into a new cell. Raises UsageError where there is none."""
        found = commands(self.turns[-1].text) if self.turns else []
        if not found:
            raise UsageError("the last answer holds no command", hint="ask how to mend it")
        next_cell(found[0])

    async def payload(self, question: str, place: Place) -> Payload | None:
        """The first request that asking this here would send, and to whom; None if no model would be asked."""
        engine = agent.Engine(place.cluster, namespace=self._namespace(place), history=False)
        return await engine.payload(question, options=self._options(place), conversation=self.conversation)

    def hear(self, intent: str, content: Mapping[str, Any]) -> None:
        """What was clicked where an answer is shown, on whatever thread."""
        if intent == "stop":
            self.stop()
        elif intent == "answer":
            self._answer(str(content.get("request")), str(content.get("decision")))
        elif intent == "cell":
            self.wanted_cell = str(content.get("text", ""))

    def _answer(self, request_id: str, decision: str) -> None:
        """A click on Approve, Deny or Always. One that comes too late finds nobody waiting."""
        run = self._run
        if run is not None and decision in DECISIONS:
            with suppress(UsageError):
                run.approvals.answer(request_id, ApprovalAnswer(decision=decision, by="notebook"))  # type: ignore[arg-type]


def in_cell(chat: Chat, question: str, place: Place) -> Coroutine[Any, Any, Reply]:
    """Asks in this cell: shows the answer as it comes, and then its report. The display is made by this very call."""
    view = ChatView(chat.hear, mode="cell") if is_live() else None
    turn = chat.begin(question, *([view] if view is not None else []))
    if view is not None:
        view.show(
            lambda: transcripts.so_far([turn]) if turn is chat.under_way else transcripts.bundle([turn]),
            until_heard=True,
        )
    return _in_cell(chat, turn, place, view)


async def _in_cell(chat: Chat, turn: Turn, place: Place, view: ChatView | None) -> Reply:
    if view is None:
        try:
            return await chat.answered(turn, place, asking.person())
        finally:
            Display(transcripts.bundle([turn]))
    beside = [asyncio.ensure_future(work) for work in (_tell_if_deaf(view), _keep_up(turn, view))]
    try:
        return await chat.answered(turn, place, clicked_in(view))
    finally:
        for work in beside:
            work.cancel()
        view.leave()
        if chat.wanted_cell:
            next_cell(chat.wanted_cell)
            chat.wanted_cell = ""


def clicked_in(view: View) -> Approver:
    """Who is asked about a change: whoever clicks in that view; where clicks do not arrive, below the cell."""

    async def ask(request: ApprovalRequest) -> ApprovalAnswer:
        if await view.is_heard_soon():
            return await by_answer(request)
        view.set(hint=ASKED_BELOW, is_deaf=True)
        view.flush()
        try:
            return await sync.in_caller(lambda: asking.at_notebook(request))
        finally:
            view.set(hint=DEAF)

    return ask


async def _keep_up(turn: Turn, view: ChatView) -> None:
    """Keeps in the file what is seen, now and then, and not while somebody is about to click on an answer."""
    kept, kept_at, was_asking = turn.heard, time.monotonic(), False
    while True:
        await asyncio.sleep(KEEP_S / 20)
        is_due = time.monotonic() - kept_at >= KEEP_S or (turn.is_asking and not was_asking)
        was_asking = turn.is_asking
        if is_due and turn.heard != kept:
            kept, kept_at = turn.heard, time.monotonic()
            view.refresh()


async def _tell_if_deaf(view: View) -> None:
    if await view.is_heard_soon():
        return
    view.set(hint=DEAF, is_deaf=True)
    while not view.is_heard:
        view.push()
        await view.is_heard_soon(PUSH_S)
    view.set(hint="", is_deaf=False)


def next_cell(text: str) -> None:
    """Puts this into a cell below, while a cell runs."""
    from IPython.core.getipython import get_ipython  # noqa: PLC0415  the magics' modules load without a shell

    shell: Any = get_ipython()
    if shell is not None:
        shell.set_next_input(as_cell(text))


def commands(markdown: str) -> list[str]:
    """The commands in an answer, in order: inline code, and lines of code blocks, that begin with kubectl."""
    return [(match[1] or match[2]).strip() for match in _COMMAND.finditer(markdown)]


def as_cell(command: str) -> str:
    """A shell command as the text of a cell."""
    lines = command.strip().splitlines()
    return f"!{lines[0]}" if len(lines) == 1 else "\n".join(["%%bash", *lines])
