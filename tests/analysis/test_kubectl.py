"""Remedies are commands that can be pasted."""

from __future__ import annotations

from kubeagentix.analysis import kubectl
from kubeagentix.domain.diagnosis import ResourceRef

WEB = ResourceRef(kind="Deployment", namespace="shop", name="web")
NODE = ResourceRef(kind="Node", name="n1")


def test_namespaced_and_cluster_scoped_objects() -> None:
    assert kubectl.describe(WEB).command == "kubectl describe deployment/web -n shop"
    assert kubectl.describe(NODE).command == "kubectl describe node/n1"


def test_effects_are_told() -> None:
    assert kubectl.read("See", "get pods", "shop").effect == "read"
    assert kubectl.read("See", "get nodes").command == "kubectl get nodes"
    assert kubectl.write("Do", "delete pod x", "shop").effect == "write"
    assert kubectl.edit(WEB, "Mend").effect == "write"


def test_labels_are_sorted() -> None:
    assert kubectl.labels_argument({"b": "2", "a": "1"}) == "a=1,b=2"
