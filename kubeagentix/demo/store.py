"""The demo cluster's objects: plain manifests in memory, with versions, watches, logs and garbage collection.

What the store holds is never changed in place: a write replaces an object, so that readers and watch histories may
share it. `get` and `list` hand out copies. Safe to use from any thread.
"""

from __future__ import annotations

import bisect
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from kubeagentix.demo.kinds import Catalog, ServedKind

Manifest = dict[str, Any]
Manifests = list[Manifest]
Key = tuple[str, str]  # namespace (empty for cluster-scoped kinds) and name
ChangeCallback = Callable[[str, Manifest | None, Manifest | None], None]
LogLine = tuple[datetime, str]
LogLines = list[LogLine]

FIRST_REVISION = 1000
HISTORY_MAX = 4096  # changes kept per kind for watches; older ones are answered 410 Gone, as etcd's compaction does
_DEFINITION = "CustomResourceDefinition"


@dataclass(frozen=True, slots=True)
class Change:
    """One write, as watches see it; `old` is None for ADDED, and equals `new` for DELETED but for the revision."""

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    old: Manifest | None
    new: Manifest


class TooOldError(Exception):
    """A watch asks for changes that are no longer kept."""


class Store:
    """Objects by kind, namespace and name. `now` is the clock that stamps creations, deletions and logs."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.catalog = Catalog()
        self.now = now
        self._lock = threading.RLock()
        self._revision = FIRST_REVISION
        self._objects: defaultdict[tuple[str, str], dict[Key, Manifest]] = defaultdict(dict)
        self._owned: defaultdict[str, dict[tuple[str, str, Key], ServedKind]] = defaultdict(dict)  # by the owner's uid
        self._ordered: dict[tuple[str, str], Sequence[Key]] = {}  # by kind; absent where one has come or gone since
        self._encoded: defaultdict[tuple[str, str], dict[Key, tuple[Manifest, msgspec.Raw]]] = defaultdict(dict)
        self._history: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
        self._forgotten: dict[tuple[str, str], int] = {}  # the newest revision no longer in the history, by kind
        self._logs: dict[tuple[str, str, str, bool], list[LogLine]] = {}
        self._callbacks: list[ChangeCallback] = []
        self._wakers: list[Callable[[], None]] = []

    @property
    def revision(self) -> int:
        """The newest resourceVersion given out; writes up to it are complete."""
        with self._lock:
            return self._revision

    def put(self, obj: Manifest) -> Manifest:
        """Create or replace an object; returns it as stored, a copy.

        Fills metadata.uid, resourceVersion, creationTimestamp and, for kinds with a spec, generation (raised when the
        spec changes). Datetimes become RFC 3339 text. Writing what is there already changes nothing.
        Raises KeyError if the kind is not served.
        """
        new = plain_copy(obj)
        with self._lock:
            kind = self.catalog.of(new)
            metadata = new.setdefault("metadata", {})
            if not kind.is_namespaced:
                metadata.pop("namespace", None)
            key = (metadata.setdefault("namespace", "default") if kind.is_namespaced else "", metadata["name"])
            old = self._objects[kind.key].get(key)
            self._fill(new, old)
            if old is not None and new == old:
                return _copy(old)
            metadata["resourceVersion"] = str(self._next_revision())
            self._keep(kind, key, new)
            if kind.kind == _DEFINITION:
                self.catalog.add_custom(new)
            self._record(kind, Change(self._revision, "MODIFIED" if old else "ADDED", old, new))
        self._wake()
        return _copy(new)

    def load(self, objects: Iterable[Manifest]) -> None:
        """Take over many complete objects (with uid and times) without copying: nobody may change them from now on.

        They may share parts. No watch sees them come; one that began before is told 410 Gone.
        """
        with self._lock:
            kinds = {}
            for obj in objects:
                kind, metadata = self.catalog.of(obj), obj["metadata"]
                metadata["resourceVersion"] = str(self._next_revision())
                self._keep(kind, (metadata["namespace"] if kind.is_namespaced else "", metadata["name"]), obj)
                kinds[kind.key] = kind
            for key in kinds:
                self._history.pop(key, None)
                self._forgotten[key] = self._revision
        self._wake()

    def preview(self, obj: Manifest) -> Manifest:
        """What `put` would return, without storing it; a new object has no resourceVersion then."""
        new = _copy(obj)
        kind, metadata = self.catalog.of(new), new["metadata"]
        self._fill(new, self.peek(kind, metadata.get("namespace"), metadata["name"]))
        return new

    def get(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """A copy of one object, or None. `kind` is the kind's name; `namespace` is ignored if cluster-scoped."""
        found = self.peek(self.catalog.named(kind), namespace, name)
        return _copy(found) if found is not None else None

    def list(self, kind: str, namespace: str | None = None) -> Manifests:
        """Copies of the objects of a kind, in one namespace or in all, ordered by namespace and name."""
        return [plain_copy(obj) for obj in self.peek_all(self.catalog.named(kind), namespace)]

    def delete(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """Remove one object and all it owns; returns what was removed, or None if it was not there."""
        removed = self.remove(self.catalog.named(kind), namespace, name)
        return removed[0] if removed else None

    def peek(self, kind: ServedKind, namespace: str | None, name: str) -> Manifest | None:
        """The stored object itself, which must not be changed, or None."""
        return self._objects[kind.key].get((namespace or "" if kind.is_namespaced else "", name))

    def peek_all(self, kind: ServedKind, namespace: str | None = None) -> Sequence[Manifest]:
        """The stored objects themselves, which must not be changed, ordered by namespace and name."""
        return self.peek_page(kind, namespace)[0]

    def peek_page(
        self, kind: ServedKind, namespace: str | None = None, *, after: Key = ("", ""), limit: int = 0
    ) -> tuple[Manifests, int]:
        """At most `limit` (0: all) of the objects that `peek_all` gives, those after a key, and how many are left."""
        with self._lock:
            objects = self._objects[kind.key]
            keys = self._ordered.get(kind.key)
            if keys is None:
                keys = self._ordered[kind.key] = sorted(objects)
            first, end = bisect.bisect_right(keys, after), len(keys)
            if namespace:
                first = max(first, bisect.bisect_left(keys, (namespace, "")))
                end = bisect.bisect_left(keys, (f"{namespace}\0", ""))
            last = min(end, first + limit) if limit else end
            return [objects[key] for key in keys[first:last]], max(end - last, 0)

    def peek_encoded(self, kind: ServedKind, obj: Manifest) -> msgspec.Raw:
        """A stored object as JSON, without its kind and apiVersion; kept until the object is replaced."""
        metadata = obj["metadata"]
        kept, key = self._encoded[kind.key], (metadata.get("namespace", ""), metadata["name"])
        known = kept.get(key)
        if known is not None and known[0] is obj:
            return known[1]
        item = msgspec.Raw(msgspec.json.encode({name: obj[name] for name in obj if name not in ("kind", "apiVersion")}))
        with self._lock:
            if self._objects[kind.key].get(key) is obj:
                kept[key] = obj, item
        return item

    def remove(self, kind: ServedKind, namespace: str | None, name: str, *, cascade: bool = True) -> Sequence[Manifest]:
        """Remove an object and, if `cascade`, what it owns or (a namespace) contains; the object itself comes first.

        Without `cascade` the dependents lose their owner reference and stay.
        """
        with self._lock:
            gone = self._take(kind, (namespace or "" if kind.is_namespaced else "", name))
            if gone is None:
                return []
            removed = [gone]
            if kind.kind == "Namespace":
                removed += self._take_where(lambda obj: obj["metadata"].get("namespace") == name)
            if kind.kind == _DEFINITION:
                removed += self._take_custom(gone)
            if cascade:
                removed += self._take_owned({obj["metadata"]["uid"] for obj in removed})
            else:
                self._disown(gone["metadata"]["uid"])
        self._wake()
        return removed

    def on_change(self, callback: ChangeCallback) -> None:
        """Call `callback(verb, old, new)` after each write that came through the API, in the server's thread.

        `verb` is create, update or delete (once, when what the object owned or contained is gone too); objects are
        copies, `old` is None on create and `new` on delete. What the callback writes with `put` and `delete` reaches
        watches but not callbacks.
        """
        self._callbacks.append(callback)

    def announce(self, verb: str, old: Manifest | None, new: Manifest | None) -> None:
        """Tell the callbacks of a write that came through the API."""
        for callback in self._callbacks:
            callback(verb, plain_copy(old), plain_copy(new))

    def set_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        lines: Iterable[str] | Iterable[tuple[datetime | str, str]],
        previous: bool = False,
    ) -> None:
        """Set a container's log, of its current run or of the one before.

        Lines without a timestamp get one each, a second apart, the last one being now.
        """
        self._logs[namespace, pod, container, previous] = self._stamped(tuple(lines))
        self._wake()

    def append_log(self, namespace: str, pod: str, container: str, line: str) -> None:
        """Add a line, stamped now, to a container's current log; those who follow it see it."""
        self._logs.setdefault((namespace, pod, container, False), []).append((self.now(), line))
        self._wake()

    def log(self, namespace: str, pod: str, container: str, previous: bool = False) -> Sequence[LogLine] | None:
        """A container's log lines with their times, or None if none was set."""
        return self._logs.get((namespace, pod, container, previous))

    def changes_since(self, kind: ServedKind, revision: int) -> Sequence[Change]:
        """The changes to a kind after `revision`, oldest first. Raises TooOldError if some are no longer kept."""
        with self._lock:
            if revision < self._forgotten.get(kind.key, 0):
                raise TooOldError
            history = self._history[kind.key]
            return history[bisect.bisect_right(history, revision, key=lambda change: change.revision) :]

    def forget_history(self) -> None:
        """Drop what watches could be resumed from, as a compaction does: older revisions are then 410 Gone."""
        with self._lock:
            self._history.clear()
            self._forgotten = dict.fromkeys((kind.key for kind in self.catalog), self._next_revision())

    def add_waker(self, waker: Callable[[], None]) -> Callable[[], None]:
        """Call `waker` after every write, in the writer's thread; returns what takes it off again."""
        self._wakers.append(waker)
        return lambda: self._wakers.remove(waker)

    def _keep(self, kind: ServedKind, key: Key, obj: Manifest) -> None:
        old = self._objects[kind.key].get(key)
        if old is None:
            self._ordered.pop(kind.key, None)
        else:
            self._disconnect(kind, key, old)
        for uid in _owner_uids(obj):
            self._owned[uid][*kind.key, key] = kind
        self._objects[kind.key][key] = obj

    def _disconnect(self, kind: ServedKind, key: Key, obj: Manifest) -> None:
        """Its owners own it no more."""
        for uid in _owner_uids(obj):
            self._owned[uid].pop((*kind.key, key), None)
            if not self._owned[uid]:
                del self._owned[uid]

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _wake(self) -> None:
        for waker in tuple(self._wakers):
            waker()

    def _fill(self, new: Manifest, old: Manifest | None) -> None:
        metadata, before = new["metadata"], old["metadata"] if old else {}
        metadata["uid"] = before.get("uid") or metadata.get("uid") or str(uuid.uuid4())
        created = before.get("creationTimestamp") or metadata.get("creationTimestamp")
        metadata["creationTimestamp"] = created or rfc3339(self.now())
        if old is not None:
            metadata["resourceVersion"] = before["resourceVersion"]
        if "spec" in new:
            generation = max(metadata.get("generation", 1), before.get("generation", 1))
            is_same = old is None or new["spec"] == old.get("spec")
            metadata["generation"] = generation if is_same else max(generation, before.get("generation", 1) + 1)

    def _record(self, kind: ServedKind, change: Change) -> None:
        history = self._history[kind.key]
        history.append(change)
        if len(history) > HISTORY_MAX:
            self._forgotten[kind.key] = history[HISTORY_MAX // 2 - 1].revision
            del history[: HISTORY_MAX // 2]

    def _take(self, kind: ServedKind, key: Key) -> Manifest | None:
        old = self._objects[kind.key].pop(key, None)
        if old is None:
            return None
        self._ordered.pop(kind.key, None)
        self._encoded[kind.key].pop(key, None)
        self._disconnect(kind, key, old)
        last = _copy(old)
        last["metadata"]["resourceVersion"] = str(self._next_revision())
        self._record(kind, Change(self._revision, "DELETED", old, last))
        if kind.kind == "Pod":
            for log_key in [log_key for log_key in self._logs if log_key[:2] == key]:
                del self._logs[log_key]
        return last

    def _take_where(self, is_meant: Callable[[Manifest], bool]) -> Manifests:
        meant = [
            (kind, key) for kind in self.catalog for key, obj in tuple(self._objects[kind.key].items()) if is_meant(obj)
        ]
        taken = (self._take(kind, key) for kind, key in meant)
        return [obj for obj in taken if obj is not None]

    def _take_owned(self, owners: set[str]) -> Manifests:
        removed: Manifests = []
        while owners:
            meant = [(kind, key[2]) for uid in owners for key, kind in self._owned.get(uid, {}).items()]
            batch = [obj for kind, key in meant if (obj := self._take(kind, key)) is not None]
            owners = {obj["metadata"]["uid"] for obj in batch}
            removed += batch
        return removed

    def _take_custom(self, definition: Manifest) -> Manifests:
        key = (definition["spec"]["group"], definition["spec"]["names"]["plural"])
        removed = [self._take(kind, item) for kind in self.catalog if kind.key == key for item in [*self._objects[key]]]
        self.catalog.remove_custom(definition)
        return [obj for obj in removed if obj is not None]

    def _disown(self, uid: str) -> None:
        for (*_, key), kind in tuple(self._owned.get(uid, {}).items()):
            orphan = plain_copy(self._objects[kind.key][key])
            owners = [owner for owner in orphan["metadata"]["ownerReferences"] if owner.get("uid") != uid]
            orphan["metadata"]["ownerReferences"] = owners
            self.put(orphan)

    def _stamped(self, lines: Sequence[Any]) -> LogLines:
        first = self.now() - timedelta(seconds=max(len(lines) - 1, 0))
        return [
            (first + timedelta(seconds=index), line) if isinstance(line, str) else (_as_datetime(line[0]), line[1])
            for index, line in enumerate(lines)
        ]


def _copy(obj: Manifest) -> Manifest:
    copy: Manifest = plain_copy(obj)
    return copy


def _owner_uids(obj: Manifest) -> set[str]:
    return {owner.get("uid", "") for owner in obj["metadata"].get("ownerReferences") or ()}


def _as_datetime(value: datetime | str) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    """A time as the API writes it, to the second: `2026-01-15T12:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain_copy(value: Any) -> Any:
    """A deep copy of JSON-like data; datetimes, which YAML makes of unquoted times, become RFC 3339 text."""
    if isinstance(value, dict):
        return {key: plain_copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_copy(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(value if value.tzinfo else value.replace(tzinfo=UTC))
    return value
