from __future__ import annotations

import pytest

from kubeagentix.analysis.named_objects import named_objects
from kubeagentix.testing import snapshot_of

SNAPSHOT = snapshot_of(
    "{kind: Service, metadata: {name: db, namespace: shop}}",
    "{kind: Deployment, metadata: {name: web, namespace: shop}}",
    "{kind: StorageClass, metadata: {name: fast}}",
    "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: ca}}",
    "{apiVersion: source.toolkit.fluxcd.io/v1, kind: HelmChart, metadata: {name: apps-web, namespace: flux-system}}",
    namespace="shop",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('secrets "db" not found', ["Secret shop/db missing"]),
        ("Secret does not exist", []),
        ("Issuing certificate as Secret does not exist", []),
        ("secret db-credentials not found", ["Secret shop/db-credentials missing"]),
        ('clusterissuer.cert-manager.io "ca" is not ready', ["ClusterIssuer ca"]),
        ("HelmChart 'flux-system/apps-web' is not ready", ["HelmChart flux-system/apps-web"]),
        ("timeout waiting for: [Deployment/shop/web status: 'InProgress']", ["Deployment shop/web"]),
        ('waiting for deployment web to become ready: deployment "web" not available', ["Deployment shop/web"]),
        ("cannot reach service db on port 5432", ["Service shop/db"]),
        ("the service is in a bad state", []),
        ('storageclass.storage.k8s.io "slow" not found', ["StorageClass slow missing"]),
        ('Secret "other/x" has no key', ["Secret other/x"]),  # another namespace, which was not read
        ("secret key 'password' is empty", []),
    ],
)
def test_the_objects_that_a_message_names(text: str, expected: list[str]) -> None:
    found = named_objects(SNAPSHOT, text, "shop")
    assert [f"{item.ref}{' missing' if item.is_missing else ''}" for item in found] == expected
