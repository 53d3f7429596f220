"""Hangs symptoms under causes: which finding is the reason for which.

Three rules go by what the objects themselves say. (1) A finding names objects whose failure would explain it
(`points_at`): the nearest finding at or behind such an object is its cause. (2) A finding that says only that
something is wrong (`is_symptom`) is explained by any other on the same object. (3) On one object, what fails
earlier in a pod's life explains what fails later: a container that never started is not ready for that reason.
Where they find no reason, a fourth may: (4) what a workload is told to call (by its environment, arguments or
ConfigMaps) and is broken no later than itself explains a failure for which it gives no reason of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.changes import began
from kubeagentix.quickdx.graph import Graph, Relation

# A pod's life in order; what fails earlier hides or causes what fails later. Reasons before their slash; of those of
# one stage the first is told first.
LIFECYCLE = (
    ("FailedCreate", "ServiceAccountNotFound", "NamespaceTerminating"),
    ("Unschedulable", "SchedulingGated", "OutOfCpu", "OutOfMemory", "OutOfPods", "UnexpectedAdmissionError"),
    ("FailedAttachVolume", "FailedMount"),
    ("FailedCreatePodSandBox",),
    ("ImagePullSecretNotFound", "ImagePullSecretInvalid"),
    ("InvalidImageName", "ImageInspectError", "ErrImageNeverPull", "ImagePullBackOff"),
    ("CreateContainerConfigError", "CreateContainerError"),
    ("StartError", "PostStartHookError"),
    ("OOMKilled", "Evicted", "Preempted", "NodeShutdown", "NodeLost"),
    ("CrashLoopBackOff", "Error", "InitContainerStuck"),
    ("Unhealthy",),
    ("NotReady", "Restarts"),
)
_STAGE = {reason: index for index, reasons in enumerate(LIFECYCLE) for reason in reasons}
_TOLD = {reason: order for order, reason in enumerate(reason for reasons in LIFECYCLE for reason in reasons)}
_STARTED = _STAGE["OOMKilled"]  # from here on a container has run, and may have been ready in between

# The ways a failure travels from an object to the one that needs it.
_CARRIES: frozenset[Relation] = frozenset({"manages", "selects", "routes to", "binds", "mounts"})

# What a workload says when a connection of its does not come about.
CONNECTION_FAILURES = frozenset(
    {"ConnectionTimeout", "ConnectionRefused", "ConnectionReset", "NoSuchHost", "Unreachable"}
)


# Findings that say how something fails, and not why: an exit by an error of no known kind, a probe answered badly.
WITHOUT_REASON = frozenset({"CrashLoopBackOff/Error", "Error/Error"})
_ANSWERED_BADLY = re.compile(r"statuscode: 5\d\d|(?i:timeout|timed out|deadline exceeded)")
_CALLS: frozenset[Relation] = frozenset({"calls"})
_SLACK = timedelta(minutes=2)  # a client may notice before its server's trouble is seen in a status


@dataclass(frozen=True, slots=True)
class _Found:
    """Findings of warning and above: by the place where they are looked up, and by the objects they explain."""

    by_ref: Mapping[ResourceRef, Sequence[Finding]]
    explaining: Mapping[ResourceRef, Sequence[Finding]]

    @classmethod
    def of(cls, snapshot: Snapshot, findings: Iterable[Finding]) -> _Found:
        by_ref: dict[ResourceRef, list[Finding]] = defaultdict(list)
        explaining: dict[ResourceRef, list[Finding]] = defaultdict(list)
        for finding in findings:
            by_ref[_place(snapshot, finding.ref)].append(finding)
            for ref in finding.explains:
                explaining[ref].append(finding)
        return cls(by_ref, explaining)


def correlate(snapshot: Snapshot, findings: Sequence[Finding], graph: Graph) -> tuple[Finding, ...]:
    """The findings, equal ones merged, each with the ids of its immediate causes in `caused_by`; no cycles."""
    merged = merge_equal(findings)
    serious = [finding for finding in merged if finding.severity is not Severity.INFO]
    index = _Found.of(snapshot, serious)
    causes: dict[str, tuple[str, ...]] = {}
    for finding in sorted(serious, key=lambda item: (not item.is_symptom, item.id)):
        wanted = _causes_of(snapshot, finding, index, graph)
        causes[finding.id] = tuple(other.id for other in wanted if not _leads_to(causes, other.id, finding.id))
    return tuple(replace(finding, caused_by=causes.get(finding.id, ())) for finding in merged)


def primary(findings: Iterable[Finding]) -> Finding:
    """Of several findings on one object, the one to tell first: worst, no symptom, earliest in life, surest."""
    return min(findings, key=_order)


def merge_equal(findings: Sequence[Finding]) -> list[Finding]:
    """Findings of the same reason on the same object from different analyzers, as one with all their evidence.

    Not those that blame different objects: a pod may lack two ConfigMaps, each seen by another analyzer.
    """
    groups: dict[tuple[ResourceRef, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[(finding.ref, finding.reason)].append(finding)
    merged = []
    for group in (part for whole in groups.values() for part in _of_one_mind(whole)):
        analyzers = {finding.analyzer for finding in group}
        if len(analyzers) == 1:
            merged.extend(group)
        else:
            best = max(group, key=lambda item: (item.severity.rank, item.confidence, len(item.evidence)))
            rest = [finding for finding in group if finding.analyzer != best.analyzer]
            merged.extend(finding for finding in group if finding.analyzer == best.analyzer and finding is not best)
            merged.append(_with_all_of(best, rest))
    return merged


def _of_one_mind(group: Sequence[Finding]) -> list[list[Finding]]:
    """The group in parts that blame the same objects; who blames nobody is with the first."""
    parts: list[list[Finding]] = []
    for finding in sorted(group, key=lambda item: not item.points_at):
        part = next((item for item in parts if _agree(item[0], finding)), None)
        if part is None:
            parts.append([finding])
        else:
            part.append(finding)
    return parts


def _agree(one: Finding, other: Finding) -> bool:
    return not one.points_at or not other.points_at or not {*one.points_at}.isdisjoint(other.points_at)


def _with_all_of(best: Finding, rest: Iterable[Finding]) -> Finding:
    evidence: dict[str, Evidence] = {item.id: item for item in best.evidence}
    remedies: dict[str, Remedy] = {item.command: item for item in best.remedies}
    points_at = dict.fromkeys(best.points_at)
    for finding in rest:
        evidence.update({item.id: item for item in finding.evidence if item.id not in evidence})
        points_at.update(dict.fromkeys(finding.points_at))
    return replace(
        best, evidence=tuple(evidence.values()), remedies=tuple(remedies.values()), points_at=tuple(points_at)
    )


def _order(finding: Finding) -> tuple[int, bool, int, float, str]:
    told = _TOLD.get(finding.reason.partition("/")[0], _TOLD["CrashLoopBackOff"])
    return (-finding.severity.rank, finding.is_symptom, told, -finding.confidence, finding.id)


def _place(snapshot: Snapshot, ref: ResourceRef) -> ResourceRef:
    """Where findings on `ref` are looked up: a pod's and a ReplicaSet's on their workload."""
    found = snapshot.find(ref)
    return snapshot.workload_of(found) if found is not None else ref


def _causes_of(snapshot: Snapshot, finding: Finding, index: _Found, graph: Graph) -> list[Finding]:
    place = _place(snapshot, finding.ref)
    here = [other for other in index.by_ref.get(place, ()) if other.id != finding.id]
    found = [other for ref in finding.points_at for other in _nearest(snapshot, ref, place, index, graph)]
    found += _explaining(finding, place, index)
    if not finding.is_symptom:
        found += [other for other in here if not other.is_symptom and _precedes(other, finding)]
    elif not found or snapshot.pods_of(place):
        # What has no pods (an Ingress) says itself where its symptom comes from; its other faults are other matters.
        found += _beside(finding, here, is_explained=bool(found))
    found = list({other.id: other for other in found if other.id != finding.id}.values())
    if not any(not other.is_symptom for other in found) and gives_no_reason(finding):
        found += _called(snapshot, finding, place, index, graph)
    return found


def gives_no_reason(finding: Finding) -> bool:
    """Whether it says that something fails, or how, but nothing of why, so that what it calls may be the reason."""
    if finding.is_symptom:
        return not finding.points_at
    if finding.points_at:
        return False
    if finding.reason in WITHOUT_REASON:
        return True
    events = (item.excerpt for item in finding.evidence if item.source == "event")
    return finding.reason.startswith("Unhealthy/") and any(_ANSWERED_BADLY.search(text) for text in events)


def _called(
    snapshot: Snapshot,
    finding: Finding,
    place: ResourceRef,
    index: _Found,
    graph: Graph,
) -> list[Finding]:
    """What is critically broken, since no later than `finding`, in the Services that its workload is told to call."""
    start = began(snapshot, finding)
    found: list[Finding] = []
    for edge in graph.edges_from(place, _CALLS):
        for other in _nearest(snapshot, edge.target, place, index, graph):
            since = began(snapshot, other)
            is_first = start is None or since is None or since <= start + _SLACK
            if other.severity is Severity.CRITICAL and is_first:
                found.append(other)
    return found


def _beside(finding: Finding, here: Sequence[Finding], *, is_explained: bool) -> list[Finding]:
    """What explains a symptom on its own object: whatever says why, or else the first of the other symptoms."""
    deeper = [other for other in here if not other.is_symptom]
    if deeper or is_explained or not here:
        return deeper
    best = primary([finding, *here])
    return [best] if best.id != finding.id else []


def _precedes(earlier: Finding, later: Finding) -> bool:
    """Whether `earlier` fails at a stage of the pod's life before `later`, and as badly."""
    first = _STAGE.get(earlier.reason.partition("/")[0])
    second = _STAGE.get(later.reason.partition("/")[0])
    is_as_bad = earlier.severity.rank >= later.severity.rank
    return first is not None and second is not None and first < second and is_as_bad


