"""Typed objects that keep up with a cluster: filled by lists, changed by watches, taken as a picture at any moment.

Objects are kept by kind and namespace. What is taken shares everything that has not changed since it was taken last, so
that a picture costs what has changed, not what there is. Safe to use from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kubeagentix.domain.meta import Resource

Key = tuple[str, str, str]  # kind, namespace, name


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object as it was when the objects were last taken, and as it is now; None: not there."""

    key: Key
    old: Resource | None = field(repr=False)
    new: Resource | None = field(repr=False)


@dataclass(slots=True)
class _Shelf:
    """All objects of one kind: by namespace and name, and in order as far as it has been asked for."""

    named: dict[str, dict[str, Resource]] = field(default_factory=dict)
    ordered: dict[str, tuple[Resource, ...]] = field(default_factory=dict)
    all: tuple[Resource, ...] | None = None

    def put(self, namespace: str, name: str, resource: Resource | None) -> Resource | None:
        """Puts an object there (None: takes it away); what was there before."""
        names = self.named.setdefault(namespace, {})
        old = names.pop(name, None) if resource is None else names.get(name)
        if resource is not None:
            names[name] = resource
        self.ordered.pop(namespace, None)
        self.all = None
        return old

    def in_order(self) -> tuple[Resource, ...]:
        """All of them, by namespace and name."""
        if self.all is None:
            self.all = tuple(item for namespace in sorted(self.named) for item in self.of(namespace))
        return self.all

    def of(self, namespace: str) -> tuple[Resource, ...]:
        """Those of one namespace, by name."""
        if namespace not in self.ordered:
            names = self.named.get(namespace, {})
            self.ordered[namespace] = tuple(names[name] for name in sorted(names))
        return self.ordered[namespace]


class LiveObjects:
    """The objects. `told` is called, from whichever thread, when there is a change and none was waiting before."""

    def __init__(self, told: Callable[[], None] = lambda: None) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}
        self._changed: dict[Key, Resource | None] = {}

    def fill(self, kind: str, items: Iterable[Resource], covers: Callable[[Resource], bool] = lambda _: True) -> None:
        """The kind's objects as a list has them; known ones that it `covers` and does not hold are gone."""
        listed = {(item.namespace, item.name): item for item in items}
        with self._lock:
            is_new_kind = kind not in self._shelves
            shelf = self._shelves.setdefault(kind, _Shelf())
            known = [item for names in shelf.named.values() for item in names.values() if covers(item)]
            for item in known:
                if (item.namespace, item.name) not in listed:
                    self._change(shelf, (kind, item.namespace, item.name), None)
            for (namespace, name), item in listed.items():
                self._change(shelf, (kind, namespace, name), item)
            is_news = bool(self._changed) or is_new_kind
        if is_news:
            self._told()

    def put(self, kind: str, namespace: str, name: str, resource: Resource | None) -> None:
        """One object as it is now; None: it is gone."""
        with self._lock:
            before = len(self._changed)
            self._change(self._shelves.setdefault(kind, _Shelf()), (kind, namespace, name), resource)
            is_first = not before and bool(self._changed)
        if is_first:
            self._told()

    def drop(self, kind: str) -> None:
        """The whole kind is no longer read: that none is there is no fact."""
        with self._lock:
            shelf = self._shelves.pop(kind, _Shelf())
            for names in shelf.named.values():
                self._changed.update({(kind, item.namespace, item.name): item for item in names.values()})
        self._told()

    def known(self, kind: str, namespace: str, name: str) -> Resource | None:
        """One object as it is now."""
        with self._lock:
            return self._now((kind, namespace, name))

    def take(self) -> tuple[Mapping[str, tuple[Resource, ...]], tuple[ObjectChange, ...]]:
        """All objects by kind, in the server's order, and what has changed since they were taken last."""
        with self._lock:
            objects = {kind: shelf.in_order() for kind, shelf in self._shelves.items()}
            changes = tuple(ObjectChange(key, old, self._now(key)) for key, old in self._changed.items())
            self._changed = {}
        return objects, changes

    def _now(self, key: Key) -> Resource | None:
        kind, namespace, name = key
        shelf = self._shelves.get(kind)
        return shelf.named.get(namespace, {}).get(name) if shelf is not None else None

    def _change(self, shelf: _Shelf, key: Key, resource: Resource | None) -> None:
        known = self._now(key)
        if known is None if resource is None else known is not None and _is_same(known, resource):
            return
        old = shelf.put(key[1], key[2], resource)
        self._changed.setdefault(key, old)


def _is_same(one: Resource, other: Resource) -> bool:
    """Whether they differ in nothing but their version: much that is written touches no field that is kept."""
    if type(one) is not type(other):
        return False
    return all(
        _is_same_metadata(one, other) if name == "metadata" else getattr(one, name) == getattr(other, name)
        for name in one.__struct_fields__
    )


def _is_same_metadata(one: Resource, other: Resource) -> bool:
    return all(
        name == "resource_version" or getattr(one.metadata, name) == getattr(other.metadata, name)
        for name in one.metadata.__struct_fields__
    )
