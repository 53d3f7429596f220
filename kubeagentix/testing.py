"""Public helpers for tests of analyzers, tools and providers; nothing in the package imports this.

`snapshot_of` turns manifests, written as a person would in YAML, into the Snapshot that reading them from an API
server would give.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from kubeagentix.cluster.projections import project
from kubeagentix.contracts import Provider, ProviderPlugin
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.events import ModelEvent, ModelFinished, TextDelta, ToolCallReady
from kubeagentix.domain.messages import Message, Part, Text
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.requests import ModelRequest, Readiness
from kubeagentix.domain.resources import KINDS, Kind, custom_kind, group_of, is_custom
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)  # the moment at which test snapshots are taken


def snapshot_of(
    *manifests: str | Mapping[str, Any],
    logs: Iterable[ContainerLog] = (),
    gaps: Iterable[Gap] = (),
    namespace: str | None = None,
    taken_at: datetime = NOW,
) -> Snapshot:
    """A Snapshot of `manifests`: each a mapping, or YAML text of one or more documents.

    Every kind counts as read, so what is absent is missing, unless a gap names the kind. Objects of namespaced
    kinds without a namespace are put into `default`. `Secret` manifests may use `stringData`-free `data` only. Custom
    resources are told by their apiVersion; those without a namespace are of the whole cluster.
    """
    objects: dict[str, list[Resource]] = defaultdict(list)
    for manifest in _documents(manifests):
        kind = _kind_of(manifest)
        if kind.is_namespaced:
            metadata = {"namespace": "default", **manifest.get("metadata", {})}
        else:
            metadata = manifest.get("metadata", {})
        objects[kind.name].append(project(kind, {**manifest, "metadata": metadata}))
    unread = {gap.kind for gap in gaps if not gap.namespace}
    return Snapshot(
        cluster="test",
        server_version="v1.34.0",
        taken_at=taken_at,
        namespace=namespace,
        objects={name: tuple(objects.get(name, ())) for name in (*KINDS, *objects) if name not in unread},
        logs=tuple(logs),
        gaps=tuple(gaps),
    )


def _kind_of(manifest: Mapping[str, Any]) -> Kind:
    name, group = manifest["kind"], group_of(manifest.get("apiVersion", ""))
    if not is_custom(group, name):
        return KINDS[name]
    is_namespaced = bool(manifest.get("metadata", {}).get("namespace"))
    return custom_kind(group, name, f"{name.lower()}s", "v1", is_namespaced=is_namespaced)


def log_of(pod: str, container: str, text: str, *, previous: bool = False, namespace: str = "default") -> ContainerLog:
    """A ContainerLog from text."""
    return ContainerLog(
        namespace=namespace, pod=pod, container=container, is_previous=previous, lines=tuple(text.strip().splitlines())
    )


def _documents(manifests: Iterable[str | Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for manifest in manifests:
        if isinstance(manifest, str):
            yield from (document for document in yaml.safe_load_all(manifest) if document)
        else:
            yield manifest


Step = ModelEvent | Exception | Callable[[ModelRequest], Iterable[ModelEvent]]


class ScriptedProvider:
    """A provider that says what a test wrote down, a turn per model call, and keeps what it was asked.

    A step is an event, an exception to raise, or a function of the request; a turn without a ModelFinished gets one
    from what it said. After the last turn the last one is said again.
    """

    def __init__(self, *turns: Sequence[Step]) -> None:
        self.turns = turns
        self.requests: list[ModelRequest] = []
        self.credentials: list[Credential] = []
        self.closed = 0

    async def stream(self, request: ModelRequest, credential: Credential) -> AsyncGenerator[ModelEvent, None]:
        """The events of the next turn."""
        self.requests.append(request)
        self.credentials.append(credential)
        turn = self.turns[min(len(self.requests), len(self.turns)) - 1]
        said: list[ModelEvent] = []
        try:
            for step in turn:
                await asyncio.sleep(0)
                if isinstance(step, Exception):
                    raise step
                for event in step(request) if callable(step) else (step,):
                    said.append(event)
                    yield event
            if not any(isinstance(event, ModelFinished) for event in said):
                yield _finished(said, request)
        finally:
            self.closed += 1


def _finished(said: Sequence[ModelEvent], request: ModelRequest) -> ModelFinished:
    text = "".join(event.text for event in said if isinstance(event, TextDelta))
    calls = [event.call for event in said if isinstance(event, ToolCallReady)]
    parts: list[Part] = [Text(text=text)] if text else []
    message = Message(role="assistant", parts=(*parts, *calls))
    return ModelFinished(stop_reason="tool_calls" if calls else "stop", message=message, model=request.model)


def scripted_plugin(provider: Provider, name: str = "claude", **options: Any) -> ProviderPlugin:
    """A ProviderPlugin around `provider` that is configured, with a dummy credential unless the request brings one."""
    own = Credential(kind="api_key", secret=Secret("dummy-of-the-environment"), source=f"{name.upper()}_KEY")
    settings: dict[str, Any] = {
        "title": name,
        "default_model": f"{name}-model",
        "context_tokens": 100_000,
        "tool_calls": "native",
        "ready": lambda _, credential: Readiness(credential=credential or own),
        "build": lambda _: provider,
    }
    return ProviderPlugin(id=name, **{**settings, **options})
