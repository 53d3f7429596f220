"""What names there are is learnt from pictures of a cluster, from answers of tools, and from texts."""

from __future__ import annotations

import re
import time

import pytest

from kubeagentix.anonymizing.names import Names
from kubeagentix.anonymizing.texts import learn_text
from kubeagentix.testing import snapshot_of

SHOP = """
apiVersion: v1
kind: Namespace
metadata: {name: acme-shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: checkout, namespace: acme-shop, uid: d1, labels: {team: falcon, version: v2}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: checkout-5c7d9f8b6b
  namespace: acme-shop
  uid: r1
  labels: {pod-template-hash: 5c7d9f8b6b}
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: checkout, uid: d1, controller: true}]
---
apiVersion: v1
kind: Pod
metadata:
  name: checkout-5c7d9f8b6b-x2x4z
  namespace: acme-shop
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: checkout-5c7d9f8b6b, uid: r1, controller: true}]
spec:
  nodeName: blade-17
  serviceAccountName: checkout-runner
  containers:
  - name: payload
    image: harbor.acme.com:5000/team/checkout-api:1.4.2
    env: [{name: DB_HOST, value: "orders-db.internal.acme.com"}]
  - {name: proxy, image: "docker.io/library/nginx:1.29"}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front-door, namespace: acme-shop}
spec: {rules: [{host: pay.acme.com}]}
"""


def hidden(text: str, *learnt_from: str) -> str:
    names = Names()
    for item in learnt_from or (text,):
        learn_text(names, item)
    return names.hide(text)


def test_a_picture_tells_all_names_with_their_kinds() -> None:
    names = Names()
    names.learn_snapshot(snapshot_of(SHOP))
    words = (
        "acme-shop checkout falcon blade-17 checkout-runner payload pay.acme.com orders-db.internal.acme.com front-door"
    )
    shown = names.hide(f"{words} harbor.acme.com:5000/team/checkout-api:1.4.2 nginx:1.29 v2")
    assert shown.split() == [
        *("ns-k1", "deploy-k1", "label-k1", "node-k1", "sa-k1", "container-k1", "host-k1.domain-k1.example"),
        *("host-k2.domain-k1.example", "ing-k1", "host-k3.domain-k1.example:5000/image-k1:1.4.2", "nginx:1.29", "v2"),
    ]


def test_what_a_controller_made_keeps_its_owners_placeholder() -> None:
    names = Names()
    names.learn_snapshot(snapshot_of(SHOP))
    assert names.hide("checkout-5c7d9f8b6b-x2x4z of checkout") == "deploy-k1-5c7d9f8b6b-x2x4z of deploy-k1"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('pods "falcon-1" is forbidden: User "jane.doe@acme.com" cannot list', "falcon-1 jane acme"),
        ('cannot list resource "pods" in API group "" in the namespace "falcon"', "falcon"),
        ('User "system:serviceaccount:falcon:hawk-runner" cannot get', "falcon hawk-runner"),
        ("Successfully assigned falcon/hawk-7c9d8f6b5b-x2x4z", "hawk"),
        ("dial tcp: lookup hawk-db on 10.96.0.10:53: no such host", "hawk-db 10.96.0.10"),
        ("could not translate host name 'falcondb' to address", "falcondb"),
        ("** server can't find hawk-store.falcon.svc.cluster.local: NXDOMAIN", "hawk-store falcon"),
        ("POST https://api.acme.io/v1/pay failed", "acme"),
        ("amqp://guest@hawk-mq:5672/ refused", "hawk-mq"),
        ('Failed to pull image "registry.acme.com/hawk/api:1.2"', "acme hawk"),
        ("NAMESPACE   NAME      READY  NODE\nfalcon      hawk      1/1    blade-1", "falcon hawk blade-1"),
        ("Name:         hawk\nNamespace:    falcon\nNode:         blade-1/10.0.0.1", "hawk falcon blade-1"),
        ("metadata:\n  name: hawk\n  namespace: falcon\n  labels:\n    app: hawk", "hawk falcon"),
        ('{"namespace": "falcon", "pod": "hawk"}', "falcon hawk"),
        ("Deployment falcon/hawk is short of replicas", "falcon hawk"),
        ("Widget falcon/hawk (a custom resource)", "falcon hawk"),
        ("kubectl rollout restart deploy/hawk -n falcon", "hawk falcon"),
        ("deployment.apps/hawk configured", "hawk"),
        ("selector app=hawk,tier!=ui", "hawk"),
        ("node blade-1 is not ready", "blade-1"),
        ("hawk-7c9d8f6b5b-x2x4z crashed", "hawk"),
        ("--as=system:serviceaccount:falcon:hawk --context=acme-prod", "falcon hawk acme-prod"),
    ],
)
def test_a_text_tells_names_that_nothing_else_knows(text: str, secret: str) -> None:
    shown = hidden(text)
    for word in secret.split():
        assert word not in shown
    names = Names()
    learn_text(names, text)
    assert names.restore(names.hide(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "the namespace is full, the pod was killed, and a container failed",
        "Back-off restarting failed container",
        "status.containerStatuses[0].state.waiting.reason: CrashLoopBackOff",
        'Readiness probe failed: Get "http://127.0.0.1:8080/readyz": connection refused',
        "kubectl get pods -n default -o wide; kubectl -n kube-system logs deploy/coredns",
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: 2",
        "0/6 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }",
        "docker.io/library/postgres:17.6 registry.k8s.io/coredns/coredns:v1.12.1",
        "at com.sun.net.httpserver (main.go:41), java.lang.OutOfMemoryError: Java heap space",
    ],
)
def test_words_of_kubernetes_and_of_logs_stay(text: str) -> None:
    assert hidden(text) == text


def test_answers_of_tools_tell_names_by_their_fields() -> None:
    names = Names()
    names.learn_data(
        {"pods": [{"name": "hawk-0", "namespace": "falcon", "node": "blade-1", "images": ["acme/hawk:1"]}]}
    )
    assert names.hide("hawk-0 falcon blade-1 acme/hawk:1") == "name-k1 ns-k1 node-k1 image-k1:1"


def test_what_is_left_of_a_name_that_was_cut_is_hidden_too() -> None:
    names = Names()
    names.learn("falcon-control-7", "node")
    text = "on falcon-contr…\nand falcon\n[… 9 characters are missing …]\ntrol-7 of…"
    learn_text(names, text)
    shown = names.hide(text)
    assert not re.search("falcon|trol", shown)
    assert "of…" in shown
    assert names.restore(shown) == text


@pytest.mark.parametrize(
    "unit",
    ["a", "a-", "a.", "a/", "a:", "a@", "1.", "f:", "NAME  ", "name: a\n", "deploy/a.", "pod ", "image: a/", "a…"],
)
def test_time_grows_with_the_text_whatever_it_is(unit: str) -> None:
    def seconds(chars: int) -> float:
        names, text = Names(), (unit * chars)[:chars]
        begun = time.process_time()
        learn_text(names, text)
        names.restore(names.hide(text))
        return time.process_time() - begun

    assert seconds(60_000) < 0.3 + 12 * min(seconds(10_000) for _ in range(2))
