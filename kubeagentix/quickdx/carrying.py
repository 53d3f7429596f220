"""The indexes of one picture carried over to the next, so that a look costs what has changed, not what there is.

Only for pictures of the same `frame`, whose objects are ordered by namespace and name: what an index would say of the
new picture, it says; a test compares them. What says another thing than before is marked, in the words of notes (see
`noted`).
"""

from __future__ import annotations

from collections import defaultdict
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
from kubeagentix.domain.workloads import ReplicaSet
from kubeagentix.quickdx.cells import Cells, Part, parts_of_log, place_of
from kubeagentix.quickdx.mattering import is_heartbeat, matters
from kubeagentix.quickdx.noted import OBJECTS, TIME, WORKLOADS, Derivations, Note

K = TypeVar("K", bound=Hashable)
INDEXES = ("_by_key", "_by_namespace", "_events", "_pods_by_label", "_slices", "owned", "pods_by_workload")
_Keys = Callable[[Any], Iterable[Hashable]]


def frame(snapshot: Snapshot) -> Hashable:
    """What everything rests on: which namespaces and kinds were asked for, and what kinds are called."""
    kinds = (frozenset(snapshot.objects), frozenset(snapshot._custom_names.items()))
    return (snapshot.cluster, snapshot.namespace, snapshot.neighbours, kinds)


def is_carried(before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange]) -> bool:
    """Whether `now` can be had by `carry`: not where a node, say, has come or gone that owns what is in namespaces."""
    if frame(before) != frame(now):
        return False
    wide = {(item.key[0], item.key[2]) for item in changes if not item.key[1] and _is_another(item)}
    return not wide or wide.isdisjoint((kind, name) for kind, _, name in before.owned)


def carry(before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange]) -> tuple[set[Note], set[Part]]:
    """Gives `now` what `before` had worked out, as far as `changes` leave it.

    The notes that are void, and the parts (see `cells`) that have changed.
    """
    held = now.__dict__
    if not any(isinstance(item, CustomResource) for change in changes for item in (change.old, change.new)):
        held["custom_resources"], held["_custom_names"] = before.custom_resources, before._custom_names
    held["_refs"] = before._refs
    keys = _keys_by_index(now)
    held["_by_key"] = _by_key(before, changes)
    for name, in_order in (("_by_namespace", _by_name), ("_slices", _by_name), ("_pods_by_label", _by_name)):
        held[name] = _regrouped(getattr(before, name), _of(name, changes), keys[name], in_order)
    held["_events"] = _regrouped(before._events, _of("_events", changes), keys["_events"], _by_place)
    held["owned"] = _owned(before, now, changes, keys["owned"])
    restructured = _restructured(before, now, changes)
    _carry_workloads(before, now, changes, restructured)
    marked = _marked(before, now, changes, restructured)
    for change in changes:
        now._refs.pop(id(change.old), None)  # else what is gone would be kept for its reference's sake
    return marked


def _marked(
    before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange], restructured: set[str]
) -> tuple[set[Note], set[Part]]:
    mattering = [change for change in changes if matters(change)]
    marks = _marks(before, now, mattering)
    marks |= {
        (WORKLOADS, ref.key)
        for namespace in restructured
        for ref in (*_workloads_in(before, namespace), *_workloads_in(now, namespace))
    }
    cells, stale = before.derived(Cells).after(before, now, changes, restructured)
    for change in mattering:
        if change.key[1]:
            stale |= {(change.key[1], place_of(before, item)) for item in (change.old,) if item is not None}
            stale |= {(change.key[1], place_of(now, item)) for item in (change.new,) if item is not None}
    now._derived[(Cells,)] = cells
    if now.logs != before.logs:
        for log in {*now.logs} ^ {*before.logs}:
            marks |= {(OBJECTS, "logs"), ("_logs", (log.namespace, log.pod, log.container, log.is_previous))}
            stale.update((*parts_of_log(before, log), *parts_of_log(now, log)))
    marks |= {("_unread", kind) for kind, _ in now._unread.items() ^ before._unread.items()}
    if now.taken_at != before.taken_at:
        marks.add(TIME)
    stale |= {(namespace, "") for namespace, _ in stale}
    derivations = before.__dict__.pop("_derivations", None) or Derivations()
    now.__dict__["_derivations"] = derivations
    derivations.renew(now, marks)
    return marks, stale


def _marks(before: Snapshot, now: Snapshot, changes: Iterable[ObjectChange]) -> set[Note]:
    marks = set[Note]()
    keys = _keys_by_index(now)
    for change in changes:
        kind, namespace, _ = change.key
        marks.add((OBJECTS, kind))
        if is_heartbeat(change):
            continue
        if kind != Event.kind:
            marks.add(("_by_key", change.key))
        marks.add(("_by_namespace", (kind, namespace)))
        for snapshot, item in ((before, change.old), (now, change.new)):
            if item is None:
                continue
            for name in _INDEXES_OF.get(kind, ("owned",)):
                marks.update((name, key) for key in keys[name](item))
            if isinstance(item, Pod):
                marks.add((WORKLOADS, snapshot.workload_of(item).key))
    return marks


# Of the kinds that further indexes hold, which; "owned" holds all.
_INDEXES_OF: Mapping[str, tuple[str, ...]] = {
    Pod.kind: ("_pods_by_label", "owned"),
    EndpointSlice.kind: ("_slices", "owned"),
    Event.kind: ("_events", "owned"),
}


