"""Which object, and which key of it, was most likely meant by a reference that leads nowhere."""

from __future__ import annotations

from collections.abc import Iterable

from kubeagentix.analysis.spelling import Names, nearest
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret

_KEYS_SHOWN = 8


def object_meant(snapshot: Snapshot, kind: type[Resource], namespace: str, name: str) -> str:
    """The object of that kind and namespace whose name is the nearest, or ""; "" too where not all were read."""
    return snapshot.derived(_object_meant, kind, namespace, name)


def _object_meant(snapshot: Snapshot, kind: type[Resource], namespace: str, name: str) -> str:
    if not snapshot.was_read(kind, namespace):
        return ""
    if snapshot.get(kind, namespace, name) is not None:
        return nearest(name, (item.name for item in snapshot.in_namespace(kind, namespace) if item.name != name))
    return names_of(snapshot, kind, namespace).nearest(name)


def names_of(snapshot: Snapshot, kind: type[Resource], namespace: str) -> Names:
    """The names of all objects of that kind and namespace, to find in them the nearest to any that is missing."""
    return snapshot.derived(_names, kind, namespace)


def _names(snapshot: Snapshot, kind: type[Resource], namespace: str) -> Names:
    return Names(item.name for item in snapshot.in_namespace(kind, namespace))


def about_object(snapshot: Snapshot, kind: type[Resource], namespace: str, name: str, keys: Iterable[str] = ()) -> str:
    """What there is instead of a missing object, in sentences.

    A Secret for a ConfigMap or the reverse, one of nearly that name, or one in another namespace. `keys` are those
    that it is asked for.
    """
    twins: dict[str, type[ConfigMap] | type[Secret]] = {ConfigMap.kind: Secret, Secret.kind: ConfigMap}
    twin = twins.get(kind.kind)
    if twin is not None and snapshot.get(twin, namespace, name) is not None:
        return f"There is a {twin.kind} of that very name: was that meant?"
    like = object_meant(snapshot, kind, namespace, name)
    if like:
        found = snapshot.get(kind, namespace, like)
        lacking = [about_key(found, key) for key in keys if isinstance(found, ConfigMap | Secret)]
        return " ".join(filter(None, (f"There is {kind.kind} {like}: was that meant?", *lacking)))
    return elsewhere_of(snapshot, kind, namespace, name)


def elsewhere_of(snapshot: Snapshot, kind: type[Resource], namespace: str, name: str) -> str:
    """Which other namespaces have an object of that name, as a sentence, or ""."""
    elsewhere = [place for place in snapshot.namespaces_with(kind, name) if place != namespace]
    if not elsewhere:
        return ""
    places = f"Namespace {elsewhere[0]} has" if len(elsewhere) == 1 else f"Namespaces {', '.join(elsewhere[:3])} have"
    return f"{places} one of that name, but a pod gets only what is in its own."


def about_key(found: ConfigMap | Secret, key: str) -> str:
    """What an object has instead of a key, in sentences; nothing if it has it."""
    if key in found.keys:
        return ""
    shown = ", ".join(sorted(found.keys)[:_KEYS_SHOWN])
    more = ", …" if len(found.keys) > _KEYS_SHOWN else ""
    like = nearest(key, found.keys)
    return f"Its keys: {f'{shown}{more}' if shown else 'none'}.{f' Was {like} meant?' if like else ''}"


def holder_of_key(snapshot: Snapshot, found: ConfigMap | Secret, key: str) -> str:
    """The only other object of the kind and namespace that has the key, or ""."""
    others = [item for item in snapshot.in_namespace(type(found), found.namespace) if key in item.keys]
    return others[0].name if len(others) == 1 else ""
