"""Runs whose model sees no names: who hides them, and what it knows before the first question goes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kubeagentix.anonymizing.border import Anonymizer, Anonymous
from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import Provider
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import Notice
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.engine.plan import Prepared
from kubeagentix.engine.selection import Candidate
from kubeagentix.quickdx import pipeline

if TYPE_CHECKING:
    from kubeagentix.engine.run import Run


def hidden_from(build: Callable[[Candidate], Provider], anonymizer: Anonymizer) -> Callable[[Candidate], Provider]:
    """`build`, whose providers see no names; one that is no language model sends nothing anywhere."""

    def built(candidate: Candidate) -> Provider:
        provider = build(candidate)
        return Anonymous(provider, anonymizer) if candidate.plugin.is_language_model else provider

    return built


async def knowing(
    prepare: Callable[[Run], Awaitable[Prepared]],
    anonymizer: Anonymizer,
    source: Cluster | Snapshot,
    target: Target,
    run: Run,
    *,
    deadline_s: float,
) -> Prepared:
    """What `prepare` gives, once all names are known: a picture is taken for that if Quick Dx took none."""
    prepared, names = await prepare(run), anonymizer.names
    if not names.has_picture:
        names.learn_snapshot(await _picture(source, target.namespace, deadline_s))
    if isinstance(source, Cluster):
        names.learn(source.context, "cluster")
        names.learn_host(urlsplit(source.server).hostname or "")
    names.learn(target.namespace or "", "ns")
    names.learn(target.name, "name")
    if prepared.diagnosis is not None:
        names.learn_diagnosis(prepared.diagnosis)
    run.emit(Notice(code="anonymized", message=f"{len(names)} names are hidden from the model"))
    return prepared


async def _picture(source: Cluster | Snapshot, namespace: str | None, deadline_s: float) -> Snapshot:
    if isinstance(source, Snapshot):
        return source
    return await pipeline.collect(source, namespace, deadline_s=deadline_s)
