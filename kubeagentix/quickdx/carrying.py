"""The indexes of one picture carried over to the next, so that a look costs what has changed, not what there is.

Only for pictures of the same kinds, gaps and objects without a namespace, whose objects are ordered by namespace and
name: what an index would say of the new picture, it says; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.extensions import CustomResource
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.network import EndpointSlice
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.noted import Groups

K = TypeVar("K", bound=Hashable)
INDEXES = ("_by_key", "_by_namespace", "_events", "_pods_by_label", "_slices", "owned", "pods_by_workload")
MAX_STALE = 2  # times as many references as objects are kept before they are made anew


def carry(before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange]) -> None:
    """Gives `now` what `before` had worked out, as far as `changes` leave it."""
    held = now.__dict__
    if not any(isinstance(item, CustomResource) for change in changes for item in (change.old, change.new)):
        held["custom_resources"], held["_custom_names"] = before.custom_resources, before._custom_names
    if len(before._refs) <= MAX_STALE * sum(map(len, now.objects.values())):
        held["_refs"] = before._refs
    held["_by_key"] = _by_key(before, changes)
    held["_by_namespace"] = _regrouped(before._by_namespace, changes, _place, _by_name)
    held["_slices"] = _regrouped(before._slices, _of(EndpointSlice, changes), _service, _by_name)
    held["_pods_by_label"] = _regrouped(before._pods_by_label, _of(Pod, changes), _labels, _by_name)

    def about(event: Any) -> Iterable[tuple[str, str, str]]:
        item = event.involved_object
        return ((now.kind_name(item.api_version, item.kind), item.namespace, item.name),)

    held["_events"] = _regrouped(before._events, _of(Event, changes), about, _by_place)
    if not any(not item.namespace for item in before.custom_resources):
        held["owned"] = _owned(before, now, changes)
    _carry_workloads(before, now, changes)


def _by_key(before: Snapshot, changes: Sequence[ObjectChange]) -> Mapping[tuple[str, str, str], Resource]:
    found = dict(before._by_key)
    for change in changes:
        if change.key[0] != Event.kind:
            found.pop(change.key, None)
            if change.new is not None:
                found[change.key] = change.new
    return found


def _regrouped(
    index: Mapping[K, tuple[Any, ...]],
    changes: Iterable[ObjectChange],
    keys_of: Callable[[Resource], Iterable[K]],
    in_order: Callable[[list[Any]], Iterable[Any]],
) -> dict[K, tuple[Any, ...]]:
    """An index with its groups as they are after `changes`."""
    found, touched = dict(index), dict[K, list[Any]]()
    for change in changes:
        for key in keys_of(change.old) if change.old is not None else ():
            group = touched.setdefault(key, list(found.get(key, ())))
            touched[key] = [item for item in group if item is not change.old]
        for key in keys_of(change.new) if change.new is not None else ():
            touched.setdefault(key, list(found.get(key, ()))).append(change.new)
    for key, group in touched.items():
        if group:
            found[key] = tuple(in_order(group))
        else:
            found.pop(key, None)
    return found


def _of(kind: type[Resource], changes: Iterable[ObjectChange]) -> Iterable[ObjectChange]:
    return (change for change in changes if change.key[0] == kind.kind)


def _place(resource: Resource) -> Iterable[tuple[str, str]]:
    return ((resource.kind, resource.namespace),)


def _service(piece: Any) -> Iterable[tuple[str, str]]:
    return ((piece.namespace, piece.service_name),)


def _labels(pod: Resource) -> Iterable[tuple[str, str, str]]:
    return ((pod.namespace, key, value) for key, value in pod.metadata.labels.items())


def _by_name(group: list[Any]) -> Iterable[Any]:
    return sorted(group, key=lambda item: str(item.name))


def _by_place(group: list[Any]) -> Iterable[Any]:
    return sorted(group, key=lambda item: (item.namespace, item.name))


def _owned(before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange]) -> Mapping[Any, tuple[Any, ...]]:
    place = {kind: number for number, kind in enumerate(now.objects)}

    def owner(resource: Resource) -> Iterable[tuple[str, str, str]]:
        found = resource.controller
        if found is not None and resource.kind != Event.kind:
            yield now.kind_name(found.api_version, found.kind), resource.namespace, found.name

    return _regrouped(
        before.owned, changes, owner, lambda group: sorted(group, key=lambda item: (place[item.kind], item.name))
    )


def _carry_workloads(before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange]) -> None:
    """Topmost controllers, but for the namespaces where any owner has come, gone or been replaced."""
    restructured = {change.key[1] for change in changes if _is_restructured(change)}
    now.__dict__["_workloads"] = {
        key: held for key, held in before._workloads.items() if held[0].namespace not in restructured
    }
    for change in changes:
        now._workloads.pop(id(change.old), None)
    groups = before.derived(Groups)
    parts = {name: groups.workloads(name) for name in groups.namespaces}
    for name in restructured | {change.key[1] for change in _of(Pod, changes)}:
        found: dict[ResourceRef, list[Pod]] = {}
        for pod in now.in_namespace(Pod, name):
            found.setdefault(now.workload_of(pod), []).append(pod)
        parts[name] = {ref: tuple(pods) for ref, pods in found.items()}
    now.__dict__["pods_by_workload"] = {ref: pods for name in sorted(parts) for ref, pods in parts[name].items()}


def _is_restructured(change: ObjectChange) -> bool:
    old, new = change.old, change.new
    if change.key[0] == Event.kind:
        return False
    return old is None or new is None or old.metadata.uid != new.metadata.uid or old.controller != new.controller
