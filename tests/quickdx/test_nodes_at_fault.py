"""Many workloads that suffer from one node are one incident, and the node is its root."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers import nodes, pod_endings, pod_readiness, sandboxes, scheduling
from kubeagentix.domain.diagnosis import Hypothesis
from kubeagentix.quickdx.correlate import correlate
from kubeagentix.quickdx.graph import Graph
from kubeagentix.quickdx.rank import rank
from kubeagentix.testing import snapshot_of

OLD = "2026-01-15T11:00:00Z"
NAMES = ("api", "cart", "mail")
ANALYZERS = (nodes, pod_endings, pod_readiness, sandboxes, scheduling)


def hypotheses(*manifests: dict[str, Any]) -> list[Hypothesis]:
    snapshot = snapshot_of(*manifests)
    found = [finding for analyzer in ANALYZERS for finding in analyzer.plugin.analyze(snapshot)]
    return list(rank(snapshot, correlate(snapshot, found, Graph.of(snapshot))))


def node(name: str = "n1", ready: str = "True", *more: dict[str, str], **spec: Any) -> dict[str, Any]:
    state = {"type": "Ready", "status": ready, "lastTransitionTime": OLD, "lastHeartbeatTime": OLD}
    return {
        "kind": "Node",
        "metadata": {"name": name, "creationTimestamp": "2025-01-01T00:00:00Z"},
        "spec": spec,
        "status": {"conditions": [state, *more], "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }


def workload(name: str, phase: str, spec: dict[str, Any], **status: Any) -> list[dict[str, Any]]:
    owner = {"kind": "StatefulSet", "name": name, "controller": True}
    pod = {
        "kind": "Pod",
        "metadata": {"name": f"{name}-0", "creationTimestamp": OLD, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "app", "image": "i"}], **spec},
        "status": {"phase": phase, **status},
    }
    return [{"kind": "StatefulSet", "metadata": {"name": name}}, pod]


def of_each(phase: str, spec: dict[str, Any], **status: Any) -> list[dict[str, Any]]:
    return [item for name in NAMES for item in workload(name, phase, spec, **status)]


def refused(message: str) -> list[dict[str, Any]]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return of_each("Pending", {}, conditions=[{**condition, "lastTransitionTime": OLD}])


UNREADY = {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": OLD}], "startTime": OLD}
EVICTED = {
    "reason": "Evicted",
    "message": "The node was low on resource: memory. Container app was using 4Gi, which exceeds its request of 0.",
    "startTime": OLD,
}
PRESSURE = {"type": "MemoryPressure", "status": "True", "lastTransitionTime": OLD}


@pytest.mark.parametrize(
    ("manifests", "reason"),
    [
        ([node("n1", "Unknown"), *of_each("Running", {"nodeName": "n1"}, **UNREADY)], "NodeNotReady/KubeletStopped"),
        ([node("n1", "True", PRESSURE), *of_each("Failed", {"nodeName": "n1"}, **EVICTED)], "MemoryPressure"),
        ([node(), *of_each("Failed", {"nodeName": "n1"}, **EVICTED)], "Evicted/Memory"),
        (
            [node(unschedulable=True), *refused("0/1 nodes are available: 1 node(s) were unschedulable.")],
            "NodeCordoned",
        ),
        (
            [
                node("n1", "Unknown", taints=[{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]),
                *refused("0/1 nodes are available: 1 node(s) had taint {node.kubernetes.io/unreachable: }, that the "
                         "pod didn't tolerate."),
            ],
            "NodeNotReady/KubeletStopped",
        ),
    ],
    ids=["lost", "pressure", "evicted-before", "cordoned", "unreachable"],
)  # fmt: skip
def test_one_node_is_one_incident_that_lists_who_suffers(manifests: list[dict[str, Any]], reason: str) -> None:
    [only] = hypotheses(*manifests)
    assert str(only.root) == "Node n1"
    assert all(name in only.summary for name in NAMES)
    snapshot = snapshot_of(*manifests)
    told = [finding for analyzer in ANALYZERS for finding in analyzer.plugin.analyze(snapshot)]
    assert {finding.reason for finding in told if finding.id == only.findings[0]} == {reason}


def test_two_nodes_are_two_incidents() -> None:
    lost = [node("n1", "Unknown"), node("n2", "Unknown")]
    pods = [
        item
        for name, place in zip(NAMES, ("n1", "n1", "n2"), strict=True)
        for item in workload(name, "Running", {"nodeName": place}, **UNREADY)
    ]
    assert sorted(str(item.root) for item in hypotheses(*lost, *pods)) == ["Node n1", "Node n2"]


def test_a_node_that_is_well_is_not_blamed_for_what_its_pods_do() -> None:
    pods = of_each("Running", {"nodeName": "n1"}, **UNREADY)
    assert all(item.root.kind == "StatefulSet" for item in hypotheses(node(), *pods))
