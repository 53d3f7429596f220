"""Advice on ServiceAccounts: tokens that are good for nothing, rights for everybody."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_accounts import plugin
from kubeagentix.domain.diagnosis import Gap, Severity
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


def account(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "ServiceAccount", "metadata": {"name": name}, **more}


def binding(name: str, kind: str = "ServiceAccount", namespace: str = "default") -> dict[str, Any]:
    subject = {"kind": kind, "name": name, **({"namespace": namespace} if kind == "ServiceAccount" else {})}
    role = {"kind": "Role", "name": "reader"}
    return {"kind": "RoleBinding", "metadata": {"name": "b"}, "roleRef": role, "subjects": [subject]}


@pytest.mark.parametrize(
    ("spec", "others", "expected"),
    [
        ({}, [], ["DefaultServiceAccount"]),
        ({"serviceAccountName": "default"}, [account("default")], ["DefaultServiceAccount"]),
        ({"automountServiceAccountToken": False}, [], []),
        ({}, [account("default", automountServiceAccountToken=False)], []),
        (
            {"automountServiceAccountToken": True},
            [account("default", automountServiceAccountToken=False)],
            ["DefaultServiceAccount"],
        ),
        ({"serviceAccountName": "web"}, [account("web")], ["TokenMounted"]),
        ({"serviceAccountName": "web"}, [account("web"), binding("web")], []),
        ({"serviceAccountName": "web"}, [account("web"), binding("web", namespace="other")], ["TokenMounted"]),
        ({"serviceAccountName": "web"}, [account("web"), binding("system:serviceaccounts:default", "Group")], []),
        ({"serviceAccountName": "web"}, [account("web", automountServiceAccountToken=False)], []),
    ],
)
def test_tokens(spec: dict[str, Any], others: list[dict[str, Any]], expected: list[str]) -> None:
    assert reasons(deployment({}, **spec), *others) == expected


def test_rights_of_the_default_account_are_everybodys() -> None:
    assert reasons(binding("default")) == ["DefaultServiceAccountBound"]
    assert reasons(binding("web")) == []


def test_an_account_that_nobody_uses() -> None:
    assert reasons(account("web")) == ["UnusedServiceAccount"]
    assert reasons(account("web"), binding("web")) == []
    assert reasons(account("default")) == []
    unread = snapshot_of(account("web"), gaps=[Gap(what="rolebindings", why="403", kind="RoleBinding")])
    assert list(plugin.analyze(unread)) == []
