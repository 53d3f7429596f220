"""Which providers could be asked here, as whom, and what in the environment is set and not used; perhaps tried out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.domain.events import ModelEvent, ModelFinished, TextDelta
from kubeagentix.domain.messages import Message
from kubeagentix.domain.requests import IgnoredVariable, ModelRequest, Readiness
from kubeagentix.domain.secrets import Credential
from kubeagentix.engine.attempts import failure_of
from kubeagentix.engine.selection import Candidate, model_of, ordered
from kubeagentix.errors import ProviderError

PROBE = "Answer with the single word: ready"
PROBE_S = 30.0  # for all tries of one provider together
PROBE_TOKENS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a real minimal call went: which model answered after how long, or the error."""

    is_ok: bool
    elapsed_s: float
    first_token_s: float | None = None
    model: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A provider in this environment. `source` is the variable or login that it would use; empty if none."""

    id: str
    title: str
    is_configured: bool
    is_next: bool
    source: str
    model: str
    why_not: str = ""
    ignored: tuple[IgnoredVariable, ...] = ()
    passed_on: tuple[str, ...] = ()
    extra: str = ""
    trial: Trial | None = None


def statuses(
    plugins: Mapping[str, ProviderPlugin],
    environ: Mapping[str, str],
    preferred: str = "",
    model: str = "",
    given: Mapping[str, Credential] = MappingProxyType({}),
) -> list[Status]:
    """Every provider, in the order in which they are preferred; `is_next` is the one that would be asked.

    `given`: credentials that come before the environment's, by provider.
    """
    found = [_status(plugin, environ, given.get(plugin.id)) for plugin in ordered(plugins)]
    chosen = preferred.replace("-", "_") or next((item.id for item in found if item.is_configured), "")
    return [
        replace(item, is_next=item.id == chosen, model=model if model and item.id == chosen else item.model)
        for item in found
    ]


def _status(plugin: ProviderPlugin, environ: Mapping[str, str], given: Credential | None) -> Status:
    try:
        readiness = plugin.ready(environ, given)
    except ProviderError as error:
        readiness = Readiness(credential=None, why_not=str(error))
    credential = readiness.credential
    return Status(
        id=plugin.id,
        title=plugin.title,
        is_configured=credential is not None,
        is_next=False,
        source=credential.source if credential is not None else "",
        model=model_of(plugin, environ),
        why_not=readiness.why_not,
        ignored=readiness.ignored,
        passed_on=readiness.passed_on,
        extra=plugin.extra,
    )


async def tried(
    status: Status, plugin: ProviderPlugin, environ: Mapping[str, str], given: Credential | None = None
) -> Status:
    """The same with the result of a real minimal call; a provider that is not configured is left as it is."""
    if not status.is_configured:
        return status
    credential = plugin.ready(environ, given).credential
    assert credential is not None
    return replace(status, trial=await _try(plugin, status.model, credential, environ))


async def _try(plugin: ProviderPlugin, model: str, credential: Credential, environ: Mapping[str, str]) -> Trial:
    request = ModelRequest(
        model=model,
        system="You are being tried out.",
        messages=(Message.of("user", PROBE),),
        max_output_tokens=PROBE_TOKENS,
        thinking="off",
        deadline_s=PROBE_S,
    )
    started, first, answered = time.perf_counter(), None, ""
    try:
        stream = cast("AsyncGenerator[ModelEvent, None]", plugin.build(environ).stream(request, credential))
        async with asyncio.timeout(PROBE_S), aclosing(stream) as events:
            async for event in events:
                if first is None and isinstance(event, TextDelta):
                    first = time.perf_counter() - started
                if isinstance(event, ModelFinished):
                    answered = event.model
    except TimeoutError:
        return Trial(is_ok=False, elapsed_s=time.perf_counter() - started, error=f"no answer within {PROBE_S:g} s")
    except Exception as error:  # noqa: BLE001  whatever fails is the result
        candidate = Candidate(plugin=plugin, model=model, label="test", credential=credential)
        failure = failure_of(error, candidate)
        words = f"{failure.message}; {failure.hint}" if failure.hint else failure.message
        return Trial(is_ok=False, elapsed_s=time.perf_counter() - started, error=words)
    elapsed_s = time.perf_counter() - started
    return Trial(is_ok=True, elapsed_s=elapsed_s, first_token_s=first, model=answered or model)
