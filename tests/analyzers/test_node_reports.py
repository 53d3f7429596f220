"""Nodes that count as ready and of which nothing is heard."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.node_reports import plugin
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of
from tests.analyzers.conftest import ago


def node(name: str, heard_s: float = 30, status: str = "True", ready_s: float = 9000, **spec: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "lastHeartbeatTime": ago(heard_s), "lastTransitionTime": ago(ready_s)}
    return {"kind": "Node", "metadata": {"name": name}, "spec": spec, "status": {"conditions": [ready]}}


def metrics(name: str) -> dict[str, Any]:
    return {"kind": "NodeMetrics", "metadata": {"name": name}, "usage": {"cpu": "1"}}


def found(*manifests: Any, **options: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, **options)))


def test_a_silent_kubelet_that_nobody_has_marked_is_a_warning() -> None:
    [finding] = found(node("a"), node("b", heard_s=1800))
    assert (finding.reason, str(finding.ref), finding.severity) == ("NodeStatusStale", "Node b", Severity.WARNING)
    assert "said nothing for 30m" in finding.title


@pytest.mark.parametrize(
    "manifests",
    [
        [node("a"), node("b", heard_s=600)],
        [node("a", heard_s=90000), node("b", heard_s=90300)],
        [node("a"), node("b", heard_s=1800, status="Unknown")],
        [node("a"), node("b", 1800, taints=[{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}])],
    ],
    ids=["one-report-lost", "an-old-picture", "marked-already", "taken-away"],
)
def test_what_is_heard_of_or_marked_is_silent(manifests: list[Any]) -> None:
    assert found(*manifests) == []


def test_a_node_that_is_left_out_of_the_metrics_is_information() -> None:
    nodes = (node("a"), node("b"))
    [finding] = found(*nodes, metrics("a"))
    assert (finding.reason, str(finding.ref), finding.severity) == ("NodeMetricsMissing", "Node b", Severity.INFO)
    assert found(*nodes, metrics("a"), metrics("b")) == []
    assert found(*nodes) == []  # there is no metrics-server
    assert found(node("a"), node("b", ready_s=120), metrics("a")) == []
    gap = Gap(what="nodes", why="403 Forbidden", kind="NodeMetrics")
    assert found(*nodes, metrics("a"), gaps=[gap]) == []
