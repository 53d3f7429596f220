"""A picture that notes what is looked at, so that it is known which changes a finding may rest on.

One of a *part* (see `cells`) shows, where all objects of a kind are asked for, those of the part; what is looked up in
an index comes from the whole picture. A note is (index, key) of a look-up, (OBJECTS, kind) for all objects of a kind,
(DERIVED, …) for what is derived (see `derivations`), or TIME. What lies in the part itself is not noted: a part whose
objects have changed is looked at anew in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from datetime import datetime
from typing import Any, TypeVar, cast

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from kubeagentix.quickdx.cells import Cells, Part

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
Note = tuple[str, Hashable]

OBJECTS, DERIVED, AT, WORKLOADS = "objects", "derived", "derived, at", "pods_by_workload"
TIME: Note = ("time", "")
# The indexes of a picture, and where in their keys the namespace stands.
NAMESPACE_AT: Mapping[str, int] = {
    "_by_key": 1,
    "_by_namespace": 1,
    "_events": 1,
    "_pods_by_label": 0,
    "_slices": 0,
    "_logs": 0,
    "owned": 1,
}
# What is derived to list subjects: pods, containers, templates. All else is an index, which is looked up.
OF_PART = frozenset({"_restless_pods", "_pods_to_mind", "_restless_containers", "_templates", "_managed", "_templated"})
_SHARED = ("cluster", "server_version", "namespace", "neighbours", "gaps", "_custom_names", "_refs")


class Noted(Snapshot):
    """A view of a whole picture; see the module. Made by `view_of`."""

    notes: set[Note]
    _whole: Snapshot
    _part: Part | None
    _own: Container[Hashable]  # the keys of the part's own objects

    @property
    def taken_at(self) -> datetime:
        """When the picture was taken, which is noted."""
        self.notes.add(TIME)
        return self._whole.taken_at

    @property
    def logs(self) -> tuple[ContainerLog, ...]:
        """The logs of the part."""
        if self._part is None:
            self.notes.add((OBJECTS, "logs"))
            return self._whole.logs
        return self._whole.derived(Cells).logs(self._part)

    @property
    def pods_by_workload(self) -> Mapping[ResourceRef, tuple[Pod, ...]]:
        """The pods of each topmost controller of the part."""
        if self._part is not None:
            refs = dict.fromkeys(self._whole.workload_of(pod) for pod in self.all(Pod))
            return {ref: self._whole.pods_of(ref) for ref in refs}
        self.notes.update((OBJECTS, kind) for kind in self._whole.objects)  # anything may own pods
        return self._whole.pods_by_workload

    def pods_of(self, workload: ResourceRef) -> tuple[Pod, ...]:
        """The pods under that topmost controller, wherever it is."""
        if workload.key not in self._own:
            self.notes.add((WORKLOADS, workload.key))
        return self._whole.pods_of(workload)

    def derived(self, build: Callable[..., T], *arguments: Hashable) -> T:
        """What is derived is derived of the whole, and noted; of a part only where it lists what is judged."""
        key = (build, *arguments)
        if self._part is not None and build.__name__ in OF_PART:
            return cast("T", self._derived_of_part(key))
        found = cast("Derivations", self._whole.__dict__["_derivations"]).get(self._whole, key)
        if isinstance(found, dict):
            return cast("T", _Derived(found, self.notes, key))
        self.notes.add((DERIVED, key))
        return cast("T", found)

    def _derived_of_part(self, key: tuple[Any, ...]) -> object:
        """Derived once, and what that has looked at is noted for each who asks."""
        if key not in self._derived:
            before = frozenset(self.notes)
            self.notes.clear()
            self._derived[key] = (key[0](self, *key[1:]), frozenset(self.notes))
            self.notes.update(before)
        found, notes = cast("tuple[object, frozenset[Note]]", self._derived[key])
        self.notes.update(notes)
        return found


def view_of(whole: Snapshot, part: Part | None) -> Noted:
    """A view of one part, or (None) of all."""
    view = object.__new__(Noted)
    cells, notes = whole.derived(Cells), set[Note]()
    held = view.__dict__
    if "_derivations" not in whole.__dict__:
        whole.__dict__["_derivations"] = Derivations()
    held.update((name, getattr(whole, name)) for name in _SHARED)
    objects = cells.objects(part) if part is not None else whole.objects
    own = _own(part, objects, cells.wide)
    held.update(_whole=whole, _part=part, _own=own("_by_key"), notes=notes, _workloads={}, _derived={}, parts=None)
    held["objects"] = _Objects(objects, notes, cells.wide if part is not None else None)
    held.update((name, _Index(getattr(whole, name), notes, name, own(name))) for name in NAMESPACE_AT)
    held["_unread"] = _Index(whole._unread, notes, "_unread", ())
    return view


def _own(
    part: Part | None, objects: Mapping[str, tuple[Resource, ...]], wide: frozenset[str]
) -> Callable[[str], Container[Hashable]]:
    """By index, the keys whose values change with the part alone."""
    if part is None:
        return lambda _: ()
    namespace, place = part
    if not place:
        return lambda name: _InNamespace(namespace, NAMESPACE_AT[name])
    own = frozenset(
        (kind, namespace, item.metadata.name)
        for kind, items in objects.items()
        if items and kind not in wide
        for item in items
    )
    return lambda name: own if name == "_by_key" else ()


class _InNamespace(Container[Hashable]):
    """All keys in a namespace."""

    def __init__(self, namespace: str, position: int) -> None:
        self._namespace, self._position = namespace, position

    def __contains__(self, key: object) -> bool:
        return bool(cast("tuple[object, ...]", key)[self._position] == self._namespace)


class _Index(Mapping[K, V]):
    """An index of the whole picture, with a note of each look-up."""

    def __init__(self, held: Mapping[K, V], notes: set[Note], name: str, own: Container[Hashable]) -> None:
        self._held, self._notes, self._name, self._own = held, notes, name, own

    def __getitem__(self, key: K) -> V:
        if key not in self._own:
            self._notes.add((self._name, key))
        return self._held[key]

    def get(self, key: K, default: Any = None) -> Any:
        if key not in self._own:
            self._notes.add((self._name, key))
        return self._held.get(key, default)

    def __contains__(self, key: object) -> bool:
        if key not in self._own:
            self._notes.add((self._name, key))
        return key in self._held

    def __iter__(self) -> Iterator[K]:
        raise TypeError("a picture that notes what is looked at is asked by key")

    def __len__(self) -> int:
        return len(self._held)


class _Derived(Mapping[K, V]):
    """Something derived that is looked up by key, with a note of each; of all of it where all is looked at."""

    def __init__(self, held: dict[K, V], notes: set[Note], key: tuple[Any, ...]) -> None:
        self._held, self._notes, self._key = held, notes, key

    def __getitem__(self, key: K) -> V:
        self._notes.add((AT, (self._key, key)))
        return self._held[key]

    def get(self, key: K, default: Any = None) -> Any:
        self._notes.add((AT, (self._key, key)))
        return self._held.get(key, default)

    def __contains__(self, key: object) -> bool:
        self._notes.add((AT, (self._key, key)))
        return key in self._held

    def _all(self) -> dict[K, V]:
        self._notes.add((DERIVED, self._key))
        return self._held

    def __iter__(self) -> Iterator[K]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == other

    def __hash__(self) -> int:
        raise TypeError("unhashable")

    def keys(self) -> KeysView[K]:
        return self._all().keys()

    def values(self) -> ValuesView[V]:
        return self._all().values()

    def items(self) -> ItemsView[K, V]:
        return self._all().items()


class _Objects(Mapping[str, tuple[Resource, ...]]):
    """The objects by kind, with a note of each that is looked at; of a part, of the `wide` kinds alone."""

    def __init__(self, held: Mapping[str, tuple[Resource, ...]], notes: set[Note], wide: frozenset[str] | None) -> None:
        self._held, self._notes, self._wide = held, notes, wide

    def __getitem__(self, kind: str) -> tuple[Resource, ...]:
        if self._wide is None or kind in self._wide:
            self._notes.add((OBJECTS, kind))
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


class Derivations:
    """What is derived of the whole picture, kept from one to the next as long as what it rests on is the same."""

    def __init__(self) -> None:
        self._held: dict[tuple[Any, ...], tuple[object, frozenset[Note]]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def get(self, whole: Snapshot, key: tuple[Any, ...]) -> object:
        """`build(whole, *arguments)`, where `key` is (build, *arguments)."""
        held = self._held.get(key)
        if held is None:
            view = view_of(whole, None)
            found = key[0](view, *key[1:])
            held = self._held[key] = (found, frozenset(view.notes))
        return held[0]

    def renew(self, whole: Snapshot, marks: set[Note]) -> None:
        """Derives anew what rests on `marks`; what came out otherwise than before is marked as well."""
        settled: set[object] = set()
        for key in tuple(self._held):
            self._settle(whole, key, marks, settled)

    def _settle(self, whole: Snapshot, key: tuple[Any, ...], marks: set[Note], settled: set[object]) -> None:
        if key in settled or key not in self._held:
            return
        settled.add(key)
        before, notes = self._held[key]
        for deeper in _derived_in(notes):
            self._settle(whole, deeper, marks, settled)
        if notes.isdisjoint(marks):
            return
        del self._held[key]
        try:
            now = self.get(whole, key)
        except Exception:  # noqa: BLE001  whoever asks for it again will say what is wrong
            now = _NONE
        if now == before:
            return
        marks.add((DERIVED, key))
        one, other = (item if isinstance(item, dict) else {} for item in (before, now))
        marks.update((AT, (key, item)) for item in {**one, **other} if one.get(item, _NONE) != other.get(item, _NONE))

    def keep(self, notes: set[Note]) -> None:
        """Forgets what none of these, nor what they name, rests on."""
        wanted: set[tuple[Any, ...]] = set()
        waiting = list(_derived_in(notes))
        while waiting:
            key = waiting.pop()
            if key not in wanted and key in self._held:
                wanted.add(key)
                waiting += _derived_in(self._held[key][1])
        self._held = {key: held for key, held in self._held.items() if key in wanted}


_NONE = object()


def _derived_in(notes: frozenset[Note] | set[Note]) -> Iterator[tuple[Any, ...]]:
    for name, key in notes:
        if name == DERIVED:
            yield cast("tuple[Any, ...]", key)
        elif name == AT:
            yield cast("tuple[tuple[Any, ...], Hashable]", key)[0]
