"""A forecasting service that asks for more CPU than any node has."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

FORECAST = App(listens=(8080,), log=("loaded 52 weeks", "forecast ready"))


def build(kit: Kit) -> None:
    """The pods wait for a node that cannot come."""
    image = "registry.example.com/planning/forecast:4.1.0"
    requests = {"cpu": "12", "memory": "4Gi"}
    kit.deployment(
        "forecast",
        container("forecast", image, port=8080, requests=requests, limits={"memory": "4Gi"}),
        app=FORECAST,
        replicas=2,
        age="80m",
    )
    kit.service("forecast", age="80m")


plugin = ScenarioPlugin(
    id="insufficient-cpu",
    title="No node has the CPU that the pods request",
    family="scheduling",
    namespace="planning",
    build=build,
    truths=(Truth(kind="Deployment", name="forecast", reason="Unschedulable/InsufficientCpu"),),
)
