from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubeagentix.analyzers.webhooks import plugin
from kubeagentix.domain.diagnosis import Finding, Severity, Target
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import NOW, snapshot_of
from tests.analyzers.conftest import ago

LONG_AGO = ago(9000)


def bundle(lasts: timedelta) -> str:
    """An authority that was made 90 days ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhook-ca")])
    made = NOW - timedelta(days=90)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(made).not_valid_after(made + lasts)
    return base64.b64encode(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)).decode()


VALID = bundle(timedelta(days=365))


def configuration(
    *,
    policy: str = "Fail",
    authority: str = VALID,
    made: str = LONG_AGO,
    kind: str = "Validating",
    resources: str = "pods",
    selector: str = "{}",
) -> str:
    return f"""
kind: {kind}WebhookConfiguration
metadata: {{name: policy, creationTimestamp: "{made}"}}
webhooks:
- name: check.policy.example
  failurePolicy: {policy}
  namespaceSelector: {selector}
  clientConfig: {{caBundle: "{authority}", service: {{namespace: guard, name: policy, port: 443, path: /check}}}}
  rules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: ["{resources}"]}}]
"""


SERVICE = f"""
kind: Service
metadata: {{name: policy, namespace: guard, creationTimestamp: "{LONG_AGO}"}}
spec: {{selector: {{app: policy}}, ports: [{{port: 443, targetPort: 8443}}]}}
"""


def pod(*, ready: bool, since: str = LONG_AGO) -> str:
    return f"""
