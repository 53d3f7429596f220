"""ReplicaSets that no Deployment rolls out, and ReplicationControllers: short of replicas, or scaled to zero.

A Deployment speaks for its own ReplicaSets; those of other controllers (a Rollout, a DeploymentConfig) speak for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.node_life import is_excused, late_pods
from kubeagentix.analysis.scaled_to_zero import scaled_to_zero
from kubeagentix.analysis.shortfall import (
    broken_nodes,
    describe_age,
    earliest,
    is_older_than,
    overdue_pods,
    pod_evidence,
    start_allowance_s,
    unready_since,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment, ReplicaSet, ReplicationController

ID = "replica-sets"
Replicator = ReplicaSet | ReplicationController


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per workload and reason; one that was made a moment ago is silent."""
    for workload, replicators in _by_workload(snapshot).items():
        if all(item.spec.replicas == 0 for item in replicators):
            yield from _scaled_to_zero(snapshot, workload, replicators)
        else:
            yield from _short_of_replicas(snapshot, workload, replicators)


def _by_workload(snapshot: Snapshot) -> dict[ResourceRef, list[Replicator]]:
    """What keeps replicas and is not a Deployment's, by topmost controller (as a rule itself)."""
    groups: dict[ResourceRef, list[Replicator]] = defaultdict(list)
    replicators: tuple[Replicator, ...] = (*snapshot.all(ReplicaSet), *snapshot.all(ReplicationController))
    for item in replicators:
        owner = item.controller
        if item.metadata.deletion_timestamp is None and (owner is None or owner.kind != Deployment.kind):
            groups[snapshot.workload_of(item)].append(item)
    return groups


def _scaled_to_zero(snapshot: Snapshot, workload: ResourceRef, replicators: list[Replicator]) -> Iterator[Finding]:
    if snapshot.find(workload) is None:  # whoever stands above may want none of them, or keep old ones
        return
    labels = replicators[0].spec.template.metadata.labels
    yield scaled_to_zero(snapshot, ID, workload, labels)


def _short_of_replicas(snapshot: Snapshot, workload: ResourceRef, replicators: list[Replicator]) -> Iterator[Finding]:
    wanted = sum(item.spec.replicas for item in replicators)
    ready = sum(item.status.ready_replicas for item in replicators)
    short = [item for item in replicators if item.status.ready_replicas < item.spec.replicas]
    if not short or not any(_is_beyond_transition(snapshot, item) for item in short):
        return
    late = late_pods(snapshot, snapshot.pods_of(workload))
    since = earliest(unready_since(pod) for pod in late)
    yield Finding.of(
        analyzer=ID,
        reason="MinimumReplicasUnavailable",
        ref=workload,
        title=f"{workload}: {ready} of {wanted} replicas ready{describe_age(since, snapshot.taken_at)}",
        severity=Severity.CRITICAL if ready == 0 else Severity.WARNING,
        confidence=0.6,
        cause="Pods are missing or not ready; what keeps them so is told by their own findings, if any.",
        evidence=(
            *(
                Evidence.of(
                    snapshot.ref(item),
                    "status",
                    f"{item.status.ready_replicas} of {item.spec.replicas} replicas ready",
                    locator="status.readyReplicas",
                )
                for item in short
            ),
            *pod_evidence(snapshot, late),
        ),
        remedies=(
            kubectl.describe(snapshot.ref(short[0])),
            kubectl.read(
                "See its pods",
                f"get pods -o wide -l {kubectl.labels_argument(short[0].spec.template.metadata.labels)}",
                workload.namespace,
            ),
        ),
        points_at=broken_nodes(snapshot, late),
        is_symptom=True,
        since=since,
    )


def _is_beyond_transition(snapshot: Snapshot, item: Replicator) -> bool:
    """Whether pods are overdue, or were not made although there was time to."""
    pods = snapshot.children(Pod, snapshot.ref(item))
    overdue = overdue_pods(pods, snapshot.taken_at)
    if overdue:
        return not all(is_excused(snapshot, pod) for pod in overdue)
    wanted, generation = item.spec.replicas, item.metadata.generation
    is_lacking = max(item.status.replicas, len(pods)) < wanted and item.status.observed_generation >= generation
    made = (item.metadata.creation_timestamp, *(pod.metadata.creation_timestamp for pod in pods))
    allowance_s = start_allowance_s(item.spec.template.spec)
    return is_lacking and all(is_older_than(moment, allowance_s, snapshot.taken_at) for moment in made)


plugin = AnalyzerPlugin(id=ID, title="ReplicaSets and ReplicationControllers of their own", analyze=analyze)
