"""Containers that use nearly all they may, from metrics.k8s.io: about to be killed, or slowed down."""

from __future__ import annotations

from collections.abc import Iterable

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.memory_files import about_files_in_memory
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.nodes import PodMetrics
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.quantities import format_bytes, format_cpu, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot

ID = "usage"
NEAR = 0.95  # of the limit: less than this is what a well-chosen limit looks like
PODS_SHOWN = 3
_REASONS = {"memory": "MemoryNearLimit", "cpu": "CPUNearLimit"}


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload, container and resource; memory near its limit is a warning, CPU is `info`."""
    shares: dict[tuple[str, str, str, str], tuple[float, float]] = {}
    pairs: list[tuple[Pod, tuple[str, str]]] = []
    for pod in snapshot.all(Pod):
        metrics = snapshot.get(PodMetrics, pod.metadata.namespace, pod.metadata.name) if pod.is_live else None
        for container, resource, used, limit in _near_limits(pod, metrics) if metrics is not None else ():
            shares[(pod.namespace, pod.name, container, resource)] = (used, limit)
            pairs.append((pod, (container, resource)))
    for (workload, (container, resource)), pods in affected.group(snapshot, pairs).items():
        usage = [shares[(pod.namespace, pod.name, container, resource)] for pod in pods]
        yield _finding(snapshot, workload, container, resource, list(zip(pods, usage, strict=True)))


def _near_limits(pod: Pod, metrics: PodMetrics) -> list[tuple[str, str, float, float]]:
    near = []
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        limits = container.resources.limits
        for item in metrics.containers if limits else ():
            if item.name == container.name:
                for resource in _REASONS:
                    limit, used = quantity_or_zero(limits.get(resource)), quantity_or_zero(item.usage.get(resource))
                    if limit and used >= NEAR * limit:
                        near.append((container.name, resource, used, limit))
    return near


def _finding(
    snapshot: Snapshot,
    workload: ResourceRef,
    container: str,
    resource: str,
    usage: list[tuple[Pod, tuple[float, float]]],
) -> Finding:
    spell = format_bytes if resource == "memory" else format_cpu
    is_memory = resource == "memory"
    pods = tuple(pod for pod, _ in usage)
    who = "it uses" if workload.kind == "Pod" else f"{affected.share(snapshot, workload, pods)} near"
    limit = spell(usage[0][1][1])
    files = "".join(
        about_files_in_memory(pods[0], spec) for spec, _, _ in pods[0].containers() if spec.name == container
    )
    return Finding.of(
        analyzer=ID,
        reason=_REASONS[resource],
        ref=workload,
        title=f"{workload}: {who} the {resource} limit of container {container} ({limit})",
        severity=Severity.WARNING if is_memory else Severity.INFO,
        confidence=0.7,
        cause=f"Container {container} uses nearly all of its {limit} {resource}: "
        + (f"a little more and it is OOM-killed.{files}" if is_memory else "it is probably being throttled."),
        evidence=tuple(
            Evidence.of(
                snapshot.ref(pod),
                "metric",
                f"{pod.name} uses {spell(used)} of {spell(most)} {resource} ({used / most:.0%})",
                locator=f"metrics.k8s.io/containers[{container}].usage.{resource}",
                observed_at=metrics.timestamp if (metrics := _metrics(snapshot, pod)) else None,
            )
            for pod, (used, most) in usage[:PODS_SHOWN]
        ),
        remedies=(
            kubectl.read("See what it uses", f"top pod {pods[0].name} --containers", workload.namespace),
            kubectl.edit(workload, f"Raise the {resource} limit of {container}"),
        ),
        detail=f"{container} {resource}",
    )


def _metrics(snapshot: Snapshot, pod: Pod) -> PodMetrics | None:
    return snapshot.get(PodMetrics, pod.namespace, pod.name)


plugin = AnalyzerPlugin(id=ID, title="Containers near their limits", analyze=analyze, scope="workload")
