"""Budgets: what blocks for ever, and what only blocks while pods are unhealthy."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.disruption_budgets import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

PODS = "\n---\n".join(
    f"kind: Pod\nmetadata: {{name: web-{n}, labels: {{app: web}}}}\nspec: {{nodeName: n1}}\nstatus: {{phase: Running}}"
    for n in range(2)
)
CORDONED = "kind: Node\nmetadata: {name: n1}\nspec: {unschedulable: true}"


def budget(rule: str, *, app: str = "web", allowed: int = 0) -> str:
    return f"""
kind: PodDisruptionBudget
metadata: {{name: web}}
spec: {{{rule}, selector: {{matchLabels: {{app: {app}}}}}}}
status: {{disruptionsAllowed: {allowed}, expectedPods: 2}}
"""


def find(*manifests: str) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


@pytest.mark.parametrize(
    "rule",
    ["maxUnavailable: 0", 'maxUnavailable: "0%"', "minAvailable: 2", 'minAvailable: "100%"', 'minAvailable: "60%"'],
)
def test_rule_that_allows_no_eviction_is_information(rule: str) -> None:
    (finding,) = find(budget(rule), PODS)
    assert (finding.reason, finding.severity) == ("EvictionBlocked", Severity.INFO)


def test_cordoned_node_that_waits_makes_it_a_warning() -> None:
    (finding,) = find(budget("maxUnavailable: 0"), PODS, CORDONED)
    assert finding.severity is Severity.WARNING
    assert "node n1 waits for it" in finding.title


@pytest.mark.parametrize(
    "rule", ["maxUnavailable: 1", 'maxUnavailable: "10%"', "minAvailable: 1", 'minAvailable: "50%"']
)
def test_unhealthy_pods_that_use_up_the_budget_are_silent(rule: str) -> None:
    assert find(budget(rule), PODS, CORDONED) == []


def test_budget_for_nobody_is_information() -> None:
    (finding,) = find(budget("maxUnavailable: 1", app="gone"), PODS)
    assert (finding.reason, finding.severity) == ("NoPods", Severity.INFO)
