"""A picture that notes what is looked at, so that it is known which changes a finding may rest on.

One of a *slice* shows, where all objects of a kind are asked for, those of one namespace; what is asked for by name or
namespace comes from the whole picture. Whatever was looked at outside the namespace is noted, as is the time. A note is
(kind,) for all objects of a kind, (kind, namespace), or (kind, namespace, name); TIME stands alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.network import EndpointSlice
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
Note = tuple[str, ...]

TIME: Note = ("", "time")
LOG, ABOUT, ANY = "log of", "event about", "any kind"  # in place of a kind


def marks_of(change: ObjectChange) -> Iterator[Note]:
    """The notes that a change of an object makes void."""
    kind, namespace, name = change.key
    yield from ((kind,), (kind, namespace), (kind, namespace, name), (ANY, namespace), (ANY,))
    for item in (change.old, change.new):
        if isinstance(item, Event):
            about = item.involved_object
            yield from ((ABOUT,), (ABOUT, about.namespace))


def namespaces_of(change: ObjectChange) -> Iterator[str]:
    """The namespaces whose slices show a change of an object: its own, and that of what an event is about."""
    yield change.key[1]
    yield from (item.involved_object.namespace for item in (change.old, change.new) if isinstance(item, Event))


class Noted(Snapshot):
    """A view of a whole picture; see the module. Made by `view_of`."""

    @property
    def taken_at(self) -> datetime:
        """When the picture was taken, which is noted."""
        self.notes.add(TIME)
        return self._whole.taken_at

    @property
    def logs(self) -> tuple[ContainerLog, ...]:
        """The logs of the slice."""
        if self._part is None:
            self.notes.add((LOG,))
            return self._whole.logs
        return tuple(log for log in self._whole.logs if log.namespace == self._part)

    @property
    def notes(self) -> set[Note]:
        """What was looked at."""
        return cast("set[Note]", self.__dict__["_notes"])

    @property
    def pods_by_workload(self) -> Mapping[ResourceRef, tuple[Pod, ...]]:
        """The pods of each topmost controller of the slice."""
        if self._part is not None:
            return self._whole.derived(Groups).workloads(self._part)
        self.notes.update((kind,) for kind in (*_OWNERS, *{item.kind for item in self._whole.custom_resources}))
        return self._whole.pods_by_workload

    def pods_of(self, workload: ResourceRef) -> tuple[Pod, ...]:
        """The pods under that topmost controller, wherever it is."""
        self._note(ANY, workload.namespace)
        return self._whole.pods_of(workload)

    def derived(self, build: Callable[..., T], *arguments: Hashable) -> T:
        """What is derived is derived of the whole, with its notes; of a slice only where it lists what is judged."""
        if self._part is not None and build.__name__ in OF_SLICE:
            return super().derived(build, *arguments)
        found, notes = _derived_of_whole(self._whole, build, arguments)
        self.notes.update(notes)
        return cast("T", found)

    @property
    def _whole(self) -> Snapshot:
        return cast("Snapshot", self.__dict__["_held"])

    @property
    def _part(self) -> str | None:
        return cast("str | None", self.__dict__["_held_part"])

    def _note(self, kind: str, namespace: str = "", name: str | None = None) -> None:
        if namespace != self._part:
            self.notes.add((kind, namespace) if name is None else (kind, namespace, name))

    def _note_all(self, kind: str) -> None:
        self.notes.add((kind,))


_SHARED = ("cluster", "server_version", "namespace", "neighbours", "gaps", "_custom_names", "_refs", "_unread")
_OWNERS = ("Pod", "ReplicaSet", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
# What is derived to list subjects: pods, containers, templates, events. All else is an index, which is looked up.
OF_SLICE = frozenset(
    {
        *("_restless_pods", "_pods_to_mind", "_restless_containers", "_templates", "_managed", "_templated"),
        *("_by_reason", "_warnings"),
    }
)


def view_of(whole: Snapshot, part: str | None) -> Noted:
    """A view of one namespace's slice, or (None) of all."""
    view = object.__new__(Noted)
    groups = whole.derived(Groups)
    held = view.__dict__
    held.update({name: getattr(whole, name) for name in _SHARED if hasattr(whole, name)})
    held.update(_held=whole, _held_part=part, _notes=set(), _workloads={}, _derived={})
    objects = groups.objects(part) if part is not None else whole.objects
    held["objects"] = _Objects(objects, view._note_all, groups.wide if part is not None else None)
    places: Mapping[str, Callable[[Any], None]] = {
        "_by_key": lambda key: view._note(*key),
        "_by_namespace": lambda key: view._note(*key),
        "_events": lambda key: view._note(ABOUT, key[1]),
        "_pods_by_label": lambda key: view._note(Pod.kind, key[0]),
        "_slices": lambda key: view._note(EndpointSlice.kind, key[0]),
        "_logs": lambda key: view._note(LOG, key[0]),
        "owned": lambda key: view._note(ANY, key[1]),
    }
    held.update({name: _Index(getattr(whole, name), note) for name, note in places.items()})
    return view


