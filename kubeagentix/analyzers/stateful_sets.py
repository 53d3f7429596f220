"""StatefulSets: the ordinal that holds the rest, missing Services and storage classes, rollouts that wait for ever.

Under OrderedReady a StatefulSet makes, and updates, one pod at a time and waits for each: one pod that is not ready
stops all behind it, even the change that would mend it.
Source: kubernetes.io, StatefulSets, "Deployment and Scaling Guarantees" and "Forced rollback".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.node_life import late_pods
from kubeagentix.analysis.on_delete import waits_for_deletion
from kubeagentix.analysis.scaled_to_zero import scaled_to_zero
from kubeagentix.analysis.shortfall import (
    broken_nodes,
    describe_age,
    pod_evidence,
    unready_since,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from kubeagentix.domain.workloads import StatefulSet

ID = "stateful-sets"
REVISION_LABEL = "controller-revision-hash"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per StatefulSet and reason (and volume claim template)."""
    for stateful_set in snapshot.all(StatefulSet):
        if stateful_set.metadata.deletion_timestamp is None:
            yield from _service(snapshot, stateful_set)
            yield from _storage_classes(snapshot, stateful_set)
            yield from _ordinal(snapshot, stateful_set)
            yield from _rollout(snapshot, stateful_set)
            yield from _deliberate(snapshot, stateful_set)


def _service(snapshot: Snapshot, stateful_set: StatefulSet) -> Iterator[Finding]:
    name, namespace = stateful_set.spec.service_name, stateful_set.namespace
    if not name or not snapshot.lacks(snapshot.named(Service.kind, namespace, name)):
        return
    ref = snapshot.ref(stateful_set)
    yield Finding.of(
        analyzer=ID,
        reason="ServiceNotFound",
        ref=ref,
        title=f"{ref} is governed by Service {name}, which does not exist",
        severity=Severity.WARNING,
        confidence=0.9,
        cause=f"Without Service {name} the pods have no names in DNS ({ref.name}-0.{name}).",
        evidence=(Evidence.of(ref, "spec", f"serviceName: {name}", locator="spec.serviceName"),),
        remedies=(
            kubectl.read("See the Services", "get services", namespace),
            kubectl.write(
                "Create the headless Service", f"create service clusterip {name} --clusterip=None", namespace
            ),
        ),
        points_at=(snapshot.named("Service", namespace, name),),
    )


def _storage_classes(snapshot: Snapshot, stateful_set: StatefulSet) -> Iterator[Finding]:
    if not snapshot.was_read(StorageClass) or not snapshot.was_read(PersistentVolumeClaim, stateful_set.namespace):
        return
    for template in stateful_set.spec.volume_claim_templates:
        name = template.spec.storage_class_name
        if not name or snapshot.get(StorageClass, "", name) is not None:
            continue
        if _is_provided_by_hand(snapshot, name):
            continue
        claims = [claim for pod in _pod_names(stateful_set) if (claim := _claim(snapshot, stateful_set, template, pod))]
        pending = [claim for claim in claims if claim.status.phase != "Bound"]
        if pending or len(claims) < stateful_set.spec.replicas:
            yield _storage_class_finding(snapshot, stateful_set, template.name, name, pending)


def _is_provided_by_hand(snapshot: Snapshot, storage_class: str) -> bool:
    """Whether volumes carry the class's name, which then needs no StorageClass object."""
    volumes = snapshot.all(PersistentVolume)
    return any(volume.spec.storage_class_name == storage_class for volume in volumes)


def _claim(
    snapshot: Snapshot, stateful_set: StatefulSet, template: PersistentVolumeClaim, pod: str
) -> PersistentVolumeClaim | None:
    return snapshot.get(PersistentVolumeClaim, stateful_set.namespace, f"{template.name}-{pod}")


