"""Puts what keeps a pod off the nodes into words: reason, cause with names and numbers, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.scheduler import node_causes, pod_causes
from kubeagentix.analysis.scheduler.case import Case, Explanation
from kubeagentix.analysis.scheduler.messages import ObstacleKind

_K = ObstacleKind


def explain(case: Case) -> Explanation:
    """The explanation of the obstacle that was chosen for a pod."""
    return _EXPLAINERS[case.choice.obstacle.kind](case)


def _other(case: Case) -> Explanation:
    return Explanation(
        reason="",
        cause=f"The scheduler found no node for the pod: {case.choice.obstacle.detail}.",
        remedies=(kubectl.read("See the nodes", "get nodes"),),
    )


_EXPLAINERS: Mapping[ObstacleKind, Callable[[Case], Explanation]] = {
    _K.NODE_SELECTOR: node_causes.node_selector,
    _K.TAINT: node_causes.taint,
    _K.NODE_CONDITION: node_causes.node_condition,
    _K.CORDONED: node_causes.cordoned,
    _K.RESOURCE: node_causes.resource,
    _K.TOO_MANY_PODS: node_causes.too_many_pods,
    _K.VOLUME_LIMIT: pod_causes.volume_limit,
    _K.HOST_PORT: node_causes.host_port,
    _K.POD_AFFINITY: pod_causes.pod_affinity,
    _K.POD_ANTI_AFFINITY: pod_causes.pod_anti_affinity,
    _K.POD_AFFINITY_OR_ANTI: pod_causes.pod_affinity_or_anti,
    _K.TOPOLOGY_SPREAD: pod_causes.topology_spread,
    _K.VOLUME_NODE_AFFINITY: pod_causes.volume_node_affinity,
    _K.CLAIM_UNBOUND: pod_causes.claim_unbound,
    _K.CLAIM_NOT_FOUND: pod_causes.claim_not_found,
    _K.OTHER: _other,
}