class Groups:
    """A whole picture's objects by namespace."""

    def __init__(self, whole: Snapshot) -> None:
        self._of: dict[str, dict[str, tuple[Resource, ...]]] = defaultdict(dict)
        for (kind, namespace), items in whole._by_namespace.items():
            self._of[namespace][kind] = items
        self.wide = frozenset(self._of[""])
        self._none: dict[str, tuple[Resource, ...]] = {**dict.fromkeys(whole.objects, ()), **self._of.pop("")}
        self._workloads: dict[str, dict[ResourceRef, tuple[Pod, ...]]] = defaultdict(dict)
        for ref, pods in whole.pods_by_workload.items():
            self._workloads[pods[0].namespace][ref] = pods

    @property
    def namespaces(self) -> list[str]:
        """Those that hold anything, in order."""
        return sorted(self._of)

    def objects(self, namespace: str) -> Mapping[str, tuple[Resource, ...]]:
        """Of each kind the objects in that namespace; of those that belong to none, all."""
        return {**self._none, **self._of.get(namespace, {})}

    def workloads(self, namespace: str) -> Mapping[ResourceRef, tuple[Pod, ...]]:
        """The pods of each of its topmost controllers."""
        return self._workloads.get(namespace, {})


class _Index(Mapping[K, V]):
    """An index of the whole picture, with a note of each look-up."""

    def __init__(self, held: Mapping[K, V], note: Callable[[K], None]) -> None:
        self._held, self._note = held, note

    def __getitem__(self, key: K) -> V:
        self._note(key)
        return self._held[key]

    def get(self, key: K, default: Any = None) -> Any:
        self._note(key)
        return self._held.get(key, default)

    def __contains__(self, key: object) -> bool:
        self._note(cast("K", key))
        return key in self._held

    def __iter__(self) -> Iterator[K]:
        raise TypeError("a picture that notes what is looked at is asked by key")

    def __len__(self) -> int:
        return len(self._held)


class _Objects(Mapping[str, tuple[Resource, ...]]):
    """The objects by kind, with a note of each that is looked at; of a slice, of the `wide` kinds alone."""

    def __init__(
        self,
        held: Mapping[str, tuple[Resource, ...]],
        note: Callable[[str], None],
        wide: frozenset[str] | None,
    ) -> None:
        self._held, self._note, self._wide = held, note, wide

    def __getitem__(self, kind: str) -> tuple[Resource, ...]:
        if self._wide is None or kind in self._wide:
            self._note(kind)
        return self._held[kind]

    def get(self, kind: str, default: Any = None) -> Any:
        """As of any mapping."""
        return self[kind] if kind in self._held else default

    def __contains__(self, kind: object) -> bool:
        return kind in self._held  # which kinds there are is looked at before anything is kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def _derived_of_whole(
    whole: Snapshot, build: Callable[..., object], arguments: tuple[Hashable, ...]
) -> tuple[object, frozenset[Note]]:
    held, key = whole._derived, (_derived_of_whole, build, *arguments)
    if key not in held:
        view = whole.derived(view_of, None)
        before, view.__dict__["_notes"] = view.notes, set()
        try:
            found = build(view, *arguments)
            held[key] = (found, frozenset(view.notes))
        finally:
            view.__dict__["_notes"] = before
    return cast("tuple[object, frozenset[Note]]", held[key])