kind: Pod
metadata: {{name: policy-0, namespace: guard, labels: {{app: policy}}, creationTimestamp: "{since}"}}
spec: {{containers: [{{name: policy}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{since}"}}]}}
"""


def refusal(name: str, why: str = 'no endpoints available for service "policy"') -> str:
    message = (
        'Internal error occurred: failed calling webhook "check.policy.example": failed to call webhook: '
        f'Post "https://policy.guard.svc:443/check?timeout=10s": {why}'
    )
    failing = f"{{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: {message!r}}}"
    return f"""
kind: Deployment
metadata: {{name: {name}, namespace: shop, uid: d-{name}}}
spec: {{replicas: 1}}
---
kind: ReplicaSet
metadata:
  name: {name}-1
  namespace: shop
  ownerReferences: [{{kind: Deployment, name: {name}, uid: d-{name}, controller: true}}]
spec: {{replicas: 1}}
status: {{replicas: 0, conditions: [{failing}]}}
"""


def find(*manifests: str) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def told(*manifests: str) -> list[tuple[str, Severity]]:
    return [(item.reason, item.severity) for item in find(*manifests)]


def test_a_webhook_whose_service_is_gone_is_a_threat_and_with_refusals_a_failure() -> None:
    assert told(configuration()) == [("FailedCallingWebhook/ServiceNotFound", Severity.WARNING)]
    assert told(configuration(kind="Mutating")) == [("FailedCallingWebhook/ServiceNotFound", Severity.WARNING)]
    assert told(configuration(), refusal("web")) == [("FailedCallingWebhook/ServiceNotFound", Severity.CRITICAL)]


def test_a_replication_controller_that_is_refused_tells_it_as_a_replica_set_does() -> None:
    controller = refusal("web").partition("---")[2].replace("kind: ReplicaSet", "kind: ReplicationController")
    assert told(configuration(), controller) == [("FailedCallingWebhook/ServiceNotFound", Severity.CRITICAL)]


def test_a_webhook_that_is_ignored_when_silent_is_advice() -> None:
    assert told(configuration(policy="Ignore")) == [("FailedCallingWebhook/ServiceNotFound", Severity.INFO)]


def test_a_webhook_without_ready_endpoints_blames_its_service() -> None:
    (finding,) = find(configuration(), SERVICE, pod(ready=False))
    assert finding.reason == "FailedCallingWebhook/NoEndpoints"
    assert [str(ref) for ref in finding.points_at] == ["Service guard/policy"]
    assert finding.is_symptom


@pytest.mark.parametrize(
    "quiet",
    [
        (configuration(), SERVICE, pod(ready=True)),
        (configuration(), SERVICE, pod(ready=False, since=ago(20))),  # still starting
        (configuration(made=ago(20)),),  # what is applied with it comes in a moment
        (configuration(authority="", made=ago(120)), SERVICE, pod(ready=True)),  # to be put in
    ],
)
def test_what_works_or_is_still_settling_is_silent(quiet: tuple[str, ...]) -> None:
    assert find(*quiet) == []


def test_a_service_of_a_namespace_that_was_not_read_is_not_missing() -> None:
    assert list(plugin.analyze(snapshot_of(configuration(), namespace="shop"))) == []


def test_a_port_that_the_service_does_not_have_is_told() -> None:
    wrong = configuration().replace("port: 443, path", "port: 9443, path")
    assert told(wrong, SERVICE, pod(ready=True)) == [("FailedCallingWebhook/ServicePortNotFound", Severity.WARNING)]


@pytest.mark.parametrize(
    ("authority", "problem"),
    [("", "Empty"), ("bm90IGEgY2VydGlmaWNhdGU=", "Invalid"), (bundle(timedelta(days=60)), "Expired")],
)
def test_authorities_that_cannot_vouch_are_told(authority: str, problem: str) -> None:
    expected = [(f"FailedCallingWebhook/CABundle{problem}", Severity.WARNING)]
    assert told(configuration(authority=authority), SERVICE, pod(ready=True)) == expected


@pytest.mark.parametrize(
    ("why", "split"),
    [
        ("x509: certificate signed by unknown authority", "CertificateInvalid"),
        ("x509: certificate has expired or is not yet valid: current time 2026-01-15", "CertificateExpired"),
        ("context deadline exceeded", "Timeout"),
        ("dial tcp 10.9.0.4:443: connect: connection refused", "ConnectionRefused"),
        ("failed to call webhook: the server could not find the requested resource", "PathNotFound"),
    ],
)
def test_a_backend_that_is_ready_and_does_not_answer_is_told_by_its_refusals(why: str, split: str) -> None:
    expected = [(f"FailedCallingWebhook/{split}", Severity.CRITICAL)]
    assert told(configuration(), SERVICE, pod(ready=True), refusal("web", why)) == expected


def test_the_path_that_its_server_does_not_know_is_shown() -> None:
    why = "failed to call webhook: the server could not find the requested resource"
    (finding,) = find(configuration(), SERVICE, pod(ready=True), refusal("web", why))
    assert "asks Service guard/policy for /check" in finding.evidence[0].summary
    assert "its server knows no such path" in finding.title


def test_where_the_service_cannot_be_seen_its_refusals_tell() -> None:
    snapshot = snapshot_of(configuration(), refusal("web", 'service "policy" not found'), namespace="shop")
    assert [item.reason for item in plugin.analyze(snapshot)] == ["FailedCallingWebhook/ServiceNotFound"]


def test_a_refusal_of_an_hour_ago_is_history() -> None:
    event = f"""
kind: Event
metadata: {{name: e, namespace: shop}}
type: Warning
reason: FailedCreate
involvedObject: {{kind: ReplicaSet, namespace: shop, name: web-1}}
message: 'Error creating: Internal error occurred: failed calling webhook "check.policy.example": EOF'
lastTimestamp: "{ago(3000)}"
"""
    assert find(configuration(), SERVICE, pod(ready=True), event) == []
    assert told(configuration(), SERVICE, pod(ready=True), event.replace(ago(3000), ago(30))) == [
        ("FailedCallingWebhook", Severity.CRITICAL)
    ]


def test_what_a_webhook_decides_over_is_said() -> None:
    system = "{kind: Namespace, metadata: {name: kube-system, labels: {kubernetes.io/metadata.name: kube-system}}}"
    (finding,) = find(configuration(resources="*"), system)
    assert "must approve every object (in kube-system, too), and" in finding.cause
    selector = "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}"
    (finding,) = find(configuration(selector=selector), system)
    assert "must approve pods, and nothing" in finding.cause


def test_a_webhook_over_the_systems_own_pods_is_advice() -> None:
    system = "{kind: Namespace, metadata: {name: kube-system, labels: {kubernetes.io/metadata.name: kube-system}}}"
    expected = [("WebhookReachesKubeSystem", Severity.INFO)]
    assert told(configuration(), SERVICE, pod(ready=True), system) == expected
    selector = "{matchLabels: {checked: enabled}}"
    assert told(configuration(selector=selector), SERVICE, pod(ready=True), system) == []


def test_many_refused_workloads_are_one_incident_whose_root_is_the_webhook_or_what_is_behind_it() -> None:
    refused = [refusal(f"web-{number}", 'service "policy" not found') for number in range(10)]
    (hypothesis,) = diagnose_snapshot(snapshot_of(configuration(), *refused), Target()).hypotheses
    assert str(hypothesis.root) == "ValidatingWebhookConfiguration policy"
    refused = [refusal(f"web-{number}") for number in range(10)]
    snapshot = snapshot_of(configuration(), SERVICE, pod(ready=False), *refused)
    (hypothesis,) = diagnose_snapshot(snapshot, Target()).hypotheses
    assert str(hypothesis.root) == "Pod guard/policy-0"
    assert len(hypothesis.findings) > 10
