"""A first deployment of an invoice renderer with a tag that was never pushed."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

RENDERER = App(listens=(8080,), log=("renderer ready",))


def build(kit: Kit) -> None:
    """The registry answers that it does not know the tag."""
    image = "registry.example.com/finance/invoice-renderer:2.14.0"
    kit.registry_lacks(image)
    kit.deployment("invoice-renderer", container("renderer", image, port=8080), app=RENDERER, replicas=2, age="55m")
    kit.service("invoice-renderer", age="55m")


plugin = ScenarioPlugin(
    id="image-tag-not-found",
    title="The image tag does not exist",
    family="image",
    namespace="invoicing",
    build=build,
    truths=(Truth(kind="Deployment", name="invoice-renderer", reason="ImagePullBackOff/TagNotFound"),),
)
