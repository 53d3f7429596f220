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
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
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


def test_where_nobody_is_answered_no_policy_is_to_blame() -> None:
    down = DNS.replace('"True"', '"False"')
    log = log_of("api-x", "app", LOOKUP, previous=True)
    assert list(analyze(snapshot_of(client(), DB, down, DENY_EGRESS, logs=[log]))) == []


def test_init_container_that_waits_counts() -> None:
    waiting = """
kind: Pod
metadata: {name: api-x, labels: {app: api}}
spec: {initContainers: [{name: wait}], containers: [{name: app}]}
status: {phase: Pending, initContainerStatuses: [{name: wait, ready: false, state: {running: {}}}]}
"""
    (finding,) = find(waiting, DENY_INGRESS, log=log_of("api-x", "wait", TIMEOUT))
    assert finding.reason == "NetworkPolicyBlocks/Ingress"


PLACES = "kind: Namespace\nmetadata: {name: default}"
OUTSIDE = "ERROR dial tcp: connect to api.example.org:443: i/o timeout"
WEB_ONLY = DENY_EGRESS.replace("[Egress]", "[Egress], egress: [{to: [{ipBlock: {cidr: RANGE}}], ports: [{port: 443}]}]")


def test_egress_to_somebody_outside_that_no_rule_allows() -> None:
    only_inside = DENY_EGRESS.replace("[Egress]", "[Egress], egress: [{to: [{namespaceSelector: {}}]}]")
    (finding,) = find(client(), only_inside, PLACES, text=OUTSIDE)
    assert (finding.reason, finding.confidence) == ("NetworkPolicyBlocks/Egress", 0.7)
    assert finding.title.endswith("from reaching api.example.org")
    assert "deny allows namespaces with any labels, which api.example.org is not" in finding.cause
    assert finding.cause.rstrip(".") in {item.excerpt for item in finding.evidence}


def test_an_address_outside_is_held_against_the_blocks_that_are_allowed() -> None:
    text = OUTSIDE.replace("api.example.org", "203.0.113.9")
    (finding,) = find(client(), WEB_ONLY.replace("RANGE", "198.51.100.0/24"), PLACES, text=text)
    assert "addresses in 198.51.100.0/24, which 203.0.113.9 is not" in finding.cause
    assert find(client(), WEB_ONLY.replace("RANGE", "203.0.113.0/24"), PLACES, text=text) == []


@pytest.mark.parametrize(
    "policy", [WEB_ONLY.replace("RANGE", "0.0.0.0/0"), DENY_EGRESS.replace("[Egress]", "[Egress], egress: [{}]")]
)
def test_a_name_outside_may_be_in_any_block_that_is_allowed(policy: str) -> None:
    assert find(client(), policy, PLACES, text=OUTSIDE) == []


def test_a_name_that_may_be_of_the_cluster_is_not_held_to_be_outside() -> None:
    place = "kind: Namespace\nmetadata: {name: data}"
    text = OUTSIDE.replace("api.example.org", "redis.data")
    assert find(client(), DENY_EGRESS, place, text=text) == []


def test_endpoints_written_by_hand_are_outside_too() -> None:
    api = """
kind: Service
metadata: {name: api}
spec: {clusterIP: 10.96.0.1, ports: [{port: 443}]}
---
kind: EndpointSlice
metadata: {name: a, labels: {kubernetes.io/service-name: api}}
ports: [{port: 6443}]
endpoints: [{addresses: [192.0.2.1]}]
"""
    text = "ERROR dial tcp 10.96.0.1:443: i/o timeout"
    (finding,) = find(client(), WEB_ONLY.replace("RANGE", "0.0.0.0/0"), api, text=text)
    assert "only on port 443/TCP, not port 6443/TCP" in finding.cause
    assert find(client(), WEB_ONLY.replace("RANGE", "0.0.0.0/0").replace("443", "6443"), api, text=text) == []


TOLD = client().replace("{name: app}]", "{name: app, env: [{name: DB_HOST, value: db}, {name: X, value: 'q:99'}]}]", 1)


def test_a_timeout_that_names_nobody_is_held_against_all_that_the_client_is_told_of() -> None:
    text = "Error: context deadline exceeded"
    (finding,) = find(TOLD, DENY_INGRESS, text=text)
    assert (finding.reason, finding.confidence) == ("NetworkPolicyBlocks/Ingress", 0.7)
    assert finding.title.endswith("from reaching Service default/db")
    assert find(TOLD, DENY_INGRESS, ALLOW, text=text) == []


def unhealthy(message: str) -> str:
    return f"""
kind: Event
metadata: {{name: e}}
involvedObject: {{kind: Pod, namespace: default, name: api-x, fieldPath: "spec.containers{{app}}"}}
type: Warning
reason: Unhealthy
message: '{message}'
"""


WAITS = 'Readiness probe failed: Get "http://10.0.0.5/": context deadline exceeded (Client.Timeout exceeded)'


def test_a_client_that_does_not_answer_its_probe_in_time_waits_for_somebody() -> None:
    waiting = TOLD.replace("state: {waiting: {reason: CrashLoopBackOff}}", "state: {running: {}}")
    (finding,) = analyze(snapshot_of(waiting, DB, DNS, DENY_INGRESS, unhealthy(WAITS)))
    assert (finding.reason, finding.evidence[0].source) == ("NetworkPolicyBlocks/Ingress", "event")
    assert list(analyze(snapshot_of(waiting, DB, DNS, DENY_INGRESS, ALLOW, unhealthy(WAITS)))) == []
    other = unhealthy("Readiness probe failed: HTTP probe failed with statuscode: 404")
    assert list(analyze(snapshot_of(waiting, DB, DNS, DENY_INGRESS, other))) == []
