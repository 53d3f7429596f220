"""Nodes that come and go: what is out of order on one that is joining or being taken away is no trouble.

Autoscalers make and remove machines all day. A new one is not ready until its network plugin runs; one that is being
removed is tainted, drained, and then silent until its Node object goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from kubeagentix.analysis.shortfall import is_older_than, overdue_pods
from kubeagentix.domain.meta import condition
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

JOINING_S = 120.0  # a new node is not ready until its network plugin runs
LEAVING_S = 900.0  # a machine that should be gone and is still there after that is stuck
PULLING_S = 300.0  # some gigabytes over an ordinary line
SCALE_UP_S = 600.0  # a new node from an autoscaler is there, or is not coming
# Taints by which autoscalers and clouds announce that a node is to be removed: Cluster Autoscaler, Karpenter (since
# 1.0, and before), GKE's graceful termination, the AWS node termination handler (which adds the cause to its key).
_LEAVING_TAINTS = (
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    "cloud.google.com/impending-node-termination",
    "aws-node-termination-handler/",
)
# How they say on a pod that a node is on its way (Karpenter: Nominated), and that none is.
_COMING, _NOT_COMING = ("TriggeredScaleUp", "Nominated"), ("NotTriggerScaleUp",)


def is_announced_to_leave(node: Node) -> bool:
    """Whether somebody is removing the node."""
    return node.metadata.deletion_timestamp is not None or any(
        taint.key.startswith(_LEAVING_TAINTS) for taint in node.spec.taints
    )


def is_leaving(snapshot: Snapshot, node: Node) -> bool:
    """Whether the node is being removed and, if it is not ready any more, has not been so for long."""
    ready = condition(node.status.conditions, "Ready")
    if ready is None or ready.status == "True":
        return is_announced_to_leave(node)
    return is_announced_to_leave(node) and not is_older_than(ready.last_transition_time, LEAVING_S, snapshot.taken_at)


def is_joining(snapshot: Snapshot, node: Node) -> bool:
    """Whether the node is new."""
    return not is_older_than(node.metadata.creation_timestamp, JOINING_S, snapshot.taken_at)


def is_excused(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a pod is not ready for its node's coming or going alone."""
    node = snapshot.get(Node, "", pod.spec.node_name) if pod.spec.node_name else None
    if node is None:
        return not pod.spec.node_name and is_node_coming(snapshot, pod)
    return is_leaving(snapshot, node) or is_joining(snapshot, node)


def late_pods(snapshot: Snapshot, pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The pods that should long be ready and are not, but for those whose node or image is still on its way."""
    overdue = overdue_pods(pods, snapshot.taken_at)
    return tuple(pod for pod in overdue if not is_excused(snapshot, pod) and not _is_pulling(snapshot, pod))


def _is_pulling(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether the last that was heard of a pod is that its image is being pulled; a large one takes minutes."""
    newest = next(iter(snapshot.events_for(pod)), None)
    if newest is None or newest.reason != "Pulling" or pod.status.phase != "Pending":
        return False
    return not is_older_than(newest.seen_at, PULLING_S, snapshot.taken_at)


def is_node_coming(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether an autoscaler said that a node is on its way for the pod, and has not said otherwise since."""
    for event in snapshot.events_for(pod):
        if event.reason in (*_COMING, *_NOT_COMING):
            is_recent = event.seen_at is not None and snapshot.taken_at - event.seen_at < timedelta(seconds=SCALE_UP_S)
            return is_recent and event.reason in _COMING
    return False
