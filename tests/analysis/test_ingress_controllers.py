"""Which pods serve an IngressClass."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.ingress_controllers import class_of, controller_pods, is_outside
from kubeagentix.domain.network import Ingress, IngressClass
from kubeagentix.testing import snapshot_of


def served_by(controller: str, *images: str) -> list[str]:
    manifest = f"{{kind: IngressClass, metadata: {{name: c}}, spec: {{controller: {controller}}}}}"
    pods = [
        f"{{kind: Pod, metadata: {{name: p{index}}}, spec: {{containers: [{{name: a, image: '{image}'}}]}}}}"
        for index, image in enumerate(images)
    ]
    snapshot = snapshot_of(manifest, *pods)
    return [pod.name for pod in controller_pods(snapshot, snapshot.all(IngressClass)[0])]


@pytest.mark.parametrize(
    ("controller", "image"),
    [
        ("k8s.io/ingress-nginx", "registry.k8s.io/ingress-nginx/controller:v1.13.3"),
        ("nginx.org/ingress-controller", "nginx/nginx-ingress:5.1"),
        ("traefik.io/ingress-controller", "traefik:v3.4"),
        ("haproxy.org/ingress-controller/haproxy", "haproxytech/kubernetes-ingress:3.1"),
        ("projectcontour.io/projectcontour/contour", "ghcr.io/projectcontour/contour:v1.31"),
        ("ingress-controllers.konghq.com/kong", "kong/kubernetes-ingress-controller:3.4"),
    ],
)
def test_a_controllers_image_bears_the_words_of_its_class(controller: str, image: str) -> None:
    assert served_by(controller, image, "nats:2.11", "registry.example.com/shop/api:1") == ["p0"]


def test_who_bears_the_whole_name_goes_before_who_bears_a_word_of_it() -> None:
    web, controller = "nginx:1.29", "registry.k8s.io/ingress-nginx/controller:v1"
    assert served_by("k8s.io/ingress-nginx", web, controller) == ["p1"]
    assert served_by("k8s.io/ingress-nginx", web) == ["p0"]


def test_the_registry_is_no_part_of_a_name() -> None:
    assert served_by("example.com/edge", "edge.example.com:5000/shop/api:1") == []


@pytest.mark.parametrize(
    ("controller", "expected"),
    [
        ("ingress.k8s.aws/alb", True),
        ("k8s.io/ingress-gce", False),
        ("gke.io/gce", True),
        ("io/ingress-controller", True),
    ],
)
def test_clouds_run_their_controllers_elsewhere(controller: str, expected: bool) -> None:
    manifest = f"{{kind: IngressClass, metadata: {{name: c}}, spec: {{controller: {controller}}}}}"
    assert is_outside(snapshot_of(manifest).all(IngressClass)[0]) is expected


def test_the_class_of_an_ingress_by_field_annotation_or_default() -> None:
    classes = """
{kind: IngressClass, metadata: {name: a}}
---
{kind: IngressClass, metadata: {name: b, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}}
"""
    named = "{kind: Ingress, metadata: {name: i}, spec: {ingressClassName: a}}"
    noted = "{kind: Ingress, metadata: {name: i, annotations: {kubernetes.io/ingress.class: a}}}"
    plain = "{kind: Ingress, metadata: {name: i}}"
    found = []
    for manifest in (named, noted, plain, named.replace("Name: a", "Name: x")):
        snapshot = snapshot_of(classes, manifest)
        ingress_class = class_of(snapshot, snapshot.all(Ingress)[0])
        found.append(ingress_class.name if ingress_class else "")
    assert found == ["a", "a", "b", ""]
