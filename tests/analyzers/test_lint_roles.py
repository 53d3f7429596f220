"""Advice on roles: rules without a bound."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_roles import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


def role(kind: str = "Role", name: str = "dev", labels: Any = None, **rule: Any) -> dict[str, Any]:
    rules = [{"apiGroups": [""], "verbs": ["get"], "resources": ["pods"], **rule}]
    return {"kind": kind, "metadata": {"name": name, "labels": labels or {}}, "rules": rules}


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [({}, []), ({"verbs": ["*"]}, ["WildcardRole"]), ({"resources": ["*"]}, ["WildcardRole"])],
)
def test_a_wildcard_is_told(kind: str, rule: dict[str, Any], expected: list[str]) -> None:
    assert reasons(role(kind, **rule)) == expected


def test_what_it_allows_is_said_in_words() -> None:
    found = list(plugin.analyze(snapshot_of(role(apiGroups=["", "apps"], resources=["*"]))))
    assert found[0].evidence[0].summary == "get on every resource of core, apps"


def test_the_servers_own_roles_and_sums_of_others_are_left_alone() -> None:
    assert reasons(role("ClusterRole", "system:x", verbs=["*"])) == []
    assert (
        reasons(role("ClusterRole", "cluster-admin", {"kubernetes.io/bootstrapping": "rbac-defaults"}, verbs=["*"]))
        == []
    )
    assert reasons({**role("ClusterRole", verbs=["*"]), "aggregationRule": {"clusterRoleSelectors": []}}) == []
