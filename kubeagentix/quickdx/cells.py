"""A whole picture in parts, each small enough to be looked at anew for every change in it.

A part is (namespace, place): a workload with its ReplicaSets, Jobs and pods, and the Service of its name; or all
objects of another kind in a namespace. (namespace, "") is the whole namespace. Objects of no namespace are in each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.network import EndpointSlice, Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

Part = tuple[str, str]
Objects = Mapping[str, tuple[Resource, ...]]

# Kinds whose objects are kept with their workload. No object is called as a kind is, with a capital letter.
_OF_WORKLOADS = frozenset(
    ("Pod", "ReplicaSet", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
)
_PLACED = _OF_WORKLOADS | {Service.kind, EndpointSlice.kind}


class Cells:
    """The objects of a picture by part."""

    def __init__(self, whole: Snapshot, known: Mapping[str, Mapping[str, Objects]] | None = None) -> None:
        self._none: Objects = {kind: whole._by_namespace.get((kind, ""), ()) for kind in whole.objects}
        # Those that no part has objects of its own of; a kind without any may turn out to be one.
        self.wide = frozenset(kind for kind, items in whole.objects.items() if not items or not items[0].namespace)
        if known is None:
            placed: dict[str, dict[str, tuple[Resource, ...]]] = defaultdict(dict)
            for (kind, namespace), items in whole._by_namespace.items():
                if namespace:
                    placed[namespace][kind] = items
            known = {namespace: _placed(whole, objects) for namespace, objects in placed.items()}
        self._of = known
        self._by_namespace = whole._by_namespace
        self._logs = _logs(whole)

    @property
    def namespaces(self) -> list[str]:
        """Those that hold anything, in order."""
        return sorted(self._of)

    def places(self, namespace: str) -> Collection[str]:
        """The places of a namespace."""
        return self._of.get(namespace, {})

    def objects(self, part: Part) -> Objects:
        """Of each kind the objects in that part; of those that belong to no namespace, all."""
        namespace, place = part
        if place:
            return {**self._none, **self._of.get(namespace, {}).get(place, {})}
        return {kind: items or self._by_namespace.get((kind, namespace), ()) for kind, items in self._none.items()}

    def logs(self, part: Part) -> tuple[ContainerLog, ...]:
        """The logs of the part's pods."""
        return tuple(self._logs.get(part, ()))

    def after(
        self, before: Snapshot, now: Snapshot, changes: Iterable[ObjectChange], restructured: Collection[str]
    ) -> tuple[Cells, set[Part]]:
        """The parts of `now`, which differs from `before` by `changes`, and those that another object is in now.

        In `restructured` namespaces objects may have changed places without having changed themselves.
        """
        found = dict(self._of)
        touched: dict[Part, dict[str, dict[str, Resource | None]]] = defaultdict(lambda: defaultdict(dict))
        for change in changes:
            kind, namespace, name = change.key
            if namespace and namespace not in restructured:
                if change.old is not None:
                    touched[namespace, place_of(before, change.old)][kind][name] = None
                if change.new is not None:
                    touched[namespace, place_of(now, change.new)][kind][name] = change.new
        for namespace in {part[0] for part in touched}:
            found[namespace] = dict(found.get(namespace, {}))
        for (namespace, place), kinds in touched.items():
            _put(found[namespace], place, kinds)  # type: ignore[arg-type]  # a copy, made above
        moved = set[Part]()
        for namespace in restructured:
            objects = {kind: now._by_namespace.get((kind, namespace), ()) for kind in now.objects}
            found[namespace] = placed = _placed(now, objects)
            known = self._of.get(namespace, {})
            moved |= {(namespace, place) for place in {*placed, *known} if _differ(placed.get(place), known.get(place))}
        return Cells(now, {namespace: places for namespace, places in found.items() if places}), moved


def place_of(snapshot: Snapshot, resource: Resource) -> str:
    """Where in its namespace an object is kept."""
    if resource.kind in _OF_WORKLOADS:
        return snapshot.workload_of(resource).name
    if isinstance(resource, EndpointSlice):
        return resource.service_name or resource.name
    return resource.name if resource.kind == Service.kind else resource.kind


def _placed(whole: Snapshot, objects: Objects) -> dict[str, Objects]:
    placed: dict[str, dict[str, tuple[Resource, ...]]] = defaultdict(dict)
    for kind, items in objects.items():
        if kind not in _PLACED:
            if items:
                placed[kind][kind] = items
            continue
        groups: dict[str, list[Resource]] = defaultdict(list)
        for item in items:
            groups[place_of(whole, item)].append(item)
        for place, group in groups.items():
            placed[place][kind] = tuple(group)
    return dict(placed)


def _put(places: dict[str, Objects], place: str, kinds: Mapping[str, Mapping[str, Resource | None]]) -> None:
    cell = dict(places.get(place, {}))
    for kind, changed in kinds.items():
        named = {**{item.metadata.name: item for item in cell.get(kind, ())}, **changed}
        items = tuple(item for _, item in sorted(named.items()) if item is not None)
        if items:
            cell[kind] = items
        else:
            cell.pop(kind, None)
    if cell:
        places[place] = cell
    else:
        places.pop(place, None)


def _differ(one: Objects | None, other: Objects | None) -> bool:
    if one is None or other is None or one.keys() != other.keys():
        return True
    return any(not _same(items, other[kind]) for kind, items in one.items())


def _same(items: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(items) == len(others) and all(a is b for a, b in zip(items, others, strict=True))


def _logs(whole: Snapshot) -> Mapping[Part, Sequence[ContainerLog]]:
    found: dict[Part, list[ContainerLog]] = defaultdict(list)
    for log in whole.logs:
        for part in parts_of_log(whole, log):
            found[part].append(log)
    return found


def parts_of_log(whole: Snapshot, log: ContainerLog) -> tuple[Part, ...]:
    """The parts that a log is in."""
    pod = whole.get(Pod, log.namespace, log.pod)
    return ((log.namespace, ""), *(((log.namespace, place_of(whole, pod)),) if pod is not None else ()))
