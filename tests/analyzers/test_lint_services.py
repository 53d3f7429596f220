"""Advice on Services: how they are seen from outside, and what they rest on."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_services import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": "http", "nodePort": 30080}]
    return {
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": ports, **spec},
    }


def endpoints(*ready: bool) -> dict[str, Any]:
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [
            {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": is_ready}}
            for number, is_ready in enumerate(ready)
        ],
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"type": "LoadBalancer", "externalTrafficPolicy": "Local"}, ["LoadBalancer"]),
        ({"type": "LoadBalancer"}, ["LoadBalancer", "ExternalTrafficPolicy"]),
        ({"type": "NodePort", "externalTrafficPolicy": "Cluster"}, ["NodePort"]),
        ({"type": "NodePort", "externalTrafficPolicy": "Local"}, ["NodePort", "ExternalTrafficPolicy"]),
    ],
)
def test_services_that_are_seen_from_outside(spec: dict[str, Any], expected: list[str]) -> None:
    assert reasons(service(**spec)) == expected


@pytest.mark.parametrize(
    ("ready", "expected"),
    [((True,), ["SingleEndpoint"]), ((True, False), ["SingleEndpoint"]), ((True, True), []), ((False,), [])],
)
def test_a_single_endpoint(ready: tuple[bool, ...], expected: list[str]) -> None:
    assert reasons(service(), endpoints(*ready)) == expected


@pytest.mark.parametrize(
    ("target", "name", "expected"), [(8080, "http", ["TargetPortNumber"]), (8080, "", []), ("http", "http", [])]
)
def test_a_target_port_by_number(target: Any, name: str, expected: list[str]) -> None:
    ports = [{"name": name, "containerPort": 8080}]
    pod = {
        "kind": "Pod",
        "metadata": {"name": "web-1", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "ports": ports}]},
    }
    assert reasons(service(ports=[{"port": 80, "targetPort": target}]), pod) == expected
