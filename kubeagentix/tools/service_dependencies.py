"""What a workload or Service rests on and who rests on it, step by step, with what is missing or not healthy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubeagentix.analysis.backends import backing_of
from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.quickdx.graph import Edge, Graph
from kubeagentix.toolkit.kinds import KIND
from kubeagentix.toolkit.objects import find_object, finding
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, not_read, picture
from kubeagentix.toolkit.relations import edges_to, is_missing
from kubeagentix.toolkit.statuses import Said, evidence_in

MAX_LINES = 60
_HIDDEN = ("Pod", "ReplicaSet", "Node", "ServiceAccount", "Job")  # told as numbers, or of no interest here
_SHORT_DEPTH = 1


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """Two trees: what it needs, and what needs it."""
    found = await find_object(context, arguments.get("kind", ""), arguments["name"], namespace_of(arguments, context))
    snapshot = await picture(context, found.ref.namespace or None)
    graph = Graph.of(snapshot)
    resource = snapshot.find(found.ref)
    start = snapshot.workload_of(resource) if resource is not None else found.ref

    def needs(ref: ResourceRef) -> Sequence[Edge]:
        return graph.edges_from(ref)

    def needed_by(ref: ResourceRef) -> Sequence[Edge]:
        return [Edge(edge.target, edge.relation, edge.source) for edge in edges_to(snapshot, graph, (ref,))]

    depth = arguments["depth"]
    trees = [("needs", needs, "{0}"), ("is needed by", needed_by, "{0}, by")]
    parts = [(title, _tree(snapshot, start, follow, depth, words)) for title, follow, words in trees]
    lines = [line for _, tree in parts for line in tree]
    return ToolOutput(
        text=_text(snapshot, start, parts, depth),
        short=_text(snapshot, start, parts, _SHORT_DEPTH),
        evidence=evidence_in([line for _, line in lines]),
        data={title: [line.text for _, line in tree] for title, tree in parts},
    )


_Tree = list[tuple[int, Said]]


def _text(snapshot: Snapshot, start: ResourceRef, parts: Sequence[tuple[str, _Tree]], depth: int) -> str:
    shown = [f"{start}{_state(snapshot, start)}", *not_read(snapshot)]
    for title, tree in parts:
        shown.append(f"{title}:" if tree else f"{title}: nothing that is known")
        shown += [f"{'  ' * level}- {line}" for level, line in tree if level <= depth]
    return "\n".join(shown)


def _tree(
    snapshot: Snapshot, start: ResourceRef, follow: Callable[[ResourceRef], Sequence[Edge]], depth: int, words: str
) -> _Tree:
    """(level, line), depth first; what was told already is not followed again."""
    tree: _Tree = []
    seen = {start}

    def walk(ref: ResourceRef, level: int) -> None:
        for edge in follow(ref):
            if edge.target in seen or edge.target.kind in _HIDDEN or len(tree) >= MAX_LINES:
                continue
            seen.add(edge.target)
            tree.append((level, _line(snapshot, edge, words)))
            if level < depth:
                walk(edge.target, level + 1)

    walk(start, 1)
    return tree


def _line(snapshot: Snapshot, edge: Edge, words: str) -> Said:
    state = _state(snapshot, edge.target)
    evidence = Evidence.of(edge.target, "status", f"{edge.target}{state}", locator="status") if state else None
    return Said(text=f"{words.format(edge.relation)} {edge.target}{state}", evidence=evidence)


def _state(snapshot: Snapshot, ref: ResourceRef) -> str:
    """What is wrong with an object, as far as a word says it."""
    if is_missing(snapshot, ref):
        return " (missing)"
    resource = snapshot.find(ref)
    if isinstance(resource, Service):
        backing = backing_of(snapshot, resource)
        return " (nobody ready behind it)" if backing.is_empty else ""
    pods = [pod for pod in snapshot.pods_of(ref) if pod.is_live]
    ready = sum(pod.is_ready for pod in pods)
    return f" ({ready} of {len(pods)} pods ready)" if ready < len(pods) else ""


plugin = ToolPlugin(
    spec=ToolSpec(
        name="service_dependencies",
        description=(
            "Shows what a workload, Service or Ingress depends on (Services it calls, configuration, volumes) and what "
            "depends on it, marking what is missing or not ready. Use it to follow a failure to its source."
        ),
        parameters={
            "type": "object",
            "properties": {
                "kind": KIND,
                "name": {"type": "string", "description": "The object's name, or kind/name such as svc/web."},
                "namespace": NAMESPACE,
                "depth": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 6,
                    "default": 3,
                    "description": "How many steps to follow.",
                },
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=(*finding(), *rights()),
)
