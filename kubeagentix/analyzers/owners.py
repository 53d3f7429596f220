"""Objects whose owner is not there: the garbage collector deletes them, so one that stays tells of its trouble.

Source: kubernetes.io, Garbage Collection (owners and dependents); pkg/controller/garbagecollector.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.event_reasons import events_by_reason
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.analysis.troubles import event_evidence, sentence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import OwnerReference, Resource
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot

ID = "owners"
COLLECTED_AFTER_S = 300.0  # the collector at work needs seconds, minutes after many deletions
SHOWN = 3
INVALID_NAMESPACE = "OwnerRefInvalidNamespace"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per owner that is not there, and one per object whose owner cannot be where it is named."""
    orphans: dict[ResourceRef, list[Resource]] = defaultdict(list)
    for siblings in snapshot.siblings:
        metadata = siblings[0].metadata
        lost = [owner for owner in metadata.owner_references if _is_lost(snapshot, metadata.namespace, owner)]
        left = [item for item in siblings if _is_left(snapshot, item)] if lost else []
        for owner in lost if left else ():
            orphans[_owner(snapshot, metadata.namespace, owner)] += left
    for owner_ref, children in orphans.items():
        yield _orphaned(snapshot, owner_ref, children)
    yield from _misplaced(snapshot)


def _owner(snapshot: Snapshot, namespace: str, owner: OwnerReference) -> ResourceRef:
    place = namespace if KINDS[owner.kind].is_namespaced else ""
    return ResourceRef(cluster=snapshot.cluster, kind=owner.kind, namespace=place, name=owner.name)


def _is_lost(snapshot: Snapshot, namespace: str, owner: OwnerReference) -> bool:
    """Whether an owner is of a kind that was read, and is not there, or is another one of the same name."""
    kind = KINDS.get(owner.kind)
    if kind is None or kind.group != owner.api_version.rpartition("/")[0]:
        return False
    place = namespace if kind.is_namespaced else ""
    found = snapshot.get(kind.type, place, owner.name)
    if found is not None and (not owner.uid or found.metadata.uid in ("", owner.uid)):
        return False
    return snapshot.was_read(kind.type, place, name=owner.name)


def _is_left(snapshot: Snapshot, resource: Resource) -> bool:
    """Whether a resource without its owner should be gone by now, and nobody is deleting it."""
    made = resource.metadata.creation_timestamp
    return resource.metadata.deletion_timestamp is None and is_older_than(made, COLLECTED_AFTER_S, snapshot.taken_at)


def _orphaned(snapshot: Snapshot, owner: ResourceRef, children: list[Resource]) -> Finding:
    refs = [snapshot.ref(child) for child in children]
    names = ", ".join(str(ref) for ref in refs[:SHOWN]) + (" and more" if len(refs) > SHOWN else "")
    return Finding.of(
        analyzer=ID,
        reason="OwnerNotFound",
        ref=refs[0],
        title=f"{names}: owned by {owner}, which does not exist",
        severity=Severity.INFO,
        confidence=0.8,
        cause="The garbage collector deletes what has no owner any more; what stays was just let go, or the collector "
        "does not get on (as when an aggregated API does not answer).",
        evidence=tuple(
            Evidence.of(ref, "spec", f"ownerReferences: {owner}", locator="metadata.ownerReferences")
            for ref in refs[:SHOWN]
        ),
        remedies=(
            kubectl.read("See whether every API answers", "get apiservices"),
            kubectl.read("See the owner reference", f"get {kubectl.arguments(refs[0])} -o yaml"),
        ),
        detail=str(owner),
    )


def _misplaced(snapshot: Snapshot) -> Iterator[Finding]:
    for event in events_by_reason(snapshot).get(INVALID_NAMESPACE, ()):
        about = event.involved_object
        found = snapshot.find(snapshot.named(about.kind, about.namespace, about.name))
        if found is None:
            continue
        ref = snapshot.ref(found)
        yield Finding.of(
            analyzer=ID,
            reason=INVALID_NAMESPACE,
            ref=ref,
            title=f"{ref} names an owner that does not exist in its namespace, and will be deleted",
            severity=Severity.WARNING,
            confidence=0.9,
            cause=f"{sentence(event.message)} An owner must be in the same namespace, or in none.",
            evidence=(event_evidence(snapshot, event, ref),),
            remedies=(
                kubectl.read("See the owner reference", f"get {kubectl.arguments(ref)} -o yaml"),
                kubectl.edit(ref, "Remove the owner reference"),
            ),
        )


plugin = AnalyzerPlugin(id=ID, title="Objects whose owner is not there", analyze=analyze)
