"""PersistentVolumeClaims that ask for more than their volume holds: what their enlargement waits for, or fails on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.shortfall import describe_age
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, Severity
from kubeagentix.domain.quantities import format_bytes, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolumeClaim
from kubeagentix.errors import excerpt

ID = "claim-resizes"
EXCERPT_CHARS = 600
_CONDITIONS = {
    "FileSystemResizePending": "The volume is larger already; its file system grows when a pod that mounts it starts.",
    "ControllerResizeError": "The storage system could not enlarge the volume.",
    "NodeResizeError": "The node could not enlarge the file system.",
}
# Source: pkg/volume/util/util.go and external-resizer, the reasons of their events.
_EVENTS = ("VolumeResizeFailed", "FileSystemResizeFailed")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per bound claim and way in which its enlargement stands still."""
    for claim in snapshot.all(PersistentVolumeClaim):
        if claim.metadata.deletion_timestamp is None and claim.status.phase == "Bound":
            told = list(_by_condition(snapshot, claim))
            yield from told or _by_event(snapshot, claim)


def _by_condition(snapshot: Snapshot, claim: PersistentVolumeClaim) -> Iterator[Finding]:
    ref = snapshot.ref(claim)
    for item in claim.status.conditions:
        if item.status != "True" or item.type not in _CONDITIONS:
            continue
        evidence = Evidence.of(
            ref,
            "status",
            f"condition {item.type} is True",
            excerpt=excerpt(item.message, EXCERPT_CHARS),
            locator=f"status.conditions[{item.type}]",
            observed_at=item.last_transition_time,
        )
        is_failure = item.type.endswith("Error")
        yield _finding(
            snapshot,
            claim,
            what=item.type,
            severity=Severity.WARNING if is_failure else Severity.INFO,
            cause=f"{_CONDITIONS[item.type]} {excerpt(item.message, 256)}".strip(),
            evidence=evidence,
            since=item.last_transition_time,
        )


def _by_event(snapshot: Snapshot, claim: PersistentVolumeClaim) -> Iterator[Finding]:
    """A failure that only an event tells of, while the claim still asks for more than it has."""
    event = next((item for item in snapshot.events_for(claim) if item.reason in _EVENTS), None)
    wants, has = _sizes(claim)
    if event is None or wants <= has:
        return
    evidence = Evidence.of(
        snapshot.ref(claim),
        "event",
        event.reason,
        excerpt=excerpt(event.message, EXCERPT_CHARS),
        locator=f"event/{event.reason}",
        observed_at=event.seen_at,
    )
    yield _finding(
        snapshot,
        claim,
        what=event.reason,
        severity=Severity.WARNING,
        cause=f"It asks for {format_bytes(wants)} and has {format_bytes(has)}. {excerpt(event.message, 256)}",
        evidence=evidence,
        since=event.first_timestamp,
    )


def _sizes(claim: PersistentVolumeClaim) -> tuple[float, float]:
    """(asked for, held) in bytes."""
    wants, has = claim.spec.resources.requests.get("storage"), claim.status.capacity.get("storage")
    return quantity_or_zero(wants), quantity_or_zero(has)


def _finding(
    snapshot: Snapshot,
    claim: PersistentVolumeClaim,
    *,
    what: str,
    severity: Severity,
    cause: str,
    evidence: Evidence,
    since: datetime | None,
) -> Finding:
    ref = snapshot.ref(claim)
    return Finding.of(
        analyzer=ID,
        reason=f"ClaimResize/{what}",
        ref=ref,
        title=f"{ref} is not enlarged yet{describe_age(since, snapshot.taken_at)}",
        severity=severity,
        confidence=0.9,
        cause=cause,
        evidence=(evidence,),
        remedies=(kubectl.describe(ref), *_class(claim)),
        since=since,
    )


def _class(claim: PersistentVolumeClaim) -> tuple[Remedy, ...]:
    name = claim.spec.storage_class_name
    return (kubectl.read("See whether its class can be expanded", f"describe storageclass {name}"),) if name else ()


plugin = AnalyzerPlugin(id=ID, title="Claims that wait to be enlarged", analyze=analyze, scope="workload")
