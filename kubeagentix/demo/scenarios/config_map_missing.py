"""A pricing service that takes its environment from a ConfigMap that was never applied."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PRICING = App(listens=(8080,), log=("loaded 3 price lists", "serving on 0.0.0.0:8080"))


def build(kit: Kit) -> None:
    """The containers are never created."""
    source = [{"configMapRef": {"name": "pricing-settings"}}]
    kit.deployment(
        "pricing",
        container("pricing", "registry.example.com/shop/pricing:1.14.0", port=8080, envFrom=source),
        app=PRICING,
        replicas=2,
        age="95m",
    )
    kit.service("pricing", age="95m")


plugin = ScenarioPlugin(
    id="config-map-missing",
    title="The environment comes from a ConfigMap that does not exist",
    family="config",
    namespace="pricing",
    build=build,
    truths=(Truth(kind="Deployment", name="pricing", reason="CreateContainerConfigError/ConfigMapNotFound"),),
)
