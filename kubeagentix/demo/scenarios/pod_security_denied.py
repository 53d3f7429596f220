"""A terminal gateway in a namespace that was put under the restricted Pod Security level."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

TERMINAL = App(listens=(8080,), log=("terminal gateway ready",))


def build(kit: Kit) -> None:
    """The API server refuses every pod of the ReplicaSet."""
    kit.label_namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})
    image = "registry.example.com/ops/terminal-gateway:0.5.2"
    kit.deployment("terminal-gateway", container("gateway", image, port=8080), app=TERMINAL, age="30m")
    kit.service("terminal-gateway", age="30m")


plugin = ScenarioPlugin(
    id="pod-security-denied",
    title="Pod Security admission refuses the pods",
    family="workload",
    namespace="operations",
    build=build,
    truths=(Truth(kind="Deployment", name="terminal-gateway", reason="FailedCreate/PodSecurity"),),
)
