"""A fraud scorer from a private repository, deployed without a pull secret."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

SCORER = App(listens=(8080,), log=("scorer ready, model=2026-01",))


def build(kit: Kit) -> None:
    """The registry gives the image to nobody it does not know."""
    image = "registry.example.com/risk/fraud-scorer:0.9.4"
    kit.registry_denies("registry.example.com/risk/")
    kit.deployment("fraud-scorer", container("scorer", image, port=8080), app=SCORER, age="4h")
    kit.service("fraud-scorer", age="4h")


plugin = ScenarioPlugin(
    id="image-pull-denied",
    title="The registry denies the pull",
    family="image",
    namespace="risk",
    build=build,
    truths=(Truth(kind="Deployment", name="fraud-scorer", reason="ImagePullBackOff/Unauthorized"),),
)
