"""The engine: a question and a target go in, typed events come out. Chat and Quick Dx are two uses of it.

It holds a session's choice of provider and nothing of any one request: a provider is built for a run and for the
credential of that run, so that runs side by side cannot mix theirs up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Protocol

from kubeagentix import registry
from kubeagentix.anonymizing.border import Anonymizer
from kubeagentix.audit import AuditLog, audit_log
from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import Provider, ProviderPlugin, ToolContext, ToolPlugin
from kubeagentix.domain.changes import Approver
from kubeagentix.domain.diagnosis import Severity, Target
from kubeagentix.domain.events import (
    FindingReported,
    Listener,
    Notice,
    PartialFindings,
    ProgressEvent,
    RunFailed,
    RunFinished,
    RunRecord,
    StageChanged,
    silent,
)
from kubeagentix.domain.messages import Message
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.payloads import Payload
from kubeagentix.domain.secrets import Credential
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.engine import compaction, errands, prompt
from kubeagentix.engine.approvals import nobody
from kubeagentix.engine.attempts import raised
from kubeagentix.engine.changing import Changes
from kubeagentix.engine.conversation import Conversation, for_another_provider
from kubeagentix.engine.hiding import hidden_from, knowing
from kubeagentix.engine.plan import Plan, Prepare, Prepared
from kubeagentix.engine.recorder import Keeper
from kubeagentix.engine.results import Results
from kubeagentix.engine.run import Run
from kubeagentix.engine.selection import Candidate, Choice, candidates
from kubeagentix.engine.showing import first_payload
from kubeagentix.engine.tool_runner import ToolRunner
from kubeagentix.errors import UsageError
from kubeagentix.own_tools import tools as all_tools
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.redaction import Redactor, using
from kubeagentix.settings import Settings, load_settings, place_of
from kubeagentix.toolkit.arguments import load_soon
from kubeagentix.wire import catching

RESULT_SHARE = 0.05  # of a window: the most that one result takes
MAX_FINDINGS_REPORTED = 50
DEFAULTS = RunOptions()


class History(Protocol):
    """Where runs are kept."""

    def begin(
        self, *, run_id: str, question: str, conversation: Conversation, cluster: str, target: Target
    ) -> Keeper | None:
        """What keeps this run, or None for nothing."""
        ...


Seen = Callable[[Snapshot], None]  # is shown the picture that a diagnosis rests on
Diagnose = Callable[[Target, Listener, Seen | None], Awaitable[Diagnosis]]


class Engine:
    """Runs questions about one cluster (or a saved picture of one).

    `provider`, `model` and `credential` are the session's choice, `credentials` what it has for each provider, also for
    those that are asked after another failed; a run's own options go before them, the settings come after. `environ`
    stands for the process' environment, which is read anew for every run if None.
    """

    def __init__(
        self,
        source: Cluster | Snapshot,
        *,
        namespace: str | None = None,
        provider: str = "",
        model: str = "",
        credential: Credential | None = None,
        credentials: Mapping[str, Credential] | None = None,
        environ: Mapping[str, str] | None = None,
        plugins: Mapping[str, ProviderPlugin] | None = None,
        tools: Mapping[str, ToolPlugin] | None = None,
        diagnose: Diagnose | None = None,
        history: History | None = None,
    ) -> None:
        self.source = source
        self.namespace = namespace
        self.choice = Choice(provider=provider, model=model, credential=credential, credentials=dict(credentials or {}))
        self._environ = environ
        self._plugins = plugins
        self._tools = tools
        self._diagnose = diagnose
        self._history = history

    def __repr__(self) -> str:
        return f"Engine({self.source!r}, provider={self.choice.provider or 'the first configured'!r})"

    @property
    def place(self) -> str:
        """What the cluster is called: its context, or what the snapshot says."""
        return self.source.context if isinstance(self.source, Cluster) else self.source.cluster

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that the next run sees."""
        return os.environ if self._environ is None else self._environ

    @property
    def plugins(self) -> Mapping[str, ProviderPlugin]:
        """The providers by id."""
        return registry.providers() if self._plugins is None else self._plugins

    @property
    def tools(self) -> Mapping[str, ToolPlugin]:
        """The tools by name, one's own included."""
        return all_tools if self._tools is None else self._tools

    def candidates(self, options: RunOptions = DEFAULTS) -> list[Candidate]:
        """Whom a run with these options would try, in order. Raises UsageError and ProviderError."""
        settings = load_settings(self.environ)
        preferred = Choice(provider=settings.provider, model=settings.model, said_by=place_of("provider", self.environ))
        return candidates(options, (self.choice, preferred), self.plugins, self.environ)

    def begin(
        self,
        question: str,
        *,
        options: RunOptions = DEFAULTS,
        conversation: Conversation | None = None,
        diagnosis: Diagnosis | None = None,
        with_findings: bool = True,
        wants_answer: bool = False,
        variants: tuple[str, ...] = ("",),
        models_only: bool = False,
        approve: Approver = nobody,
    ) -> Run:
        """A run that starts when it is iterated over. Raises UsageError, and ProviderError where nobody can be asked.

        `with_findings`: Quick Dx runs first, and the model works from it (`diagnosis`, if one is at hand). `approve`:
        asks a person about each change, where the options allow changes; `by_answer` leaves that to `Run.answer`.
        """
        if not isinstance(options, RunOptions):
            raise UsageError(f"options= takes kx.RunOptions, not {type(options).__name__}", hint="or leave it out")
        if not isinstance(question, str):
            raise UsageError(f"a question is a text, not {type(question).__name__}", hint="put it in quotes")
        if not question.strip():
            raise UsageError("the question is empty", hint='ask something, as in "why is checkout failing?"')
        chosen = offered(self.tools, options)
        conversation = conversation if conversation is not None else Conversation()
        target = options.target or Target(namespace=self.namespace)
        anonymizer = conversation.anonymizer if self.is_anonymous(options, conversation) else None
        if anonymizer is not None and catching.current() is None:  # what is only shown binds nobody
            conversation.is_anonymous = True
        known = _Known(partial(self.quick_dx, seen=_shown_to(anonymizer)), diagnosis, target, conversation.redactor)
        moved, conversation.cluster = conversation.cluster not in ("", self.place), self.place
        prepare: Prepare = partial(
            _prepare,
            question,
            conversation,
            known,
            variants=variants,
            with_findings=with_findings,
            moved_to=self.place if moved else "",
        )
        if anonymizer is not None:
            deadline_s = load_settings(self.environ).deadline_s
            prepare = partial(knowing, prepare, anonymizer, self.source, target, deadline_s=deadline_s)
        plan = Plan(
            prepare=prepare,
            system=prompt.system_prompt(
                conversation.fence, has_answer_tool=wants_answer, allow_writes=options.allow_writes
            ),
            approve=approve,
            options=options,
            candidates=[item for item in self.candidates(options) if item.plugin.is_language_model or not models_only],
            build=hidden_from(self._build, anonymizer) if anonymizer is not None else self._build,
            make_runner=partial(
                self._runner,
                _Means(
                    tools=chosen,
                    known=known,
                    options=options,
                    conversation=conversation,
                ),
            ),
            tools=tuple(chosen),
            fence=conversation.fence,
            target=target,
            wants_answer=wants_answer,
            redactor=conversation.redactor,
        )
        run = Run(plan)
        if self._history is not None and catching.current() is None:  # what is only shown is not kept
            run.keeper = self._history.begin(
                run_id=run.id, question=question, conversation=conversation, cluster=self.place, target=target
            )
        return run

    async def payload(
        self,
        question: str,
        *,
        options: RunOptions = DEFAULTS,
        conversation: Conversation | None = None,
        with_findings: bool = True,
    ) -> Payload | None:
        """The first request that `stream` would send, and to whom; nothing is sent. None if no model is asked.

        Quick Dx runs first, as it would. Raises UsageError, ProviderError where nobody can be asked, and what reading
        a cluster raises.
        """
        begin = partial(self.begin, question, options=options, conversation=conversation, with_findings=with_findings)
        return await first_payload(begin, self.candidates(options))

    async def stream(
        self,
        question: str,
        *,
        options: RunOptions = DEFAULTS,
        conversation: Conversation | None = None,
        with_findings: bool = True,
        wants_answer: bool = False,
        approve: Approver = nobody,
    ) -> AsyncGenerator[RunRecord, None]:
        """The events of one run as they come, the last a RunFinished or RunFailed. To close it ends the run."""
        run = self.begin(
            question,
            options=options,
            conversation=conversation,
            with_findings=with_findings,
            wants_answer=wants_answer,
            approve=approve,
        )
        try:
            async with aclosing(run.__aiter__()) as records:
                async for record in records:
                    yield record
        finally:
            if conversation is not None and run.messages:
                conversation.extend(run.messages, run.evidence)

    async def run(
        self,
        question: str,
        *,
        options: RunOptions = DEFAULTS,
        conversation: Conversation | None = None,
        with_findings: bool = True,
        wants_answer: bool = False,
        told: Callable[[RunRecord], None] | None = None,
        approve: Approver = nobody,
    ) -> RunFinished:
        """Runs to the end and returns how it ended. Raises the error that it failed with."""
        records = self.stream(
            question,
            options=options,
            conversation=conversation,
            with_findings=with_findings,
            wants_answer=wants_answer,
            approve=approve,
        )
        async with aclosing(records) as events:
            async for record in events:
                if told is not None:
                    told(record)
                if isinstance(record.event, RunFinished):
                    return record.event
                if isinstance(record.event, RunFailed):
                    raise raised(record.event.error)
        raise AssertionError("a run ended without its terminal event")

    async def change(self, tool: str, arguments: Mapping[str, Any], *, approve: Approver = nobody) -> str:
        """Makes a change without a model: what the tool does with these arguments, once `approve` has said yes to it.

        As in `await engine.change("restart_rollout", {"name": "deploy/web"}, approve=…)`; what `approve` gets holds the
        API server's dry run. Returns what was done. Raises ApprovalError for a no, UsageError, ClusterError and kin.
        """
        return await errands.carry_out(
            self.tools, tool, arguments, self._context(self._diagnosed), approve=approve, audit=self._audit
        )

    async def _diagnosed(self, target: Target) -> Diagnosis:
        return await self.quick_dx(target, silent)

    def is_anonymous(self, options: RunOptions, conversation: Conversation | None = None) -> bool:
        """Whether names are hidden from the model in a run with these options, or as the conversation began."""
        if options.anonymize is not None:
            return options.anonymize
        return (conversation is not None and conversation.is_anonymous) or load_settings(self.environ).anonymize

    async def quick_dx(self, target: Target, listen: Listener, seen: Seen | None = None) -> Diagnosis:
        """What the analyzers say of `target`; no model is asked. Raises NotFoundError, ClusterError and their kin."""
        if self._diagnose is not None:
            return await self._diagnose(target, listen, seen)
        settings: Settings = load_settings(self.environ)
        return await pipeline.run(
            self.source, target, ignore=settings.ignore, deadline_s=settings.deadline_s, listen=listen, seen=seen
        )

    def _build(self, candidate: Candidate) -> Provider:
        return candidate.plugin.build(self.environ)

    def _runner(self, means: _Means, run: Run, candidate: Candidate) -> ToolRunner:
        if candidate.plugin.is_language_model and means.tools:
            load_soon()  # while it is asked
        return ToolRunner(
            means.tools,
            self._context(partial(means.known.ask, run), means.conversation.results),
            results=means.conversation.results,
            told=run.emit,
            max_calls=means.options.max_tool_calls,
            max_chars=int(candidate.plugin.context_tokens * RESULT_SHARE * compaction.CHARS_PER_TOKEN),
            changes=self._changes(means, run),
            withheld=frozenset(name for name, tool in self.tools.items() if is_withheld(tool, means.options)),
            redactor=means.conversation.redactor,
            is_quoted=means.conversation.fence.quotable.has_call,
        )

    def _changes(self, means: _Means, run: Run) -> Changes:
        return Changes(
            run_id=run.id,
            approvals=run.approvals,
            grants=means.conversation.grants,
            audit=self._audit,
            redactor=means.conversation.redactor,
        )

    def _context(
        self, diagnose: Callable[[Target], Awaitable[Diagnosis]], results: Results | None = None
    ) -> ToolContext:
        return ToolContext(
            source=self.source,
            namespace=self.namespace,
            diagnose=diagnose,
            results=results if results is not None else Results(),
            environ=self.environ,
        )

    @property
    def _audit(self) -> AuditLog:
        return audit_log(load_settings(self.environ).audit_log, self.environ)


