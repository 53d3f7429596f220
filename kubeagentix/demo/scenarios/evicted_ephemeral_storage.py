"""A transcoder that writes its scratch files into the container instead of a volume."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

TRANSCODER = App(listens=(8080,), disk="3Gi", log=("{at} job 5521: segment 1/48", "{at} job 5521: segment 2/48"))


def build(kit: Kit) -> None:
    """Every pod is evicted after a while and leaves a failed one behind; the newest still runs."""
    limits = {"memory": "512Mi", "ephemeral-storage": "1Gi"}
    image = "registry.example.com/video/transcoder:0.31.0"
    requests = {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "512Mi"}
    kit.deployment(
        "transcoder",
        container("transcoder", image, port=8080, requests=requests, limits=limits),
        app=TRANSCODER,
        age="2h",
    )
    kit.service("transcoder", age="2h")


plugin = ScenarioPlugin(
    id="evicted-ephemeral-storage",
    title="Pods write more than their ephemeral storage limit and are evicted",
    family="pod",
    namespace="video",
    build=build,
    truths=(Truth(kind="Deployment", name="transcoder", reason="Evicted/EphemeralStorage"),),
)
