"""Whether a program in the simulated cluster is answered by its DNS."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.demo.kit import populate
from kubeagentix.demo.policies import reaches_name_server
from kubeagentix.demo.store import Store
from kubeagentix.demo.world import World

SCENARIO = registry.scenarios()["egress-policy-without-dns"]
PORT = {"protocol": "UDP", "port": 53}


@pytest.fixture
def world() -> World:
    store = Store()
    populate(store, [SCENARIO])
    return World(store=store, clock=store.now())


def pod(world: World, app: str) -> Any:
    pods = world.all("Pod", SCENARIO.namespace)
    return next(item for item in pods if item["metadata"]["labels"]["app"] == app)


def allow(world: World, rule: dict[str, Any]) -> None:
    policy = world.find("NetworkPolicy", SCENARIO.namespace, "printer-egress")
    assert policy is not None
    world.store.put({**policy, "spec": {**policy["spec"], "egress": [*policy["spec"]["egress"], rule]}})


def test_a_policy_cuts_off_those_that_it_selects(world: World) -> None:
    assert not reaches_name_server(pod(world, "invoice-printer"), world)
    assert reaches_name_server(pod(world, "invoices-db"), world)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"ports": [PORT]}, True),
        ({"to": [{"namespaceSelector": {}}], "ports": [PORT]}, True),
        ({"to": [{"podSelector": {}}], "ports": [PORT]}, False),  # of its own namespace only
        ({"ports": [{"protocol": "TCP", "port": 53}]}, False),
    ],
)
def test_rules_are_held_against_port_and_peer(world: World, rule: dict[str, Any], expected: bool) -> None:
    allow(world, rule)
    assert reaches_name_server(pod(world, "invoice-printer"), world) is expected
