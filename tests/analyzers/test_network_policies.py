"""A policy is a finding only where a log shows that it stops somebody."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.network_policies import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import log_of, snapshot_of

TIMEOUT = "ERROR dial tcp: connect to db:5432: connection timed out"
REFUSED = "ERROR dial tcp: connect to db:5432: connection refused"
LOOKUP = "Error: getaddrinfo EAI_AGAIN db"
DENY_INGRESS = "kind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Ingress]}"
DENY_EGRESS = "kind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Egress]}"
ALLOW = """
kind: NetworkPolicy
metadata: {name: allow}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 5432}]}]
"""
DB = """
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{port: 5432, targetPort: pg}]}
---
kind: Pod
metadata: {name: db-0, labels: {app: db}}
spec: {containers: [{name: db, ports: [{name: pg, containerPort: 5432}]}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
DNS = """
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: UDP}]}
---
kind: Pod
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
status: {phase: Running}
"""


def client(
    status: str = "ready: false, state: {waiting: {reason: CrashLoopBackOff}}", labels: str = "{app: api}"
) -> str:
    return f"""
kind: Pod
metadata: {{name: api-x, labels: {labels}, ownerReferences: [{{kind: Rollout, name: api, controller: true}}]}}
spec: {{containers: [{{name: app}}]}}
status: {{phase: Running, containerStatuses: [{{name: app, {status}}}]}}
"""


def find(*manifests: str, text: str = TIMEOUT, log: ContainerLog | None = None) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests, DB, DNS, logs=[log or log_of("api-x", "app", text, previous=True)])))


def test_timeout_at_an_isolated_target_blames_the_policy() -> None:
    (finding,) = find(client(), DENY_INGRESS)
    assert finding.reason == "NetworkPolicyBlocks/Ingress"
    assert str(finding.ref) == "NetworkPolicy default/deny"
    assert finding.severity is Severity.CRITICAL
    assert finding.points_at == ()
    assert "keeps Rollout default/api from reaching Service default/db" in finding.title
    assert TIMEOUT in finding.evidence[0].excerpt
    assert {item.ref.kind for item in finding.evidence} == {"Pod", "NetworkPolicy", "Rollout"}


def test_timeout_of_an_isolated_client_is_egress() -> None:
    (finding,) = find(client(), DENY_EGRESS)
    assert finding.reason == "NetworkPolicyBlocks/Egress"


def test_policy_with_the_wrong_label_is_told_before_the_general_one() -> None:
    (finding,) = find(client(labels="{app: apis}"), DENY_INGRESS, ALLOW)
    assert finding.ref.name == "allow"
    assert "allow allows pods with app=api, which pod default/api-x is not" in finding.cause
    assert "deny" in finding.cause


def test_lookup_that_fails_under_denied_egress_is_dns() -> None:
    (finding,) = find(client(), DENY_EGRESS, text=LOOKUP)
    assert finding.reason == "NetworkPolicyBlocks/DNS"


@pytest.mark.parametrize(
    ("manifests", "text"),
    [
        ((client(), DENY_INGRESS), REFUSED),
        ((client(), DENY_INGRESS), "ERROR out of patience"),
        ((client(), DENY_INGRESS), LOOKUP),
        ((client(), DENY_INGRESS, ALLOW), TIMEOUT),
        ((client(),), TIMEOUT),
        ((client(), DENY_INGRESS), TIMEOUT.replace("db:5432", "db.example.org:5432")),
        ((client("ready: true, state: {running: {}}"), DENY_INGRESS), TIMEOUT),
        ((client(), DENY_EGRESS), "Error: getaddrinfo EAI_AGAIN nobody"),
    ],
)
def test_no_evidence_no_finding(manifests: tuple[str, ...], text: str) -> None:
    assert find(*manifests, text=text) == []


def test_egress_that_allows_dns_is_not_to_blame_for_lookups() -> None:
    allowed = DENY_EGRESS.replace("[Egress]", "[Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]")
    assert find(client(), allowed, text=LOOKUP) == []


def test_init_container_that_waits_counts() -> None:
    waiting = """
kind: Pod
metadata: {name: api-x, labels: {app: api}}
spec: {initContainers: [{name: wait}], containers: [{name: app}]}
status: {phase: Pending, initContainerStatuses: [{name: wait, ready: false, state: {running: {}}}]}
"""
    (finding,) = find(waiting, DENY_INGRESS, log=log_of("api-x", "wait", TIMEOUT))
    assert finding.reason == "NetworkPolicyBlocks/Ingress"
