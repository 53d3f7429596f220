"""One watch request, read line by line on a thread of its own until it ends, and what its ending means.

A watch begins where a list (or an earlier watch) left off and tells each change as a line of JSON. Bookmarks say how
far it has come where nothing changes; they also show that the connection lives, so that a silent one is given up.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from kubeagentix.cluster.client import Answer, Client
from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.exchange import Exchange
from kubeagentix.cluster.lists import ListRequest
from kubeagentix.cluster.live_objects import LiveObjects
from kubeagentix.cluster.projections import decode_object, typed
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.errors import KubeAgentiXError, excerpt

CHUNK_BYTES = 1 << 16
MAX_LINE_BYTES = 1 << 25  # etcd holds 1.5 MiB of an object; a server that sends no line ends is none
MIN_LIFE_S = 1.0  # a watch that ends sooner, however politely, is not begun anew at once


@dataclass(slots=True, kw_only=True)
class Feed:
    """What is watched: the `request` that listed it, the API version that `served` it, the `version` reached."""

    request: ListRequest
    served: str
    version: str = ""  # empty: it must be listed (anew)
    gaps: tuple[Gap, ...] = ()
    odd: dict[tuple[str, str], Gap] = field(default_factory=dict)  # objects that cannot be read

    @property
    def name(self) -> str:
        """The kind's name."""
        return self.request.kind.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a watch ended: `over` in order, `expired` (its version is forgotten), `refused`, `broken`, and why."""

    how: Literal["over", "expired", "refused", "broken"]
    why: str = ""
    status: int = 0
    has_worked: bool = False  # whether anything came before, or nothing did for a while and the server was there


class _Line(msgspec.Struct):
    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"{}")


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Known(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Refusal(msgspec.Struct):
    code: int = 0
    message: str = ""


class Following:
    """One watch under way. `ended` may be awaited on the loop it was begun on; `break_off` ends it from any thread.

    `opened` is called on that loop once the server has accepted it.
    """

    def __init__(
        self,
        client: Client,
        feed: Feed,
        objects: LiveObjects,
        *,
        timeout_s: int,
        silent_s: float,
        opened: Callable[[], None],
    ) -> None:
        self._client, self._feed, self._objects = client, feed, objects
        self._timeout_s, self._silent_s, self._opened = timeout_s, silent_s, opened
        self._exchange = Exchange()
        self._has_told = False
        self._opened_at = float("inf")
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._thread = threading.Thread(target=self._run, name=f"kubeagentix watch {feed.name}", daemon=True)

    def begin(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def break_off(self) -> None:
        """Ends it; its thread is gone as soon as it has noticed."""
        self._exchange.break_off()

    @property
    def is_running(self) -> bool:
        """Whether its thread is still there."""
        return self._thread.is_alive()

    @property
    def _has_worked(self) -> bool:
        """Whether it is no sign of lasting trouble that it ends: quiet kinds say nothing for up to a minute."""
        return self._has_told or MIN_LIFE_S <= time.monotonic() - self._opened_at < self._silent_s

    def _run(self) -> None:
        try:
            ending = self._read()
        except KubeAgentiXError as error:
            ending = Ending(how="broken", why=error.message, has_worked=self._has_worked)
        except Exception as error:  # noqa: BLE001  one kind's odd stream must not go on unnoticed
            why = f"{type(error).__name__}: {excerpt(str(error))}"
            ending = Ending(how="broken", why=why, has_worked=self._has_worked)
        self._on_loop(self._end, ending)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        loop = self.ended.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(call, *arguments)

    def _end(self, ending: Ending) -> None:
        if not self.ended.done():
            self.ended.set_result(ending)

    def _read(self) -> Ending:
        request, began = self._feed.request, time.monotonic()
        params: dict[str, str | int] = {
            "watch": 1,
            "allowWatchBookmarks": "true",
            "resourceVersion": self._feed.version,
            "timeoutSeconds": self._timeout_s,
        }
        if request.field_selector:
            params["fieldSelector"] = request.field_selector
        path = list_path(request.kind, self._feed.served, request.namespace)
        with self._exchange, self._client.following(path, params, self._exchange, silent_s=self._silent_s) as response:
            if response.status != 200:
                answer = Answer(status=response.status, body=response.read(1 << 16), headers=response.headers)
                return _refused(answer.status, answer.message)
            self._opened_at = time.monotonic()
            self._on_loop(self._opened)
            for line in _lines(response.stream(CHUNK_BYTES, decode_content=True)):
                ending = self._take(line)
                if ending is not None:
                    return ending
        is_short = time.monotonic() - began < MIN_LIFE_S and not self._has_told
        return Ending(
            how="broken" if is_short else "over", why="it ends as soon as it begins", has_worked=self._has_worked
        )

    def _take(self, line: bytes) -> Ending | None:
        """What a line tells is put among the objects; an Ending if it ends the watch."""
        try:
            event = typed(line, _Line)
            if event.type == "ERROR":
                refusal = typed(event.object, _Refusal)
                return _refused(refusal.code, refusal.message, has_worked=self._has_worked)
            known = typed(event.object, _Known).metadata
        except msgspec.DecodeError as error:
            return Ending(
                how="broken", why=f"a line is not readable: {excerpt(str(error))}", has_worked=self._has_worked
            )
        if event.type != "BOOKMARK":
            self._change(event, known)
        self._has_told = True
        self._feed.version = known.resource_version or self._feed.version
        return None

    def _change(self, event: _Line, known: _Metadata) -> None:
        feed, key = self._feed, (known.namespace, known.name)
        feed.odd.pop(key, None)
        resource = None
        if event.type in ("ADDED", "MODIFIED"):
            try:
                resource = decode_object(feed.request.kind, bytes(event.object))
                feed.request.shared.share((resource,))
            except (msgspec.DecodeError, AttributeError, TypeError, RecursionError) as error:
                what = f"{feed.name} {'/'.join(filter(None, key))}"
                why = f"not readable: {excerpt(str(error))}"
                feed.odd[key] = Gap(what=what, why=why, kind=feed.name, namespace=known.namespace)
        self._objects.put(feed.name, *key, resource)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines; what comes after the last line end is part of one that was cut off."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
        if len(rest) > MAX_LINE_BYTES:
            raise ConnectionAbortedError("a line is too long")


def _refused(status: int, why: str, *, has_worked: bool = False) -> Ending:
    if status == 410:
        return Ending(how="expired", why=why, status=status, has_worked=has_worked)
    is_final = status in (400, 403, 404, 405)
    return Ending(
        how="refused" if is_final else "broken", why=f"{status} {why}".strip(), status=status, has_worked=has_worked
    )
