"""An image resizer that cannot be scaled, as its container requests no CPU."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

RESIZER = App(listens=(8080,), cpu="310m", log=("{at} resized 18 images",))


def build(kit: Kit) -> None:
    """The pods are well; the autoscaler cannot compute a share of nothing."""
    image = "registry.example.com/photos/resizer:1.3.0"
    requests = {"memory": "128Mi"}
    kit.deployment(
        "resizer", container("resizer", image, port=8080, requests=requests), app=RESIZER, replicas=2, age="6d"
    )
    kit.service("resizer", age="6d")
    kit.autoscaler("resizer", low=2, high=10, age="6d")


plugin = ScenarioPlugin(
    id="autoscaler-no-requests",
    title="An autoscaler's target requests no CPU",
    family="workload",
    namespace="photos",
    build=build,
    truths=(Truth(kind="HorizontalPodAutoscaler", name="resizer", reason="FailedGetResourceMetric/NoRequests"),),
)
