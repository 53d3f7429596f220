"""Reads a snapshot: every kind at once, then logs of containers in trouble. What cannot be read becomes a Gap.

Only what makes all reading pointless is raised: no answer, no valid identity, no such namespace.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.custom import CustomListings, discover_kinds, kinds_of, read_custom
from kubeagentix.cluster.discovery import Served, discover
from kubeagentix.cluster.kubeconfig import nearest
from kubeagentix.cluster.lists import PAGE_SIZE, Listing, ListRequest, read_list
from kubeagentix.cluster.logs import LOG_RIGHT, MAX_LOGS, MAX_PODS_PER_OWNER, choose_logs, choose_server_logs, read_logs
from kubeagentix.cluster.sharing import SharedParts
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.events import Listener, StageChanged
from kubeagentix.domain.extensions import CustomResourceDefinition
from kubeagentix.domain.meta import Resource, condition
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Event, Namespace, Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS, Kind
from kubeagentix.domain.rights import CUSTOM_RESOURCES, EVERYWHERE, Right, rights_on
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from kubeagentix.errors import (
    ClusterError,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
    excerpt,
)

T = TypeVar("T")

FIRST_ANSWER_S = 15.0  # a server that takes longer to say its version is called unreachable
_NAMESPACE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123 label
PODS_PER_LOG = 50  # more than MAX_LOGS are read where there are so many pods that more may be in trouble
NODE_EVENTS_NAMESPACE = "default"  # where events about cluster-scoped objects are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How much to read. Add-on APIs (metrics, custom ones) get `optional_deadline_s` of the whole `deadline_s`.

    `kinds`: only these, and no custom ones (None: all).
    """

    deadline_s: float = 60.0
    optional_deadline_s: float = 10.0
    page_size: int = PAGE_SIZE
    with_logs: bool = True
    max_logs: int = MAX_LOGS
    max_pods_per_owner: int = MAX_PODS_PER_OWNER
    kinds: frozenset[str] | None = None


def rights(kinds: Iterable[str] | None = None, *, namespace: str = "") -> tuple[Right, ...]:
    """What a picture of these kinds (None: of all, and of custom ones) asks for, but for logs.

    `namespace`: it is taken of that one, whatever namespace is looked at.
    """
    chosen = tuple(KINDS.values() if kinds is None else (KINDS[name] for name in kinds))
    found = [*rights_on(chosen, "list", namespace=namespace)]
    if namespace != EVERYWHERE:
        found.append(Right(resource=KINDS[Namespace.kind].plural, verbs=("get",), namespace=namespace))
    if KINDS[Event.kind] in chosen and namespace != EVERYWHERE:
        found += rights_on((KINDS[Event.kind],), "list", namespace=NODE_EVENTS_NAMESPACE)
    if kinds is None:
        found.append(Right(resource=CUSTOM_RESOURCES, verbs=("list",), namespace=namespace))
    return tuple(found)


DIAGNOSING = (*rights(), LOG_RIGHT)


SoFar = Callable[[], Snapshot | None]  # what has been read so far, but for logs; None before all pods are
Meanwhile = Callable[[SoFar], Coroutine[Any, Any, None]]
Listed = Callable[[ListRequest, Listing], None]  # hears what came of each list, for whoever goes on from there


@dataclass(slots=True)
class _Reading:
    """One reading under way: what all its parts need to know."""

    client: Client
    context: str
    served: Served
    namespace: str | None
    options: ReadOptions
    deadline: Deadline
    listen: Listener
    taken_at: datetime
    total: int  # kinds
    listed: Listed
    done: int = 0
    shared: SharedParts = field(default_factory=SharedParts)

    def tell(self, kind: Kind, items: int) -> None:
        """Reports how many objects of a kind are there."""
        self.listen(StageChanged(stage="collect", done=self.done, total=self.total, detail=kind.plural, items=items))


