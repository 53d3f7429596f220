"""Whether a picture of a part of a cluster says why a target is in trouble, and what it would have to hold besides.

A fault is explained where its root says why, and all that could still be the reason of that is in the picture: what
the root blames, what the workload calls where it gives no reason of its own, and what analyzers needed to know.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubeagentix import registry
from kubeagentix.domain.access import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from kubeagentix.domain.diagnosis import OUTSIDE, Finding, Hypothesis, ResourceRef
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.network import EndpointSlice, Ingress, NetworkPolicy, Service
from kubeagentix.domain.nodes import Namespace, Node, PriorityClass
from kubeagentix.domain.parts import Part, terms_of
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import (
    ConfigMap,
    PersistentVolume,
    PersistentVolumeClaim,
    Secret,
    ServiceAccount,
    StorageClass,
)
from kubeagentix.domain.workloads import DaemonSet, HorizontalPodAutoscaler, LimitRange, ResourceQuota
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.quickdx.changes import with_changes
from kubeagentix.quickdx.correlate import CONNECTION_FAILURES, correlate, gives_no_reason
from kubeagentix.quickdx.framework import is_examined, is_known, labels_of, own_pods, workloads_of
from kubeagentix.quickdx.graph import Graph, Relation
from kubeagentix.quickdx.rank import rank
from kubeagentix.quickdx.sharing import is_shared, pods_of_others
from kubeagentix.quickdx.targets import in_namespace, narrow

# What analyzers ask for is read in this order. A fault counts as explained only when all of the first has been.
_NEEDED: tuple[type[Resource], ...] = (
    *(ConfigMap, Secret, PersistentVolumeClaim, ServiceAccount, ResourceQuota, LimitRange, PriorityClass),
    *(Role, RoleBinding, ClusterRole, ClusterRoleBinding, StorageClass, PersistentVolume, NetworkPolicy, Namespace),
)
_USEFUL: tuple[type[Resource], ...] = (Node, Ingress, EndpointSlice, HorizontalPodAutoscaler)
_ORDER = {kind.kind: place for place, kind in enumerate((*_NEEDED, *_USEFUL))}
_REFERS: frozenset[Relation] = frozenset({"reads", "mounts"})
_REFERRED_TO = frozenset(kind.kind for kind in (ConfigMap, Secret, PersistentVolumeClaim))
ON_THE_WAY = frozenset({NetworkPolicy.kind, Namespace.kind})  # what may stand between a client and a server
_AUTOMATIC = re.compile(r"kube-root-ca\.crt|openshift-service-ca\.crt|.*-token-\w{5}")  # made in every namespace
_LARGE = frozenset({ConfigMap.kind, Secret.kind, Node.kind})
SURE = 0.75  # with less confidence something may be said that a look at more would put right
MAX_NAMES = 3  # of a kind of large objects that are asked for one by one


@dataclass(frozen=True, slots=True)
class View:
    """What a picture says of a target.

    It is out of reach where only a reading of everything can tell. `needed` must be read before the fault counts as
    explained; `useful` may add to an explanation, or be the way to one. `blamed` are Services that may be the reason.
    """

    is_explained: bool
    is_out_of_reach: bool
    has_hypotheses: bool
    needed: tuple[Part, ...]
    useful: tuple[Part, ...]
    blamed: tuple[ResourceRef, ...]


def look(picture: Snapshot, start: ResourceRef) -> View:
    """What the built-in analyzers make of a picture, as far as it concerns the target."""
    found, _ = analyze(picture, [item for item in registry.analyzers().values() if not item.is_lint])
    graph = Graph.of(picture)
    findings = with_changes(picture, graph, correlate(picture, found, graph))
    findings = in_namespace(picture, findings, start.namespace)
    _, hypotheses = narrow(picture, graph, start, findings, rank(picture, findings))
    by_id = {finding.id: finding for finding in findings}
    roots = [by_id[one] for item in hypotheses for one in item.findings if not by_id[one].caused_by]
    _ask_for_more(picture, graph, start, roots)
    needed, useful = _wanted(picture, start, roots, _names(picture, graph, start, roots))
    needed = (*pods_of_others(picture, start, roots), *needed)
    blamed = _blamed(picture, graph, start, roots)
    return View(
        is_explained=_are_explained(picture, graph, start, hypotheses, by_id),
        is_out_of_reach=any(
            _leads_away(picture, start, root) or is_shared(picture, graph, start, root) for root in roots
        ),
        has_hypotheses=bool(hypotheses),
        needed=needed,
        useful=useful,
        blamed=blamed,
    )


def _ask_for_more(picture: Snapshot, graph: Graph, start: ResourceRef, roots: Sequence[Finding]) -> None:
    """Asks for what analyzers do without where it is not there: then it may be the reason all the same."""
    resource = picture.find(start)
    assert resource is not None
    for edge in graph.edges_from(picture.workload_of(resource), _REFERS):
        picture.lacks(edge.target)
    kinds: list[type[Resource]] = [Ingress, EndpointSlice]
    if any(root.reason.startswith("FailedCreate") for root in roots):
        kinds += [ResourceQuota, LimitRange]
    if any(root.reason.startswith("Unschedulable") for root in roots):
        kinds.append(Node)
    if any(root.reason.startswith("ClaimPending") for root in roots):
        kinds += [StorageClass, PersistentVolume]
    if any(_is_about_a_connection(root) for root in roots):
        kinds.append(NetworkPolicy)
    if _asks_for_a_namespace(picture) and any(_is_about_a_connection(root) or gives_no_reason(root) for root in roots):
        kinds.append(Namespace)
    for kind in kinds:
        picture.was_read(kind, start.namespace if KINDS[kind.kind].is_namespaced else "")


def _are_explained(
    picture: Snapshot,
    graph: Graph,
    start: ResourceRef,
    hypotheses: Sequence[Hypothesis],
    by_id: Mapping[str, Finding],
) -> bool:
    if any(item.confidence < SURE for item in hypotheses):
        return False
    firsts = [by_id[item.findings[0]] for item in hypotheses]
    return bool(firsts) and all(_is_explained(picture, graph, start, first) for first in firsts)


def _is_empty_service(root: Finding) -> bool:
    """Whether a Service has no pods: that may be no trouble, if nobody asks for it."""
    return root.ref.kind == Service.kind and root.reason == "NoEndpoints/NoPods"


def _is_about_a_connection(root: Finding) -> bool:
    return root.reason.rpartition("/")[2] in CONNECTION_FAILURES


def _asks_for_a_namespace(picture: Snapshot) -> bool:
    """Whether some name may lead into another namespace."""
    return any(part.kind == Namespace.kind and part.name for part in picture.wanted)


def _is_explained(picture: Snapshot, graph: Graph, start: ResourceRef, root: Finding) -> bool:
    if root.is_symptom:
        return False
    return all(_is_settled(picture, start, ref) for ref in (root.ref, *root.points_at, *_called(picture, graph, root)))


def _called(picture: Snapshot, graph: Graph, root: Finding) -> tuple[ResourceRef, ...]:
    """The Services that may be the reason of a failure that gives none."""
    if not gives_no_reason(root):
        return ()
    resource = picture.find(root.ref)
    place = picture.workload_of(resource) if resource is not None else root.ref
    return tuple(edge.target for edge in graph.edges_from(place, frozenset({"calls"})))


def _is_settled(picture: Snapshot, start: ResourceRef, ref: ResourceRef) -> bool:
    """Whether all that counts is known of an object that is blamed: that it is not there, or what it is like."""
    if ref.kind in OUTSIDE:
        return True
    resource = picture.find(ref)
    if resource is None:
        return _is_plainly_missing(picture, ref)
    if isinstance(resource, Service):
        return is_examined(picture, resource)
    return ref.kind in _ORDER or any(picture.workload_of(resource) == top for top in _tops(picture, start))


def _leads_away(picture: Snapshot, start: ResourceRef, root: Finding) -> bool:
    """Whether what is blamed is in another namespace, or is a Secret that something there should have made."""
    return any(
        ref.namespace not in ("", start.namespace) or (ref.kind == Secret.kind and picture.lacks(ref))
        for ref in (root.ref, *root.points_at)
        if ref.kind not in OUTSIDE
    )


def _tops(picture: Snapshot, start: ResourceRef) -> Iterator[ResourceRef]:
    """The workloads whose pods are in the picture: that of the target, and those behind a Service that is one."""
    resource = picture.find(start)
    if isinstance(resource, Service):
        yield from (picture.workload_of(pod) for pod in picture.all(Pod))
        yield start
    elif resource is not None:
        yield picture.workload_of(resource)


def _is_plainly_missing(picture: Snapshot, ref: ResourceRef) -> bool:
    """Whether an object does not exist, and nobody was to make it.

    A Secret may be somebody's to make, of a kind of its own, which tells why it was not.
    """
    return ref.kind in KINDS and ref.kind != Secret.kind and picture.lacks(ref)


def _blamed(picture: Snapshot, graph: Graph, start: ResourceRef, roots: Sequence[Finding]) -> tuple[ResourceRef, ...]:
    refs = [ref for root in roots for ref in (root.ref, *root.points_at, *_called(picture, graph, root))]
    return tuple(
        ref
        for ref in dict.fromkeys(refs)
        if ref.kind == Service.kind and ref != start and ref.namespace == start.namespace
    )


def _names(picture: Snapshot, graph: Graph, start: ResourceRef, roots: Sequence[Finding]) -> frozenset[str]:
    """The names that the target's workload and those led to refer to, and those of what is blamed."""
    resource = picture.find(start)
    assert resource is not None
    tops = {picture.workload_of(item) for item in (resource, *own_pods(picture))}
    tops |= {picture.ref(item) for item in workloads_of(picture, start)}
    refs = [edge.target for top in tops for edge in graph.edges_from(top, _REFERS)]
    return frozenset({"default"} | {ref.name for ref in (*refs, *(ref for root in roots for ref in root.points_at))})


