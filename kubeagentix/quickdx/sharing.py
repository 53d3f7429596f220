"""Whether others in the namespace suffer from the same thing: then that is the root, and not one of its sufferers.

Events are what is known of others: those who suffer alike have warnings of the same reasons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kubeagentix.analysis.scheduler.placement import claim_names
from kubeagentix.domain.diagnosis import OUTSIDE, Finding, ResourceRef
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.parts import Part
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolumeClaim
from kubeagentix.quickdx.graph import Graph

_REFUSED = "FailedCreate"
_USED_UP = "FailedCreate/QuotaExceeded"


def is_shared(picture: Snapshot, graph: Graph, start: ResourceRef, root: Finding) -> bool:
    """Whether what a finding blames is needed by others who suffer as well, as far as that is known."""
    if root.reason.startswith(_REFUSED) and any(event.reason == _REFUSED for event in _warnings(picture, start)[1]):
        return True  # by the same bound, perhaps
    return any(
        _needs(picture, graph, event, ref)
        for ref in _blamed(picture, start, root)
        for event in _alike(picture, start, ref)
    )


def pods_of_others(picture: Snapshot, start: ResourceRef, roots: Sequence[Finding]) -> tuple[Part, ...]:
    """All pods of the namespace, if it takes them to see whether others suffer from the same thing."""
    if picture.was_read(Pod, start.namespace):
        return ()
    is_unknown = any(root.reason == _USED_UP for root in roots)  # by whom?
    is_unknown |= any(_alike(picture, start, ref) for root in roots for ref in _blamed(picture, start, root))
    return (Part(Pod.kind, start.namespace),) if is_unknown else ()


def _blamed(picture: Snapshot, start: ResourceRef, root: Finding) -> Iterator[ResourceRef]:
    own = {ref.key for ref in _tops(picture, start)}
    yield from (ref for ref in root.points_at if ref.key not in own)


def _tops(picture: Snapshot, start: ResourceRef) -> set[ResourceRef]:
    found = picture.find(start)
    if isinstance(found, Service):
        pods = picture.pods_selected(found.namespace, found.spec.selector)
        return {start, *(picture.workload_of(pod) for pod in pods)}
    return {picture.workload_of(found)} if found is not None else {start}


def _alike(picture: Snapshot, start: ResourceRef, ref: ResourceRef) -> tuple[Event, ...]:
    """Warnings about others of the reasons of those about the target; of the same name, if that is told in them."""
    return picture.derived(_events_alike, start, ref)


def _events_alike(picture: Snapshot, start: ResourceRef, ref: ResourceRef) -> tuple[Event, ...]:
    own, others = _warnings(picture, start)
    reasons = {event.reason for event in own}
    alike = [event for event in others if event.reason in reasons]
    if any(ref.name in event.message for event in own):
        alike = [event for event in alike if ref.name in event.message]
    return tuple(alike)


def _warnings(picture: Snapshot, start: ResourceRef) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """The warnings about the target and what is of it, and those about others."""
    return picture.derived(_told_apart, start)


def _told_apart(picture: Snapshot, start: ResourceRef) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    tops = _tops(picture, start)
    claims = {claim for top in tops for pod in picture.pods_of(top) for claim in claim_names(pod)}
    own: list[Event] = []
    others: list[Event] = []
    for event in picture.all(Event):
        if event.type == "Warning":
            about = _find(picture, event)
            is_own = about is not None and (picture.workload_of(about) in tops or _is_claim(about, claims))
            (own if is_own else others).append(event)
    return tuple(own), tuple(others)


def _is_claim(item: Resource, names: Collection[str]) -> bool:
    return item.kind == PersistentVolumeClaim.kind and item.name in names


def _find(picture: Snapshot, event: Event) -> Resource | None:
    about = event.involved_object
    return picture.find(picture.named(about.kind, about.namespace, about.name))


def _needs(picture: Snapshot, graph: Graph, event: Event, ref: ResourceRef) -> bool:
    """Whether whom an event is about needs an object. Of a pod that is gone nothing can be told, nor need be."""
    if event.involved_object.kind != Pod.kind:
        return True
    pod = _find(picture, event)
    if pod is None:
        return False
    return ref.kind in OUTSIDE or any(edge.target == ref for edge in graph.edges_from(picture.workload_of(pod)))
