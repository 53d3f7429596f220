"""Claims of which one node at a time may have the volume, wanted by pods on several nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.scheduler.placement import claim_names
from kubeagentix.analysis.templates import Template, templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolumeClaim

ID = "shared-claims"
_ONE_NODE = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and claim; advice, but a warning where a pod waits while another node has the volume."""
    wanted: dict[tuple[str, str], list[Template]] = defaultdict(list)
    for template in templates(snapshot):
        for volume in template.spec.volumes if template.wanted and template.workload.kind != "CronJob" else ():
            if volume.persistent_volume_claim is not None:
                wanted[(template.namespace, volume.persistent_volume_claim.claim_name)].append(template)
    for (namespace, name), users in wanted.items():
        claim = snapshot.get(PersistentVolumeClaim, namespace, name)
        if claim is not None and claim.spec.access_modes and _ONE_NODE.issuperset(claim.spec.access_modes):
            yield from _of_claim(snapshot, claim, users)


def _of_claim(snapshot: Snapshot, claim: PersistentVolumeClaim, users: list[Template]) -> Iterator[Finding]:
    pods = sum(template.wanted for template in users)
    if pods < 2:
        return
    mounting = [pod for pod in snapshot.in_namespace(Pod, claim.namespace) if _mounts(pod, claim)]
    nodes = sorted({pod.spec.node_name for pod in mounting if pod.spec.node_name})
    waiting = [pod for pod in mounting if pod.spec.node_name and pod.status.phase == "Pending"]
    many = max(users, key=lambda template: template.wanted)
    yield _finding(snapshot, claim, many.workload, pods=pods, nodes=nodes, is_stuck=bool(waiting) and len(nodes) > 1)


def _mounts(pod: Pod, claim: PersistentVolumeClaim) -> bool:
    return pod.is_live and claim.name in claim_names(pod)


def _finding(
    snapshot: Snapshot,
    claim: PersistentVolumeClaim,
    workload: ResourceRef,
    *,
    pods: int,
    nodes: list[str],
    is_stuck: bool,
) -> Finding:
    ref, modes = snapshot.ref(claim), ",".join(claim.spec.access_modes)
    where = f" They are on {', '.join(nodes[:3])} now." if len(nodes) > 1 else ""
    return Finding.of(
        analyzer=ID,
        reason="SharedClaim",
        ref=workload,
        title=f"{workload}: {pods} pods want claim {claim.name}, whose volume one node at a time may have ({modes})",
        severity=Severity.WARNING if is_stuck else Severity.INFO,
        confidence=0.8 if is_stuck else 0.6,
        cause=f"Pods that land on another node than the first wait for the volume.{where} A StatefulSet gives each pod "
        "a claim of its own; ReadWriteMany needs storage that offers it.",
        evidence=(
            Evidence.of(ref, "spec", f"accessModes: {modes}", locator="spec.accessModes"),
            Evidence.of(workload, "spec", f"{pods} pods mount {claim.name}", locator="spec.template.spec.volumes"),
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.write("Run one pod", f"scale {workload.kind.lower()}/{workload.name} --replicas=1", ref.namespace),
        ),
        detail=claim.name,
    )


plugin = AnalyzerPlugin(id=ID, title="Claims that several nodes want", analyze=analyze, scope="namespace")
