"""Asking a provider in a test: a request, a credential, and all that comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from kubeagentix.contracts import Provider
from kubeagentix.domain.events import ModelEvent, ModelFinished, TextDelta, ToolCallReady
from kubeagentix.domain.messages import Message, ToolCall
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.wire.retry import RetryPolicy
from tests.servers.wire import WireServer
from tests.servers.wired import Wired

KEY = "dummy-Zq7-secret"  # appears nowhere but on the wire
LOGS = ToolSpec(
    name="pod_logs",
    description="Reads the log of a pod",
    parameters={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
)
EVENTS = ToolSpec(name="get_events", description="Reads events", parameters={"type": "object", "properties": {}})
QUICK = RetryPolicy(first_s=0.01)


def key(text: str = KEY) -> Credential:
    return Credential(kind="api_key", secret=Secret(text), source="the request")


def request(wired: Wired, *messages: Message, **changes: Any) -> ModelRequest:
    asked = ModelRequest(
        model=wired.plugin.default_model,
        system="You are an SRE.",
        messages=messages or (Message.of("user", "Why does pay restart?"),),
        tools=(LOGS, EVENTS),
        deadline_s=20,
    )
    return replace(asked, **changes)


def provider(wired: Wired, server: WireServer, environ: Mapping[str, str] | None = None, **changes: Any) -> Provider:
    """The provider on that server, impatient."""
    built: Any = wired.plugin.build({**wired.environ(server), **(environ or {})})
    return cast("Provider", replace(built, **{"retries": QUICK, **changes}))


async def asked(provider: Provider, request: ModelRequest, credential: Credential) -> list[ModelEvent]:
    stream = cast("AsyncGenerator[ModelEvent, None]", provider.stream(request, credential))
    async with aclosing(stream) as events:
        return [event async for event in events]


def ask(provider: Provider, request: ModelRequest, credential: Credential | None = None) -> list[ModelEvent]:
    return asyncio.run(asked(provider, request, credential or key()))


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def calls_of(events: list[ModelEvent]) -> list[ToolCall]:
    return [event.call for event in events if isinstance(event, ToolCallReady)]


def end_of(events: list[ModelEvent]) -> ModelFinished:
    last = events[-1]
    assert isinstance(last, ModelFinished)
    return last
