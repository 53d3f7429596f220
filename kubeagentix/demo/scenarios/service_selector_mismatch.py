"""A loyalty API whose pods were relabelled; its Service still selects the old version."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

LOYALTY = App(listens=(8080,), log=("{at} GET /points/1821 200",))


def build(kit: Kit) -> None:
    """All pods are ready, and the Service has none of them."""
    image = "registry.example.com/loyalty/api:2.0.0"
    kit.deployment(
        "loyalty-api",
        container("api", image, port=8080),
        app=LOYALTY,
        replicas=2,
        age="3d",
        labels={"version": "v2"},
    )
    kit.service("loyalty-api", selector={"app": "loyalty-api", "version": "v1"}, age="40d")


plugin = ScenarioPlugin(
    id="service-selector-mismatch",
    title="A Service selects labels that no pod has",
    family="network",
    namespace="loyalty",
    build=build,
    truths=(Truth(kind="Service", name="loyalty-api", reason="NoEndpoints/SelectorMismatch"),),
)
