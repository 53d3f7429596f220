"""The names that exist where a magic would look, for whoever presses Tab.

They are waited for but a moment and kept for a little while; what comes too late is there at the next Tab. What cannot
be read (no cluster, no right, a damaged file) offers nothing and says nothing: the call itself will.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import threading
import time
from collections.abc import Callable, Coroutine, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.cluster import connection
from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.kubeconfig import list_contexts
from kubeagentix.domain.resources import KINDS, Kind, find_kind
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.report.text import clean_line

WAIT_S = 0.6  # JupyterLab gives a kernel a second
KEPT_S = 20.0
LATE_S = 10.0  # an answer may take that long to be of use to the next Tab
MOST = 500  # names of one kind: nobody reads more
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a magic would look by its options; all None for what is current."""

    context: str | None = None
    kubeconfig: str | None = None
    snapshot: str | None = None


_lock = threading.Lock()
_kept: dict[Hashable, tuple[float, list[str]]] = {}
_asked: dict[Hashable, sync.Job[None]] = {}


def contexts(place: Place) -> list[str]:
    """The contexts of the kubeconfig."""
    with suppress(KubeAgentiXError):
        return _typable(context.name for context in list_contexts(place.kubeconfig))
    return []


def namespaces(place: Place) -> list[str]:
    """The namespaces there."""
    return _known(place, KINDS["Namespace"], None)


def objects(place: Place, kind_word: str, namespace: str | None, *, is_everywhere: bool = False) -> list[str]:
    """The names of one kind in a namespace; without one, in the context's, or in all of a demo or snapshot."""
    kind = find_kind(kind_word)
    if kind is None:
        return []
    current = kx.current()
    if namespace is None and not is_everywhere and place == Place() and isinstance(current, kx.Cluster):
        namespace = current.namespace
    return _known(place, kind, namespace, is_everywhere=is_everywhere)


def kind_words() -> list[str]:
    """How kinds may be written before a `/`: short names and singulars."""
    asked = [kind for kind in KINDS.values() if find_kind(kind.name) is kind and kind.name != "Event"]
    return [word for kind in asked for word in (*kind.short_names[:1], kind.name.lower())]


def _known(place: Place, kind: Kind, namespace: str | None, *, is_everywhere: bool = False) -> list[str]:
    current = kx.current() if place == Place() else None
    if isinstance(current, kx.Snapshot):
        return _typable(_in_snapshot(current, kind, namespace))
    source = current.cluster if isinstance(current, kx.Demo) else current
    who = (source.server, source.context, source.kubeconfig) if source is not None else os.environ.get("KUBECONFIG")
    key = (place, who, kind.name, namespace, is_everywhere)
    with _lock:
        _drop_old()
        if key in _kept:
            return _kept[key][1]
        job = _asked.get(key)
        if job is None or job.is_done:
            read = partial(_read, place, source, kind, namespace, is_everywhere=is_everywhere)
            job = _asked[key] = sync.start(_keep(key, read))
    job.wait(WAIT_S)
    with _lock:
        return _kept[key][1] if key in _kept else []


def _drop_old() -> None:
    now = time.monotonic()
    for old in [key for key, (kept_at, _) in _kept.items() if now - kept_at >= KEPT_S]:
        del _kept[old]


async def _keep(key: Hashable, read: Callable[[], Coroutine[Any, Any, Iterable[str]]]) -> None:
    names: list[str] = []
    with suppress(KubeAgentiXError, OSError, TimeoutError):
        async with asyncio.timeout(LATE_S):
            names = _typable(await read())
    with _lock:
        _kept[key] = (time.monotonic(), names)
        _asked.pop(key, None)


async def _read(
    place: Place, source: kx.Cluster | None, kind: Kind, namespace: str | None, *, is_everywhere: bool
) -> Iterable[str]:
    if place.snapshot is not None:
        return _in_snapshot(await asyncio.to_thread(kx.load, place.snapshot), kind, namespace)
    if source is not None:
        return await _in_cluster(source, kind, namespace)
    opened = await asyncio.to_thread(connection.connect, place.context, place.kubeconfig)
    with opened:
        inside = opened.namespace if namespace is None and not is_everywhere else namespace
        return await _in_cluster(opened, kind, inside)


def _in_snapshot(snapshot: kx.Snapshot, kind: Kind, namespace: str | None) -> Iterable[str]:
    names = {item.name for item in snapshot.objects.get(kind.name, ()) if namespace in (None, item.namespace)}
    if kind.name == "Namespace":
        names |= {item.namespace for items in snapshot.objects.values() for item in items if item.namespace}
    return names


async def _in_cluster(cluster: kx.Cluster, kind: Kind, namespace: str | None) -> Iterable[str]:
    path = list_path(kind, kind.versions[0], namespace)
    answer = await cluster.get_json(path, {"limit": MOST}, timeout_s=LATE_S, accept=NAMES_ONLY)
    items = answer.get("items") if isinstance(answer, dict) else None
    found = [item.get("metadata", {}).get("name") for item in items or () if isinstance(item, dict)]
    return {name for name in found if isinstance(name, str)}


def _typable(names: Iterable[str]) -> list[str]:
    """The names as they may be typed; what would steer a terminal is left out."""
    return [shlex.quote(name) for name in sorted(set(names)) if name and clean_line(name, 253) == name]
