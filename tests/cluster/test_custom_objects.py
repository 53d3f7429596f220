from __future__ import annotations

import json
from typing import Any, cast

import pytest

from kubeagentix.cluster.projections import decode_page, project
from kubeagentix.domain.extensions import CustomResource, CustomResourceDefinition
from kubeagentix.domain.resources import KINDS, custom_kind

CERTIFICATE = custom_kind("cert-manager.io", "Certificate", "certificates", "v1")
SEALED = custom_kind("bitnami.com", "SealedSecret", "sealedsecrets", "v1alpha1")


def read(kind: Any = CERTIFICATE, **fields: Any) -> CustomResource:
    return cast("CustomResource", project(kind, {"metadata": {"name": "web", "namespace": "shop"}, **fields}))


def test_conditions_phase_and_observed_generation_are_read() -> None:
    ready = {"type": "Ready", "status": "False", "reason": "Pending", "lastTransitionTime": "2026-01-15T11:00:00Z"}
    status = read(status={"conditions": [ready], "phase": "Failed", "observedGeneration": 3, "message": "no"}).status
    assert [(item.type, item.status, item.reason) for item in status.conditions] == [("Ready", "False", "Pending")]
    assert (status.phase, status.observed_generation, status.message) == ("Failed", 3, "no")


@pytest.mark.parametrize(
    "status",
    [
        "broken",
        None,
        7,
        [],
        {"conditions": {"Ready": True}},
        {"conditions": ["Ready", None, 3, {"status": "True"}]},
        {"phase": {"name": "x"}, "message": ["a"], "observedGeneration": "3"},
        {"conditions": [{"type": "Ready", "status": True, "lastTransitionTime": "yesterday", "message": {"a": 1}}]},
    ],
)
def test_a_status_of_any_shape_costs_nothing(status: Any) -> None:
    body = json.dumps({"metadata": {}, "items": [{"metadata": {"name": "web"}, "status": status}]}).encode()
    page = decode_page(CERTIFICATE, body)
    assert ([item.name for item in page.items], page.gaps) == (["web"], ())


def test_argos_health_names_what_is_not_healthy() -> None:
    resources = [
        {"group": "apps", "version": "v1", "kind": "Deployment", "name": "web", "health": {"status": "Degraded"}},
        {"version": "v1", "kind": "Service", "name": "web", "health": {"status": "Healthy"}},
        {"version": "v1", "kind": "ConfigMap", "name": "web"},
    ]
    status = read(status={"health": {"status": "Degraded", "message": "bad"}, "resources": resources}).status
    assert (status.health, status.message) == ("Degraded", "bad")
    assert [(item.api_version, item.kind, item.name) for item in status.unhealthy] == [("apps/v1", "Deployment", "web")]


def test_references_are_taken_where_they_have_the_usual_form() -> None:
    spec = {
        "issuerRef": {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"},
        "scaleTargetRef": {"name": "worker"},
        "auth": [{"secretKeyRef": {"name": "token", "key": "t"}}],
        "serviceAccountName": "runner",
        "image": {"name": "not-a-reference"},
        "colorRef": {"name": "no-kind"},
    }
    found = {(item.kind, item.name, item.api_version) for item in read(spec=spec).spec.references}
    assert found == {
        ("ClusterIssuer", "letsencrypt", "cert-manager.io/"),
        ("Deployment", "worker", ""),
        ("Secret", "token", ""),
        ("ServiceAccount", "runner", ""),
    }


def test_the_secrets_that_an_object_makes_are_told() -> None:
    assert read(spec={"secretName": "web-tls"}).spec.secrets == ("web-tls",)
    assert read(spec={"target": {"name": "db"}}).spec.secrets == ("db",)
    assert read(SEALED, spec={"encryptedData": {}}).spec.secrets == ("web",)
    assert read(custom_kind("a.io", "SecretStore", "secretstores", "v1"), spec={}).spec.secrets == ()
    assert read(spec={"issuerRef": {"name": "x", "kind": "Issuer"}}).spec.secrets == ()


@pytest.mark.parametrize(
    ("fields", "is_suspended"),
    [
        ({"spec": {"suspend": True}}, True),
        ({"spec": {"paused": False}}, False),
        ({"spec": {"running": False}}, True),
        ({"spec": {"replicas": 0}}, True),
        ({"spec": {"replicas": 1, "enabled": True}}, False),
        ({"metadata": {"name": "web", "annotations": {"autoscaling.keda.sh/paused-replicas": "0"}}}, True),
        ({"metadata": {"name": "web", "annotations": {"cluster.x-k8s.io/paused": "false"}}}, False),
    ],
)
def test_what_is_suspended_is_marked(fields: dict[str, Any], is_suspended: bool) -> None:
    assert read(**fields).spec.is_suspended is is_suspended


@pytest.mark.parametrize(
    ("version", "has_status"),
    [
        ({}, True),
        ({"schema": {"openAPIV3Schema": {"properties": {"spec": {}}}}}, False),
        ({"schema": {"openAPIV3Schema": {"properties": {"spec": {}, "status": {"type": "object"}}}}}, True),
        ({"schema": {"openAPIV3Schema": {"properties": {"spec": {}}}}, "subresources": {"status": {}}}, True),
        ({"schema": {"openAPIV3Schema": {"x-kubernetes-preserve-unknown-fields": True}}}, True),
    ],
)
def test_a_definition_tells_whether_its_objects_have_a_status(version: dict[str, Any], has_status: bool) -> None:
    spec = {"group": "a.example", "versions": [{"name": "v1", "served": True, **version}]}
    definition = project(KINDS["CustomResourceDefinition"], {"metadata": {"name": "x"}, "spec": spec})
    assert isinstance(definition, CustomResourceDefinition)
    assert definition.spec.versions[0].has_status is has_status
