"""Advice on templates: each rule, and the template that follows them all."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_pods import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of

BUDGET = {
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}},
}
GOOD: dict[str, Any] = {
    "name": "app",
    "image": "registry.example:5000/shop/web:1.4",
    "readinessProbe": {"httpGet": {"port": 80}},
    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
    "securityContext": {"runAsNonRoot": True},
}


def deployment(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    pod = {"serviceAccountName": "web", "containers": [container], **spec}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2, "template": template}}


def reasons(*manifests: dict[str, Any]) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason for item in findings]


def test_a_template_that_follows_all_advice_gets_none() -> None:
    assert plugin.is_lint
    assert reasons(deployment(GOOD), BUDGET) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": "web"}, "Lint/ImageTag"),
        ({"image": "registry.example:5000/web"}, "Lint/ImageTag"),
        ({"image": "web:latest"}, "Lint/ImageTag"),
        ({"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}, None),
        ({"resources": {"limits": {"memory": "1Gi"}}}, "Lint/NoRequests"),
        ({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}, "Lint/NoLimits"),
        ({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}, "Lint/DuplicateEnv"),
        ({"image": "web@sha256:" + "0" * 64}, None),
    ],
)
def test_a_rule_about_containers(change: dict[str, Any], reason: str | None) -> None:
    assert reasons(deployment({**GOOD, **change}), BUDGET) == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hostNetwork": True}, "Lint/HostNetworkDNS"),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, None),
    ],
)
def test_a_rule_about_the_pod(change: dict[str, Any], reason: str | None) -> None:
    assert reasons(deployment(GOOD, **change), BUDGET) == ([reason] if reason else [])


@pytest.mark.parametrize("kind", ["Deployment", "ReplicationController"])
def test_replicas_without_a_budget(kind: str) -> None:
    assert reasons({**deployment(GOOD), "kind": kind}) == ["Lint/NoDisruptionBudget"]


def test_a_pod_with_two_budgets_cannot_be_evicted() -> None:
    second = {**BUDGET, "metadata": {"name": "web-again"}}
    found = list(plugin.analyze(snapshot_of(deployment(GOOD), BUDGET, second)))
    assert [(item.reason, item.evidence[0].summary) for item in found] == [
        ("Lint/ManyDisruptionBudgets", "PodDisruptionBudgets web, web-again all select its pods")
    ]


def test_a_pod_that_nobody_owns() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [GOOD], "serviceAccountName": "web"}}
    assert reasons(pod) == ["Lint/UnmanagedPod"]
