"""A catalogue whose Ingress names a Service that is called otherwise."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

CATALOG = App(listens=(8080,), log=("{at} GET /items?page=2 200",))


def build(kit: Kit) -> None:
    """The workload and its Service are well."""
    image = "registry.example.com/shop/catalog:5.2.2"
    kit.deployment("catalog", container("catalog", image, port=8080), app=CATALOG, replicas=2, age="11d")
    kit.service("catalog", age="11d")
    kit.ingress("catalog", "catalog.example.com", "catalog-api", age="2h")


plugin = ScenarioPlugin(
    id="ingress-backend-missing",
    title="An Ingress sends traffic to a Service that does not exist",
    family="network",
    namespace="catalog",
    build=build,
    truths=(Truth(kind="Ingress", name="catalog", reason="BackendServiceNotFound"),),
)
