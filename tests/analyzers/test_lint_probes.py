"""Advice on probes: who has none, and ports by number that have a name."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_probes import plugin
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


READY = {"httpGet": {"port": "http"}}
PORTS = [{"name": "http", "containerPort": 80}]
GOOD = {"ports": PORTS, "readinessProbe": READY, "livenessProbe": {"exec": {"command": ["true"]}}}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (GOOD, []),
        ({"ports": PORTS}, ["NoProbes"]),
        ({**GOOD, "readinessProbe": None}, ["NoReadinessProbe"]),
        ({**GOOD, "readinessProbe": None, "ports": []}, []),  # nobody sends it anything
        ({**GOOD, "livenessProbe": None}, ["NoLivenessProbe"]),
        ({**GOOD, "readinessProbe": {"tcpSocket": {"port": 80}}}, ["ProbePortNumber"]),
        ({**GOOD, "readinessProbe": {"tcpSocket": {"port": 81}}}, []),  # which has no name
    ],
)
def test_a_rule(container: dict[str, Any], expected: list[str]) -> None:
    assert reasons(deployment(container)) == expected


def test_what_ends_by_itself_needs_no_probe() -> None:
    job = {"kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}}
    assert reasons(job) == []
