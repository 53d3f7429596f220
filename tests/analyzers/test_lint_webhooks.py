"""Advice on webhooks: timeouts that add up."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_webhooks import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of

NAMESPACE = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"injected": "yes"}}}
NOT_HERE: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"injected": "no"}}}
FEW_PODS: dict[str, Any] = {"objectSelector": {"matchLabels": {"sidecar": "yes"}}}


def webhook(seconds: int | None, operation: str = "CREATE", resource: str = "pods", **fields: Any) -> dict[str, Any]:
    rules = [{"operations": [operation], "apiGroups": [""], "resources": [resource]}]
    return {"name": f"w{seconds}", "rules": rules, **({"timeoutSeconds": seconds} if seconds else {}), **fields}


@pytest.mark.parametrize(
    ("webhooks", "kind", "expected"),
    [
        ([webhook(10), webhook(20)], "Mutating", ["WebhookTimeouts"]),
        ([webhook(None), webhook(None), webhook(None)], "Mutating", ["WebhookTimeouts"]),  # 10 s each
        ([webhook(10), webhook(10)], "Mutating", []),
        ([webhook(30)], "Mutating", []),
        ([webhook(10), webhook(20)], "Validating", []),  # these are asked all at once
        ([webhook(10), webhook(20, operation="DELETE")], "Mutating", []),
        ([webhook(10), webhook(20, resource="services")], "Mutating", []),
        ([webhook(10), webhook(20, **NOT_HERE)], "Mutating", []),
        ([webhook(10), webhook(20, **FEW_PODS)], "Mutating", []),
    ],
)
def test_timeouts_that_add_up(webhooks: list[dict[str, Any]], kind: str, expected: list[str]) -> None:
    configuration = {"kind": f"{kind}WebhookConfiguration", "metadata": {"name": "guard"}, "webhooks": webhooks}
    findings = list(plugin.analyze(snapshot_of(NAMESPACE, configuration)))
    assert plugin.is_lint
    assert [item.reason.removeprefix("Lint/") for item in findings] == expected
    assert all(item.severity is Severity.INFO and "namespace shop may wait 30 s" in item.title for item in findings)
