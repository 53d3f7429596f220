"""Advice on Ingresses: hosts without TLS."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_ingresses import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ([], ["IngressWithoutTLS"]),
        ([{"secretName": "s"}], []),
        ([{"hosts": ["a.example.com"], "secretName": "s"}], []),
        ([{"hosts": ["*.example.com"], "secretName": "s"}], []),
        ([{"hosts": ["b.example.com"], "secretName": "s"}], ["IngressWithoutTLS"]),
    ],
)
def test_a_host_needs_an_entry(tls: list[dict[str, Any]], expected: list[str]) -> None:
    ingress = {
        "kind": "Ingress",
        "metadata": {"name": "web"},
        "spec": {"rules": [{"host": "a.example.com"}], "tls": tls},
    }
    assert reasons(ingress) == expected
