"""A ticket desk whose Service sends traffic to a port name that its containers do not use."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

DESK = App(listens=(3000,), log=("Listening on http://0.0.0.0:3000",))


def build(kit: Kit) -> None:
    """The endpoints have addresses and no ports."""
    image = "registry.example.com/support/ticket-desk:8.8.0"
    kit.deployment("ticket-desk", container("desk", image, port=3000), app=DESK, replicas=2, age="7d")
    kit.service("ticket-desk", target="web", age="7d")


plugin = ScenarioPlugin(
    id="service-port-unresolved",
    title="A Service's named target port does not exist",
    family="network",
    namespace="support",
    build=build,
    truths=(Truth(kind="Service", name="ticket-desk", reason="TargetPortMismatch"),),
)
