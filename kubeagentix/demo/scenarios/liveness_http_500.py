"""A recommendation service whose health page has answered 500 since a model went missing from its cache."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

RECOMMENDER = App(
    listens=(8080,),
    answers={"/healthz": 500},
    log=("{at} INFO model cache warm: 0 of 3 models", "{at} ERROR GET /healthz 500 model cache not warm"),
)


def build(kit: Kit) -> None:
    """The kubelet has killed it again and again for most of a day."""
    image = "registry.example.com/ml/recommender:1.4.7"
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 15, "periodSeconds": 10}
    kit.deployment(
        "recommender",
        container("recommender", image, port=8080, readiness="", livenessProbe=probe),
        app=RECOMMENDER,
        age="20d",
        broke="895m",
    )
    kit.service("recommender", age="20d")


plugin = ScenarioPlugin(
    id="liveness-http-500",
    title="The liveness probe is answered with 500",
    family="pod",
    namespace="recommendations",
    build=build,
    truths=(Truth(kind="Deployment", name="recommender", reason="Unhealthy/Liveness"),),
)
