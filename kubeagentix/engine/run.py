"""One run: turns of model → tool calls → results → model, until there is an answer or a limit ends it.

Providers are tried one after the other until one answers; each attempt begins with the same messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import cast

from kubeagentix import telemetry
from kubeagentix.contracts import Provider
from kubeagentix.domain.answers import Answer, Attempt
from kubeagentix.domain.changes import REQUEST_S, ApprovalAnswer, Decision
from kubeagentix.domain.diagnosis import Diagnosis, Evidence
from kubeagentix.domain.events import (
    Ending,
    Failure,
    ModelEvent,
    Notice,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    TextDelta,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.messages import Message, ToolCall, ToolResult, Usage
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.engine import compaction, prompt
from kubeagentix.engine.answers import ANSWER_TOOL, read_answer
from kubeagentix.engine.approvals import Approvals
from kubeagentix.engine.attempts import failure_of, is_cancelled, translating
from kubeagentix.engine.citations import unknown
from kubeagentix.engine.clock import Clock
from kubeagentix.engine.limits import LIMITS, why_last
from kubeagentix.engine.masking import masked
from kubeagentix.engine.plan import Asked, Plan, Prepared
from kubeagentix.engine.pricing import priced
from kubeagentix.engine.recorder import Recorder
from kubeagentix.engine.selection import Candidate
from kubeagentix.engine.telling import in_words
from kubeagentix.engine.tool_runner import ToolRunner
from kubeagentix.engine.turn import Turn, take_turn
from kubeagentix.errors import (
    ContextWindowError,
    KubeAgentiXError,
    MalformedAnswerError,
    ModelTimeoutError,
    RefusedError,
)
from kubeagentix.wire.markup import MarkupParser

SHRINKS = 4  # times that a request which its server finds too long is made half as long
RECEIVED = "The answer is received. End your turn now, without another word."


class Run(Recorder):
    """A run under way: iterate over it for its records, or cancel it. `records` holds all so far."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._messages: tuple[Message, ...] = ()
        self.diagnosis: Diagnosis | None = None
        self._plan = plan
        self._prepared: Prepared | None = None
        self._runners: list[ToolRunner] = []  # one for each attempt
        self._clock = Clock()
        self.approvals = Approvals(plan.approve, self.emit, self._clock)
        self._attempts: list[Attempt] = []
        self._current: Candidate | None = None
        self._label = ""
        self._model = ""
        self._usage = Usage()
        self._under_way = Usage()  # of the model call that is not over yet
        self._turns = 0
        self._answer: Answer | None = None
        self._built: Provider | None = None  # the first candidate's
        self._is_compacted = False
        self._has_shorter = False
        self._ran: list[tuple[ToolCall, ToolResult]] = []  # in the middle of the turn that goes on
        self._told: dict[str, ToolCall] = {}  # tool calls that were told of, by id

    def emit(self, event: RunEvent) -> None:
        """Records an event, with foreign words in it masked."""
        super().emit(masked(event, self._plan.redactor))

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation up to the last whole turn."""
        return self._messages

    @messages.setter
    def messages(self, messages: tuple[Message, ...]) -> None:
        self._messages = messages
        if self.keeper is not None:
            self.keeper.said(messages, self.evidence)

    @property
    def evidence(self) -> dict[str, Evidence]:
        """Everything that the model was shown and may cite, by id."""
        begun = self._prepared.evidence if self._prepared is not None else {}
        return {**begun, **(self._runners[-1].evidence if self._runners else {})}

    def answer(self, request_id: str, decision: Decision, *, by: str = "caller", why: str = "") -> None:
        """Answers a ToolApprovalRequested of this run, from any thread. Raises UsageError where it does not wait."""
        self.approvals.answer(request_id, ApprovalAnswer(decision=decision, by=by, why=why))

    async def _work(self) -> None:
        with telemetry.run() as span:
            try:
                await self._to_the_end()
            finally:
                ended = self.records[-1].event
                if isinstance(ended, RunFinished | RunFailed):
                    span.ended(ended)

    async def _to_the_end(self) -> None:
        deadline = self._clock.deadline = asyncio.timeout(self._plan.options.deadline_s)
        try:
            async with deadline:
                await self._try_all()
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # whatever breaks, there is a terminal event
            if is_cancelled(error):
                self._cut_short("cancelled", "it was cancelled")
                raise
            if isinstance(error, TimeoutError) and deadline.expired():
                self._cut_short("deadline", "the time was up")
            else:
                self._fail(failure_of(error, self._current))
        finally:  # whatever else it was
            self._fail(Failure(code="internal", message="the run was torn down"))

    async def _try_all(self) -> None:
        """Every candidate in turn, each with shorter prompts where a long one was the trouble."""
        first = self._plan.candidates[0]
        self.emit(
            RunStarted(
                provider=first.plugin.id,
                model=first.model,
                credential_source=first.source,
                tools=self._plan.tools,
                target=self._plan.target,
            )
        )
        with suppress(Exception):  # the attempt itself will tell
            self._built = self._plan.build(first) if first.error is None else None  # it imports its client meanwhile
        prepared = self._prepared = await self._plan.prepare(self)
        self.diagnosis = prepared.diagnosis
        last: KubeAgentiXError | None = None
        for candidate in self._plan.candidates:
            for variant, messages in prepared.firsts.items():
                label = f"{variant} {candidate.label}".strip()
                self._has_shorter = variant != list(prepared.firsts)[-1]
                try:
                    await self._attempt(candidate, messages, label)
                except KubeAgentiXError as error:
                    last = error
                    self._record_failure(candidate, label, error)
                    if self._text:
                        raise
                    if not isinstance(error, ContextWindowError | ModelTimeoutError | MalformedAnswerError):
                        break  # a shorter question would fare no better
                else:
                    return
        raise last or KubeAgentiXError("no provider could be asked")

    def _record_failure(self, candidate: Candidate, label: str, error: KubeAgentiXError) -> None:
        failure = failure_of(error, candidate)
        words = f"{failure.message}; {failure.hint}" if failure.hint else failure.message
        self._attempts.append(_attempt(candidate, label, self._model, error=failure.code, message=words))
        is_last = candidate is self._plan.candidates[-1]
        if not self._text and not is_last:
            self.emit(Notice(code="attempt_failed", message=f"{label} ({candidate.plugin.id}): {words}"))

    async def _attempt(self, candidate: Candidate, messages: tuple[Message, ...], label: str) -> None:
        self._current, self._label, self._model = candidate, label, candidate.model
        if candidate.error is not None:
            raise candidate.error
        who = f"{candidate.plugin.id} / {candidate.model}" if candidate.model else candidate.plugin.id
        self.emit(Notice(code="attempt", message=f"{label}: {who}, credential from {candidate.source}"))
        with translating(candidate):
            built = self._built if candidate is self._plan.candidates[0] else None
            provider = built if built is not None else self._plan.build(candidate)
        runner = self._plan.make_runner(self, candidate)
        self._runners.append(runner)
        self.messages = messages
        await self._turn_by_turn(Asked(candidate=candidate, provider=provider, runner=runner))

    async def _turn_by_turn(self, asked: Asked) -> None:
        options, runner, idle = self._plan.options, asked.runner, 0
        for number in range(1, options.max_turns + 1):
            ending = self._why_last(number, runner, idle)
            if ending and number > 1:
                self.emit(Notice(code="last_turn", message=f"{LIMITS[ending]}; the model is asked for its answer"))
            turn = await self._turn(asked, is_last=bool(ending))
            self._turns += 1
            answer = turn.answer(self.evidence)
            is_over = answer is not None or not turn.calls or bool(ending)
            self.messages = (*self.messages, *self._run_meanwhile(), *(turn.said if is_over else turn.messages))
            if is_over:
                self._leave_out(turn)
                await self._conclude(asked, turn, answer, ending or "stop")
                return
            repeats = runner.repeats
            results = await runner.run_all(turn.calls)
            self.messages = (*self.messages, Message(role="tool", parts=results, at=datetime.now(UTC)))
            idle = idle + 1 if runner.repeats - repeats == len(turn.calls) else 0

    def _why_last(self, number: int, runner: ToolRunner, idle: int) -> Ending | None:
        return why_last(
            self._plan.options,
            turn=number,
            is_exhausted=runner.is_exhausted,
            idle=idle,
            tokens=self._usage.total_tokens,
            elapsed_s=self._clock.elapsed_s,
        )

    async def _turn(self, asked: Asked, *, is_last: bool) -> Turn:
        """One model call, asked again with less where its server says that it was too much."""
        plugin, shrink = asked.candidate.plugin, 1
        while True:
            request = self._request(asked, is_last=is_last)
            budget = compaction.budget_of(plugin.context_tokens, request.max_output_tokens) // shrink
            budget -= compaction.size_of((), request.system, request.tools)
            messages = compaction.compacted(request.messages, budget)
            if messages != request.messages and not self._is_compacted:
                self._is_compacted = True
                self.emit(Notice(code="compacted", message="earlier results were shortened, to stay within the window"))
            try:
                with telemetry.model_call(plugin.id, request.model, self._label) as call, translating(asked.candidate):
                    turn = await self._ask(asked, replace(request, messages=messages))
                    call.used(turn.usage, turn.model)
                    self._model = turn.model or self._model
            except ContextWindowError:
                shrink *= 2
                is_new = len(self.messages) == 1 and self._has_shorter  # then the whole question is put shorter
                if is_new or shrink > 2**SHRINKS or self._text:
                    raise
                self.emit(Notice(code="too_long", message="the model finds the request too long; asking with less"))
                continue
            finally:
                self._usage += priced(self._under_way, plugin.prices, self._model)
                self._under_way = Usage()
            return _not_refused(turn, asked.candidate)

    def _spend(self, usage: Usage) -> None:
        self._under_way = usage

    async def _ask(self, asked: Asked, request: ModelRequest) -> Turn:
        candidate = asked.candidate
        assert candidate.credential is not None
        if candidate.plugin.is_language_model:
            request = replace(request, messages=self._plan.fence.messages(request.messages, self.evidence))
        offered = tuple(tool.name for tool in request.tools if request.may_call or tool.name == request.must_call)
        stream = cast("AsyncGenerator[ModelEvent, None]", asked.provider.stream(request, candidate.credential))
        async with aclosing(stream) as events:
            parser = MarkupParser(offered) if candidate.plugin.is_language_model else None
            return await take_turn(
                events,
                self.emit,
                parser,
                self._told,
                spend=self._spend,
                fence=self._plan.fence,
                issued=lambda: self.evidence,
            )

    def _request(self, asked: Asked, *, is_last: bool) -> ModelRequest:
        options, candidate, runner = self._plan.options, asked.candidate, asked.runner
        plugin = candidate.plugin
        # An API is told that its tools are not to be called; to take them away would spoil its cache and its thinking.
        is_withheld = plugin.tool_calls == "none" or (is_last and plugin.tool_calls != "native")
        tools = () if is_withheld else tuple(tool.spec for tool in runner.tools.values())
        messages = self.messages
        if is_last and messages[-1].role != "user" and plugin.is_language_model:
            messages = (*messages, Message.of("user", prompt.LAST_TURN))
        if self._plan.wants_answer and plugin.tool_calls != "none" and plugin.is_language_model:
            tools = (*tools, ANSWER_TOOL)
        return ModelRequest(
            model=candidate.model,
            system=self._plan.system,
            messages=messages,
            tools=tools,
            may_call=not is_last,
            must_call=ANSWER_TOOL.name if is_last and ANSWER_TOOL in tools else "",
            final_tool=ANSWER_TOOL.name if ANSWER_TOOL in tools else "",
            thinking=options.thinking,
            temperature=options.temperature,
            deadline_s=max(1.0, options.deadline_s - self._clock.elapsed_s),
            patience_s=REQUEST_S * options.max_tool_calls if options.allow_writes else 0.0,
            max_turns=max(1, options.max_turns - self._turns),
            run_tool=partial(self._run_tool, runner),
        )

    async def _run_tool(self, runner: ToolRunner, call: ToolCall) -> ToolResult:
        """A call from the middle of a model call, of a provider whose own client asks for tools."""
        if call.id not in self._told:
            self._told[call.id] = call
            self.emit(ToolCallReady(call=call))
        if call.name == ANSWER_TOOL.name:
            return ToolResult(call_id=call.id, tool_name=call.name, content=RECEIVED, is_own=True)
        result = await runner.run(call)
        self._ran.append((call, result))
        return self._plan.fence.result(result, self.evidence)

    def _run_meanwhile(self) -> tuple[Message, ...]:
        """The calls that ran in the middle of the turn that just ended, with their results, for the history."""
        if not self._ran:
            return ()
        calls, results = zip(*self._ran, strict=True)
        self._ran.clear()
        return Message(role="assistant", parts=calls), Message(role="tool", parts=results)

    def _leave_out(self, turn: Turn) -> None:
        """Tells of the calls that are not run: what was announced has an end."""
        for call in (*turn.calls, *((turn.submitted,) if turn.submitted is not None else ())):
            is_answer = call is turn.submitted
            said = RECEIVED if is_answer else "The run is over: this call was not made."
            result = ToolResult(call_id=call.id, tool_name=call.name, content=said, is_error=not is_answer, is_own=True)
            self.emit(ToolCallFinished(call=call, result=result))

    async def _conclude(self, asked: Asked, turn: Turn, answer: Answer | None, ending: Ending) -> None:
        """The end of a run that got to one: a model that said nothing is asked once more."""
        if answer is None and not turn.text.strip() and not self.text.strip():
            self.messages = (*self.messages, Message.of("user", prompt.NUDGE))
            turn = await self._turn(asked, is_last=True)
            self._turns += 1
            self.messages = (*self.messages, *turn.said)
            self._leave_out(turn)
            answer = turn.answer(self.evidence)
        if answer is None and self._plan.wants_answer:
            answer = read_answer(turn.text or self.text, self.evidence, self._plan.fence.quotable.has_answer)
        if answer is None and turn.stop_reason == "max_tokens":
            ending = "max_tokens"
            self.emit(Notice(code="cut_off", message="the answer was cut off: it is as long as the model may write"))
        if answer is not None:
            self._take(answer, turn)
        elif made_up := unknown(self.text, self.evidence):
            message = f"cited in the answer, and no such evidence exists: {', '.join(made_up)}"
            self.emit(Notice(code="citations_struck", message=message))
        elif not self.text.strip():
            self.emit(Notice(code="no_answer", message=f"{asked.candidate.plugin.id} gave no answer"))
        self._attempts.append(_attempt(asked.candidate, self._label, self._model))
        if self.keeper is not None:
            await self.keeper.kept()  # so that what could not be kept is told before the end
        self._finish(ending)

    def _take(self, answer: Answer, turn: Turn) -> None:
        """Keeps a structured answer, tells what was struck from it, and says it in words if nothing else did."""
        self._answer = answer
        if answer.struck:
            message = f"struck from the answer, as no such evidence exists: {', '.join(answer.struck)}"
            self.emit(Notice(code="citations_struck", message=message))
        if not turn.text.strip():
            self.emit(TextDelta(text=in_words(answer)))

    def _cut_short(self, reason: Ending, message: str) -> None:
        """The end of a run in the middle of an attempt, which is recorded as well."""
        if self._current is not None:
            self._attempts.append(_attempt(self._current, self._label, self._model, error=reason, message=message))
        self._finish(reason)

    def _finish(self, reason: Ending) -> None:
        current = self._current
        self.emit(
            RunFinished(
                reason=reason,
                provider=current.plugin.id if current else "",
                model=self._model,
                attempt=self._label,
                credential_source=current.source if current else "",
                usage=self._usage,
                elapsed_s=self._clock.elapsed_s,
                tool_calls=sum(runner.calls for runner in self._runners),
                turns=self._turns,
                text=self.text,
                answer=self._answer,
                attempts=tuple(self._attempts),
            )
        )

    def _fail(self, failure: Failure) -> None:
        elapsed_s = self._clock.elapsed_s
        self.emit(RunFailed(error=failure, attempts=tuple(self._attempts), usage=self._usage, elapsed_s=elapsed_s))


def _attempt(candidate: Candidate, label: str, model: str, *, error: str = "", message: str = "") -> Attempt:
    return Attempt(
        label=label,
        provider=candidate.plugin.id,
        model=model,
        credential_source=candidate.source,
        error=error,
        message=message,
    )


def _not_refused(turn: Turn, candidate: Candidate) -> Turn:
    if turn.stop_reason == "refused":
        what = f"{turn.model or candidate.model or candidate.plugin.id} refuses to answer this"
        hint = "put the question in other words, or use another provider"
        raise RefusedError(what, hint=hint, provider=candidate.plugin.id)
    return turn
