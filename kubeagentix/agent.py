"""Asking models from Python: `kx.Engine`, `kx.chat`, and the providers as `kx.providers`."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

from kubeagentix import api, asking, registry, sync
from kubeagentix.api import AUTO, CredentialLike, Demo, Source, credential_of
from kubeagentix.arguments import check_names
from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ProviderPlugin
from kubeagentix.domain.answers import Answer
from kubeagentix.domain.changes import Approver
from kubeagentix.domain.diagnosis import Diagnosis, ResourceRef, Target
from kubeagentix.domain.events import Listener, RunFailed, RunFinished, RunRecord, silent
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.payloads import Payload
from kubeagentix.domain.secrets import Credential
from kubeagentix.engine import engine, probing, quick
from kubeagentix.engine.attempts import raised
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.probing import Status
from kubeagentix.engine.selection import find
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.keeping import keeping
from kubeagentix.quickdx.targets import parse_target
from kubeagentix.report.pages import page_of
from kubeagentix.report.text import clean_piece
from kubeagentix.settings import load_settings


class Engine(engine.Engine):
    """The engine over `cluster` (default: the current one): `stream(question)` for events, `run(question)` for the end.

    `provider`, `model` and `credential` are this session's choice, `credentials` those of each provider, for the ones
    that are asked after another failed; `options=kx.RunOptions(…)` of a call go before it.
    """

    def __init__(
        self,
        cluster: Source | None = None,
        *,
        namespace: str | None = None,
        provider: str = "",
        model: str = "",
        credential: CredentialLike | None = None,
        credentials: Mapping[str, Credential] | None = None,
        environ: Mapping[str, str] | None = None,
        history: bool = True,
    ) -> None:
        check_names(namespace=namespace, provider=provider, model=model)
        source = api.opened(cluster)
        name = "" if provider == AUTO else provider
        is_whole = isinstance(cluster if cluster is not None else api.current(), Demo) or not isinstance(
            source, Cluster
        )
        super().__init__(
            source,
            namespace=namespace if namespace is not None or is_whole else source.namespace,
            provider=name,
            model=model,
            credential=credential_of(credential, name),
            credentials=credentials,
            environ=environ,
            history=keeping(load_settings(_environ(environ)), _environ(environ), kind="chat") if history else None,
        )

    async def change(self, tool: str, arguments: Mapping[str, Any], *, approve: Approver | None = None) -> str:
        """Makes a change without a model: what the tool does with these arguments, once somebody has said yes to it.

        As in `await engine.change("restart_rollout", {"name": "deploy/web"})`: it is shown with the API server's dry
        run and asked about on the terminal or in the cell, or by `approve`. Returns what was done. Raises ApprovalError
        for a no, UsageError, ClusterError and kin.
        """
        if approve is not None:
            return await super().change(tool, arguments, approve=approve)
        return await sync.arun(super().change(tool, arguments, approve=asking.person()))


def _environ(given: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if given is None else given


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a question: `text` as it was said, `answer` if it was a structured one, and every event.

    `conversation` goes on with the next question: `kx.chat("and why?", conversation=reply.conversation)`.
    """

    text: str
    answer: Answer | None
    finished: RunFinished
    conversation: Conversation = field(repr=False)
    records: tuple[RunRecord, ...] = field(repr=False, default=())

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"{page_of(self.text)}<p><small>{escape(describe(self.finished))}</small></p>"


def describe(finished: RunFinished) -> str:
    """What ran, on one line: provider, model, attempt, credential source, tokens, cost, time and tools."""
    usage, who = finished.usage, " / ".join(filter(None, (finished.provider, finished.model, finished.attempt)))
    tokens = f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out" if usage.total_tokens else "no tokens"
    cost = "cost unknown" if usage.cost_usd is None else f"${usage.cost_usd:.4f}"
    calls = f"{finished.tool_calls} tool call{'' if finished.tool_calls == 1 else 's'}"
    ended = "" if finished.reason == "stop" else f", ended by {finished.reason.replace('_', ' ')}"
    source = f", credential from {finished.credential_source}" if finished.credential_source else ""
    return f"{who}{source}; {tokens}, {cost}, {calls}, {finished.elapsed_s:.1f} s{ended}"


