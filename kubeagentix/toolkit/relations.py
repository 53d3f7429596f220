"""What an object needs and what needs it, from the graph that the correlation follows, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.graph import Edge, Graph
from kubeagentix.toolkit.wording import listed

NAMES_SHOWN = 8
# A relation as its target sees it.
_REVERSED: Mapping[str, str] = {
    "manages": "managed by",
    "runs on": "runs",
    "reads": "read by",
    "mounts": "mounted by",
    "binds": "bound by",
    "selects": "selected by",
    "routes to": "routed to by",
    "scales": "scaled by",
    "guards": "guarded by",
    "calls": "called by",
    "restricted by": "restricts",
}


def edges_to(snapshot: Snapshot, graph: Graph, targets: Iterable[ResourceRef]) -> list[Edge]:
    """The edges that lead to one of `targets`, in the order of the picture."""
    wanted = set(targets)
    sources = (snapshot.ref(item) for items in snapshot.objects.values() for item in items)
    unknown = (ref for ref in snapshot.pods_by_workload if snapshot.find(ref) is None)
    return [edge for ref in (*sources, *unknown) for edge in graph.edges_from(ref) if edge.target in wanted]


def relations(snapshot: Snapshot, ref: ResourceRef, *, without: Collection[str] = ()) -> list[str]:
    """A line per relation: `reads: ConfigMap web-config (missing)`, `called by: Deployment front`.

    `without`: relations whose other ends are told elsewhere.
    """
    graph = Graph.of(snapshot)
    found: dict[str, dict[ResourceRef, None]] = defaultdict(dict)
    for edge in _edges_of(snapshot, graph, ref):
        if edge.target != ref:
            found[edge.relation][edge.target] = None
        else:
            found[_REVERSED[edge.relation]][edge.source] = None
    found["called through its Services by"] = dict.fromkeys(_callers(snapshot, graph, ref))
    lines = [
        f"{relation}: {_names(snapshot, ref, tuple(others))}"
        for relation, others in found.items()
        if others and relation not in without
    ]
    top = _workload(snapshot, ref)
    return [f"part of: {_name(snapshot, ref, top)}", *lines] if top != ref else lines


def _workload(snapshot: Snapshot, ref: ResourceRef) -> ResourceRef:
    resource = snapshot.find(ref)
    return snapshot.workload_of(resource) if resource is not None else ref


def _edges_of(snapshot: Snapshot, graph: Graph, ref: ResourceRef) -> Iterator[Edge]:
    """The edges from and to an object; a pod needs what its workload needs."""
    top = _workload(snapshot, ref)
    yield from (edge for edge in graph.edges_from(ref) if edge.target != top)
    if top != ref and ref.kind == Pod.kind:
        yield from (edge for edge in graph.edges_from(top) if edge.relation != "manages")
    for edge in edges_to(snapshot, graph, {ref, top} if ref.kind == Pod.kind else {ref}):
        if edge.source not in (ref, top):
            yield Edge(edge.source, edge.relation, ref)


def _callers(snapshot: Snapshot, graph: Graph, ref: ResourceRef) -> Iterator[ResourceRef]:
    """Who calls, or routes to, a Service that selects the object's workload."""
    services = [
        edge.source for edge in edges_to(snapshot, graph, {_workload(snapshot, ref)}) if edge.relation == "selects"
    ]
    for edge in edges_to(snapshot, graph, services) if services else ():
        if edge.relation in ("calls", "routes to"):
            yield edge.source


def _names(snapshot: Snapshot, seen_from: ResourceRef, others: tuple[ResourceRef, ...]) -> str:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for other in others:
        by_kind[other.kind].append(_short(snapshot, seen_from, other))
    return "; ".join(f"{kind} {listed(names, NAMES_SHOWN)}" for kind, names in by_kind.items())


def _name(snapshot: Snapshot, seen_from: ResourceRef, other: ResourceRef) -> str:
    return f"{other.kind} {_short(snapshot, seen_from, other)}"


def _short(snapshot: Snapshot, seen_from: ResourceRef, other: ResourceRef) -> str:
    place = f"{other.namespace}/" if other.namespace not in ("", seen_from.namespace) else ""
    return f"{place}{other.name}{' (missing)' if is_missing(snapshot, other) else ''}"


def is_missing(snapshot: Snapshot, ref: ResourceRef) -> bool:
    """Whether an object is known not to exist."""
    return ref.kind in KINDS and snapshot.lacks(ref)