async def read_snapshot(
    client: Client,
    context: str,
    namespace: str | None,
    options: ReadOptions,
    listen: Listener,
    *,
    meanwhile: Meanwhile | None = None,
    listed: Listed = lambda _request, _listing: None,
) -> Snapshot:
    """The snapshot of one namespace (with the cluster-scoped kinds), or (None) of all.

    `meanwhile` runs until everything is read, and may look at what is there so far.

    Raises UnreachableError, UnauthorizedError, KubeconfigError, ApiError where there is no API server to speak of,
    and NotFoundError where the namespace does not exist.
    """
    await client.prepare()
    deadline = Deadline(options.deadline_s)
    first = deadline.at_most(FIRST_ANSWER_S)
    served, _ = await _together([discover(client, first), _require_namespace(client, namespace, first)])
    assert served is not None
    listen(StageChanged(stage="connect", done=1, total=1, detail=served.server_version))
    kinds = {name: kind for name, kind in KINDS.items() if options.kinds is None or name in options.kinds}
    taken_at = datetime.now(UTC) + client.clock_skew
    reading = _Reading(
        client,
        context,
        served,
        namespace,
        options,
        deadline,
        listen,
        taken_at=taken_at,
        total=len(kinds),
        listed=listed,
    )
    listings, custom, logs, log_gaps = await _read_all(reading, kinds, meanwhile)
    _raise_if_nothing_was_read(listings)
    return _picture(reading, listings, custom, logs, log_gaps)


def _picture(
    reading: _Reading,
    listings: Mapping[str, Listing],
    custom: CustomListings,
    logs: tuple[ContainerLog, ...] = (),
    log_gaps: Iterable[Gap] = (),
) -> Snapshot:
    gaps = [
        gap
        for name, listing in listings.items()
        for gap in gaps_of(
            KINDS[name],
            listing,
            namespace=reading.namespace,
            limit_s=_limit_s(reading, KINDS[name]),
            is_discovered=reading.served.groups is not None,
        )
    ]
    return Snapshot(
        cluster=reading.context,
        server_version=reading.served.server_version,
        taken_at=reading.taken_at,
        namespace=reading.namespace,
        objects={
            name: listing.items
            for name, listing in (*listings.items(), *custom.listings.items())
            if listing.items is not None
        },
        logs=logs,
        gaps=(*gaps, *custom.gaps, *log_gaps),
    )


async def _together(awaitables: Iterable[Awaitable[T]]) -> list[T]:
    """Their results in order; if one raises, the others are cancelled."""
    tasks = [asyncio.ensure_future(item) for item in awaitables]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


async def _require_namespace(client: Client, namespace: str | None, deadline: Deadline) -> None:
    if namespace is None:
        return
    if _NAMESPACE_NAME.fullmatch(namespace):  # else it cannot exist, nor be put into a path
        path = f"/api/v1/namespaces/{namespace}"
        answer = await client.ask(path, what=f"namespace {namespace}", deadline=deadline)
        if answer.status != 404:  # a 403 says nothing about it, and others are told where lists are read
            return
    request = ListRequest(kind=KINDS[Namespace.kind], versions=("v1",), namespace=None)
    known = (await read_list(client, request, deadline)).items
    hint = nearest(namespace, (item.name for item in known), of="namespaces") if known else "check its spelling"
    raise NotFoundError(f"there is no namespace {excerpt(namespace, 63)!r}", hint=hint)


