from __future__ import annotations

from typing import Any

from kubeagentix.analyzers.bindings import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of

ROLE = {"kind": "Role", "metadata": {"name": "reader"}}
FAILED = {"terminated": {"exitCode": 1}}


def binding(role: str = "readr", made: str = "2026-01-15T08:00:00Z") -> dict[str, Any]:
    return {
        "kind": "RoleBinding",
        "metadata": {"name": "gives", "creationTimestamp": made},
        "roleRef": {"kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "app", "namespace": "default"}],
    }


def pod(account: str, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"serviceAccountName": account, "containers": [{"name": "c"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "c", "state": state, "lastState": FAILED}]},
    }


LOOP = {"waiting": {"reason": "CrashLoopBackOff"}}


def found(*manifests: dict[str, Any], **options: Any) -> list[Finding]:
    return list(analyze(snapshot_of(ROLE, *manifests, **options)))


def test_a_binding_that_gives_nothing_is_advice_with_the_nearest_role() -> None:
    (finding,) = found(binding())
    assert (finding.reason, finding.severity) == ("RoleNotFound", Severity.INFO)
    assert "The nearest there is reader." in finding.cause


def test_it_is_a_warning_where_pods_of_its_account_fail() -> None:
    (finding,) = found(binding(), pod("app", LOOP))
    assert (finding.reason, finding.severity) == ("Forbidden/RoleNotFound", Severity.WARNING)
    assert [item.severity for item in found(binding(), pod("other", LOOP))] == [Severity.INFO]
    assert [item.severity for item in found(binding(), pod("app", {"running": {}}))] == [Severity.INFO]


def test_what_is_there_or_new_or_could_not_be_read_is_silent() -> None:
    assert found(binding("reader")) == []
    assert found(binding(made="2026-01-15T11:59:50Z")) == []
    assert found(binding(), gaps=[Gap(what="roles", why="403", kind="Role")]) == []
