"""Advice on requests that are far below what is used."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_usage import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def pod(name: str, requests: dict[str, str], phase: str = "Running") -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}
    container = {"name": "app", "image": "i", "resources": {"requests": requests}}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {"containers": [container]},
        "status": {"phase": phase},
    }


def metrics(name: str, **usage: str) -> dict[str, Any]:
    return {"kind": "PodMetrics", "metadata": {"name": name}, "containers": [{"name": "app", "usage": usage}]}


@pytest.mark.parametrize(
    ("requests", "usage", "phase", "is_told"),
    [
        ({"memory": "100Mi"}, {"memory": "200Mi"}, "Running", True),
        ({"memory": "100Mi"}, {"memory": "110Mi"}, "Running", False),
        ({"memory": "100Mi"}, {"memory": "200Mi"}, "Succeeded", False),
        ({}, {"memory": "200Mi"}, "Running", False),
        ({"memory": "100Mi", "cpu": "100m"}, {"cpu": "900m"}, "Running", False),
    ],
)
def test_memory_that_is_not_asked_for(
    requests: dict[str, str], usage: dict[str, str], phase: str, is_told: bool
) -> None:
    findings = list(plugin.analyze(snapshot_of(pod("web-1", requests, phase), metrics("web-1", **usage))))
    assert plugin.is_lint
    assert [item.reason for item in findings] == ["Lint/MemoryAboveRequest"] * is_told
    assert all("uses 200Mi and requests 100Mi" in item.cause for item in findings)


def test_the_pods_of_a_workload_are_one_piece_of_advice() -> None:
    pods = [pod(name, {"memory": "100Mi"}) for name in ("web-1", "web-2", "web-3")]
    used = [metrics("web-1", memory="200Mi"), metrics("web-2", memory="150Mi"), metrics("web-3", memory="50Mi")]
    [finding] = plugin.analyze(snapshot_of(*pods, *used))
    assert (str(finding.ref), finding.severity) == ("ReplicaSet default/web", Severity.INFO)
    assert len(finding.evidence) == 2
