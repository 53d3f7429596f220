"""Targets: what users type, and what they are told when it names nothing."""

from __future__ import annotations

import pytest

from kubeagentix.domain.diagnosis import Diagnosis, Gap
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.quickdx.targets import parse_target, resolve_target
from kubeagentix.testing import snapshot_of

SHOP = """
{kind: Deployment, metadata: {name: checkout, namespace: shop}}
---
{kind: Service, metadata: {name: checkout, namespace: shop}}
---
{kind: Service, metadata: {name: cart, namespace: shop}}
---
{kind: Service, metadata: {name: cart, namespace: stage}}
---
{kind: Node, metadata: {name: n1}}
"""


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("deploy/web", "Deployment", "web"),
        ("Deployment/web", "Deployment", "web"),
        ("deployments web", "Deployment", "web"),
        ("svc/api", "Service", "api"),
        ("web", "", "web"),
        ("  po/x ", "Pod", "x"),
    ],
)
def test_kinds_are_understood_as_kubectl_understands_them(text: str, kind: str, name: str) -> None:
    target = parse_target(text, "shop")
    assert (target.kind, target.name, target.namespace) == (kind, name, "shop")


def test_nothing_means_the_whole_namespace() -> None:
    assert parse_target(None, "shop").name == ""
    assert str(parse_target("", None)) == "all namespaces"


def test_a_cluster_scoped_kind_has_no_namespace() -> None:
    assert parse_target("node/n1", "shop").namespace is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deplyo/web", "unknown kind 'deplyo'; did you mean deploy"),
        ("pods", "'pods' is a kind, not an object"),
        ("pod/a/b", "'pod/a/b' is no KIND/NAME"),
    ],
)
def test_a_misspelt_target_is_told_so(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text, None)
    assert message in str(caught.value)


def test_a_missing_object_is_told_with_the_nearest_names() -> None:
    with pytest.raises(
        NotFoundError, match="there is no Deployment 'chekcout' in namespace shop; did you mean checkout"
    ):
        resolve_target(snapshot_of(SHOP), parse_target("deploy/chekcout", "shop"))


def test_what_could_not_be_read_is_not_called_missing() -> None:
    gap = Gap(what="deployments", why="403 Forbidden", kind="Deployment")
    with pytest.raises(NotFoundError, match="cannot look for Deployment 'web' in namespace shop: deployments: 403"):
        resolve_target(snapshot_of(SHOP, gaps=(gap,)), parse_target("deploy/web", "shop"))


def test_a_bare_name_prefers_the_workload() -> None:
    ref = resolve_target(snapshot_of(SHOP), parse_target("checkout", "shop"))
    assert str(ref) == "Deployment shop/checkout"


def test_a_bare_name_may_be_that_of_a_replication_controller() -> None:
    snapshot = snapshot_of({"kind": "ReplicationController", "metadata": {"name": "cart", "namespace": "shop"}})
    assert str(resolve_target(snapshot, parse_target("cart", "shop"))) == "ReplicationController shop/cart"


def test_a_name_in_several_namespaces_asks_which() -> None:
    with pytest.raises(UsageError, match="exists in several namespaces: shop, stage"):
        resolve_target(snapshot_of(SHOP), parse_target("svc/cart", None))


# A Service whose selector misses its pods, seen by the Ingress before it, on a healthy Deployment.
MISSED = """
kind: Deployment
metadata: {name: web, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}
---
kind: Service
metadata: {name: web, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {selector: {app: webb}, ports: [{port: 80}]}
---
kind: Ingress
metadata: {name: edge, namespace: shop}
spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
{kind: Deployment, metadata: {name: other, namespace: shop}, spec: {replicas: 0}}
"""


def about(text: str) -> Diagnosis:
    return diagnose_snapshot(snapshot_of(MISSED), parse_target(text, "shop"))


@pytest.mark.parametrize("text", ["svc/web", "ing/edge", "deploy/web"])
def test_a_target_is_told_what_it_needs_and_what_is_said_of_it(text: str) -> None:
    found = about(text)
    assert [str(item.root) for item in found.hypotheses] == ["Service shop/web"]
    # A hypothesis brings its whole chain, also what lies on the other side of the target.
    told = [found.finding(one).reason for item in found.hypotheses for one in item.findings]
    assert told == ["NoEndpoints/SelectorMismatch", "BackendNoEndpoints"]


def test_a_target_beside_the_trouble_is_told_nothing() -> None:
    assert about("deploy/other").hypotheses == ()


CUSTOM = """
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: web, namespace: shop}}
---
{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: cart, namespace: shop}}
---
{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: ca}}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("certificate/web", "Certificate shop/web"),
        ("Certificates/web", "Certificate shop/web"),
        ("clusterissuer/ca", "ClusterIssuer ca"),
        ("service.serving.knative.dev/cart", "Service.serving.knative.dev shop/cart"),
        ("service/cart", "Service shop/cart"),
    ],
)
def test_kinds_that_the_cluster_defines_are_known_by_its_objects(text: str, expected: str) -> None:
    assert str(resolve_target(snapshot_of(SHOP, CUSTOM), parse_target(text, "shop"))) == expected


def test_a_kind_that_the_cluster_does_not_define_is_told_so() -> None:
    with pytest.raises(UsageError, match=r"unknown kind 'certifikate'; did you mean certificate"):
        resolve_target(snapshot_of(SHOP, CUSTOM), parse_target("certifikate/web", "shop"))
    with pytest.raises(NotFoundError, match="there is no certificate 'wep' in namespace shop; did you mean web"):
        resolve_target(snapshot_of(SHOP, CUSTOM), parse_target("certificate/wep", "shop"))
