"""What nodes use of CPU and memory, what their pods have asked for, and what the nodes have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.nodes import Node, NodeMetrics
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.quantities import quantity_or_zero
from kubeagentix.domain.rights import EVERYWHERE
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.toolkit.places import picture
from kubeagentix.toolkit.statuses import Said, evidence_in
from kubeagentix.toolkit.usage import TIGHT, requests_of, require_metrics, share, shown
from kubeagentix.toolkit.wording import table

_KINDS = (Node.kind, NodeMetrics.kind, Pod.kind)
_HEADER = (
    *("NODE", "PODS", "CPU", "CPU USED", "CPU REQUESTED", "CPU ALLOCATABLE"),
    *("MEMORY", "MEMORY USED", "MEMORY REQUESTED", "MEMORY ALLOCATABLE"),
)


async def handle(_: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """One row per node."""
    snapshot = await picture(context, None, _KINDS)
    require_metrics(snapshot, NodeMetrics.kind)
    rows, tight = [], []
    for node in sorted(snapshot.all(Node), key=lambda item: item.name):
        pods = [pod for pod in snapshot.all(Pod) if pod.spec.node_name == node.name and not pod.is_finished]
        cells = [node.name, str(len(pods))]
        for resource in ("cpu", "memory"):
            used, room = _used(snapshot, node, resource), quantity_or_zero(node.status.allocatable.get(resource))
            asked = sum(requests_of(pod, resource) for pod in pods)
            cells += [shown(resource, used), share(used, room), share(asked, room), shown(resource, room)]
            for value, words in ((used, "uses"), (asked, "has requests for")):
                if room and value >= TIGHT * room:
                    tight.append(_tight(snapshot, node, f"{words} {share(value, room)} of its {resource}"))
        rows.append(tuple(cells))
    tail = "".join(f"\n{line}" for line in tight)
    data = [dict(zip((title.lower() for title in _HEADER), row, strict=True)) for row in rows]
    return ToolOutput(text=table(_HEADER, rows) + tail, evidence=evidence_in(tight), data=data)


def _used(snapshot: Snapshot, node: Node, resource: str) -> float:
    metrics = snapshot.get(NodeMetrics, "", node.name)
    return quantity_or_zero(metrics.usage.get(resource)) if metrics is not None else 0.0


def _tight(snapshot: Snapshot, node: Node, words: str) -> Said:
    ref = snapshot.ref(node)
    return Said(text=f"{ref} {words}", evidence=Evidence.of(ref, "metric", f"{ref} {words}", locator="usage"))


plugin = ToolPlugin(
    spec=ToolSpec(
        name="top_nodes",
        description=(
            "Shows each node's current CPU and memory use (metrics-server), what the pods on it have requested, and "
            "what it can give."
        ),
        parameters={"type": "object", "properties": {}, "additionalProperties": False},
    ),
    handler=handle,
    rights=rights(_KINDS, namespace=EVERYWHERE),
)
