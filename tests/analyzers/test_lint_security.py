"""Advice on what containers may do to their node."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_security import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


def deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    named = [{"name": f"c{number}", **item} for number, item in enumerate(containers)]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": named, **spec}}
    return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2, "template": template}}


GOOD = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (GOOD, []),
        (None, ["NoSecurityContext"]),
        ({}, ["RunsAsRoot"]),
        ({"runAsUser": 0}, ["RunsAsRoot"]),
        ({"runAsUser": 1000}, []),
        ({**GOOD, "privileged": True}, ["Privileged"]),
        ({**GOOD, "allowPrivilegeEscalation": True}, ["PrivilegeEscalation"]),
        ({**GOOD, "capabilities": {"add": ["SYS_ADMIN"]}}, ["Capabilities"]),
        ({**GOOD, "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}, []),
    ],
)
def test_a_rule_about_containers(context: dict[str, Any] | None, expected: list[str]) -> None:
    assert reasons(deployment({"securityContext": context})) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"securityContext": {"runAsNonRoot": True}}, []),
        ({"securityContext": {}}, ["NoSecurityContext"]),  # what the server fills in
        ({"securityContext": {"fsGroup": 5}}, ["RunsAsRoot"]),
    ],
)
def test_what_the_pod_says_counts_for_its_containers(spec: dict[str, Any], expected: list[str]) -> None:
    assert reasons(deployment({}, **spec)) == expected


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_namespaces_of_the_node(field: str) -> None:
    assert reasons(deployment({"securityContext": GOOD}, **{field: True})) == ["HostNamespaces"]
    assert reasons(deployment({"securityContext": GOOD}, **{field: False})) == []


def test_directories_of_the_node() -> None:
    volumes = [{"name": "run", "hostPath": {"path": "/run"}}, {"name": "tmp", "emptyDir": {}}]
    found = list(plugin.analyze(snapshot_of(deployment({"securityContext": GOOD}, volumes=volumes))))
    assert [(item.reason, item.evidence[0].summary) for item in found] == [
        ("Lint/HostPath", "volume run is /run of the node")
    ]
