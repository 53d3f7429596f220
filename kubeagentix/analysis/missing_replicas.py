"""Workloads with fewer ready pods than they want: whether that is trouble already, and the finding that says so."""

from __future__ import annotations

from datetime import datetime

from kubeagentix.analysis.node_life import late_pods
from kubeagentix.analysis.shortfall import (
    START_GRACE_S,
    broken_nodes,
    describe_age,
    earliest,
    is_older_than,
    overdue_pods,
    pod_evidence,
    start_allowance_s,
    unready_since,
)
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment, ReplicaSet, ReplicationController

Replicator = ReplicaSet | ReplicationController


def missing_replicas(
    snapshot: Snapshot,
    analyzer: str,
    ref: ResourceRef,
    *,
    ready: int,
    wanted: int,
    counted: tuple[Evidence, ...],
    remedies: tuple[Remedy, ...],
    since: datetime | None = None,
) -> Finding:
    """`MinimumReplicasUnavailable` of a workload; `counted` says where `ready` and `wanted` stand."""
    late = late_pods(snapshot, snapshot.pods_of(ref))
    since = since or earliest(unready_since(pod) for pod in late)
    return Finding.of(
        analyzer=analyzer,
        reason="MinimumReplicasUnavailable",
        ref=ref,
        title=f"{ref}: {ready} of {wanted} replicas ready{describe_age(since, snapshot.taken_at)}",
        severity=Severity.CRITICAL if ready == 0 else Severity.WARNING,
        confidence=0.6,
        cause="Pods are missing or not ready; what keeps them so is told by their own findings, if any.",
        evidence=(*counted, *pod_evidence(snapshot, late)),
        remedies=remedies,
        points_at=broken_nodes(snapshot, late),
        is_symptom=True,
        since=since,
    )


def lacks_replicas(snapshot: Snapshot, deployment: Deployment) -> bool:
    """Whether a Deployment is short of ready pods, and not only on its way."""
    status = deployment.status
    if status.ready_replicas >= deployment.spec.replicas:
        return False
    if deployment.spec.paused and status.replicas == 0:
        return False  # born paused: the pause is the whole story
    now = snapshot.taken_at
    overdue = overdue_pods(snapshot.pods_of(snapshot.ref(deployment)), now)
    if overdue:
        return bool(late_pods(snapshot, overdue))
    return _is_told_by_conditions(deployment, now)


def _is_told_by_conditions(deployment: Deployment, now: datetime) -> bool:
    allowance = start_allowance_s(deployment.spec.template.spec)
    available = condition(deployment.status.conditions, "Available")
    if available is not None and available.status == "False":
        return is_older_than(available.last_transition_time, allowance, now)
    # Available, and no pod is overdue: pods may be missing altogether because none can be created.
    if available is None and condition(deployment.status.conditions, "Progressing") is None:
        return is_older_than(deployment.metadata.creation_timestamp, allowance, now)
    failing = condition(deployment.status.conditions, "ReplicaFailure")
    if failing is None or failing.status != "True":
        return False
    return is_older_than(failing.last_transition_time, START_GRACE_S, now)


def set_lacks_replicas(snapshot: Snapshot, item: Replicator) -> bool:
    """Whether pods of a ReplicaSet or ReplicationController are overdue, or were not made although there was time."""
    if item.status.ready_replicas >= item.spec.replicas:
        return False
    pods = snapshot.children(Pod, snapshot.ref(item))
    overdue = overdue_pods(pods, snapshot.taken_at)
    if overdue:
        return bool(late_pods(snapshot, overdue))
    wanted, generation = item.spec.replicas, item.metadata.generation
    is_lacking = max(item.status.replicas, len(pods)) < wanted and item.status.observed_generation >= generation
    made = (item.metadata.creation_timestamp, *(pod.metadata.creation_timestamp for pod in pods))
    allowance_s = start_allowance_s(item.spec.template.spec)
    return is_lacking and all(is_older_than(moment, allowance_s, snapshot.taken_at) for moment in made)


def stalled(deployment: Deployment) -> Condition | None:
    """The condition that says that a rollout has used up its deadline, if it has."""
    progressing = condition(deployment.status.conditions, "Progressing")
    if progressing is None or progressing.status != "False" or progressing.reason != "ProgressDeadlineExceeded":
        return None
    return progressing


def is_awaited(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a pod's workload is told to miss it, so that what keeps the pod is wanted, be it only a guess."""
    workload = snapshot.workload_of(pod)
    if workload.kind in ("Pod", "Job", "CronJob"):  # nobody counts on when those start
        return False
    deployment = snapshot.find(workload)
    if not isinstance(deployment, Deployment):
        return bool(late_pods(snapshot, (pod,)))
    if stalled(deployment) is None and not lacks_replicas(snapshot, deployment):
        return False
    overdue = overdue_pods(snapshot.pods_of(workload), snapshot.taken_at)
    return not overdue or bool(late_pods(snapshot, (pod,)))
