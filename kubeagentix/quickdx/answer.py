"""From correlated findings to an answer: ranked, narrowed to the target, and without what is to be ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kubeagentix.domain.diagnosis import Finding, Hypothesis, Ignored, ResourceRef
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.graph import Graph
from kubeagentix.quickdx.ignoring import Scope, ignore
from kubeagentix.quickdx.rank import rank
from kubeagentix.quickdx.targets import narrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a Diagnosis says."""

    findings: tuple[Finding, ...]
    hypotheses: tuple[Hypothesis, ...]
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


def whole_answer(
    snapshot: Snapshot,
    graph: Graph,
    place: ResourceRef | None,
    findings: tuple[Finding, ...],
    ranked: tuple[Hypothesis, ...],
) -> Answer:
    """The answer about `place` (None: about everything) if nothing is to be ignored."""
    if place is None:
        return Answer(findings=findings, hypotheses=ranked)
    near, chosen = narrow(snapshot, graph, place, findings, ranked)
    return Answer(findings=near, hypotheses=chosen)


def answer(
    snapshot: Snapshot,
    graph: Graph,
    findings: tuple[Finding, ...],
    rules: Sequence[IgnoreRule] | None,
    scope: Scope,
) -> Answer:
    """The answer about the scope, without what `rules` and annotations ignore (None: with everything)."""
    place, ranked = scope.place, rank(snapshot, findings)
    whole = whole_answer(snapshot, graph, place, findings, ranked)
    if rules is None:
        return whole
    outcome = ignore(snapshot, findings, ranked, rules, scope)
    concerned = {finding.id for finding in whole.findings}
    ignored = tuple(_within(concerned, item) for item in outcome.ignored)
    if any(item.all for item in ignored):
        whole = _left(snapshot, graph, place, outcome.findings, concerned)
    told = tuple(item for item in ignored if item.all or item.rule in rules or (item.is_expired and place is None))
    return replace(whole, ignored=told, notes=outcome.notes)


def _within(concerned: set[str], item: Ignored) -> Ignored:
    """`item` with those of its findings that concern the target."""
    return replace(
        item,
        findings=tuple(finding for finding in item.findings if finding.id in concerned),
        symptoms=tuple(finding for finding in item.symptoms if finding.id in concerned),
    )


def _left(
    snapshot: Snapshot,
    graph: Graph,
    place: ResourceRef | None,
    findings: tuple[Finding, ...],
    concerned: set[str],
) -> Answer:
    """The answer from what is left; a cause stays in it although the symptom that led to it from the target is gone."""
    ranked = rank(snapshot, findings)
    near = whole_answer(snapshot, graph, place, findings, ranked)
    far = [item for item in ranked if item not in near.hypotheses and concerned & {*item.findings}]
    shown = {finding.id for finding in near.findings} | {key for item in far for key in item.findings}
    return Answer(
        findings=tuple(finding for finding in findings if finding.id in shown),
        hypotheses=(*near.hypotheses, *far),
    )
