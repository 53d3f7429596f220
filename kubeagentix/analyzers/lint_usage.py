"""Advice on requests: containers that use more memory than they ask for, and are evicted first where it runs short.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, ResourceRef
from kubeagentix.domain.nodes import PodMetrics
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.quantities import format_bytes, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-usage"
OVER = 1.2  # of what is requested: less than that is within what a busy minute needs


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload, naming the containers of all its pods."""
    remarks: dict[ResourceRef, list[Remark]] = defaultdict(list)
    for pod in snapshot.all(Pod):
        if pod.is_live:
            remarks[snapshot.workload_of(pod)] += _over(snapshot, pod)
    for workload, seen in remarks.items():
        if seen:
            why = "Where a node runs short of memory, pods above their requests are evicted first; the scheduler "
            why += "counts on the requests."
            title = "it uses more memory than it requests"
            yield advice(ID, "MemoryAboveRequest", workload, title=title, why=why, remarks=seen)


def _over(snapshot: Snapshot, pod: Pod) -> Iterator[Remark]:
    metrics = snapshot.get(PodMetrics, pod.namespace, pod.name)
    usage = {item.name: item.usage for item in metrics.containers} if metrics is not None else {}
    for container in pod.spec.containers:
        used = quantity_or_zero(usage.get(container.name, {}).get("memory"))
        asked = quantity_or_zero(container.resources.requests.get("memory"))
        if asked and used > OVER * asked:
            yield Remark(
                seen=f"container {container.name} of {pod.name} uses {format_bytes(used)} and requests "
                f"{format_bytes(asked)}",
                locator=f"containers[{container.name}].resources.requests",
            )


plugin = AnalyzerPlugin(id=ID, title="Advice on requests and use", analyze=analyze, is_lint=True)
