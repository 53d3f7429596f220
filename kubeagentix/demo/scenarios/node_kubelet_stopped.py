"""A node whose kubelet went silent, with the two workloads that can run nowhere else."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

COLLECTOR = App(listens=(4318,), log=("{at} received 512 spans",))
PARSER = App(listens=(8080,), log=("{at} parsed 1840 lines",))


def build(kit: Kit) -> None:
    """The pods on it are being deleted and cannot be; their replacements find no node."""
    kit.node("worker-4", labels={"pool": "ingest"})
    pinned = {"nodeSelector": {"pool": "ingest"}}
    collector = container("collector", "registry.example.com/telemetry/collector:0.136.0", port=4318)
    parser = container("parser", "registry.example.com/telemetry/parser:2.7.1", port=8080)
    kit.deployment("collector", collector, app=COLLECTOR, replicas=2, age="16d", pod=pinned)
    kit.deployment("parser", parser, app=PARSER, age="16d", pod=pinned)
    kit.service("collector", port=4318, age="16d")
    kit.lose_node("worker-4", age="38m")


plugin = ScenarioPlugin(
    id="node-kubelet-stopped",
    title="A node's kubelet has stopped posting",
    family="node",
    namespace="telemetry",
    build=build,
    truths=(Truth(kind="Node", name="worker-4", reason="NodeNotReady/KubeletStopped"),),
)
