"""What pods use of CPU and memory, beside what they asked for and what they may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.nodes import PodMetrics
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, picture
from kubeagentix.toolkit.statuses import Said, evidence_in
from kubeagentix.toolkit.usage import TIGHT, limits_of, requests_of, require_metrics, share, shown, total
from kubeagentix.toolkit.wording import table

_KINDS = (Pod.kind, PodMetrics.kind)
_HEADER = (
    "NAMESPACE",
    "POD",
    "CPU",
    "CPU REQUEST",
    "CPU LIMIT",
    "MEMORY",
    "MEMORY REQUEST",
    "MEMORY LIMIT",
    "OF LIMIT",
)
SHORT_ROWS = 20


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """The hungriest first."""
    namespace = namespace_of(arguments, context)
    snapshot = await picture(context, namespace, _KINDS)
    require_metrics(snapshot, PodMetrics.kind)
    resource = arguments["sort_by"]
    metrics = snapshot.all(PodMetrics) if namespace is None else snapshot.in_namespace(PodMetrics, namespace)
    ranked = sorted(
        metrics, key=lambda item: (-total((one.usage for one in item.containers), resource), item.namespace, item.name)
    )
    ranked = ranked[: arguments["limit"]]
    if not ranked:
        where = f"namespace {namespace}" if namespace is not None else "the cluster"
        return ToolOutput(text=f"no pod of {where} has metrics; those that do not run have none", data=[])
    rows = [_row(snapshot, item, is_placed=namespace is None) for item in ranked]
    tight = [line for item in ranked for line in _tight(snapshot, item)]
    tail = "".join(f"\n{line}" for line in tight)
    return ToolOutput(
        text=table(_HEADER, rows) + tail,
        short=table(_HEADER, rows[:SHORT_ROWS]) + tail,
        evidence=evidence_in(tight),
        data=[dict(zip((title.lower() for title in _HEADER), row, strict=True)) for row in rows],
    )


def _row(snapshot: Snapshot, item: PodMetrics, *, is_placed: bool) -> tuple[str, ...]:
    pod = snapshot.get(Pod, item.namespace, item.name)
    cells: list[str] = [item.namespace if is_placed else "", item.name]
    for resource in ("cpu", "memory"):
        cells.append(shown(resource, total((one.usage for one in item.containers), resource)))
        cells += [shown(resource, of(pod, resource)) if pod is not None else "" for of in (requests_of, limits_of)]
    used = total((one.usage for one in item.containers), "memory")
    return (*cells, share(used, limits_of(pod, "memory")) if pod is not None else "")


def _tight(snapshot: Snapshot, item: PodMetrics) -> list[Said]:
    pod = snapshot.get(Pod, item.namespace, item.name)
    limit = limits_of(pod, "memory") if pod is not None else 0.0
    used = total((one.usage for one in item.containers), "memory")
    if pod is None or not limit or used < TIGHT * limit:
        return []
    said = f"{snapshot.ref(pod)} uses {shown('memory', used)} of its memory limit {shown('memory', limit)}"
    evidence = Evidence.of(snapshot.ref(pod), "metric", said, locator="memory", observed_at=item.timestamp)
    return [Said(text=said, evidence=evidence)]


plugin = ToolPlugin(
    spec=ToolSpec(
        name="top_pods",
        description=(
            "Shows the current CPU and memory use of pods (metrics-server), beside their requests and limits, the "
            "hungriest first."
        ),
        parameters={
            "type": "object",
            "properties": {
                "namespace": NAMESPACE,
                "sort_by": {
                    "type": "string",
                    "enum": ["memory", "cpu"],
                    "default": "memory",
                    "description": "What to sort by.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000,
                    "default": 50,
                    "description": "How many pods at most.",
                },
            },
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=rights(_KINDS),
)
