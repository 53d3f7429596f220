"""Watches: the changes to a kind as a stream of JSON lines, resumable from a bounded history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import msgspec
from aiohttp import web

from kubeagentix.demo.answers import Form, accepted_form, common_headers, metadata_only
from kubeagentix.demo.api_errors import StatusError, bad_request, expired
from kubeagentix.demo.calls import Call
from kubeagentix.demo.kinds import ServedKind
from kubeagentix.demo.reads import as_served, selection, stored_kind
from kubeagentix.demo.selectors import Predicate
from kubeagentix.demo.store import Change, Store, TooOldError
from kubeagentix.demo.tables import table_of

BOOKMARK_INTERVAL_S = 60.0  # as kube-apiserver
DEFAULT_TIMEOUT_S = 1800.0  # kube-apiserver's --min-request-timeout
_INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}

Event = tuple[str, dict[str, Any]]  # type and object


class Waker:
    """Lets coroutines wait for the store's next write, from whichever thread it comes, or for the server's end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_due = False
        self._stop: Callable[[], None] = lambda: None
        self.is_closing = False

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set by every write."""
        if not self._waiting:
            self._loop, self._stop = asyncio.get_running_loop(), self._store.add_waker(self._wake)
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)
            if not self._waiting:
                self._stop()

    def _wake(self) -> None:
        """Many writes at a time, and many streams: all streams are woken once, when the loop comes to it."""
        if not self._is_due and self._loop is not None:
            self._is_due = True
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        self._is_due = False
        for event in self._waiting:
            event.set()

    def close(self) -> None:
        """End every stream."""
        self.is_closing = True
        for event in self._waiting:
            event.set()


async def watch(store: Store, call: Call, request: web.Request, waker: Waker) -> web.StreamResponse:
    """Streams the changes that a watch call selects. Raises StatusError before the stream has begun."""
    accepts = accepted_form(call.headers.get("Accept", ""))
    matches = selection(call)
    kind = stored_kind(store, call.served)
    start = _start(store, call, kind, matches)
    shape = _Shape(call.served, accepts, call.query.get("includeObject", "Metadata"), store)
    response = web.StreamResponse(headers={**common_headers(), "Content-Type": "application/json"})
    await response.prepare(request)  # before the first event, for which a client may wait long
    with suppress(ConnectionError):  # the client has hung up, as watchers do
        async with aclosing(_events(store, call, start, matches, waker)) as events:
            async for event in events:
                await response.write(shape.line(event))
        await response.write_eof()
    return response


class _Shape:
    """Events as lines, in the form asked for; of tables only the first names the columns."""

    def __init__(self, kind: ServedKind, form: str, include_object: str, store: Store) -> None:
        self._kind, self._form, self._include, self._store = kind, form, include_object, store
        self._has_columns = False

    def line(self, event: Event) -> bytes:
        change, obj = event
        if change != "ERROR" and self._form == Form.METADATA:
            obj = metadata_only(obj)
        elif change in ("ADDED", "MODIFIED", "DELETED") and self._form == Form.TABLE:
            revision = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            table = table_of(self._kind, [obj], revision, self._include, self._store.now())
            obj = {**table, "columnDefinitions": []} if self._has_columns else table
            self._has_columns = True
        return msgspec.json.encode({"type": change, "object": obj}) + b"\n"


async def _events(
    store: Store, call: Call, start: tuple[int, Sequence[Event]], matches: Predicate, waker: Waker
) -> AsyncGenerator[Event, None]:
    kind, (revision, initial) = stored_kind(store, call.served), start
    clock = asyncio.get_running_loop().time
    deadline = clock() + (call.integer("timeoutSeconds") or DEFAULT_TIMEOUT_S)
    wants_bookmarks = call.flag("allowWatchBookmarks")
    with waker.listening() as written:
        for event in initial:
            yield event
        bookmark_at = clock() + BOOKMARK_INTERVAL_S
        while not waker.is_closing and clock() < deadline:
            written.clear()
            current = store.revision
            try:
                changes = store.changes_since(kind, revision)
            except TooOldError:
                yield "ERROR", too_old(revision, store.revision).body
                return
            for change in changes:
                revision = change.revision
                seen = _seen(change, matches, lambda obj: as_served(call.served, obj))
                if seen is not None:
                    yield seen
            if wants_bookmarks and clock() >= bookmark_at:
                revision = max(revision, current)
                bookmark_at = clock() + BOOKMARK_INTERVAL_S
                yield "BOOKMARK", _bookmark(call.served, revision, {})
            await _wait(written, min(deadline, bookmark_at) - clock())


async def _wait(written: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await written.wait()
    except TimeoutError:
        pass  # time for a bookmark, or for the end


def _start(store: Store, call: Call, kind: ServedKind, matches: Predicate) -> tuple[int, list[Event]]:
    text = call.query.get("resourceVersion", "")
    if text and not text.isdigit():
        raise bad_request(f"strconv.ParseUint: parsing {text!r}: invalid syntax".replace("'", '"'))
    if text not in ("", "0") and not call.flag("sendInitialEvents"):
        return int(text), []
    revision = store.revision
    served = (as_served(call.served, obj) for obj in store.peek_all(kind, call.namespace))
    initial: list[Event] = [("ADDED", obj) for obj in served if matches(obj)]
    if call.flag("sendInitialEvents"):
        initial.append(("BOOKMARK", _bookmark(call.served, revision, _INITIAL_EVENTS_END)))
    return revision, initial


def _seen(change: Change, matches: Predicate, served: Callable[[Any], dict[str, Any]]) -> Event | None:
    """The change as a watch with a selector sees it: what comes to match is ADDED, what no longer does DELETED."""
    old = matches(served(change.old)) if change.old is not None else False
    new = change.type != "DELETED" and matches(served(change.new))
    if new:
        return ("MODIFIED" if old else "ADDED"), served(change.new)
    return ("DELETED", served(change.new)) if old else None


def _bookmark(kind: ServedKind, revision: int, annotations: dict[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    return {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}


def too_old(revision: int, current: int) -> StatusError:
    """410 for a watch whose start is no longer in the history."""
    return expired(f"too old resource version: {revision} ({current})")