def _wanted(
    picture: Snapshot, start: ResourceRef, roots: Sequence[Finding], names: frozenset[str]
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """What analyzers asked for in vain and can be read: what is needed, and what may be useful."""
    asked = [part for part in picture.wanted if part.kind not in _REFERRED_TO or part.name in ("", *names)]
    useful = [part for part in asked if _can_help(picture, start, roots, part)]
    new = [part for part in _bundled(useful) if not is_known(picture, part)]
    new = [part for part in new if not any(other != part and other.covers(part) for other in new)]
    new.sort(key=lambda part: (_ORDER.get(part.kind, -1), not part.name, str(part)))
    needed = tuple(part for part in new if _is_needed(part, roots))
    return needed, tuple(part for part in new if part not in needed)


def _bundled(parts: Collection[Part]) -> set[Part]:
    """`parts`, with one list of a kind for many names of it."""
    names = [part for part in parts if part.name]
    many = {
        (part.kind, part.namespace)
        for part in names
        if sum((item.kind, item.namespace) == (part.kind, part.namespace) for item in names)
        > (MAX_NAMES if part.kind in _LARGE else 1)
    }
    many = {(kind, place) for kind, place in many if kind != Node.kind}
    rest = {part for part in parts if (part.kind, part.namespace) not in many}
    return rest | {Part(kind, place) for kind, place in many}


def _is_needed(part: Part, roots: Sequence[Finding]) -> bool:
    if part.kind == Node.kind:
        return not part.name and any(root.reason.startswith("Unschedulable") for root in roots)
    if part.kind == ServiceAccount.kind:
        return part.name != "default"
    if part.kind == Ingress.kind:
        return any(_is_empty_service(root) for root in roots)
    return part.kind == Pod.kind or _ORDER[part.kind] < len(_NEEDED)


def _can_help(picture: Snapshot, start: ResourceRef, roots: Sequence[Finding], part: Part) -> bool:
    if part.kind == Pod.kind and part.labels:
        return any(part.labels <= terms_of(labels) for labels in labels_of(picture, start))
    if _AUTOMATIC.fullmatch(part.name) or part.kind not in _ORDER:
        return False
    if part.kind in ON_THE_WAY:
        return not part.name and any(_is_about_a_connection(root) or gives_no_reason(root) for root in roots)
    if part.kind == Node.kind and not part.name:
        is_unplaced = any(not pod.spec.node_name and not pod.is_finished for pod in picture.all(Pod))
        return is_unplaced or start.kind == DaemonSet.kind
    return part.namespace in ("", start.namespace)
