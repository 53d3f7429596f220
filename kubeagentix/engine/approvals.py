"""The desk at which a run's changes wait for a person's word, and no longer than a request is good for.

An answer comes from a Python call of a front end only: what the `approve=` of a run returns, or `Run.answer`. No text
of a model, a tool or a cluster gets here.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from kubeagentix import sync
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest, Approver, Grant, Proposal
from kubeagentix.domain.events import RunEvent, ToolApprovalAnswered, ToolApprovalRequested
from kubeagentix.engine.attempts import is_cancelled
from kubeagentix.engine.clock import Clock
from kubeagentix.errors import ApprovalError, UsageError, excerpt

NOBODY = "nobody can be asked here"
LATE = "no answer came in time"


def nobody(_: ApprovalRequest) -> ApprovalAnswer:
    """The approver of a run that has none: no answer, no change."""
    return ApprovalAnswer(decision="refused", by="", why=NOBODY)


async def by_answer(_: ApprovalRequest) -> ApprovalAnswer:
    """The approver of a run whose owner calls `Run.answer`, as buttons do."""
    await asyncio.Event().wait()
    raise AssertionError("it waits until it is cancelled")


class Grants:
    """What was approved for the rest of a conversation. They are in memory only, and expire."""

    def __init__(self) -> None:
        self._given: list[Grant] = []

    def add(self, grant: Grant) -> None:
        """Keeps one."""
        self._given.append(grant)

    def covering(self, proposal: Proposal) -> Grant | None:
        """One that allows this, if there is one."""
        return next((grant for grant in self._given if grant.covers(proposal)), None)


class Approvals:
    """The requests of one run. `ask` is the front end's; `emit` tells of every request and every answer."""

    def __init__(self, ask: Approver, emit: Callable[[RunEvent], None], clock: Clock) -> None:
        self._ask = ask
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()  # answers come from any thread
        self._open: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Future[ApprovalAnswer]]] = {}

    def answer(self, request_id: str, answer: ApprovalAnswer) -> None:
        """Takes an answer, from whatever thread. Raises UsageError where no such request waits for one."""
        if not isinstance(answer, ApprovalAnswer):
            raise UsageError(f"an answer is a kx.ApprovalAnswer, not {type(answer).__name__}")
        with self._lock:
            waiting = self._open.pop(request_id, None)
        if waiting is None:
            hint = "it was answered already, has expired, or the run is over"
            raise UsageError(f"no request {excerpt(request_id, 40)!r} waits for an answer", hint=hint)
        loop, future = waiting
        loop.call_soon_threadsafe(_set, future, answer)

    async def settle(self, request: ApprovalRequest) -> ApprovalAnswer:
        """Asks, and waits for the word. Request and answer are told as events, whatever comes."""
        self._emit(ToolApprovalRequested(request=request))
        answer = ApprovalAnswer(decision="refused", by="", why="the run was ended")
        try:
            with self._clock.standing_still():
                answer = await self._word(request)
        finally:
            self.tell(request, answer)
        return answer

    def tell(self, request: ApprovalRequest, answer: ApprovalAnswer) -> None:
        """Emits the answer's event."""
        self._emit(ToolApprovalAnswered(request_id=request.id, call_id=request.call.id, answer=answer))

    def tell_granted(self, request: ApprovalRequest, grant: Grant) -> None:
        """Tells of a change that an earlier answer allows: it is shown as any other."""
        self._emit(ToolApprovalRequested(request=request))
        why = f"approved for this session at {grant.given_at:%H:%M} UTC"
        self.tell(request, ApprovalAnswer(decision="always", by=grant.by, why=why))

    async def _word(self, request: ApprovalRequest) -> ApprovalAnswer:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ApprovalAnswer] = loop.create_future()
        with self._lock:
            self._open[request.id] = (loop, future)
        asking = asyncio.ensure_future(self._asked(request))
        try:
            left_s = (request.expires_at - datetime.now(UTC)).total_seconds()
            done, _ = await asyncio.wait({asking, future}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return ApprovalAnswer(decision="refused", by="", why=LATE)
            return _checked(request, (future if future in done else asking).result())
        finally:
            with self._lock:
                self._open.pop(request.id, None)
            asking.cancel()
            future.cancel()

    async def _asked(self, request: ApprovalRequest) -> ApprovalAnswer:
        """What the approver says; one that breaks has not said yes."""
        try:
            if inspect.iscoroutinefunction(self._ask):
                found = await self._ask(request)
            else:
                found = await sync.in_caller(lambda: self._ask(request))
                found = await found if inspect.isawaitable(found) else found
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            if is_cancelled(error):
                raise
            why = f"to ask failed: {type(error).__name__}: {excerpt(str(error), 160)}"
            return ApprovalAnswer(decision="refused", by="", why=why)
        if not isinstance(found, ApprovalAnswer):
            return ApprovalAnswer(decision="refused", by="", why=f"{type(found).__name__} is no answer")
        return found


def _set(future: asyncio.Future[ApprovalAnswer], answer: ApprovalAnswer) -> None:
    if not future.done():
        future.set_result(answer)


def _checked(request: ApprovalRequest, answer: ApprovalAnswer) -> ApprovalAnswer:
    """The answer as it counts: a late yes is none, and "always" is once where it cannot be more."""
    try:
        request.check(answer)
    except ApprovalError as error:
        return ApprovalAnswer(decision="refused", by=answer.by, why=answer.why or error.message)
    if answer.decision == "always" and not request.may_be_always:
        return ApprovalAnswer(decision="once", by=answer.by, why="this cannot be approved for more than once")
    return answer
