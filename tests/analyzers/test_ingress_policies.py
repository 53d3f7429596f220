"""Policies between an ingress controller and the pods behind an Ingress."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.ingress_policies import analyze
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of

CLUSTER = """
{kind: Namespace, metadata: {name: default}}
---
{kind: Namespace, metadata: {name: edge, labels: {role: edge}}}
---
kind: IngressClass
metadata: {name: main}
spec: {controller: k8s.io/ingress-nginx}
---
kind: Service
metadata: {name: entry, namespace: edge}
spec: {type: TYPE, selector: {app: entry}, ports: [{port: 80}]}
---
kind: Pod
metadata: {name: entry-1, namespace: edge, labels: {app: entry}}
spec: {HOSTcontainers: [{name: c, image: "registry.example/ingress-nginx/controller:v1"}]}
---
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: main
  rules: [{http: {paths: [{path: /, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
kind: Pod
metadata: {name: web-1, labels: {app: web}}
spec: {containers: [{name: c, ports: [{containerPort: 8080}]}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
DENY = "kind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Ingress]}"


def cluster(kind: str = "LoadBalancer", host: str = "") -> str:
    return CLUSTER.replace("TYPE", kind).replace("HOST", host)


def allowing(peer: str, port: int = 8080) -> str:
    return f"""
kind: NetworkPolicy
metadata: {{name: allow}}
spec: {{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{from: [{peer}], ports: [{{port: {port}}}]}}]}}
"""


def test_a_controller_that_is_not_let_in() -> None:
    (finding,) = analyze(snapshot_of(cluster(), DENY))
    assert (finding.reason, finding.severity) == ("NetworkPolicyBlocks/IngressController", Severity.CRITICAL)
    assert str(finding.ref) == "NetworkPolicy default/deny"
    assert "keeps Pod edge/entry-1 from the pods behind Ingress default/shop" in finding.title


@pytest.mark.parametrize(
    "rule", [allowing("{namespaceSelector: {matchLabels: {role: core}}}"), allowing("{podSelector: {}}")]
)
def test_the_rule_that_comes_nearest_is_told_with_the_label_it_lacks(rule: str) -> None:
    (finding,) = analyze(snapshot_of(cluster(), DENY, rule))
    assert finding.ref.name == "allow"
    assert "which pod edge/entry-1 is not" in finding.cause


@pytest.mark.parametrize(
    "manifests",
    [
        (cluster(),),
        (cluster(), DENY, allowing("{namespaceSelector: {matchLabels: {role: edge}}}")),
        (cluster(host="hostNetwork: true, "), DENY, allowing("{namespaceSelector: {}}")),
        (cluster("ClusterIP"), DENY),  # not the way by which traffic comes in
        (cluster().replace("k8s.io/ingress-nginx", "example.org/edge-lb"), DENY),  # nobody known to be it
    ],
)
def test_those_that_let_it_in_and_controllers_that_are_not_known_are_silent(manifests: tuple[str, ...]) -> None:
    assert list(analyze(snapshot_of(*manifests))) == []
