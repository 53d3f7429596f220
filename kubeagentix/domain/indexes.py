"""How the objects of a picture are found: by name, by namespace, by owner, by label.

A server lists objects by their names, so replicas stand side by side, as do the events of one object: what is asked of
each is asked once of a run of such.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from kubeagentix.domain.meta import Resource
from kubeagentix.domain.network import EndpointSlice
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod

Objects = Mapping[str, Sequence[Resource]]
Key = tuple[str, str, str]  # kind, namespace, name
KindName = Callable[[str, str], str]  # what a picture calls a kind of an apiVersion

_NAMESPACE = attrgetter("metadata.namespace")
_OWNERS = attrgetter("metadata.namespace", "metadata.owner_references")
_LIKENESS = attrgetter("metadata.namespace", "metadata.owner_references", "metadata.labels")
_SUBJECT = attrgetter("involved_object")


def by_key(objects: Objects) -> Mapping[Key, Resource]:
    """Every object but events, which nobody asks for by name."""
    return {
        (kind, resource.metadata.namespace, resource.metadata.name): resource
        for kind, resources in objects.items()
        if kind != Event.kind
        for resource in resources
    }


def by_namespace(objects: Objects) -> Mapping[tuple[str, str], tuple[Resource, ...]]:
    """All objects by kind and namespace."""
    groups: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for kind, resources in objects.items():
        for namespace, run in groupby(resources, _NAMESPACE):
            groups[kind, namespace].extend(run)
    return {key: tuple(value) for key, value in groups.items()}


def siblings(objects: Objects) -> Iterator[tuple[Resource, ...]]:
    """All objects that have owners, but for events, in runs of those of one kind, namespace and owners."""
    for kind, resources in objects.items():
        if kind != Event.kind:
            owned = [item for item in resources if item.metadata.owner_references]
            yield from (tuple(run) for _, run in groupby(owned, _OWNERS))


def by_owner(
    runs: Iterable[Sequence[Resource]], known: Mapping[Key, Resource], kind_name: KindName
) -> Mapping[Key, tuple[Resource, ...]]:
    """Direct children by the key of their controller, which may be of no namespace; `runs` as `siblings` makes them."""
    groups: dict[Key, list[Resource]] = defaultdict(list)
    for run in runs:
        owner = run[0].controller
        if owner is not None:
            kind = kind_name(owner.api_version, owner.kind)
            own, cluster_wide = (kind, run[0].namespace, owner.name), (kind, "", owner.name)
            is_cluster_wide = own not in known and cluster_wide in known
            groups[cluster_wide if is_cluster_wide else own].extend(run)
    return {key: tuple(value) for key, value in groups.items()}


def by_subject(events: Iterable[Event], kind_name: KindName) -> Mapping[Key, tuple[Event, ...]]:
    """Events by the object that they are about, as they come."""
    groups: dict[Key, list[Event]] = defaultdict(list)
    for about, run in groupby(events, _SUBJECT):
        kind = kind_name(about.api_version, about.kind) if "." in about.api_version else about.kind
        groups[kind, about.namespace, about.name].extend(run)
    return {key: tuple(value) for key, value in groups.items()}


def replicas(pods: Iterable[Pod]) -> tuple[tuple[Pod, ...], ...]:
    """All pods, in runs of those of one namespace that have owners and labels in common."""
    return tuple(tuple(run) for _, run in groupby(pods, _LIKENESS))


def by_label(runs: Iterable[Sequence[Pod]]) -> Mapping[Key, tuple[Pod, ...]]:
    """Pods by namespace and each of their labels; `runs` as `replicas` makes them."""
    groups: dict[Key, list[Pod]] = defaultdict(list)
    for run in runs:
        metadata = run[0].metadata
        for key, value in metadata.labels.items():
            groups[metadata.namespace, key, value].extend(run)
    return {key: tuple(value) for key, value in groups.items()}


def by_service(slices: Iterable[EndpointSlice]) -> Mapping[tuple[str, str], tuple[EndpointSlice, ...]]:
    """EndpointSlices by the namespace and name of their Service."""
    groups: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
    for piece in slices:
        groups[piece.namespace, piece.service_name].append(piece)
    return {key: tuple(value) for key, value in groups.items()}
