"""ReplicaSets that no Deployment rolls out, and ReplicationControllers: short of replicas, or scaled to zero.

A Deployment speaks for its own ReplicaSets; those of other controllers (a Rollout, a DeploymentConfig) speak for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.missing_replicas import Replicator, missing_replicas, set_lacks_replicas
from kubeagentix.analysis.scaled_to_zero import scaled_to_zero
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment, ReplicaSet, ReplicationController

ID = "replica-sets"


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
    short = [item for item in replicators if item.status.ready_replicas < item.spec.replicas]
    if not any(set_lacks_replicas(snapshot, item) for item in short):
        return
    labels = kubectl.labels_argument(short[0].spec.template.metadata.labels)
    yield missing_replicas(
        snapshot,
        ID,
        workload,
        ready=sum(item.status.ready_replicas for item in replicators),
        wanted=sum(item.spec.replicas for item in replicators),
        counted=tuple(
            Evidence.of(
                snapshot.ref(item),
                "status",
                f"{item.status.ready_replicas} of {item.spec.replicas} replicas ready",
                locator="status.readyReplicas",
            )
            for item in short
        ),
        remedies=(
            kubectl.describe(snapshot.ref(short[0])),
            kubectl.read("See its pods", f"get pods -o wide -l {labels}", workload.namespace),
        ),
    )


plugin = AnalyzerPlugin(
    id=ID, title="ReplicaSets and ReplicationControllers of their own", analyze=analyze, scope="workload"
)
