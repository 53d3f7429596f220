"""PersistentVolumes that nobody can use any more, volumes on nodes that are gone, and rival default classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.volume_places import lost_nodes
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from kubeagentix.errors import excerpt

ID = "volumes"
_NEWEST_WINS = (1, 26)  # Source: KEP-3333; before, claims that name no class were refused


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per volume, and one for the default classes."""
    for volume in snapshot.all(PersistentVolume):
        if volume.metadata.deletion_timestamp is None or volume.status.phase == "Failed":
            yield from _of_volume(snapshot, volume)
    yield from _defaults(snapshot)


def _of_volume(snapshot: Snapshot, volume: PersistentVolume) -> Iterator[Finding]:
    if volume.status.phase == "Failed":
        yield _failed(snapshot, volume)
    elif volume.status.phase == "Released":
        yield _released(snapshot, volume)
    elif volume.status.phase == "Bound":
        lost = lost_nodes(snapshot, volume)
        if lost:
            yield _unreachable(snapshot, volume, lost)


def _failed(snapshot: Snapshot, volume: PersistentVolume) -> Finding:
    said = excerpt(volume.status.message or "no message was recorded", 400)
    return _finding(
        snapshot,
        volume,
        reason="VolumeFailed",
        what="could not be reclaimed",
        severity=Severity.WARNING,
        cause=f"Its claim is gone, and the storage system could not delete or recycle it: {said}",
    )


def _released(snapshot: Snapshot, volume: PersistentVolume) -> Finding:
    """Advice: the data was kept on purpose; but a volume that was to be deleted should be by then."""
    event = next((item for item in snapshot.events_for(volume) if item.reason == "VolumeFailedDelete"), None)
    is_kept = volume.spec.persistent_volume_reclaim_policy != "Delete"
    owner = volume.spec.claim_ref
    of = f" {owner.namespace}/{owner.name}" if owner is not None else ""
    kept = f"The claim{of} that had it is gone; what is on it was kept, and no other claim gets it until it is freed."
    free = f"""patch pv {volume.name} --type=merge -p '{{"spec":{{"claimRef":null}}}}'"""
    return _finding(
        snapshot,
        volume,
        reason="VolumeReleased" if is_kept or event is None else "VolumeFailedDelete",
        what="is Released: no claim has it" if is_kept else "is to be deleted, and is still there",
        severity=Severity.WARNING if event is not None and not is_kept else Severity.INFO,
        cause=kept if is_kept else f"The storage system says: {excerpt(event.message, 400)}" if event else kept,
        event=event,
        remedies=(
            (kubectl.write("Free it for another claim", free, why="only if what is on it may go to another claim"),)
            if is_kept
            else ()
        ),
    )


def _unreachable(snapshot: Snapshot, volume: PersistentVolume, nodes: tuple[str, ...]) -> Finding:
    owner = volume.spec.claim_ref
    claim = snapshot.named(PersistentVolumeClaim.kind, owner.namespace, owner.name) if owner is not None else None
    return _finding(
        snapshot,
        volume,
        reason="VolumeNodeLost",
        what=f"lies on node {', '.join(nodes[:3])}, which does not exist any more",
        severity=Severity.INFO,  # a pod that cannot be placed for it says so itself
        cause="Its nodeAffinity names no other node, so no pod that mounts it can be placed, and its data is gone "
        f"unless the node comes back{f' ({claim})' if claim is not None else ''}.",
        remedies=(kubectl.read("See the nodes", "get nodes --show-labels"),),
    )


def _finding(
    snapshot: Snapshot,
    volume: PersistentVolume,
    *,
    reason: str,
    what: str,
    severity: Severity,
    cause: str,
    event: Event | None = None,
    remedies: tuple[Remedy, ...] = (),
) -> Finding:
    ref = snapshot.ref(volume)
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=ref,
        title=f"{ref} {what}",
        severity=severity,
        confidence=0.9,
        cause=cause,
        evidence=tuple(_evidence(ref, volume, event)),
        remedies=(kubectl.describe(ref), *remedies),
    )


def _evidence(ref: ResourceRef, volume: PersistentVolume, event: Event | None) -> Iterator[Evidence]:
    spec, status = volume.spec, volume.status
    policy = spec.persistent_volume_reclaim_policy or "Retain"
    words = f"phase {status.phase}, reclaim policy {policy}"
    yield Evidence.of(ref, "status", words, excerpt=excerpt(status.message, 400), locator="status.phase")
    if event is not None:
        yield Evidence.of(
            ref,
            "event",
            event.reason,
            excerpt=excerpt(event.message, 400),
            locator=f"event/{event.reason}",
            observed_at=event.seen_at,
        )


def _defaults(snapshot: Snapshot) -> Iterator[Finding]:
    """Rival defaults, where the server refuses claims because of them; elsewhere they are a matter of advice."""
    refs = tuple(sorted(snapshot.ref(item) for item in snapshot.all(StorageClass) if item.is_default))
    if len(refs) < 2 or _version(snapshot) >= _NEWEST_WINS:
        return
    yield Finding.of(
        analyzer=ID,
        reason="SeveralDefaultClasses",
        ref=refs[0],
        title=f"{len(refs)} StorageClasses are the default: {', '.join(ref.name for ref in refs)}",
        severity=Severity.WARNING,
        confidence=0.9,
        cause="The API server refuses claims that name no class.",
        evidence=tuple(Evidence.of(ref, "spec", f"{ref} is a default class", locator="annotations") for ref in refs),
        remedies=(
            kubectl.read("See the classes", "get storageclass"),
            kubectl.write(
                f"Make {refs[0].name} an ordinary one",
                f"annotate storageclass {refs[0].name} storageclass.kubernetes.io/is-default-class-",
            ),
        ),
    )


def _version(snapshot: Snapshot) -> tuple[int, int]:
    """The server's minor version; an unknown one counts as new."""
    parts = snapshot.server_version.lstrip("v").split(".")
    is_known = len(parts) > 1 and parts[0].isdigit() and parts[1].rstrip("+").isdigit()
    return (int(parts[0]), int(parts[1].rstrip("+"))) if is_known else _NEWEST_WINS


plugin = AnalyzerPlugin(id=ID, title="Volumes that nobody can use", analyze=analyze)