def _storage_class_finding(
    snapshot: Snapshot, stateful_set: StatefulSet, template: str, name: str, pending: list[PersistentVolumeClaim]
) -> Finding:
    ref = snapshot.ref(stateful_set)
    return Finding.of(
        analyzer=ID,
        reason="StorageClassNotFound",
        ref=ref,
        title=f"{ref} asks for StorageClass {name}, which does not exist",
        severity=Severity.CRITICAL,
        confidence=0.9,
        cause=f"volumeClaimTemplate {template} names StorageClass {name}, so nobody provides its volumes.",
        evidence=(
            Evidence.of(ref, "spec", f"{template}: storageClassName: {name}", locator="spec.volumeClaimTemplates"),
            *(
                Evidence.of(snapshot.ref(claim), "status", f"claim {claim.name} is {claim.status.phase or 'Pending'}")
                for claim in pending[:3]
            ),
        ),
        remedies=(
            kubectl.read("See the storage classes", "get storageclasses"),
            kubectl.read("See the claims", "get persistentvolumeclaims", ref.namespace),
        ),
        points_at=tuple(snapshot.ref(claim) for claim in pending),
        detail=template,
    )


def _ordinal(snapshot: Snapshot, stateful_set: StatefulSet) -> Iterator[Finding]:
    ready, wanted = stateful_set.status.ready_replicas, stateful_set.spec.replicas
    if ready >= wanted:
        return
    ref = snapshot.ref(stateful_set)
    pods = {pod.name: pod for pod in snapshot.pods_of(ref)}
    late = [pod for name in _pod_names(stateful_set) if (pod := pods.get(name)) and late_pods(snapshot, (pod,))]
    if late:
        yield _ordinal_finding(
            snapshot, stateful_set, late, [name for name in _pod_names(stateful_set) if name not in pods]
        )


def _ordinal_finding(snapshot: Snapshot, stateful_set: StatefulSet, late: list[Pod], absent: list[str]) -> Finding:
    ref, first = snapshot.ref(stateful_set), late[0]
    since = unready_since(first)
    ready, wanted = stateful_set.status.ready_replicas, stateful_set.spec.replicas
    held = _is_ordered(stateful_set) and bool(absent)
    names = ", ".join(pod.name for pod in late[:3])
    behind = f", so {_span(absent)} {'is' if len(absent) == 1 else 'are'} not created" if held else ""
    return Finding.of(
        analyzer=ID,
        reason="OrdinalNotReady",
        ref=ref,
        title=f"{ref}: {first.name if held else names} is not ready{behind} ({ready} of {wanted} ready)",
        severity=Severity.CRITICAL if held or ready == 0 else Severity.WARNING,
        confidence=0.6,
        cause=f"{first.name} is not ready{describe_age(since, snapshot.taken_at)}; its own findings say why, if any.",
        evidence=(
            Evidence.of(ref, "status", f"{ready} of {wanted} replicas ready", locator="status.readyReplicas"),
            *pod_evidence(snapshot, late),
        ),
        remedies=(kubectl.describe(snapshot.ref(first)), kubectl.describe(ref)),
        points_at=(*_unbound_claims(snapshot, first), *broken_nodes(snapshot, late)),
        is_symptom=True,
        since=since,
    )


def _unbound_claims(snapshot: Snapshot, pod: Pod) -> tuple[ResourceRef, ...]:
    names = [volume.persistent_volume_claim.claim_name for volume in pod.spec.volumes if volume.persistent_volume_claim]
    claims = [snapshot.get(PersistentVolumeClaim, pod.namespace, name) for name in names]
    return tuple(snapshot.ref(claim) for claim in claims if claim is not None and claim.status.phase != "Bound")


def _rollout(snapshot: Snapshot, stateful_set: StatefulSet) -> Iterator[Finding]:
    """A broken pod of the newest revision, or of an older one that the controller will not replace by itself."""
    update = stateful_set.status.update_revision
    if not update:
        return
    ref = snapshot.ref(stateful_set)
    late = late_pods(snapshot, snapshot.pods_of(ref))
    stale = [pod for pod in late if _revision(pod) not in ("", update) and _is_due(stateful_set, pod)]
    if stale and (_is_ordered(stateful_set) or _is_on_delete(stateful_set)):
        yield _rollout_finding(snapshot, stateful_set, stale[0], is_stale=True)
    elif update != stateful_set.status.current_revision:
        broken = [pod for pod in late if _revision(pod) == update]
        if broken:
            yield _rollout_finding(snapshot, stateful_set, broken[0], is_stale=False)