async def _read_all(
    reading: _Reading, kinds: Mapping[str, Kind], meanwhile: Meanwhile | None
) -> tuple[Mapping[str, Listing], CustomListings, tuple[ContainerLog, ...], tuple[Gap, ...]]:
    async def read(kind: Kind) -> Listing:
        listing = await _read_kind(reading, kind)
        reading.done += 1
        reading.tell(kind, len(listing.items or ()))
        return listing

    tasks = {name: asyncio.ensure_future(read(kind)) for name, kind in kinds.items()}
    if reading.options.kinds is not None:
        await _together(tasks.values())
        return {name: task.result() for name, task in tasks.items()}, CustomListings(listings={}), (), ()
    logs = asyncio.ensure_future(_read_logs(reading, tasks))
    custom = asyncio.ensure_future(_read_custom(reading, tasks[CustomResourceDefinition.kind]))
    looking = asyncio.ensure_future(meanwhile(partial(_so_far, reading, tasks))) if meanwhile is not None else None
    awaited: list[asyncio.Future[Any]] = [*tasks.values(), custom, logs]
    try:
        await _together(awaited)
    finally:
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
    return {name: task.result() for name, task in tasks.items()}, custom.result(), *logs.result()


def _so_far(reading: _Reading, tasks: Mapping[str, asyncio.Future[Listing]]) -> Snapshot | None:
    """A kind that is still being read is not in it, as one that cannot be read: that nothing is there is no fact."""
    done = {name: task for name, task in tasks.items() if task.done() and not task.cancelled()}
    listings = {name: task.result() for name, task in done.items() if task.exception() is None}
    return _picture(reading, listings, CustomListings(listings={})) if Pod.kind in listings else None


async def _read_custom(reading: _Reading, definitions: Awaitable[Listing]) -> CustomListings:
    listing = await definitions
    deadline = reading.deadline.at_most(reading.options.optional_deadline_s)
    if listing.items is not None:
        kinds = kinds_of(item for item in listing.items if isinstance(item, CustomResourceDefinition))
    elif isinstance(listing.error, ForbiddenError):
        kinds = await discover_kinds(reading.client, reading.served, deadline)
    else:
        kinds = ()
    if kinds:
        done = len(KINDS)
        reading.listen(StageChanged(stage="collect", done=done, total=done, detail="custom resources"))
    found = await read_custom(reading.client, kinds, reading.namespace, deadline)
    for kind in kinds:
        if (read := found.listings.get(kind.name)) is not None:
            reading.listed(ListRequest(kind=kind, versions=kind.versions, namespace=reading.namespace), read)
    return found


async def _read_kind(reading: _Reading, kind: Kind) -> Listing:
    versions = reading.served.versions(kind)
    request = ListRequest(
        kind=kind,
        versions=versions,
        namespace=reading.namespace,
        page_size=reading.options.page_size,
        shared=reading.shared,
    )
    deadline = reading.deadline.at_most(_limit_s(reading, kind))
    if kind.name == Event.kind and reading.namespace not in (None, NODE_EVENTS_NAMESPACE):
        return await _with_node_events(reading, request, deadline)
    listing = await read_list(reading.client, request, deadline, progress=partial(reading.tell, kind))
    reading.listed(request, listing)
    return listing


def _limit_s(reading: _Reading, kind: Kind) -> float:
    options = reading.options
    return min(options.optional_deadline_s, options.deadline_s) if kind.is_optional else options.deadline_s


async def _with_node_events(reading: _Reading, request: ListRequest, deadline: Deadline) -> Listing:
    """The events of the namespace, and those about nodes, which explain what happens to its pods."""
    about_nodes = ListRequest(
        kind=request.kind,
        versions=request.versions,
        namespace=NODE_EVENTS_NAMESPACE,
        page_size=request.page_size,
        field_selector="involvedObject.kind=Node",
    )
    own, nodes = await _together([read_list(reading.client, item, deadline) for item in (request, about_nodes)])
    reading.listed(request, own)
    reading.listed(about_nodes, nodes)
    # Whoever may not read them there has the gap about nodes already.
    extra = tuple(item for item in nodes.items or () if isinstance(item, Event) and item.involved_object.kind == "Node")
    return Listing(
        items=None if own.items is None else own.items + extra,
        gaps=own.gaps,
        error=own.error,
        is_served=own.is_served,
    )


