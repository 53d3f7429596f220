"""Webhooks, aggregated APIs and an operator: what stops while they do not work, and goes on once they are mended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.demo.controllers import Controllers
from kubeagentix.demo.kit import Kit, populate
from kubeagentix.demo.store import Store
from kubeagentix.demo.system import SYSTEM_NAMESPACES, build_system
from kubeagentix.demo.templates import container, service_webhook
from kubeagentix.demo.world import World

IMAGE = "registry.example.com/web/shop:1.0.0"
SHOP = {"kubernetes.io/metadata.name": "shop"}


@pytest.fixture
def kit() -> Kit:
    """A healthy cluster, and a namespace to work in."""
    world = World(store=Store(), clock=datetime(2000, 1, 1, tzinfo=UTC))
    made = Kit(world, Controllers(world), "default")
    for namespace in SYSTEM_NAMESPACES:
        made.elsewhere(namespace)
    build_system(made)
    return made.elsewhere("shop")


def conditions(obj: dict[str, Any] | None) -> dict[str, str]:
    assert obj is not None
    return {item["type"]: item["status"] for item in obj["status"].get("conditions") or ()}


def pods(kit: Kit) -> int:
    return len(kit.world.all("Pod", "shop"))


@pytest.mark.parametrize(
    ("policy", "selector", "count"),
    [("Fail", SHOP, 0), ("Ignore", SHOP, 2), ("Fail", {"a": "b"}, 2)],
)
def test_a_webhook_without_a_server_stops_what_it_must_approve(
    kit: Kit, policy: str, selector: dict[str, str], count: int
) -> None:
    hook = {**service_webhook("check.example.com", "guard", "shop", selector, b""), "failurePolicy": policy}
    kit.put("ValidatingWebhookConfiguration", "guard", webhooks=[hook])
    kit.deployment("web", container("web", IMAGE, port=8080), replicas=2)
    kit.settle()
    assert pods(kit) == count


def test_its_refusals_are_worded_as_the_api_server_does_and_end_with_its_configuration(kit: Kit) -> None:
    hook = service_webhook("check.example.com", "guard", "shop", SHOP, b"")
    kit.put("ValidatingWebhookConfiguration", "guard", webhooks=[hook])
    kit.deployment("web", container("web", IMAGE, port=8080), replicas=2)
    kit.settle()
    (event,) = [item for item in kit.world.all("Event", "shop") if item["reason"] == "FailedCreate"]
    assert event["message"] == (
        'Error creating: Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: '
        'Post "https://guard.shop.svc:443/validate?timeout=3s": service "guard" not found'
    )
    kit.world.store.delete("ValidatingWebhookConfiguration", None, "guard")
    kit.settle()
    assert pods(kit) == 2


def test_an_api_is_available_while_a_ready_pod_is_behind_it(kit: Kit) -> None:
    def state() -> dict[str, str]:
        kit.elsewhere("kube-system").settle()
        (item,) = kit.world.find("APIService", "", "v1beta1.metrics.k8s.io")["status"]["conditions"]  # type: ignore[index]
        return {item["status"]: item["reason"]}

    assert state() == {"True": "Passed"}
    assert conditions(kit.world.find("APIService", "", "v1.apps")) == {"Available": "True"}
    live = kit.world.store.get("Deployment", "kube-system", "metrics-server")
    assert live is not None
    kit.world.store.put({**live, "spec": {**live["spec"], "replicas": 0}})
    kit.elsewhere("kube-system").settle()
    assert state() == {"False": "MissingEndpoints"}
    kit.world.store.delete("Service", "kube-system", "metrics-server")
    assert state() == {"False": "ServiceNotFound"}


def test_a_certificate_is_issued_once_the_issuer_has_its_key_pair() -> None:
    store = Store()
    scenario = registry.scenarios()["issuer-key-pair-missing"]
    populate(store, [scenario])
    place = scenario.namespace
    assert conditions(store.get("Certificate", place, "partners"))["Ready"] == "False"
    assert {conditions(pod)["Ready"] for pod in store.list("Pod", place)} == {"False"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "partners-ca-key-pair", "namespace": place}}
    store.put({**secret, "data": {}})
    store.announce("create", None, secret)
    assert conditions(store.get("Issuer", place, "partners-ca")) == {"Ready": "True"}
    assert conditions(store.get("Certificate", place, "partners")) == {"Ready": "True"}
    assert {conditions(pod)["Ready"] for pod in store.list("Pod", place)} == {"True"}
