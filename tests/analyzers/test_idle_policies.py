"""Policies that select nobody."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.idle_policies import analyze
from kubeagentix.domain.diagnosis import Gap, Severity
from kubeagentix.testing import snapshot_of

DB = "{kind: Deployment, metadata: {name: db}, spec: {replicas: 0, template: {metadata: {labels: {app: db}}}}}"


def policy(selector: str) -> str:
    return f"kind: NetworkPolicy\nmetadata: {{name: guard}}\nspec: {{podSelector: {selector}}}"


def test_a_selector_that_misses_by_a_slip_names_what_is_nearest() -> None:
    (finding,) = analyze(snapshot_of(policy("{matchLabels: {app: bd}}"), DB))
    (near,) = analyze(snapshot_of(policy("{matchLabels: {app: db-x}}"), DB))
    assert (finding.reason, finding.severity) == ("NetworkPolicySelectsNoPods", Severity.INFO)
    assert "Nearest is Deployment default/db: app=db-x is asked for, the pods have app=db" in near.cause


@pytest.mark.parametrize(
    "selector", ["{}", "{matchLabels: {app: db}}", "{matchExpressions: [{key: app, operator: In, values: [db]}]}"]
)
def test_whoever_comes_and_workloads_that_are_switched_off_count_as_selected(selector: str) -> None:
    assert list(analyze(snapshot_of(policy(selector), DB))) == []


def test_pods_that_were_not_read_may_be_selected() -> None:
    gap = Gap(what="pods", why="403", kind="Pod")
    assert list(analyze(snapshot_of(policy("{matchLabels: {app: x}}"), gaps=[gap]))) == []
