"""A recorder whose claim asks for a StorageClass of another cluster."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

RECORDER = App(listens=(8080,), log=("recording to /data",))


def build(kit: Kit) -> None:
    """The claim stays Pending, and so does the pod."""
    kit.claim("recordings", "50Gi", storage_class="fast-ssd", age="90m")
    mounts = [{"name": "data", "mountPath": "/data"}]
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "recordings"}}]
    image = "registry.example.com/calls/recorder:1.1.6"
    kit.deployment(
        "recorder",
        container("recorder", image, port=8080, volumeMounts=mounts),
        app=RECORDER,
        age="90m",
        pod={"volumes": volumes},
        strategy={"type": "Recreate"},
    )
    kit.service("recorder", age="90m")


plugin = ScenarioPlugin(
    id="claim-class-missing",
    title="A claim asks for a StorageClass that does not exist",
    family="storage",
    namespace="calls",
    build=build,
    truths=(Truth(kind="PersistentVolumeClaim", name="recordings", reason="ClaimPending/StorageClassNotFound"),),
)
