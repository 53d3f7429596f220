"""Classes of Ingresses and who serves them."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.ingress_classes import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
CLASS = "kind: IngressClass\nmetadata: {name: nginx}"
DEFAULT_CLASS = """
kind: IngressClass
metadata: {name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
"""
SERVICE = "kind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{name: http, port: 80}]}"


def pod(ready: str = "True") -> str:
    return f"""
kind: Pod
metadata: {{name: web-a, labels: {{app: web}}}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}"}}]}}
"""


def ingress(
    *,
    name: str = "shop",
    class_name: str = "ingressClassName: nginx, ",
    service: str = "web",
    port: str = "{number: 80}",
    tls: str = "",
    address: str = "{ip: 192.0.2.1}",
    annotations: str = "{}",
    made: str = LONG_AGO,
    path: str = "/",
) -> str:
    return f"""
kind: Ingress
metadata: {{name: {name}, creationTimestamp: "{made}", annotations: {annotations}}}
spec:
  {{
    {class_name}
    rules: [{{host: shop.example.org, http: {{paths: [
      {{path: {path}, pathType: Prefix, backend: {{service: {{name: {service}, port: {port}}}}}}}
    ]}}}}]{tls},
  }}
status: {{loadBalancer: {{ingress: [{address}]}}}}
"""


def find(*manifests: str | dict[str, Any]) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_missing_class_names_those_that_exist() -> None:
    found = find(ingress(class_name="ingressClassName: ngnix, ", address=""), CLASS, SERVICE, pod())
    assert found["IngressClassNotFound"].severity is Severity.CRITICAL
    assert "classes: nginx" in found["IngressClassNotFound"].cause


def test_no_class_at_all_is_a_warning_unless_there_is_a_default_or_an_annotation_or_an_address() -> None:
    bare = {"class_name": "", "address": ""}
    assert find(ingress(**bare), CLASS, SERVICE, pod())["NoIngressClass"].severity is Severity.WARNING
    young = {**bare, "made": "2026-01-15T11:59:00Z"}
    assert find(ingress(**young), DEFAULT_CLASS, SERVICE, pod()) == {}
    assert find(ingress(**young, annotations="{kubernetes.io/ingress.class: nginx}"), CLASS, SERVICE, pod()) == {}
    assert find(ingress(class_name=""), CLASS, SERVICE, pod()) == {}


def test_no_class_where_there_are_none_may_be_served_all_the_same() -> None:
    found = find(ingress(class_name="", address=""), SERVICE, pod())
    assert found["NoIngressClass"].severity is Severity.INFO


def test_no_address_for_long_is_information() -> None:
    assert find(ingress(address=""), CLASS, SERVICE, pod())["NoAddress"].severity is Severity.INFO


@pytest.mark.parametrize(("kind", "is_told"), [("Normal", False), ("Warning", True)])
def test_no_class_is_no_fault_where_a_controller_is_at_work(kind: str, is_told: bool) -> None:
    event = f"""
kind: Event
metadata: {{name: e}}
involvedObject: {{kind: Ingress, namespace: default, name: shop}}
type: {kind}
reason: Sync
"""
    assert ("NoIngressClass" in find(CLASS, SERVICE, pod(), event, ingress(class_name="", address=""))) is is_told


EDGE = CLASS + "\nspec: {controller: k8s.io/ingress-nginx}"
UNSERVED = {"address": ""}


def controller(ready: str = "True", image: str = "registry.k8s.io/ingress-nginx/controller:v1.13.3") -> str:
    return f"""
kind: Pod
metadata: {{name: entry, namespace: edge, creationTimestamp: "{LONG_AGO}"}}
spec: {{containers: [{{name: c, image: "{image}"}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{LONG_AGO}"}}]}}
"""


def test_a_class_whose_controller_is_nowhere_in_the_cluster() -> None:
    finding = find(ingress(**UNSERVED), EDGE, SERVICE, pod())["IngressControllerNotFound"]
    assert finding.severity is Severity.WARNING
    assert "no pod looks like k8s.io/ingress-nginx" in finding.title


@pytest.mark.parametrize(
    "manifests",
    [
        (ingress(**UNSERVED), EDGE, controller()),
        (ingress(**UNSERVED), ingress(name="other"), EDGE),  # one of the class was served
        (ingress(**UNSERVED), EDGE.replace("k8s.io/ingress-nginx", "ingress.k8s.aws/alb")),
        (ingress(**UNSERVED), CLASS),  # which names no controller
    ],
)
def test_controllers_that_run_or_may_run_elsewhere(manifests: tuple[str, ...]) -> None:
    assert [item.severity for item in find(*manifests).values()] == [Severity.INFO]


def test_from_within_one_namespace_the_controller_is_not_seen() -> None:
    found = analyze(snapshot_of(ingress(**UNSERVED), EDGE, namespace="default"))
    assert [item.reason for item in found] == ["NoAddress"]


def test_a_controller_without_a_ready_pod_is_what_an_ingress_suffers_from() -> None:
    finding = find(ingress(), EDGE, SERVICE, pod(), controller("False"))["IngressControllerNotReady"]
    assert (finding.severity, finding.is_symptom) == (Severity.CRITICAL, True)
    assert [str(ref) for ref in finding.points_at] == ["Pod edge/entry"]
    assert find(ingress(), EDGE, SERVICE, pod(), controller("False", image="registry.example/other:1")) == {}


def test_several_default_classes_are_told_and_one_is_not() -> None:
    other = DEFAULT_CLASS.replace("name: nginx", "name: other")
    finding = find(DEFAULT_CLASS, other)["SeveralDefaultClasses"]
    assert finding.title == "IngressClasses nginx, other are all the default one"
    assert find(DEFAULT_CLASS, CLASS.replace("nginx", "other")) == {}


def test_the_class_that_was_meant_is_offered() -> None:
    found = find(ingress(class_name="ingressClassName: ngnix, "), CLASS)
    assert "was nginx meant?" in found["IngressClassNotFound"].cause


def test_a_class_named_by_annotation_needs_no_object() -> None:
    old = {"class_name": "", "annotations": "{kubernetes.io/ingress.class: nginx}"}
    assert find(ingress(**old)) == {}
