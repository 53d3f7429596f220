"""Use of CPU and memory beside what was asked for and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubeagentix.domain.meta import Quantity
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.quantities import format_bytes, format_cpu, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import NotFoundError

TIGHT = 0.9  # of a limit: more than this is worth telling


def total(several: Iterable[Mapping[str, Quantity]], resource: str) -> float:
    """The sum of one resource, in cores or bytes."""
    return sum(quantity_or_zero(item.get(resource)) for item in several)


def shown(resource: str, value: float) -> str:
    """`250m`, `64Mi`; "" for nothing."""
    if not value:
        return ""
    return format_cpu(value) if resource == "cpu" else format_bytes(value)


def share(part: float, whole: float) -> str:
    """`85%`, or "" of nothing."""
    return f"{part / whole:.0%}" if whole else ""


def requests_of(pod: Pod, resource: str) -> float:
    """What a pod's containers ask for."""
    return total((item.resources.requests for item in pod.spec.containers), resource)


def limits_of(pod: Pod, resource: str) -> float:
    """What a pod's containers may use at most; 0 where one of them has no limit."""
    limits = [quantity_or_zero(item.resources.limits.get(resource)) for item in pod.spec.containers]
    return sum(limits) if all(limits) else 0.0


def require_metrics(snapshot: Snapshot, kind: str) -> None:
    """Raises NotFoundError where the cluster serves no metrics."""
    if not snapshot.objects.get(kind):
        gap = next((f": {gap.what}: {gap.why}" for gap in snapshot.gaps if gap.kind == kind), "")
        hint = "metrics-server seems not to be installed or not to answer; query_metrics may know Prometheus"
        raise NotFoundError(f"the cluster has no {kind} (metrics.k8s.io){gap}", hint=hint)