async def _read_logs(
    reading: _Reading, listings: Mapping[str, Awaitable[Listing]]
) -> tuple[tuple[ContainerLog, ...], tuple[Gap, ...]]:
    options = reading.options
    listed = (await listings[Pod.kind]).items or ()
    known_nodes = (await listings[Node.kind]).items or ()
    if not options.with_logs:
        return (), ()
    silent, max_logs = silent_nodes(known_nodes), max(options.max_logs, len(listed) // PODS_PER_LOG)
    plan = choose_logs(
        (pod for pod in listed if isinstance(pod, Pod)),
        now=reading.taken_at,
        silent_nodes=silent,
        max_logs=max_logs,
        max_pods_per_owner=options.max_pods_per_owner,
    )

    total, before = len(plan.requests), 0

    def progress(done: int, pod: str) -> None:
        reading.listen(StageChanged(stage="logs", done=before + done, total=total, detail=pod))

    logs, gaps = await read_logs(reading.client, plan, reading.deadline, progress=progress)
    services = (await listings[Service.kind]).items if logs else None
    if not services:
        return logs, gaps
    picture = Snapshot(
        cluster="",
        taken_at=reading.taken_at,
        namespace=reading.namespace,
        objects={Pod.kind: listed, Service.kind: services},
        logs=logs,
    )
    servers = choose_server_logs(picture, plan, silent_nodes=silent, max_logs=max_logs)
    before, total = total, total + len(servers.requests)
    more, more_gaps = await read_logs(reading.client, servers, reading.deadline, progress=progress)
    return (*logs, *more), (*gaps, *more_gaps)


def silent_nodes(nodes: Iterable[Resource]) -> frozenset[str]:
    """The names of those nodes whose kubelet has stopped reporting: it will not hand out a log either."""
    return frozenset(node.name for node in nodes if isinstance(node, Node) and _is_silent(node))


def _is_silent(node: Node) -> bool:
    # Unknown: the kubelet stopped reporting. One that reports NotReady can still hand out logs.
    ready = condition(node.status.conditions, "Ready")
    return ready is not None and ready.status == "Unknown"


def _raise_if_nothing_was_read(listings: Mapping[str, Listing]) -> None:
    asked = [listing for listing in listings.values() if listing.is_served]
    hopeless = [listing.error for listing in asked if isinstance(listing.error, UnreachableError | UnauthorizedError)]
    if hopeless and len(hopeless) == len(asked) and not any(listing.items for listing in asked):
        raise hopeless[0]


def gaps_of(
    kind: Kind, listing: Listing, *, namespace: str | None, limit_s: float, is_discovered: bool
) -> Iterable[Gap]:
    """What of a list could not be read. `is_discovered`: which API groups there are is known."""
    yield from listing.gaps
    request = ListRequest(kind=kind, versions=(), namespace=namespace)
    place = namespace or "" if kind.is_namespaced else ""
    if not listing.is_served and not kind.is_optional:
        wanted = " or ".join(f"{kind.group}/{version}".lstrip("/") for version in kind.versions)
        yield Gap(what=request.what, why=f"the server does not serve {wanted}", kind=kind.name, namespace=place)
    # Forbidden where discovery is forbidden too, nobody can tell whether the add-on is there at all.
    is_moot = kind.is_optional and not is_discovered and isinstance(listing.error, ForbiddenError)
    is_moot |= kind.name == CustomResourceDefinition.kind and isinstance(listing.error, ForbiddenError)
    if listing.error is not None and not is_moot:
        what = f"{request.what} after the first {len(listing.items)}" if listing.items else request.what
        yield Gap(what=what, why=_why(listing.error, request, limit_s), kind=kind.name, namespace=place)


def _why(error: ClusterError, request: ListRequest, limit_s: float) -> str:
    if isinstance(error.__cause__, TimeoutError):
        return f"not read within {limit_s:.3g} s"
    said = error.message.removeprefix(f"cannot read {request.what}: ")
    return f"{said}: {error.hint}" if error.hint else said
