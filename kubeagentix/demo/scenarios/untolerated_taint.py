"""An analytics engine meant for its own node, without the toleration that lets it in."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

ENGINE = App(listens=(8123,), log=("Ready for connections.",))


def build(kit: Kit) -> None:
    """Its node is there, and tainted; the others lack the label."""
    taint = {"key": "dedicated", "value": "analytics", "effect": "NoSchedule"}
    kit.node("worker-3", labels={"pool": "analytics"}, taints=[taint])
    image = "registry.example.com/analytics/engine:25.8"
    kit.deployment(
        "olap-engine",
        container("engine", image, port=8123),
        app=ENGINE,
        age="25m",
        pod={"nodeSelector": {"pool": "analytics"}},
    )
    kit.service("olap-engine", age="25m")


plugin = ScenarioPlugin(
    id="untolerated-taint",
    title="The pods do not tolerate their node's taint",
    family="scheduling",
    namespace="analytics",
    build=build,
    truths=(Truth(kind="Deployment", name="olap-engine", reason="Unschedulable/Taint"),),
)
