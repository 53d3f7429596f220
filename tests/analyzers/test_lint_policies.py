"""Advice on network policies: peers whom nobody is."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_policies import plugin
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of

CLUSTER = """
{kind: Namespace, metadata: {name: shop, labels: {team: shop}}}
---
{kind: Namespace, metadata: {name: ops, labels: {team: ops}}}
---
{kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: web}}}}}
---
{kind: CronJob, metadata: {name: nightly, namespace: ops},
 spec: {jobTemplate: {spec: {template: {metadata: {labels: {app: backup}}}}}}}
---
{kind: Pod, metadata: {name: bare, namespace: ops, labels: {app: probe}}}
"""


def policy(peer: str, direction: str = "ingress", word: str = "from") -> str:
    rules = f"[{{{word}: [{peer}]}}]"
    return f"kind: NetworkPolicy\nmetadata: {{name: guard, namespace: shop}}\nspec: {{{direction}: {rules}}}"


def found(*manifests: str, **options: Any) -> list[Finding]:
    findings = list(plugin.analyze(snapshot_of(CLUSTER, *manifests, **options)))
    assert plugin.is_lint
    assert all(item.reason == "Lint/PolicyPeerNobody" and item.severity is Severity.INFO for item in findings)
    return findings


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        ("{podSelector: {matchLabels: {app: wbe}}}", "pods with app=wbe, which none of its namespace has"),
        ("{podSelector: {matchLabels: {app: probe}}}", "pods with app=probe, which none of its namespace has"),
        ("{namespaceSelector: {matchLabels: {team: oops}}}", "namespaces with team=oops, which none has"),
        (
            "{namespaceSelector: {matchLabels: {team: ops}}, podSelector: {matchLabels: {app: web}}}",
            "pods with app=web, which none of the namespaces that it selects has",
        ),
    ],
)
def test_a_peer_whom_nobody_is(peer: str, words: str) -> None:
    for direction, word in (("ingress", "from"), ("egress", "to")):
        [finding] = found(policy(peer, direction, word))
        assert f"{direction}[0].{word}[0] selects {words}" in finding.cause


@pytest.mark.parametrize(
    "peer",
    [
        "{podSelector: {matchLabels: {app: web}}}",
        "{podSelector: {}}",
        "{namespaceSelector: {}}",
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}}",
        "{namespaceSelector: {matchLabels: {team: ops}}, podSelector: {matchLabels: {app: backup}}}",
        "{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: In, values: [probe]}]}}",
        "{ipBlock: {cidr: 10.0.0.0/8}}",
    ],
)
def test_a_peer_who_is_there_or_comes_at_night_is_silent(peer: str) -> None:
    assert found(policy(peer)) == []


def test_whoever_was_not_read_may_be_there() -> None:
    pods = Gap(what="pods", why="403", kind="Pod")
    assert found(policy("{podSelector: {matchLabels: {app: wbe}}}"), gaps=[pods]) == []
    assert found(policy("{namespaceSelector: {matchLabels: {team: oops}}}"), namespace="shop") == []
