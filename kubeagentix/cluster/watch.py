"""Keeps up with a cluster: every kind is listed once and then watched, each by a connection of its own.

A watch that ends is begun anew where it left off. Where the server has forgotten its version (410), the kind is listed
anew, and the difference is what has changed. A kind that may not be watched, or cannot be, is listed at intervals. What
cannot be kept up with is a Gap as long as that lasts.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.custom import kinds_of
from kubeagentix.cluster.following import Ending, Feed, Following
from kubeagentix.cluster.lists import Listing, ListRequest, read_list
from kubeagentix.cluster.live_logs import LiveLogs
from kubeagentix.cluster.live_objects import LiveObjects, ObjectChange
from kubeagentix.cluster.sharing import KnownParts
from kubeagentix.cluster.snapshot import ReadOptions, read_snapshot
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.events import Listener
from kubeagentix.domain.extensions import CustomResourceDefinition
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import Kind
from kubeagentix.domain.rights import Right
from kubeagentix.domain.snapshot import Snapshot

MAX_CONNECTIONS = 400  # more kinds than that are listed at intervals
MAX_LISTS = 3  # at a time, of kinds to be listed anew: a server that restarts forgets the versions of all
CLOSE_S = 2.0
_METRICS = "metrics."  # these groups offer no watch, and change all the time


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How to keep up. Times in seconds.

    `watch_s`: a watch lasts between these, so that many do not end at once (as client-go). `silent_s`: one that says
    nothing for so long is given up; servers send a bookmark every 60 s. `poll_s`: how often a kind is listed that
    cannot be watched. `pause_s`: before a broken watch is begun anew, growing from the first to the second. `stale_s`:
    for so long broken, it is told as a gap.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    watch_s: tuple[int, int] = (300, 600)
    silent_s: float = 90.0
    poll_s: float = 30.0
    pause_s: tuple[float, float] = (0.5, 30.0)
    stale_s: float = 10.0


@dataclass(slots=True)
class WatchCounts:
    """What happened so far."""

    relists: int = 0  # kinds listed anew because their version had expired
    reconnects: int = 0  # watches begun anew, for whatever reason


class Watch:
    """What is read of a cluster, kept up to date from `start` to `close`, on one event loop."""

    def __init__(self, client: Client, context: str, namespace: str | None, options: WatchOptions) -> None:
        self.counts = WatchCounts()
        self._client, self._context, self._namespace = client, context, namespace
        self._options = options
        self._feeds: list[Feed] = []
        self._stale: dict[int, Gap] = {}  # by feed
        self._gaps: tuple[Gap, ...] = ()  # of the first reading, but for what feeds account for
        self._neighbours: tuple[str, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self._followings: set[Following] = set()
        self._server_version = ""
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._objects = LiveObjects(self._tell_loop)
        self._parts = KnownParts(self._objects.known)
        self._listing = asyncio.Semaphore(MAX_LISTS)
        self._logs = LiveLogs(client, options.read, self._news.set)

    async def start(self, listen: Listener) -> None:
        """Reads everything, and begins to watch. Raises what `read_snapshot` raises."""
        snapshot = await self._read(self._namespace, listen, is_first=True)
        self._server_version = snapshot.server_version
        self._logs.add(snapshot.logs)

    async def add_namespace(self, namespace: str, listen: Listener) -> None:
        """Reads and watches the objects of another namespace as well. Raises what `read_snapshot` raises."""
        snapshot = await self._read(namespace, listen, is_first=False)
        self._logs.add(snapshot.logs)
        self._neighbours = (*self._neighbours, namespace)
        self._news.set()

    async def changed(self) -> None:
        """Waits until something has changed since the last `take`."""
        await self._news.wait()

    def take(self) -> tuple[Snapshot, tuple[ObjectChange, ...]]:
        """The picture as it is now, and what has changed since it was taken last."""
        self._news.clear()
        objects, changes = self._objects.take()
        snapshot = self._picture(objects)
        if any(isinstance(change.new or change.old, CustomResourceDefinition) for change in changes):
            self._begin_custom(snapshot)
        return snapshot, changes

    def plan_logs(self, snapshot: Snapshot) -> None:
        """Begins to read what logs are wanted by now; a picture whose indexes are made costs least."""
        self._logs.plan(snapshot)

    async def close(self) -> None:
        """Ends all watches; no thread of theirs is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._logs.close()
        for following in self._followings:
            following.break_off()
        patience = Deadline(CLOSE_S)  # one that is connecting has a limit of its own, and hears nothing until then
        while patience.remaining_s and any(item.is_running for item in self._followings):  # noqa: ASYNC110  threads
            await asyncio.sleep(0.01)
        self._client.close()

    def _tell_loop(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    def _picture(self, objects: Mapping[str, tuple[Resource, ...]]) -> Snapshot:
        gaps = (*self._gaps, *(gap for feed in self._feeds for gap in (*feed.gaps, *feed.odd.values())))
        return Snapshot(
            cluster=self._context,
            server_version=self._server_version,
            taken_at=datetime.now(UTC) + self._client.clock_skew,
            namespace=self._namespace,
            neighbours=self._neighbours,
            objects=objects,
            logs=self._logs.logs,
            gaps=tuple(dict.fromkeys((*gaps, *self._stale.values(), *self._logs.gaps))),
        )

    async def _read(self, namespace: str | None, listen: Listener, *, is_first: bool) -> Snapshot:
        found: list[tuple[ListRequest, Listing]] = []

        def listed(request: ListRequest, listing: Listing) -> None:
            found.append((request, listing))

        snapshot = await read_snapshot(
            self._client, self._context, namespace, self._options.read, listen, listed=listed
        )
        kept = [(request, listing) for request, listing in found if is_first or request.kind.is_namespaced]
        kinds = {request.kind.name for request, _ in kept}
        self._gaps = (*self._gaps, *(gap for gap in snapshot.gaps if is_first and gap.kind not in kinds))
        for request, listing in kept:
            own = tuple(gap for gap in snapshot.gaps if gap.kind == request.kind.name)
            self._begin(request, listing, own)
        return snapshot

    def _begin(self, request: ListRequest, listing: Listing, gaps: tuple[Gap, ...]) -> None:
        """Goes on from what was listed."""
        if not listing.is_served:
            self._gaps = (*self._gaps, *gaps)
            return
        feed = Feed(request=replace(request, shared=self._parts), served=listing.served, gaps=gaps)
        if listing.items is not None:
            self._objects.fill(feed.name, listing.items, partial(_covers, request))
        if listing.error is None and not listing.is_cut:
            feed.version = listing.version
        self._follow(self._keep_up(feed), feed)

    def _follow(self, work: Coroutine[None, None, None], feed: Feed) -> None:
        self._feeds.append(feed)
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_up(self, feed: Feed) -> None:
        """Follows one feed for ever."""
        may_watch = not feed.request.kind.group.startswith(_METRICS) and len(self._feeds) <= MAX_CONNECTIONS
        failures, broken_at = 0, 0.0
        while True:
            if feed.version and may_watch:
                ending = await self._followed(feed)
                self.counts.reconnects += 1
            else:
                ending = Ending(how="refused")
            if ending.has_worked or ending.how == "over":
                failures, broken_at = 0, 0.0
            if ending.how == "expired":
                self.counts.relists += 1
                await self._list_anew(feed)
                await asyncio.sleep(self._pause_s(failures) if failures else 0)
                failures += 1
            elif ending.how == "refused":
                self._is_refused(feed, ending)
                await asyncio.sleep(self._options.poll_s)
                await self._list_anew(feed, is_refused=ending.status == 403)
            elif ending.how == "broken":
                failures += 1
                broken_at = broken_at or time.monotonic()
                await self._wait_out(feed, ending, failures, broken_at)

    async def _followed(self, feed: Feed) -> Ending:
        options = self._options
        timeout_s = random.randint(*options.watch_s)  # noqa: S311  no secret
        following = Following(
            self._client,
            feed,
            self._objects,
            timeout_s=timeout_s,
            silent_s=options.silent_s,
            opened=partial(self._recovered, feed),
        )
        self._followings.add(following)
        following.begin()
        try:
            return await following.ended
        finally:
            following.break_off()
            self._followings = {item for item in self._followings if item.is_running}

    async def _list_anew(self, feed: Feed, *, is_refused: bool = False) -> None:
        """Lists the kind, and puts the difference among the objects; where that fails, what is known stays."""
        request = feed.request
        async with nullcontext() if feed.name == Pod.kind else self._listing:  # pods matter most
            listing = await read_list(self._client, request, Deadline(self._options.read.deadline_s))
        if listing.error is not None:
            feed.version = ""
            self._tell(feed, f"not refreshed since {datetime.now(UTC):%H:%M:%S}: {listing.error}")
            return
        if not listing.is_served:  # its definition is gone
            feed.version, feed.gaps = "", ()
            self._objects.fill(feed.name, (), partial(_covers, request))
            return
        feed.served, feed.version, feed.gaps = listing.served, "" if listing.is_cut else listing.version, listing.gaps
        feed.odd.clear()
        self._objects.fill(feed.name, listing.items or (), partial(_covers, request))
        if not is_refused:
            self._recovered(feed)

    def _is_refused(self, feed: Feed, ending: Ending) -> None:
        if ending.status == 403:
            every = f"read every {self._options.poll_s:g} s only"
            ask_for = f"ask for watch on {feed.request.kind.plural}"
            self._tell(feed, f"{every}: {ending.why}: {ask_for}", is_kind_unread=False)

    async def _wait_out(self, feed: Feed, ending: Ending, failures: int, broken_at: float) -> None:
        if time.monotonic() - broken_at >= self._options.stale_s:
            since = datetime.now(UTC).timestamp() - (time.monotonic() - broken_at)
            self._tell(
                feed,
                f"not seen since {datetime.fromtimestamp(since, UTC):%H:%M:%S} UTC: {ending.why}",
                is_kind_unread=False,
            )
        await asyncio.sleep(self._pause_s(failures))

    def _pause_s(self, failures: int) -> float:
        first, longest = self._options.pause_s
        share = random.uniform(0.5, 1.0)  # noqa: S311  no secret
        return share * float(min(longest, first * 2 ** (failures - 1)))

    def _tell(self, feed: Feed, why: str, *, is_kind_unread: bool = True) -> None:
        """A gap that lasts until the feed has recovered. What was read before is still there, but may have changed."""
        kind = feed.name if is_kind_unread else ""
        gap = Gap(what=f"changes of {feed.request.what}", why=why, kind=kind, namespace=feed.request.namespace or "")
        if self._stale.get(id(feed)) != gap:
            self._stale[id(feed)] = gap
            self._news.set()

    def _recovered(self, feed: Feed) -> None:
        if self._stale.pop(id(feed), None) is not None:
            self._news.set()

    def _begin_custom(self, snapshot: Snapshot) -> None:
        """Begins with kinds that have been defined since; those that are gone are found out by their own watch."""
        known = {feed.name for feed in self._feeds}
        for kind in kinds_of(snapshot.all(CustomResourceDefinition)):
            if kind.name not in known:
                self._begin_later(kind)

    def _begin_later(self, kind: Kind) -> None:
        request = ListRequest(kind=kind, versions=kind.versions, namespace=self._namespace, shared=self._parts)
        feed = Feed(request=request, served=kind.versions[0])
        self._follow(self._list_and_keep_up(feed), feed)

    async def _list_and_keep_up(self, feed: Feed) -> None:
        await self._list_anew(feed)
        await self._keep_up(feed)


def can_watch(right: Right) -> bool:
    """Whether what that right lists is watched as well, where the verb is given."""
    return "list" in right.verbs and not right.group.startswith(_METRICS)


def _covers(request: ListRequest, resource: Resource) -> bool:
    """Whether an object of its kind is among what `request` lists."""
    if request.field_selector:
        return isinstance(resource, Event) and resource.involved_object.kind == "Node"
    return request.namespace is None or not request.kind.is_namespaced or resource.namespace == request.namespace
