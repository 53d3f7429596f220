"""A vector index that asks for nodes with local SSDs, of which there are none."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

INDEX = App(listens=(6333,), log=("index loaded, 1204331 vectors",))


def build(kit: Kit) -> None:
    """No node carries the label."""
    image = "registry.example.com/ml/vector-index:1.15.1"
    kit.deployment(
        "vector-index",
        container("index", image, port=6333),
        app=INDEX,
        age="5h",
        pod={"nodeSelector": {"disktype": "local-ssd"}},
    )
    kit.service("vector-index", age="5h")


plugin = ScenarioPlugin(
    id="node-selector-unmatched",
    title="No node has the label that the pods select",
    family="scheduling",
    namespace="similarity",
    build=build,
    truths=(Truth(kind="Deployment", name="vector-index", reason="Unschedulable/NodeSelector"),),
)
