from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cluster import custom
from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.snapshot import ReadOptions
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.snapshot import Snapshot
from tests.cluster.conftest import FakeApi, Reply, listing, named, status

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CERTIFICATES = "/apis/cert-manager.io/v1/certificates"


def definition(kind: str, group: str, *versions: dict[str, Any], scope: str = "Namespaced") -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    served = list(versions) or [{"name": "v1", "served": True, "storage": True}]
    spec = {"group": group, "scope": scope, "names": {"kind": kind, "plural": plural}, "versions": served}
    return named(f"{plural}.{group}", spec=spec)


def forbidden(plural: str) -> Reply:
    return status(403, f'{plural} is forbidden: User "dev" cannot list resource "{plural}" in API group ""')


@pytest.fixture
def defined(api: FakeApi) -> FakeApi:
    """A server with the definition of Certificates."""
    api.groups |= {"apiextensions.k8s.io": ("v1",), "cert-manager.io": ("v1",)}
    api.on(DEFINITIONS, listing(definition("Certificate", "cert-manager.io")))
    return api


def read(api: FakeApi, folder: Path, namespace: str | None = None, **options: Any) -> Snapshot:
    with connect(kubeconfig=api.kubeconfig(folder)) as cluster:
        return asyncio.run(cluster.read_snapshot(namespace, options=ReadOptions(**options)))


def test_the_objects_of_every_defined_kind_are_read(defined: FakeApi, tmp_path: Path) -> None:
    ready = {"conditions": [{"type": "Ready", "status": "False"}]}
    defined.on(CERTIFICATES, listing(named("web", "shop", status=ready)))
    snapshot = read(defined, tmp_path)
    (certificate,) = snapshot.custom_resources
    assert (certificate.kind, certificate.group, certificate.name) == ("Certificate", "cert-manager.io", "web")
    assert certificate.status.conditions[0].status == "False"
    assert snapshot.was_read(type(certificate))
    assert snapshot.gaps == ()


def test_in_one_namespace_its_own_and_those_of_the_whole_cluster_are_read(defined: FakeApi, tmp_path: Path) -> None:
    issuer = definition("ClusterIssuer", "cert-manager.io", scope="Cluster")
    defined.on(DEFINITIONS, listing(definition("Certificate", "cert-manager.io"), issuer))
    defined.on("/apis/cert-manager.io/v1/namespaces/shop/certificates", listing(named("web", "shop")))
    defined.on("/apis/cert-manager.io/v1/clusterissuers", listing(named("ca")))
    assert [item.name for item in read(defined, tmp_path, "shop").custom_resources] == ["web", "ca"]
    assert not defined.asked(CERTIFICATES)


def test_the_storage_version_is_asked_for_if_it_is_served(defined: FakeApi, tmp_path: Path) -> None:
    versions = [
        {"name": "v1alpha1", "served": True, "storage": False},
        {"name": "v1beta1", "served": True, "storage": True},
        {"name": "v1", "served": True, "storage": False},
    ]
    defined.on(DEFINITIONS, listing(definition("Certificate", "cert-manager.io", *versions)))
    defined.on("/apis/cert-manager.io/v1beta1/certificates", listing(named("web", "shop")))
    assert len(read(defined, tmp_path).custom_resources) == 1


def test_kinds_that_have_no_status_or_are_read_already_are_not_asked_for(defined: FakeApi, tmp_path: Path) -> None:
    schema: dict[str, Any] = {"openAPIV3Schema": {"properties": {"report": {}}}}
    report = definition("Report", "a.example", {"name": "v1", "served": True, "storage": True, "schema": schema})
    defined.on(DEFINITIONS, listing(report, definition("Gateway", "gateway.networking.k8s.io")))
    snapshot = read(defined, tmp_path)
    assert not [seen for seen in defined.seen if "reports" in seen.path or "gateways" in seen.path]
    assert snapshot.custom_resources == ()


