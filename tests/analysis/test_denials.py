from __future__ import annotations

import json
from typing import cast

import pytest

from kubeagentix.analysis.denials import denials_in, requests_in
from kubeagentix.analysis.rbac import Request, user_of
from kubeagentix.cluster.projections import project
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS

ME = user_of("shop", "app")
LINE = (
    f'deployments.apps "web" is forbidden: User "{ME}" cannot get resource "deployments" in API group "apps" '
    'in the namespace "shop"'
)
GET = Request(user=ME, verb="get", resource="deployments", group="apps", namespace="shop", name="web")
POD = cast(
    "Pod",
    project(KINDS["Pod"], {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"serviceAccountName": "app"}}),
)


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f"Error from server (Forbidden): {LINE}",
        json.dumps({"level": "error", "error": LINE}),
        json.dumps({"body": json.dumps({"kind": "Status", "message": LINE})}),
        f'{LINE}: RBAC: role.rbac.authorization.k8s.io "x" not found',
    ],
)
def test_a_refusal_is_read_however_it_is_quoted(text: str) -> None:
    assert list(denials_in(text)) == [GET]


def test_the_scope_and_paths_are_read() -> None:
    cluster = f'nodes is forbidden: User "{ME}" cannot list resource "nodes" in API group "" at the cluster scope'
    assert list(denials_in(cluster)) == [Request(user=ME, verb="list", resource="nodes")]
    path = f'forbidden: User "{ME}" cannot get path "/metrics"'
    assert list(denials_in(path)) == [Request(user=ME, verb="get", path="/metrics")]


@pytest.mark.parametrize(
    "text",
    [
        "403 Forbidden",
        'pods "web-1" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=2, limited: cpu=2',
        'access is forbidden: user "bob" cannot read the invoice',
    ],
)
def test_what_others_call_forbidden_is_left_alone(text: str) -> None:
    assert list(denials_in(text)) == []


def asked(text: str) -> list[tuple[str, str, str, str]]:
    return [(item.verb, item.what, item.namespace, item.name) for item in requests_in(POD, text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wget https://kubernetes.default.svc/api/v1/namespaces/shop/pods", ("list", "pods", "shop", "")),
        ("curl https://kubernetes/api/v1/nodes?watch=1", ("watch", "nodes", "", "")),
        ("wget https://kubernetes.default/apis/apps/v1/namespaces/$NS/deployments/web/scale", None),
        (
            "curl https://$KUBERNETES_SERVICE_HOST:443/apis/apps/v1/namespaces/$(cat /var/run/x)/deployments/web",
            ("get", "deployments.apps", "shop", "web"),
        ),
        (
            "API=https://kubernetes.default.svc\ncurl -X DELETE $API/api/v1/namespaces/b/pods/x",
            ("delete", "pods", "b", "x"),
        ),
        (
            "wget --post-data=x https://kubernetes.default.svc:443/api/v1/namespaces/b/events",
            ("create", "events", "b", ""),
        ),
        ("curl https://kubernetes.default.svc/api/v1/namespaces/b", ("get", "namespaces", "b", "b")),
    ],
)
def test_urls_of_the_api_server_say_what_is_asked(text: str, expected: tuple[str, str, str, str] | None) -> None:
    assert asked(text) == [expected or ("get", "deployments.apps/scale", "shop", "web")]
    assert all(item.user == ME for item in requests_in(POD, text))


@pytest.mark.parametrize(
    "text",
    [
        "curl https://vault.example.com/api/v1/secrets",
        "curl $VAULT/api/v1/secrets",
        "curl https://kubernetes.default.svc/healthz",
        "curl http://kubernetes-dashboard/api/v1/pods",
    ],
)
def test_other_servers_have_such_urls_too(text: str) -> None:
    assert asked(text) == []
