"""Advice on storage: defaults that compete, and claims that nobody mounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.analysis.templates import templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.pods import Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolumeClaim, StorageClass
from kubeagentix.domain.workloads import CronJob, Deployment, ReplicaSet, ReplicationController, StatefulSet

ID = "lint-storage"
_USERS = (Pod, Deployment, StatefulSet, ReplicaSet, ReplicationController, CronJob)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` for all default classes but the one that counts, one per unused claim."""
    yield from _defaults(snapshot)
    used = {(template.namespace, name) for template in templates(snapshot) for name in _claims(template.spec)}
    used |= {(pod.namespace, name) for pod in snapshot.all(Pod) for name in _claims(pod.spec)}
    for claim in snapshot.all(PersistentVolumeClaim):
        is_known = (claim.namespace, claim.name) in used or _is_of_a_set(snapshot, claim)
        is_owned = claim.metadata.owner_references != ()
        if claim.status.phase == "Bound" and not is_known and not is_owned and _sees_users(snapshot, claim):
            remark = Remark(seen="no pod and no pod template mounts it", locator="metadata.name")
            why = "Its volume is kept, and paid for, all the same."
            yield advice(ID, "UnusedClaim", snapshot.ref(claim), title="nobody uses it", why=why, remarks=[remark])


def _defaults(snapshot: Snapshot) -> Iterator[Finding]:
    defaults = [item for item in snapshot.all(StorageClass) if item.is_default]
    if len(defaults) > 1:
        remarks = [
            Remark(seen=f"StorageClass {item.name} is marked as the default", locator="metadata.annotations")
            for item in sorted(defaults, key=lambda item: item.name)
        ]
        # Source: plugin/pkg/admission/storage/storageclass/setdefault; before 1.26 it refused such claims.
        why = "A claim that names no class gets the newest of them; servers before 1.26 refuse it."
        ref = min(snapshot.ref(item) for item in defaults)
        yield advice(
            ID, "SeveralDefaultClasses", ref, title=f"{len(defaults)} default StorageClasses", why=why, remarks=remarks
        )


def _claims(spec: PodSpec) -> Iterator[str]:
    for volume in spec.volumes:
        if volume.persistent_volume_claim:
            yield volume.persistent_volume_claim.claim_name


def _is_of_a_set(snapshot: Snapshot, claim: PersistentVolumeClaim) -> bool:
    """Whether a StatefulSet made it; one that is scaled down keeps the claims for when it is scaled up again."""
    name = claim.name.rpartition("-")[0]
    return any(
        name == f"{template.name}-{item.name}"
        for item in snapshot.in_namespace(StatefulSet, claim.namespace)
        for template in item.spec.volume_claim_templates
    )


def _sees_users(snapshot: Snapshot, claim: PersistentVolumeClaim) -> bool:
    return all(snapshot.was_read(kind, claim.namespace) for kind in _USERS)


plugin = AnalyzerPlugin(id=ID, title="Advice on storage", analyze=analyze, is_lint=True)
