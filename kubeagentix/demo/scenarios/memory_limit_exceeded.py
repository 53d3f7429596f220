"""A thumbnail service that needs more memory than it may have since customers upload larger pictures."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

THUMBNAILS = App(
    listens=(8080,),
    memory="410Mi",
    takes_s=44,
    log=(
        '{at} level=info msg="decoding" object=uploads/8812.tiff size=61MB',
        '{at} level=info msg="resizing" object=uploads/8812.tiff to=2048x2048',
        '{at} level=info msg="decoding" object=uploads/8813.tiff size=94MB',
    ),
)


def build(kit: Kit) -> None:
    """Killed by the kernel some 40 seconds after each start."""
    image = "registry.example.com/media/thumbnails:2.2.0"
    limits = {"cpu": "1", "memory": "256Mi"}
    requests = {"cpu": "100m", "memory": "128Mi"}
    kit.deployment(
        "thumbnails",
        container("thumbnails", image, port=8080, requests=requests, limits=limits),
        app=THUMBNAILS,
        replicas=2,
        age="12d",
        broke="3h",
    )
    kit.service("thumbnails", age="12d")


plugin = ScenarioPlugin(
    id="memory-limit-exceeded",
    title="A container needs more memory than its limit",
    family="pod",
    namespace="media",
    build=build,
    truths=(Truth(kind="Deployment", name="thumbnails", reason="OOMKilled"),),
)
