"""What admission policies that look on have found."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_audits import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of
from tests.analyzers.conftest import ago

DEPLOYMENT = {"kind": "Deployment", "metadata": {"name": "web", "uid": "u-web"}}
OWNER = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u-web", "controller": True}
POD = {"kind": "Pod", "metadata": {"name": "web-1", "ownerReferences": [OWNER]}}
NO_LABEL = "policy require-labels/team fail: validation error: label team is required. rule team failed at path /"


def event(
    message: str = NO_LABEL, reason: str = "PolicyViolation", kind: str = "Pod", name: str = "web-1"
) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": f"{kind}-{len(message)}"},
        "involvedObject": {"kind": kind, "name": name, "namespace": "default"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": ago(60),
    }


def found(*manifests: dict[str, Any]) -> list[Finding]:
    assert plugin.is_lint
    return list(plugin.analyze(snapshot_of(*manifests)))


def test_rules_that_a_workload_and_its_pods_break_are_one_piece_of_advice() -> None:
    probes = "policy require-probes/live fail: no livenessProbe"
    [finding] = found(DEPLOYMENT, POD, event(), event(probes), event(kind="Deployment", name="web"))
    assert (finding.reason, str(finding.ref), finding.severity) == (
        "Lint/PolicyViolation",
        "Deployment default/web",
        Severity.INFO,
    )
    assert finding.title.endswith("it breaks 2 rules of admission policies")
    assert "require-labels/team: validation error: label team is required" in finding.cause
    assert len(finding.evidence) == 2


@pytest.mark.parametrize(
    "silent",
    [
        event(reason="PolicyApplied"),
        event(NO_LABEL.replace("fail:", "skip:")),
        event("Pod default/web-1: [team] fail (blocked); label team is required", kind="ClusterPolicy", name="labels"),
        event(name="gone-1"),
    ],
    ids=["applied", "skipped", "refused-and-told-elsewhere", "gone"],
)
def test_what_is_kept_or_refused_or_gone_is_silent(silent: dict[str, Any]) -> None:
    assert found(DEPLOYMENT, POD, silent) == []