def _explaining(finding: Finding, place: ResourceRef, index: _Found) -> Sequence[Finding]:
    """Findings elsewhere that say that they account for this object's symptoms or failed connections."""
    if not finding.is_symptom and finding.reason.partition("/")[2] not in CONNECTION_FAILURES:
        return ()
    return index.explaining.get(place, ())


def _nearest(
    snapshot: Snapshot,
    start: ResourceRef,
    asking: ResourceRef,
    index: _Found,
    graph: Graph,
) -> list[Finding]:
    """The findings on `start`, or else on the nearest objects behind it; the asking object is not its own cause."""
    best: int | None = None
    found: list[Finding] = []
    for ref, distance in graph.distances(_place(snapshot, start), _CARRIES).items():
        if best is not None and distance > best:
            break
        here = [other for other in index.by_ref.get(ref, ()) if not _is_behind_ready_pods(snapshot, ref, other)]
        if ref != asking and here:
            best = distance
            found += here
    return [primary(found)] if found and best == 0 else found


def _is_behind_ready_pods(snapshot: Snapshot, place: ResourceRef, finding: Finding) -> bool:
    """Whether others do not feel a workload's trouble: new pods do not start, and older ones serve on."""
    if not any(pod.is_ready for pod in snapshot.pods_of(place)):
        return False
    stage = _STAGE.get(finding.reason.partition("/")[0])
    return finding.is_symptom if stage is None else stage < _STARTED


def _leads_to(causes: Mapping[str, tuple[str, ...]], start: str, goal: str) -> bool:
    """Whether `goal` is among the causes of `start`, directly or not."""
    stack, seen = [start], set()
    while stack:
        current = stack.pop()
        if current == goal:
            return True
        if current not in seen:
            seen.add(current)
            stack.extend(causes.get(current, ()))
    return False
