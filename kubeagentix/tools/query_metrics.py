"""PromQL: the cluster's Prometheus, now or over a span of time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.rights import EVERYWHERE
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.settings import load_settings
from kubeagentix.toolkit.log_reading import seconds_of
from kubeagentix.toolkit.places import cluster_name, live, picture
from kubeagentix.toolkit.prometheus import PROXY_RIGHT, Prometheus, at_url, find_prometheus
from kubeagentix.toolkit.statuses import Said, evidence_in

POINTS = 60  # of a range, so many samples are asked for
SHORT_SERIES = 15
_OBJECTS = (("Pod", "pod"), ("Deployment", "deployment"), ("Node", "node"), ("Service", "service"))


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """A line per series."""
    prometheus = await _prometheus(context)
    span = arguments["since"]
    since = seconds_of(span) if span else 0
    params = {"query": arguments["query"]}
    if since:
        now = time.time()
        params |= {"start": f"{now - since:.0f}", "end": f"{now:.0f}", "step": f"{max(1, since // POINTS)}s"}
    data = await prometheus.get("/api/v1/query_range" if since else "/api/v1/query", params)
    series = _series(data)
    if not series:
        return ToolOutput(text=f"no series at {prometheus.name} for {excerpt(arguments['query'], 200)}", data=[])
    ranked = sorted(series, key=lambda item: -max(item[1]))[: arguments["limit"]]
    lines = [_line(context, arguments["query"], labels, values) for labels, values in ranked]
    left = len(series) - len(lines)
    head = f"{prometheus.name}, {len(series)} series{f' over the last {span}' if since else ''}:"
    more = [f"({left} more, with smaller values)"] if left else []
    return ToolOutput(
        text="\n".join([head, *(str(line) for line in lines), *more]),
        short="\n".join([head, *(str(line) for line in lines[:SHORT_SERIES])]),
        evidence=evidence_in(lines),
        data=[{"labels": labels, "values": list(values)} for labels, values in ranked],
    )


async def _prometheus(context: ToolContext) -> Prometheus:
    url = load_settings(context.environ).prometheus_url
    if url:
        return at_url(url)
    cluster = live(context, "query_metrics")
    return find_prometheus(await picture(context, None, (Service.kind,)), cluster)


def _series(data: Any) -> list[tuple[Mapping[str, str], Sequence[float]]]:
    """(labels, values) of every series; a scalar is one without labels. Raises UsageError for text."""
    kind, result = data.get("resultType"), data.get("result")
    if kind == "scalar":
        return [({}, (float(result[1]),))]
    if kind == "string":
        raise UsageError("the query gives a text, not numbers")
    found = []
    for item in result or ():
        pairs = item.get("values") or [item["value"]]
        found.append((item.get("metric") or {}, tuple(float(pair[1]) for pair in pairs)))
    return [(labels, values) for labels, values in found if values]


def _line(context: ToolContext, query: str, labels: Mapping[str, str], values: Sequence[float]) -> Said:
    named = ", ".join(f"{key}={value}" for key, value in labels.items() if key != "__name__")
    name = f"{labels.get('__name__', '')}{{{named}}}"
    said = f"{name} {_number(values[-1])}"
    if len(values) > 1:
        mean = sum(values) / len(values)
        said = f"{name} last {_number(values[-1])}, first {_number(values[0])}, min {_number(min(values))}"
        said += f", mean {_number(mean)}, max {_number(max(values))}"
    ref = _ref(context, labels)
    return Said(text=said, evidence=Evidence.of(ref, "metric", said, locator=excerpt(query, 200)))


def _ref(context: ToolContext, labels: Mapping[str, str]) -> ResourceRef:
    """The object that labels speak of, else the query's own place."""
    for kind, label in _OBJECTS:
        if labels.get(label):
            place = "" if kind == "Node" else labels.get("namespace", "")
            return ResourceRef(cluster=cluster_name(context), kind=kind, namespace=place, name=labels[label])
    return ResourceRef(cluster=cluster_name(context), kind="Metric", name=labels.get("__name__", "query"))


def _number(value: float) -> str:
    return f"{value:.6g}"


plugin = ToolPlugin(
    spec=ToolSpec(
        name="query_metrics",
        description=(
            "Asks the cluster's Prometheus a PromQL query, for now or over a span of time (then: last, first, min, "
            "mean, max of each series). For current CPU and memory, top_pods is simpler."
        ),
        parameters={
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "description": 'PromQL, such as rate(container_cpu_usage_seconds_total{namespace="shop"}[5m]).',
                },
                "since": {
                    "type": "string",
                    "default": "",
                    "description": "Over the last so long, such as 30m or 6h. Left out: the value now.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 500,
                    "default": 30,
                    "description": "How many series at most, those with the largest values.",
                },
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=(*rights((Service.kind,), namespace=EVERYWHERE), PROXY_RIGHT),
)