def is_withheld(tool: ToolPlugin, options: RunOptions) -> bool:
    """Whether a run with these options may not use it: it changes something."""
    return tool.spec.effect == "write" and not options.allow_writes


def _shown_to(anonymizer: Anonymizer | None) -> Seen | None:
    return anonymizer.names.learn_snapshot if anonymizer is not None else None


def offered(tools: Mapping[str, ToolPlugin], options: RunOptions) -> dict[str, ToolPlugin]:
    """The tools that this run may use. Raises UsageError for names and patterns that no tool has."""
    named = (*(options.tools_allowed or ()), *options.tools_denied)
    unknown = next((name for name in named if not any(fnmatchcase(tool, name) for tool in tools)), None)
    if unknown is not None:
        raise UsageError(f"there is no tool {unknown!r}", hint=f"the tools are {', '.join(tools)}")
    return {
        name: plugin
        for name, plugin in tools.items()
        if (options.tools_allowed is None or _is_any_of(name, options.tools_allowed))
        and not _is_any_of(name, options.tools_denied)
        and not is_withheld(plugin, options)
    }


def _is_any_of(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class _Known:
    """Quick Dx of one run: done once per target, however often it is asked for."""

    def __init__(
        self,
        diagnose: Callable[[Target, Listener], Awaitable[Diagnosis]],
        given: Diagnosis | None,
        target: Target,
        redactor: Redactor,
    ) -> None:
        self.target = target
        self._redactor = redactor
        self._diagnose = diagnose
        self._found: dict[Target, Diagnosis] = {given.target: given, target: given} if given is not None else {}
        self._lock = asyncio.Lock()

    async def ask(self, run: Run, target: Target) -> Diagnosis:
        """The diagnosis of `target`, with its progress reported to `run`."""
        async with self._lock:
            if target not in self._found:
                with using(self._redactor):
                    self._found[target] = await self._diagnose(target, partial(_report, run))
            return self._found[target]


def _report(run: Run, event: ProgressEvent) -> None:
    if not isinstance(event, PartialFindings):  # a model waits for the answer
        run.emit(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Means:
    """What the attempts of one run share."""

    tools: Mapping[str, ToolPlugin]
    known: _Known
    options: RunOptions
    conversation: Conversation


async def _prepare(
    question: str,
    conversation: Conversation,
    known: _Known,
    run: Run,
    *,
    variants: tuple[str, ...],
    with_findings: bool,
    moved_to: str,
) -> Prepared:
    """What the model is told first; with findings, Quick Dx runs now (once a conversation), and reports."""
    earlier, masked = for_another_provider(conversation.messages), conversation.redactor.text
    if not with_findings or earlier:
        if earlier and moved_to:
            message = f"the conversation was about another cluster so far; now it is about {moved_to}"
            run.emit(Notice(code="other_cluster", message=message))
            question = f"{question}\n\n({prompt.MOVED})"
        firsts = {variant: (*earlier, Message.of("user", masked(question))) for variant in variants[:1]}
        return Prepared(firsts=firsts, evidence=conversation.evidence)
    diagnosis = await known.ask(run, known.target)
    serious = [item for item in diagnosis.findings if item.severity is not Severity.INFO]
    for finding in serious[:MAX_FINDINGS_REPORTED]:
        run.emit(FindingReported(finding=finding))
    run.emit(StageChanged(stage="ask", done=0, total=1))
    firsts = {
        variant: (prompt.first_message(question, diagnosis, masked, variant or prompt.FULL),) for variant in variants
    }
    evidence = {item.id: item for finding in diagnosis.findings for item in finding.evidence}
    return Prepared(firsts=firsts, evidence=evidence, diagnosis=diagnosis)
