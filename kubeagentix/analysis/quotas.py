"""What stands behind a ResourceQuota or LimitRange that refused a pod: who uses it up, and which bound it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kubeagentix.analysis.admission import Amount, Bound
from kubeagentix.analysis.scheduler.placement import requests_of
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.meta import Quantity
from kubeagentix.domain.pods import Pod, PodSpec
from kubeagentix.domain.quantities import format_bytes, format_cpu, quantity_or_zero
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import LimitRange, LimitRangeItem

_TOLERANCE = 0.001  # amounts are sums of floats
_COUNT = "count/"


def users(snapshot: Snapshot, namespace: str, amount: Amount) -> tuple[tuple[ResourceRef, str], ...]:
    """The workloads that use an amount up and how much each does, most first.

    Empty unless they add up to what the API server counted: a quota may have scopes, or be behind.
    """
    use: dict[ResourceRef, float] = defaultdict(float)
    for workload, value in _uses(snapshot, namespace, amount.resource):
        use[workload] += value
    counted = quantity_or_zero(amount.used)
    if not use or abs(sum(use.values()) - counted) > _TOLERANCE * max(counted, 1.0):
        return ()
    ranked = sorted(use.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((workload, _format(amount.resource, value)) for workload, value in ranked if value)


def _uses(snapshot: Snapshot, namespace: str, resource: str) -> Iterator[tuple[ResourceRef, float]]:
    plural = resource.removeprefix(_COUNT).partition(".")[0]
    kind = next((kind for kind in KINDS.values() if kind.plural == plural and kind.is_namespaced), None)
    if kind is not None:
        is_whole = resource.startswith(_COUNT)
        for item in snapshot.in_namespace(kind.type, namespace):
            if is_whole or not isinstance(item, Pod) or not item.is_finished:
                yield snapshot.workload_of(item), 1.0
        return
    for pod in snapshot.in_namespace(Pod, namespace):
        if not pod.is_finished:
            yield snapshot.workload_of(pod), _asked_for(pod.spec, resource)


def _asked_for(spec: PodSpec, resource: str) -> float:
    """What a quota counts of a pod: the same as the scheduler does, for limits too."""
    if not resource.startswith("limits."):
        return requests_of(spec).get(resource.removeprefix("requests."), 0.0)
    name = resource.removeprefix("limits.")
    own = sum(_limit(container.resources.limits, name) for container in spec.containers)
    return max([own, *(_limit(container.resources.limits, name) for container in spec.init_containers)])


def _limit(limits: dict[str, Quantity], name: str) -> float:
    return quantity_or_zero(limits.get(name))


def _format(resource: str, value: float) -> str:
    if resource.endswith("cpu"):
        return format_cpu(value)
    return format_bytes(value) if resource.endswith(("memory", "storage")) else f"{value:g}"


def limit_ranges(snapshot: Snapshot, namespace: str, bound: Bound) -> tuple[LimitRange, ...]:
    """The LimitRanges that hold that bound."""
    return tuple(
        item
        for item in snapshot.in_namespace(LimitRange, namespace)
        if any(
            limit.type == bound.type
            and quantity_or_zero(_side(limit, bound.side).get(bound.resource)) == quantity_or_zero(bound.bound)
            for limit in item.spec.limits
            if bound.resource in _side(limit, bound.side)
        )
    )


def _side(limit: LimitRangeItem, side: str) -> dict[str, Quantity]:
    return {"min": limit.min, "max": limit.max, "ratio": limit.max_limit_request_ratio}[side]


def default_limit(snapshot: Snapshot, namespace: str, resource: str) -> tuple[LimitRange, Quantity] | None:
    """The LimitRange that gives containers a limit where they state none, and that limit."""
    for item in snapshot.in_namespace(LimitRange, namespace):
        for limit in item.spec.limits:
            if limit.type == "Container" and resource in limit.default:
                return item, limit.default[resource]
    return None
