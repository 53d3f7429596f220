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
    ("key", "severity"),
    [
        ("karpenter.sh/disrupted", Severity.WARNING),
        ("ToBeDeletedByClusterAutoscaler", Severity.WARNING),
        ("team.example/dedicated", Severity.INFO),
    ],
)
def test_a_node_that_an_autoscaler_empties_waits_too(key: str, severity: Severity) -> None:
    node = f"kind: Node\nmetadata: {{name: n1}}\nspec: {{taints: [{{key: {key}, effect: NoSchedule}}]}}"
    (finding,) = find(budget("maxUnavailable: 0"), PODS, node)
    assert finding.severity is severity
    waits = [item.locator for item in finding.evidence if item.ref.kind == "Node"]
    assert waits == ["spec.taints"] * (severity is Severity.WARNING)


@pytest.mark.parametrize(
    "rule", ["maxUnavailable: 1", 'maxUnavailable: "10%"', "minAvailable: 1", 'minAvailable: "50%"']
)
def test_pods_that_only_now_use_up_the_budget_are_silent_while_no_node_waits(rule: str) -> None:
    assert find(budget(rule), PODS) == []


def test_a_drain_that_waits_for_pods_that_are_not_ready_is_their_symptom() -> None:
    (finding,) = find(budget("maxUnavailable: 1"), PODS, CORDONED)
    assert (finding.reason, finding.is_symptom) == ("EvictionBlocked/UnhealthyPods", True)
    assert [str(ref) for ref in finding.points_at] == ["Pod default/web-0", "Pod default/web-1"]
    assert find(budget("maxUnavailable: 1", allowed=1), PODS, CORDONED) == []
    ready = PODS.replace("phase: Running", 'phase: Running, conditions: [{type: Ready, status: "True"}]')
    assert find(budget("maxUnavailable: 1"), ready, CORDONED) == []


def test_overlapping_budgets_are_advice_until_a_node_waits() -> None:
    second = budget("minAvailable: 0", allowed=2).replace("name: web", "name: also", 1)
    both = (budget("maxUnavailable: 1", allowed=1), second, PODS)
    (finding,) = find(*both)
    assert (finding.reason, finding.severity) == ("MultiplePodDisruptionBudgets", Severity.INFO)
    assert "2 budgets (also, web)" in finding.title
    (waiting,) = find(*both, CORDONED)
    assert waiting.severity is Severity.WARNING
    other = second.replace("app: web", "app: api")
    assert [item.reason for item in find(both[0], other, PODS)] == ["NoPods"]


UNMANAGED = """
kind: Event
metadata: {name: e}
involvedObject: {kind: PodDisruptionBudget, namespace: default, name: web}
type: Warning
reason: CalculateExpectedPodCountFailed
message: 'Failed to calculate the number of expected pods: found no controller ref for pod "web-0"'
"""
FAILED = (
    "expectedPods: 0, conditions: [{type: DisruptionAllowed, status: 'False', reason: SyncFailed, "
    "message: 'found no controllers'}]"
)


def test_a_budget_that_cannot_be_worked_out() -> None:
    unsynced = budget("maxUnavailable: 1").replace("expectedPods: 2", "expectedPods: 0")
    (old,) = find(unsynced, PODS, UNMANAGED)
    assert (old.reason, old.severity) == ("SyncFailed", Severity.WARNING)
    assert 'found no controller ref for pod "web-0"' in old.cause
    (new,) = find(budget("maxUnavailable: 1").replace("expectedPods: 2", FAILED), PODS)
    assert new.reason == "SyncFailed"


def test_events_from_before_it_could_be_worked_out_are_silent() -> None:
    assert find(budget("maxUnavailable: 1"), PODS, UNMANAGED) == []
    enough = FAILED.replace("SyncFailed", "InsufficientPods")
    assert find(budget("maxUnavailable: 1").replace("expectedPods: 2", enough), PODS, UNMANAGED) == []


def test_budget_for_nobody_is_information() -> None:
    (finding,) = find(budget("maxUnavailable: 1", app="gone"), PODS)
    assert (finding.reason, finding.severity) == ("NoPods", Severity.INFO)