def _of(name: str, changes: Iterable[ObjectChange]) -> Iterable[ObjectChange]:
    kinds = {kind for kind, names in _INDEXES_OF.items() if name in names}
    return (change for change in changes if not kinds or change.key[0] in kinds)


def _keys_by_index(now: Snapshot) -> Mapping[str, _Keys]:
    """By index, under which keys it holds an object."""

    def about(event: Any) -> Iterable[Hashable]:
        item = event.involved_object
        kind = now.kind_name(item.api_version, item.kind) if "." in item.api_version else item.kind
        return ((kind, item.namespace, item.name),)

    def owner(resource: Any) -> Iterable[Hashable]:
        is_owned = resource.metadata.owner_references and resource.kind != Event.kind
        found = resource.controller if is_owned else None
        if found is None:
            return ()
        kind = now.kind_name(found.api_version, found.kind)
        own, cluster_wide = (kind, resource.namespace, found.name), (kind, "", found.name)
        return (cluster_wide if own not in now._by_key and cluster_wide in now._by_key else own,)

    return {
        "_by_namespace": lambda item: ((item.kind, item.metadata.namespace),),
        "_slices": lambda piece: ((piece.namespace, piece.service_name),),
        "_pods_by_label": lambda pod: ((pod.metadata.namespace, *pair) for pair in pod.metadata.labels.items()),
        "_events": about,
        "owned": owner,
    }


def _by_key(before: Snapshot, changes: Sequence[ObjectChange]) -> Mapping[tuple[str, str, str], Resource]:
    found = dict(before._by_key)
    for change in changes:
        if change.key[0] != Event.kind:
            found.pop(change.key, None)
            if change.new is not None:
                found[change.key] = change.new
    return found


def _regrouped(
    index: Mapping[Any, tuple[Any, ...]],
    changes: Iterable[ObjectChange],
    keys_of: _Keys,
    in_order: Callable[[list[Any]], Iterable[Any]],
) -> dict[Any, tuple[Any, ...]]:
    """An index with its groups as they are after `changes`."""
    found = dict(index)
    gone: dict[Hashable, set[int]] = defaultdict(set)
    come: dict[Hashable, list[Any]] = defaultdict(list)
    for change in changes:
        for key in keys_of(change.old) if change.old is not None else ():
            gone[key].add(id(change.old))
        for key in keys_of(change.new) if change.new is not None else ():
            come[key].append(change.new)
    for key in {**gone, **come}:
        away = gone.get(key, ())
        group = [item for item in found.get(key, ()) if id(item) not in away] + come.get(key, [])
        if group:
            found[key] = tuple(in_order(group))
        else:
            found.pop(key, None)
    return found


def _by_name(group: list[Any]) -> Iterable[Any]:
    return sorted(group, key=lambda item: str(item.metadata.name))


def _by_place(group: list[Any]) -> Iterable[Any]:
    return sorted(group, key=lambda item: (item.namespace, item.name))


def _owned(
    before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange], owner: _Keys
) -> Mapping[Any, tuple[Any, ...]]:
    place = {kind: number for number, kind in enumerate(now.objects)}
    return _regrouped(
        before.owned, changes, owner, lambda group: sorted(group, key=lambda item: (place[item.kind], item.name))
    )


def _restructured(before: Snapshot, now: Snapshot, changes: Iterable[ObjectChange]) -> set[str]:
    """The namespaces where an owner of others has come, gone or been replaced."""
    is_guessed = not now.was_read(ReplicaSet)  # then Deployments are owners that no reference names
    return {
        change.key[1]
        for change in changes
        if change.key[1]
        and _is_another(change)
        and (is_guessed or change.key in before.owned or change.key in now.owned)
    }


def _is_another(change: ObjectChange) -> bool:
    old, new = change.old, change.new
    if change.key[0] == Event.kind:
        return False
    return old is None or new is None or old.metadata.uid != new.metadata.uid or old.controller != new.controller


def _carry_workloads(
    before: Snapshot, now: Snapshot, changes: Sequence[ObjectChange], restructured: Iterable[str]
) -> None:
    """Topmost controllers, but for the restructured namespaces."""
    now.__dict__["_workloads"] = (
        {key: held for key, held in before._workloads.items() if held[0].namespace not in restructured}
        if restructured
        else dict(before._workloads)
    )
    for change in changes:
        now._workloads.pop(id(change.old), None)
    parts: dict[str, dict[ResourceRef, tuple[Pod, ...]]] = defaultdict(dict)
    for ref, pods in before.pods_by_workload.items():
        parts[ref.namespace][ref] = pods
    for name in {*restructured, *(change.key[1] for change in changes if change.key[0] == Pod.kind)}:
        found: dict[ResourceRef, list[Pod]] = {}
        for pod in now.in_namespace(Pod, name):
            found.setdefault(now.workload_of(pod), []).append(pod)
        parts[name] = {ref: tuple(pods) for ref, pods in found.items()}
    now.__dict__["pods_by_workload"] = {ref: pods for name in sorted(parts) for ref, pods in parts[name].items()}


def _workloads_in(snapshot: Snapshot, namespace: str) -> Iterable[ResourceRef]:
    return (snapshot.workload_of(pod) for pod in snapshot.in_namespace(Pod, namespace))
