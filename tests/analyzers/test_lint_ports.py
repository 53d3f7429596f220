"""Advice on container ports: names, and numbers that are taken twice."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_ports import plugin
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


def port(number: int, **more: Any) -> dict[str, Any]:
    return {"name": f"p{number}", "containerPort": number, **more}


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([[port(80)], [port(81)]], []),
        ([[{"containerPort": 80}]], ["UnnamedPort"]),
        ([[port(80)], [port(80)]], ["DuplicateContainerPort"]),
        ([[port(80), port(80, name="again")]], ["DuplicateContainerPort"]),
        ([[port(53), port(53, name="udp", protocol="UDP")]], []),
        ([[port(80, hostPort=80)]], ["HostPort"]),
    ],
)
def test_a_rule(containers: list[list[dict[str, Any]]], expected: list[str]) -> None:
    assert reasons(deployment(*({"ports": ports} for ports in containers))) == expected


def test_on_the_host_network_every_port_is_the_nodes() -> None:
    assert reasons(deployment({"ports": [port(80, hostPort=80)]}, hostNetwork=True)) == []
