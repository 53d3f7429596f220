"""Advice on autoscalers: those that measure a share of nothing, that ask for too much, whose work somebody undoes."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_autoscalers import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


def deployment(resources: Any = None, **metadata: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "app", "resources": resources or {}}]}}
    spec = {"replicas": 4, "template": template}
    return {"kind": "Deployment", "metadata": {"name": "web", **metadata}, "spec": spec}


def scaler(kind: str = "Utilization", metric: str = "cpu") -> dict[str, Any]:
    metrics = [{"type": "Resource", "resource": {"name": metric, "target": {"type": kind}}}]
    target = {"kind": "Deployment", "name": "web"}
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 5, "metrics": metrics},
    }


@pytest.mark.parametrize(
    ("autoscaler", "resources", "expected"),
    [
        (scaler(), {}, ["AutoscalerNoRequests"]),
        (scaler(), {"requests": {"cpu": "1"}}, []),
        (scaler(), {"limits": {"cpu": "1"}}, []),
        (scaler(metric="memory"), {"requests": {"cpu": "1"}}, ["AutoscalerNoRequests"]),
        (scaler("AverageValue"), {}, []),
    ],
)
def test_an_autoscaler_by_what_is_not_requested(autoscaler: Any, resources: Any, expected: list[str]) -> None:
    assert reasons(deployment(resources=resources), autoscaler) == expected


@pytest.mark.parametrize(
    ("operation", "fields", "expected"),
    [
        ("Apply", {"f:spec": {"f:replicas": {}}}, ["AutoscalerAndReplicas"]),
        ("Apply", {"f:spec": {"f:template": {}}}, []),
        ("Update", {"f:spec": {"f:replicas": {}}}, []),  # the server has filled it in
    ],
)
def test_replicas_that_are_set_by_two(operation: str, fields: Any, expected: list[str]) -> None:
    written = [{"manager": "argocd", "operation": operation, "fieldsV1": fields}]
    asks = {"requests": {"cpu": "1"}}
    assert reasons(deployment(resources=asks, managedFields=written), scaler()) == expected
    assert reasons(deployment(resources=asks, managedFields=written)) == []


@pytest.mark.parametrize(
    ("requests", "cpu", "expected"),
    [
        ({"cpu": "1500m"}, ["4", "2"], ["AutoscalerBeyondNodes"]),  # 2 and 1 of 5: what is left of a node is of no use
        ({"cpu": "1", "memory": "3Gi"}, ["4", "4"], ["AutoscalerBeyondNodes"]),
        ({"cpu": "1"}, ["4", "2"], []),
        ({"cpu": "1"}, [], []),  # no nodes are seen
    ],
)
def test_more_pods_than_the_nodes_can_hold(requests: dict[str, str], cpu: list[str], expected: list[str]) -> None:
    nodes = [
        {"kind": "Node", "metadata": {"name": f"n{place}"}, "status": {"allocatable": {"cpu": size, "memory": "4Gi"}}}
        for place, size in enumerate(cpu)
    ]
    assert reasons(deployment(resources={"requests": requests}), scaler(), *nodes) == expected