def test_kinds_of_one_name_are_told_apart_by_their_group(defined: FakeApi, tmp_path: Path) -> None:
    kinds = [
        ("Service", "serving.knative.dev"),
        ("Cluster", "a.example"),
        ("Cluster", "b.example"),
        ("Broker", "c.example"),
    ]
    defined.on(DEFINITIONS, listing(*(definition(*kind) for kind in kinds)))
    defined.on("/api/v1/services", listing(named("web", "shop")))
    for kind, group in kinds:
        defined.on(f"/apis/{group}/v1/{kind.lower()}s", listing(named("web", "shop")))
    snapshot = read(defined, tmp_path)
    names = {item.kind for item in snapshot.custom_resources}
    assert names == {"Service.serving.knative.dev", "Cluster.a.example", "Cluster.b.example", "Broker"}
    assert len(snapshot.objects["Service"]) == 1


def test_more_objects_than_the_bound_are_a_gap(defined: FakeApi, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(custom, "MAX_OBJECTS", 2)
    defined.on(CERTIFICATES, *(listing(named(f"c{page}", "shop"), token=str(page)) for page in range(1, 5)))
    snapshot = read(defined, tmp_path)
    assert len(snapshot.custom_resources) == 2
    assert len(defined.asked(CERTIFICATES)) == 2
    what = "certificates.cert-manager.io in all namespaces after the first 2"
    assert snapshot.gaps == (Gap(what=what, why="no more than 2 of a kind are read", kind="Certificate"),)
    assert not snapshot.was_read(type(snapshot.custom_resources[0]))


def test_more_kinds_than_the_bound_are_one_gap(defined: FakeApi, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(custom, "MAX_KINDS", 1)
    defined.on(DEFINITIONS, listing(*(definition(f"Kind{number}", "a.example") for number in range(9))))
    (gap,) = read(defined, tmp_path).gaps
    assert gap.what.endswith(
        "kind1s.a.example, kind2s.a.example, kind3s.a.example, kind4s.a.example, kind5s.a.example and 3 more kinds"
    )


def test_kinds_that_hang_are_one_gap_and_do_not_hold_up_the_rest(defined: FakeApi, tmp_path: Path) -> None:
    defined.on(DEFINITIONS, listing(definition("Certificate", "cert-manager.io"), definition("Order", "acme.example")))
    for path in (CERTIFICATES, "/apis/acme.example/v1/orders"):
        defined.on(path, Reply(is_hanging=True))
    started = time.monotonic()
    (gap,) = read(defined, tmp_path, optional_deadline_s=2.0).gaps
    assert time.monotonic() - started < 30
    assert gap.what == "custom resources in all namespaces: orders.acme.example, certificates.cert-manager.io"
    assert gap.why == "not read within 2 s"


def test_what_one_may_not_list_is_one_gap_and_cluster_wide_kinds_none(defined: FakeApi, tmp_path: Path) -> None:
    wide = definition("ClusterIssuer", "cert-manager.io", scope="Cluster")
    defined.on(DEFINITIONS, listing(definition("Certificate", "cert-manager.io"), wide))
    defined.on("/apis/cert-manager.io/v1/namespaces/shop/certificates", forbidden("certificates"))
    defined.on("/apis/cert-manager.io/v1/clusterissuers", forbidden("clusterissuers"))
    (gap,) = read(defined, tmp_path, "shop").gaps
    assert gap.what == "custom resources in namespace shop: certificates.cert-manager.io"


def test_where_definitions_are_forbidden_discovery_tells_the_kinds(defined: FakeApi, tmp_path: Path) -> None:
    defined.groups["cert-manager.io"] = ("v1alpha2", "v1")
    defined.groups["metrics.k8s.io"] = ("v1beta1",)
    defined.on(DEFINITIONS, forbidden("customresourcedefinitions"))
    resources = [
        {"name": "certificates", "kind": "Certificate", "namespaced": True, "verbs": ["get", "list"]},
        {"name": "certificates/status", "kind": "Certificate", "namespaced": True, "verbs": ["get"]},
        {"name": "reports", "kind": "Report", "namespaced": True, "verbs": ["get", "list"]},
    ]
    defined.on("/apis/cert-manager.io/v1", Reply({"kind": "APIResourceList", "resources": resources}))
    defined.on(CERTIFICATES, listing(named("web", "shop")))
    snapshot = read(defined, tmp_path)
    assert [item.name for item in snapshot.custom_resources] == ["web"]
    assert not [gap for gap in snapshot.gaps if gap.kind == "CustomResourceDefinition"]
    assert not defined.asked("/apis/cert-manager.io/v1/reports")
    assert not defined.asked("/apis/metrics.k8s.io/v1beta1")
