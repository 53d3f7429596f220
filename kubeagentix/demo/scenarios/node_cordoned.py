"""A node that was closed for maintenance and not opened again, with the two workloads that may run nowhere else."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

INDEXER = App(listens=(9200,), log=("{at} segments merged: 14",))
SUGGESTER = App(listens=(8080,), log=("{at} dictionary loaded",))


def build(kit: Kit) -> None:
    """New pods find no node: the only one with the label they ask for is cordoned."""
    kit.node("worker-5", labels={"pool": "search"}, cordoned=kit.ago("52m"))
    pinned = {"nodeSelector": {"pool": "search"}}
    indexer = container("indexer", "registry.example.com/search/indexer:9.2.0", port=9200)
    suggester = container("suggester", "registry.example.com/search/suggester:1.8.3", port=8080)
    kit.deployment("indexer", indexer, app=INDEXER, replicas=2, age="47m", pod=pinned)
    kit.deployment("suggester", suggester, app=SUGGESTER, age="45m", pod=pinned)


plugin = ScenarioPlugin(
    id="node-cordoned",
    title="A node is closed, and pods wait for it",
    family="node",
    namespace="search-index",
    build=build,
    truths=(Truth(kind="Node", name="worker-5", reason="NodeCordoned"),),
)
