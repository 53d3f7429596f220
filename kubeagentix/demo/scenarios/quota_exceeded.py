"""A crawler scaled past what its namespace may use."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

CRAWLER = App(listens=(8080,), log=("{at} fetched 240 pages",))


def build(kit: Kit) -> None:
    """Four of six replicas fit into the quota."""
    hard = {"requests.cpu": "2", "requests.memory": "4Gi", "pods": "20"}
    kit.put("ResourceQuota", "compute", age="60d", spec={"hard": hard})
    image = "registry.example.com/data/crawler:0.44.0"
    requests = {"cpu": "500m", "memory": "256Mi"}
    kit.deployment(
        "crawler", container("crawler", image, port=8080, requests=requests), app=CRAWLER, replicas=6, age="50m"
    )
    kit.service("crawler", age="50m")


plugin = ScenarioPlugin(
    id="quota-exceeded",
    title="The namespace's quota does not allow more pods",
    family="workload",
    namespace="crawling",
    build=build,
    truths=(Truth(kind="Deployment", name="crawler", reason="FailedCreate/QuotaExceeded"),),
)