def chat(
    question: str,
    *,
    cluster: Source | None = None,
    namespace: str | None = None,
    target: str | None = None,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    options: RunOptions | None = None,
    conversation: Conversation | None = None,
    told: Callable[[RunRecord], None] | None = None,
    fallback: bool = True,
    history: bool = True,
    approve: Approver | None = None,
) -> Reply:
    """Asks about the cluster and waits for the answer; tools really run. `told` gets every event as it comes.

    Without `provider` the first that is configured is asked; `rules` needs no key. `history=False` keeps nothing of it
    in the history; `fallback=False` asks nobody else if that one fails. Where `options` allow changes, each is shown
    and asked about on the terminal or in the cell, or by `approve`, which gets a kx.ApprovalRequest and returns a
    kx.ApprovalAnswer. Raises ProviderError if nobody can answer, UsageError, and what reading a cluster raises.
    """
    return sync.run(
        _chatting(
            question,
            Engine(
                cluster, namespace=namespace, provider=provider, model=model, credential=credential, history=history
            ),
            options=options_of(options, fallback=fallback),
            target=parse_target(target, namespace) if target is not None else None,
            conversation=_conversation_of(conversation),
            told=told,
            approve=approve if approve is not None else asking.person(),
        )
    )


async def achat(
    question: str,
    *,
    cluster: Source | None = None,
    namespace: str | None = None,
    target: str | None = None,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    options: RunOptions | None = None,
    conversation: Conversation | None = None,
    told: Callable[[RunRecord], None] | None = None,
    fallback: bool = True,
    history: bool = True,
    approve: Approver | None = None,
) -> Reply:
    """As `chat`, to be awaited; also inside a running notebook."""
    return await sync.arun(
        _chatting(
            question,
            Engine(
                cluster, namespace=namespace, provider=provider, model=model, credential=credential, history=history
            ),
            options=options_of(options, fallback=fallback),
            target=parse_target(target, namespace) if target is not None else None,
            conversation=_conversation_of(conversation),
            told=told,
            approve=approve if approve is not None else asking.person(),
        )
    )


def options_of(given: RunOptions | None, *, fallback: bool = True) -> RunOptions:
    """The options of a chat, with nobody else asked where either says so."""
    options = given if given is not None else RunOptions()
    return options if fallback else replace(options, fallback=False)


def _conversation_of(given: object) -> Conversation:
    if given is None:
        return Conversation()
    if isinstance(given, Conversation):
        return given
    hint = f"kx.history.resume({excerpt(repr(given), 60) if isinstance(given, str) else ''}) gives one"
    raise UsageError(f"conversation= takes a Conversation, not {type(given).__name__}", hint=hint)


async def _chatting(
    question: str,
    asked: engine.Engine,
    *,
    options: RunOptions,
    target: Target | None,
    conversation: Conversation,
    told: Callable[[RunRecord], None] | None,
    approve: Approver,
) -> Reply:
    options = replace(options, target=target) if target is not None else options
    records: list[RunRecord] = []
    stream: AsyncGenerator[RunRecord, None] = asked.stream(
        question, options=options, conversation=conversation, approve=approve
    )
    async with aclosing(stream) as events:
        async for record in events:
            records.append(record)
            if told is not None:
                told(record)
    return reply_of(records, conversation)


def reply_of(records: Sequence[RunRecord], conversation: Conversation) -> Reply:
    """What came of a run that has ended, by all of its records. Raises what it failed with."""
    ended = records[-1].event
    if isinstance(ended, RunFailed):
        raise raised(ended.error)
    assert isinstance(ended, RunFinished)
    return Reply(
        text=ended.text, answer=ended.answer, finished=ended, conversation=conversation, records=tuple(records)
    )


def payload(target: str | ResourceRef | None = None, **question: Any) -> Payload | None:
    """The first request that `diagnose` with these arguments would send, and to whom; nothing is sent.

    None if no model would be asked. Raises as `diagnose` does.
    """
    return sync.run(_payload(target, **question))