def _is_on_delete(stateful_set: StatefulSet) -> bool:
    return stateful_set.spec.update_strategy.type == "OnDelete"


def _rollout_finding(snapshot: Snapshot, stateful_set: StatefulSet, pod: Pod, *, is_stale: bool) -> Finding:
    ref, update = snapshot.ref(stateful_set), stateful_set.status.update_revision
    if is_stale:
        title = f"{ref}: the rollout waits for {pod.name}, which is broken and still of another revision"
        cause = "The controller waits for a broken pod before it updates it, so it must be deleted by hand."
        if _is_on_delete(stateful_set):
            cause = "updateStrategy is OnDelete: the newest template reaches a pod only when that is deleted by hand."
    else:
        title = f"{ref}: the rollout is stuck at {pod.name}"
        cause = "The pod with the newest template does not become ready, and no other is updated before it is."
    return Finding.of(
        analyzer=ID,
        reason="RolloutStuck",
        ref=ref,
        title=title,
        severity=Severity.CRITICAL,
        confidence=0.7 if is_stale else 0.6,
        cause=cause,
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"{stateful_set.status.updated_replicas} of {stateful_set.spec.replicas} pods have revision {update}",
                locator="status.updateRevision",
            ),
            *pod_evidence(snapshot, (pod,)),
        ),
        remedies=(
            kubectl.describe(snapshot.ref(pod)),
            kubectl.write("Have the pod made again, from the newest template", f"delete pod {pod.name}", ref.namespace)
            if is_stale
            else kubectl.write("Go back to the last revision", f"rollout undo statefulset/{ref.name}", ref.namespace),
        ),
        is_symptom=not is_stale,
        since=unready_since(pod),
    )


def _deliberate(snapshot: Snapshot, stateful_set: StatefulSet) -> Iterator[Finding]:
    """What somebody chose and may have forgotten: scaled to zero, a rollout held by a partition."""
    ref, status = snapshot.ref(stateful_set), stateful_set.status
    if stateful_set.spec.replicas == 0:
        yield scaled_to_zero(snapshot, ID, ref, stateful_set.spec.template.metadata.labels)
    stale = [pod for pod in snapshot.pods_of(ref) if _revision(pod) not in ("", status.update_revision)]
    if _is_on_delete(stateful_set) and status.update_revision and stale:
        yield waits_for_deletion(ID, ref, tuple(pod.name for pod in stale))
    partition = _partition(stateful_set)
    if partition and status.update_revision != status.current_revision:
        yield Finding.of(
            analyzer=ID,
            reason="RolloutPartitioned",
            ref=ref,
            title=f"{ref}: ordinals under {partition} keep the old template",
            severity=Severity.INFO,
            confidence=0.95,
            cause="updateStrategy.rollingUpdate.partition holds the rollout there.",
            evidence=(Evidence.of(ref, "spec", f"partition: {partition}", locator="spec.updateStrategy"),),
            remedies=(kubectl.edit(ref, "Lower the partition to roll out further"),),
        )


def _partition(stateful_set: StatefulSet) -> int:
    rolling = stateful_set.spec.update_strategy.rolling_update
    return rolling.partition if rolling is not None else 0


def _is_due(stateful_set: StatefulSet, pod: Pod) -> bool:
    """Whether the rollout is meant to reach this pod."""
    text = pod.name.rpartition("-")[2]
    return not text.isdigit() or int(text) >= _partition(stateful_set)


def _is_ordered(stateful_set: StatefulSet) -> bool:
    return stateful_set.spec.pod_management_policy in ("", "OrderedReady")


def _revision(pod: Pod) -> str:
    return pod.metadata.labels.get(REVISION_LABEL, "")


def _pod_names(stateful_set: StatefulSet) -> list[str]:
    start = stateful_set.spec.ordinals.start
    return [f"{stateful_set.name}-{ordinal}" for ordinal in range(start, start + stateful_set.spec.replicas)]


def _span(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


plugin = AnalyzerPlugin(id=ID, title="StatefulSets and their ordinals", analyze=analyze, scope="workload")
