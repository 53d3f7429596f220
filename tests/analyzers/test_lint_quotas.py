"""Advice on quotas that are used up."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.lint_quotas import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


@pytest.mark.parametrize(
    ("hard", "used", "expected"),
    [
        ({"pods": "10"}, {"pods": "10"}, ["QuotaUsedUp"]),
        ({"requests.cpu": "2"}, {"requests.cpu": "2000m"}, ["QuotaUsedUp"]),
        ({"requests.memory": "1Gi"}, {"requests.memory": "1536Mi"}, ["QuotaUsedUp"]),  # it was made smaller
        ({"pods": "10"}, {"pods": "9"}, []),
        ({"services.loadbalancers": "0"}, {"services.loadbalancers": "0"}, []),
        ({"pods": "10"}, {}, []),
    ],
)
def test_a_quota_by_what_is_left_of_it(hard: dict[str, str], used: dict[str, str], expected: list[str]) -> None:
    quota = {"kind": "ResourceQuota", "metadata": {"name": "q"}, "status": {"hard": hard, "used": used}}
    findings = list(plugin.analyze(snapshot_of(quota)))
    assert plugin.is_lint
    assert [item.reason.removeprefix("Lint/") for item in findings] == expected
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)


def test_all_that_is_used_up_is_named() -> None:
    amounts = {"pods": "3", "count/jobs.batch": "1"}
    quota = {"kind": "ResourceQuota", "metadata": {"name": "q"}, "status": {"hard": amounts, "used": amounts}}
    (finding,) = plugin.analyze(snapshot_of(quota))
    assert "pods, count/jobs.batch used up" in finding.title
    assert [item.summary for item in finding.evidence] == [
        "pods: 3 of 3 are in use",
        "count/jobs.batch: 1 of 1 are in use",
    ]
