"""A report builder that asks a Service for the port of its pods instead of the Service's own."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, cannot_reach, with_address
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PRICING = App(listens=(8080,), log=("{at} GET /prices/4711 200",))
REPORTS = App(
    failures=(
        Failure(
            when=cannot_reach("pricing", 8080),
            run_s=34,
            log=(
                "{at} INFO building the daily price report",
                '{at} ERROR cannot fetch prices: Get "http://pricing:8080/prices": dial tcp ADDRESS:8080: i/o timeout',
            ),
        ),
    ),
    log=("{at} INFO report written",),
)


def build(kit: Kit) -> None:
    """The Service has port 80 alone, which leads to port 8080 of its pods."""
    image = "registry.example.com/pricing/api:2.7.0"
    kit.deployment("pricing", container("api", image, port=8080), app=PRICING, replicas=2, age="60d")
    service = kit.service("pricing", age="60d")
    env = {"PRICES_URL": "http://pricing:8080/prices"}
    builder = container("builder", "registry.example.com/pricing/report-builder:1.0.4", env=env)
    kit.deployment("price-report", builder, app=with_address(REPORTS, service["spec"]["clusterIP"]), age="3h")


plugin = ScenarioPlugin(
    id="client-wrong-port",
    title="A client asks a Service for a port that it does not have",
    family="network",
    namespace="tariffs",
    build=build,
    truths=(Truth(kind="Deployment", name="price-report", reason="CrashLoopBackOff/ConnectionTimeout"),),
)
