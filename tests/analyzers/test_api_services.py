from __future__ import annotations

import pytest

from kubeagentix.analyzers.api_services import plugin
from kubeagentix.domain.diagnosis import Finding, Severity, Target
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import snapshot_of
from tests.analyzers.conftest import ago

LONG_AGO = ago(9000)


def api_service(status: str = "False", reason: str = "MissingEndpoints", since: str = LONG_AGO) -> str:
    message = 'endpoints for service/metrics-server in "kube-system" have no addresses with port name "https"'
    return f"""
kind: APIService
metadata: {{name: v1beta1.metrics.k8s.io, creationTimestamp: "{LONG_AGO}"}}
spec: {{group: metrics.k8s.io, version: v1beta1, service: {{namespace: kube-system, name: metrics-server, port: 443}}}}
status:
  conditions:
  - {{type: Available, status: "{status}", reason: {reason}, message: '{message}', lastTransitionTime: "{since}"}}
"""


def definition(*conditions: str, conversion: str = "{strategy: None}", versions: str = "v1") -> str:
    served = ", ".join(f"{{name: {name}, served: true}}" for name in versions.split())
    return f"""
kind: CustomResourceDefinition
metadata: {{name: widgets.a.example, creationTimestamp: "{LONG_AGO}"}}
spec: {{group: a.example, names: {{kind: Widget, plural: widgets}}, versions: [{served}], conversion: {conversion}}}
status: {{conditions: [{", ".join(conditions)}]}}
"""


WEBHOOK = "{strategy: Webhook, webhook: {clientConfig: {service: {namespace: ops, name: convert}}}}"
SCALER = f"""
kind: HorizontalPodAutoscaler
metadata: {{name: web, namespace: shop, creationTimestamp: "{LONG_AGO}"}}
spec: {{scaleTargetRef: {{kind: Deployment, name: web}}, maxReplicas: 3}}
status:
  conditions:
  - type: ScalingActive
    status: "False"
    reason: FailedGetResourceMetric
    message: 'unable to get metrics for resource cpu: the server is currently unable to handle the request (get pods.metrics.k8s.io)'
    lastTransitionTime: "{LONG_AGO}"
---
{{kind: Deployment, metadata: {{name: web, namespace: shop}}, spec: {{replicas: 0}}}}
"""  # noqa: E501  a message as it comes


def find(*manifests: str) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def test_an_api_without_a_server_blames_the_service_behind_it() -> None:
    (finding,) = find(api_service())
    assert (finding.reason, finding.severity) == ("APIServiceUnavailable/MissingEndpoints", Severity.CRITICAL)
    assert [str(ref) for ref in finding.points_at] == ["Service kube-system/metrics-server"]
    assert "Autoscalers on CPU" in finding.cause


@pytest.mark.parametrize("quiet", [api_service("True", "Passed"), api_service(since=ago(20))])
def test_an_api_that_answers_or_is_restarting_is_silent(quiet: str) -> None:
    assert find(quiet) == []


def test_autoscalers_and_namespaces_hang_under_the_api_they_miss() -> None:
    message = (
        "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
        "metrics.k8s.io/v1beta1: the server is currently unable to handle the request"
    )
    stuck = f"""
kind: Namespace
metadata: {{name: old, deletionTimestamp: "{LONG_AGO}"}}
status:
  phase: Terminating
  conditions:
  - {{type: NamespaceDeletionDiscoveryFailure, status: "True", reason: DiscoveryFailed, message: '{message}'}}
"""
    diagnosis = diagnose_snapshot(snapshot_of(api_service(), SCALER, stuck), Target())
    (hypothesis,) = diagnosis.hypotheses
    assert str(hypothesis.root) == "APIService v1beta1.metrics.k8s.io"
    affected = {str(diagnosis.finding(one).ref) for one in hypothesis.findings}
    assert affected == {str(hypothesis.root), "HorizontalPodAutoscaler shop/web", "Namespace old"}


def test_a_definition_whose_names_are_taken_is_told_once() -> None:
    conditions = [
        f'{{type: {kind}, status: "False", reason: {reason}, lastTransitionTime: "{LONG_AGO}"}}'
        for kind, reason in (("NamesAccepted", "ListKindConflict"), ("Established", "NotAccepted"))
    ]
    assert [item.reason for item in find(definition(*conditions))] == ["NamesNotAccepted/ListKindConflict"]
    assert [item.reason for item in find(definition(conditions[1]))] == ["NotEstablished/NotAccepted"]


def test_a_definition_that_is_established_or_new_is_silent() -> None:
    fine = '{type: Established, status: "True"}, {type: NonStructuralSchema, status: "True"}'
    new = f'{{type: Established, status: "False", reason: Installing, lastTransitionTime: "{ago(5)}"}}'
    assert find(definition(fine)) == find(definition(new)) == []


def test_conversion_needs_a_webhook_only_between_versions() -> None:
    (finding,) = find(definition(conversion=WEBHOOK, versions="v1alpha1 v1"))
    assert finding.reason == "ConversionWebhook/ServiceNotFound"
    assert find(definition(conversion=WEBHOOK, versions="v1")) == []
    there = f"""
{{kind: Service, metadata: {{name: convert, namespace: ops}}, spec: {{selector: {{a: b}}, ports: [{{port: 443}}]}}}}
---
kind: Pod
metadata: {{name: convert-0, namespace: ops, labels: {{a: b}}, creationTimestamp: "{LONG_AGO}"}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
"""
    assert find(definition(conversion=WEBHOOK, versions="v1alpha1 v1"), there) == []