async def apayload(target: str | ResourceRef | None = None, **question: Any) -> Payload | None:
    """As `payload`, to be awaited; also inside a running notebook."""
    return await sync.arun(_payload(target, **question))


async def _payload(
    target: str | ResourceRef | None,
    *,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    fallback: bool = True,
    anonymize: bool | None = None,
    history: bool = False,  # noqa: ARG001  as diagnose has it: what is only shown is not kept
    listen: Listener = silent,
    **place: Any,
) -> Payload | None:
    asking = api.asking_of(provider, model, credential, fallback=fallback, anonymize=anonymize)
    question = api.question_of(target, **place)
    if asking is None:
        return None
    asked = engine.Engine(question.source, namespace=question.target.namespace, diagnose=question.quick_dx)
    return await quick.payload(asked, question.target, options=asking, listen=listen)


class Providers(Mapping[str, ProviderPlugin]):
    """`kx.providers`: all providers by id; shown, it says which are configured and what they would use."""

    def __getitem__(self, key: str) -> ProviderPlugin:
        return registry.providers()[key.replace("-", "_")]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.replace("-", "_") in registry.providers()

    def __iter__(self) -> Iterator[str]:
        return iter(registry.providers())

    def __len__(self) -> int:
        return len(registry.providers())

    def status(self, *, test: bool = False) -> list[Status]:
        """Each provider in this environment: configured or not, and as whom; `test` really asks each that is."""
        return sync.run(provider_statuses(test=test))

    def __repr__(self) -> str:
        return status_table(self.status())


async def provider_statuses(
    *,
    test: bool = False,
    only: str = "",
    provider: str = "",
    model: str = "",
    credentials: Mapping[str, Credential] | None = None,
) -> list[Status]:
    """As `kx.providers.status`, to be awaited. `provider`, `model` and `credentials` are a session's choice.

    `only`: this one alone. Raises UsageError for an unknown one.
    """
    settings, given = load_settings(os.environ), credentials or {}
    plugins = registry.providers()
    preferred = (provider, model) if provider else (settings.provider, model or settings.model)
    found = probing.statuses(plugins, os.environ, *preferred, given)
    if only:
        found = [item for item in found if item.id == find(plugins, only).id]
    if not test:
        return found
    return [await probing.tried(item, plugins[item.id], os.environ, given.get(item.id)) for item in found]


def status_table(found: list[Status]) -> str:
    """Statuses as text: a line per provider, and below it what is set but not used, and what is passed on."""
    width = max(len(item.id) for item in found)
    lines: list[str] = []
    for item in found:
        mark = "*" if item.is_next else " "
        state = f"uses {item.source}" if item.is_configured else f"not configured: {item.why_not}"
        model = f", model {item.model}" if item.model and item.is_configured else ""
        lines.append(f"{mark} {item.id:<{width}}  {state}{model}")
        pad = " " * (width + 4)
        lines += [f"{pad}{variable.name} is set but ignored: {variable.why}" for variable in item.ignored]
        lines += [f"{pad}passed on: {name}" for name in item.passed_on]
        if item.trial is not None:
            lines.append(pad + trial_line(item))
    if len(found) == 1:  # asked for alone
        last = ""
    elif any(item.is_next for item in found):
        last = "* is asked where no provider is named"
    else:
        last = "nobody is asked where no provider is named: the settings name one that there is not"
    return "\n".join([*(clean_piece(line).replace("\n", " ") for line in lines), "", last]).rstrip("\n")


def trial_line(item: Status) -> str:
    """How the real minimal call went; empty where none was made."""
    trial = item.trial
    if trial is None:
        return ""
    if not trial.is_ok:
        return f"test failed after {trial.elapsed_s:.1f} s: {trial.error}"
    first = f", first token after {trial.first_token_s:.2f} s" if trial.first_token_s is not None else ""
    return f"test: {trial.model or item.id} answered in {trial.elapsed_s:.2f} s{first}"


providers = Providers()
__all__ = ("Conversation", "Diagnosis", "Engine", "Reply", "achat", "chat", "providers")
