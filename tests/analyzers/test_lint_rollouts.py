"""Advice on rollouts that leave nobody to serve."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_rollouts import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


@pytest.mark.parametrize(
    ("replicas", "strategy", "expected"),
    [(4, "Recreate", ["Recreate"]), (1, "Recreate", []), (4, "RollingUpdate", [])],
)
def test_a_deployment_that_is_recreated(replicas: int, strategy: str, expected: list[str]) -> None:
    spec = {"replicas": replicas, "strategy": {"type": strategy}}
    assert reasons({"kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}) == expected


@pytest.mark.parametrize(
    ("unavailable", "nodes", "expected"),
    [
        ("100%", 3, ["MaxUnavailableAll"]),
        ("90%", 3, ["MaxUnavailableAll"]),  # rounded up
        (3, 3, ["MaxUnavailableAll"]),
        ("50%", 3, []),
        (1, 3, []),
        (1, 1, []),
    ],
)
def test_a_daemon_set_that_replaces_all_at_once(unavailable: Any, nodes: int, expected: list[str]) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable}}
    daemon = {"kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {"updateStrategy": strategy}}
    assert reasons({**daemon, "status": {"desiredNumberScheduled": nodes}}) == expected
