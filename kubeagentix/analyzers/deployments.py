"""Deployments: short of replicas, rollouts that do not move, pauses, and selectors that miss their own template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.missing_replicas import lacks_replicas, missing_replicas, stalled
from kubeagentix.analysis.node_life import late_pods
from kubeagentix.analysis.scaled_to_zero import scaled_to_zero
from kubeagentix.analysis.shortfall import broken_nodes, describe_age, pod_evidence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment, ReplicaSet
from kubeagentix.errors import excerpt

ID = "deployments"
REVISION = "deployment.kubernetes.io/revision"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Deployment and reason; a young rollout that moves is silent."""
    for deployment in snapshot.all(Deployment):
        if deployment.metadata.deletion_timestamp is None:
            yield from _analyze_one(snapshot, deployment)


def _analyze_one(snapshot: Snapshot, deployment: Deployment) -> Iterator[Finding]:
    checks = (_selector_mismatch, _paused, _scaled_to_zero, _short_of_replicas, _stuck_rollout)
    for check in checks:
        finding = check(snapshot, deployment)
        if finding is not None:
            yield finding


def _selector_mismatch(snapshot: Snapshot, deployment: Deployment) -> Finding | None:
    spec = deployment.spec
    if spec.selector.is_empty or spec.selector.matches(spec.template.metadata.labels):
        return None
    ref = snapshot.ref(deployment)
    wanted = kubectl.labels_argument(spec.selector.match_labels)
    got = kubectl.labels_argument(spec.template.metadata.labels)
    return Finding.of(
        analyzer=ID,
        reason="SelectorMismatch",
        ref=ref,
        title=f"{ref} does not select the pods of its own template",
        severity=Severity.CRITICAL,
        confidence=0.95,
        cause=f"The selector asks for {wanted}, the template's labels are {got or 'none'}.",
        evidence=(Evidence.of(ref, "spec", f"selector {wanted}, template {got or 'none'}", locator="spec.selector"),),
        remedies=(kubectl.edit(ref, "Give the template the labels that the selector asks for"),),
    )


def _paused(snapshot: Snapshot, deployment: Deployment) -> Finding | None:
    if not deployment.spec.paused:
        return None
    ref, status = snapshot.ref(deployment), deployment.status
    # While paused, the controller makes no ReplicaSet for a changed template and so counts no updated pod.
    waits = deployment.spec.replicas > 0 and status.updated_replicas < deployment.spec.replicas
    severity = Severity.INFO
    if waits:
        severity = Severity.WARNING if status.ready_replicas else Severity.CRITICAL
    return Finding.of(
        analyzer=ID,
        reason="DeploymentPaused",
        ref=ref,
        title=f"{ref} is paused" + (" while changes wait to be rolled out" if waits else ""),
        severity=severity,
        confidence=0.95 if waits else 0.9,
        cause="spec.paused is true, so changes to the template are not rolled out.",
        evidence=(
            Evidence.of(
                ref,
                "spec",
                f"paused; {status.updated_replicas} of {deployment.spec.replicas} replicas have the newest template",
                excerpt=_message(condition(status.conditions, "Progressing")),
                locator="spec.paused",
            ),
        ),
        remedies=(
            kubectl.read("See the rollout", f"rollout status deployment/{ref.name} --watch=false", ref.namespace),
            kubectl.write("Let the rollout go on", f"rollout resume deployment/{ref.name}", ref.namespace),
        ),
    )


def _scaled_to_zero(snapshot: Snapshot, deployment: Deployment) -> Finding | None:
    if deployment.spec.replicas != 0:
        return None
    return scaled_to_zero(snapshot, ID, snapshot.ref(deployment), deployment.spec.template.metadata.labels)


def _short_of_replicas(snapshot: Snapshot, deployment: Deployment) -> Finding | None:
    if not lacks_replicas(snapshot, deployment):
        return None
    ref, wanted, ready = snapshot.ref(deployment), deployment.spec.replicas, deployment.status.ready_replicas
    available = condition(deployment.status.conditions, "Available")
    since = available.last_transition_time if available is not None and available.status == "False" else None
    counted = Evidence.of(
        ref,
        "status",
        f"{ready} of {wanted} replicas ready",
        excerpt=_message(available),
        locator="status.readyReplicas",
        observed_at=since,
    )
    remedies = _looks(ref, deployment)
    return missing_replicas(
        snapshot, ID, ref, ready=ready, wanted=wanted, counted=(counted,), remedies=remedies, since=since
    )


def _stuck_rollout(snapshot: Snapshot, deployment: Deployment) -> Finding | None:
    progressing = stalled(deployment)
    if progressing is None:
        return None
    ref, now = snapshot.ref(deployment), snapshot.taken_at
    late = late_pods(snapshot, snapshot.pods_of(ref))
    serving = _pods_of_old_revisions(snapshot, ref)
    return Finding.of(
        analyzer=ID,
        reason="ProgressDeadlineExceeded",
        ref=ref,
        title=f"{ref}: the rollout is stuck{describe_age(progressing.last_transition_time, now)}{_still(serving)}",
        severity=Severity.CRITICAL,
        confidence=0.6,
        cause=f"The newest pods did not become ready within {deployment.spec.progress_deadline_seconds} s.",
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"Progressing is False: {progressing.reason}{_still(serving)}",
                excerpt=_message(progressing),
                locator="status.conditions[Progressing]",
                observed_at=progressing.last_transition_time,
            ),
            *pod_evidence(snapshot, late),
        ),
        remedies=(
            *_looks(ref, deployment),
            kubectl.read("See the revisions", f"rollout history deployment/{ref.name}", ref.namespace),
            kubectl.write("Go back to the last revision", f"rollout undo deployment/{ref.name}", ref.namespace),
        ),
        points_at=broken_nodes(snapshot, late),
        is_symptom=True,
        since=progressing.last_transition_time,
    )


def _pods_of_old_revisions(snapshot: Snapshot, ref: ResourceRef) -> int:
    replica_sets = sorted(snapshot.children(ReplicaSet, ref), key=_revision)
    return sum(replica_set.status.ready_replicas for replica_set in replica_sets[:-1])


def _revision(replica_set: ReplicaSet) -> tuple[int, float]:
    text, made = replica_set.metadata.annotations.get(REVISION, "0"), replica_set.metadata.creation_timestamp
    return (int(text) if text.isdigit() else 0, made.timestamp() if made else 0.0)


def _still(serving: int) -> str:
    return f"; the old ReplicaSet still serves {serving} pod{'s' if serving != 1 else ''}" if serving else ""


def _looks(ref: ResourceRef, deployment: Deployment) -> tuple[Remedy, ...]:
    labels = kubectl.labels_argument(deployment.spec.selector.match_labels)
    return (
        kubectl.describe(ref),
        kubectl.read("See its pods", f"get pods -o wide -l {labels}" if labels else "get pods -o wide", ref.namespace),
    )


def _message(item: Condition | None) -> str:
    return excerpt(item.message, 600) if item is not None else ""


plugin = AnalyzerPlugin(id=ID, title="Deployments and their rollouts", analyze=analyze, scope="workload")
