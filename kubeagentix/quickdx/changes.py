"""What was changed shortly before something broke: rollouts, edited configuration, policies and Services.

Most incidents follow a change. For each root finding the objects it rests on are asked when they were last written
(by their managed fields) or rolled out (by the age of the newest ReplicaSet beside older ones); the last change
within the hour before the trouble began is told with it, as evidence and in the cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.shortfall import format_duration, unready_pods, unready_since
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import TrackedResource
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment, ReplicaSet
from kubeagentix.quickdx.graph import Graph, Relation

WINDOW = timedelta(hours=1)  # an older change is seldom the reason
SLACK = timedelta(minutes=2)  # clocks differ, and the first sign is sometimes seen before the write is stamped
_REVISION = "deployment.kubernetes.io/revision"
_RESTS_ON: frozenset[Relation] = frozenset({"reads", "mounts", "restricted by", "selects", "routes to", "scales"})
_WRITTEN, _ROLLED_OUT = "metadata.managedFields", f"metadata.annotations[{_REVISION}]"
LOCATORS = (_WRITTEN, _ROLLED_OUT)  # of the evidence that tells of a change


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one object. `words` go after its name: `was changed (by kubectl-edit)`."""

    ref: ResourceRef
    at: datetime
    words: str
    locator: str
    remedy: Remedy


def with_changes(snapshot: Snapshot, graph: Graph, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, the root ones among them with what was changed shortly before they began."""
    return tuple(_with_change(snapshot, graph, finding) for finding in findings)


def began(snapshot: Snapshot, finding: Finding) -> datetime | None:
    """When the trouble began: as the finding has it, else when the first pod that is not ready ceased to be."""
    if finding.since is not None:
        return finding.since
    moments = (unready_since(pod) for pod in unready_pods(snapshot.pods_of(finding.ref)))
    return min((moment for moment in moments if moment is not None), default=None)


def change_of(finding: Finding) -> Evidence | None:
    """The evidence of a change that `with_changes` has put into a finding, if any."""
    return next((item for item in finding.evidence if item.locator in LOCATORS), None)


def _with_change(snapshot: Snapshot, graph: Graph, finding: Finding) -> Finding:
    if finding.caused_by or finding.severity is Severity.INFO:
        return finding
    start = began(snapshot, finding)
    if start is None:
        return finding
    changes = (change for ref in _rests_on(graph, finding) for change in _changes(snapshot, ref))
    near = [change for change in changes if start - WINDOW <= change.at <= start + SLACK]
    if not near:
        return finding
    last = max(near, key=lambda change: change.at)
    return _told(finding, last, start)


def _rests_on(graph: Graph, finding: Finding) -> Iterator[ResourceRef]:
    """The finding's own object, what it blames, and what the object reads, mounts, selects or is restricted by."""
    yield finding.ref
    yield from finding.points_at
    yield from (edge.target for edge in graph.edges_from(finding.ref, _RESTS_ON))


def _changes(snapshot: Snapshot, ref: ResourceRef) -> Iterator[Change]:
    resource = snapshot.find(ref)
    if isinstance(resource, Deployment):
        yield from _rollouts(snapshot, ref)
    elif isinstance(resource, TrackedResource):
        write = resource.last_write
        if write is not None and write.time is not None:
            yield Change(
                ref=ref,
                at=write.time,
                words=f"was changed (by {write.manager})",
                locator=_WRITTEN,
                remedy=kubectl.describe(ref, why="it was changed shortly before"),  # shows no value of a Secret
            )


def _rollouts(snapshot: Snapshot, ref: ResourceRef) -> Iterator[Change]:
    sets = [item for item in snapshot.children(ReplicaSet, ref) if item.metadata.creation_timestamp is not None]
    if len(sets) < 2:  # the first one is the Deployment's own making
        return
    newest = max(sets, key=_made_at)
    revision = newest.metadata.annotations.get(_REVISION, "")
    yield Change(
        ref=ref,
        at=_made_at(newest),
        words=f"was rolled out{f' (revision {revision})' if revision else ''}",
        locator=_ROLLED_OUT,
        remedy=kubectl.read("See the revisions", f"rollout history deployment/{ref.name}", ref.namespace),
    )


def _made_at(item: ReplicaSet) -> datetime:
    assert item.metadata.creation_timestamp is not None
    return item.metadata.creation_timestamp


def _told(finding: Finding, change: Change, start: datetime) -> Finding:
    span = max(0.0, (start - change.at).total_seconds())
    when = f"{format_duration(span)} before" if span >= 1 else "at that very time"
    words = f"{change.ref} {change.words}"
    evidence = Evidence.of(change.ref, "spec", words, locator=change.locator, observed_at=change.at)
    known = {remedy.command for remedy in finding.remedies}
    reads = [item for item in finding.remedies if item.effect == "read"]
    writes = [item for item in finding.remedies if item.effect == "write"]
    more = () if change.remedy.command in known else (change.remedy,)
    return replace(
        finding,
        cause=f"{finding.cause}{'' if finding.cause.endswith(('.', '?')) else '.'} {words} {when}.",
        evidence=(*finding.evidence, evidence),
        remedies=(*reads, *more, *writes),
    )
