"""Reads parts of a cluster: what somebody who looks into one object asks for, in steps, each a picture with more in it.

Everything is a list, narrowed down by the server to a name or to labels: an empty one says that there is no such
object, and no right is needed that a reading of everything does not need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.lists import Listing, ListRequest, read_list
from kubeagentix.cluster.logs import LogPlan, LogRequest, choose_logs, choose_server_logs, read_logs
from kubeagentix.cluster.snapshot import FIRST_ANSWER_S, gaps_of
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.events import Listener, StageChanged
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.parts import Part
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import BUILT_IN_GROUPS, KINDS
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from kubeagentix.errors import ForbiddenError

PODS_PER_OWNER = 1  # whose logs are read: replicas fail alike
MAX_LOGS = 8
PART_SIZE = 2000  # a page: what is read of a part is seldom more


class PartReader:
    """Reads parts of one namespace, and of what belongs to none, until its deadline."""

    def __init__(self, client: Client, context: str, namespace: str, deadline_s: float, listen: Listener) -> None:
        self._client, self._context, self._namespace = client, context, namespace
        self._deadline, self._listen = Deadline(deadline_s), listen
        self._done = self._total = 0
        self._asked: set[tuple[str, str, str, bool]] = set()

    async def begin(self, parts: Collection[Part]) -> Snapshot:
        """The picture of `parts`. Raises as the reading of everything does where there is no API server to speak of."""
        await self._client.prepare()
        self._listen(StageChanged(stage="connect", done=1, total=1, detail=self._context))
        empty = Snapshot(
            cluster=self._context, taken_at=datetime.now(UTC), namespace=self._namespace, parts=frozenset()
        )
        whole, self._deadline = self._deadline, self._deadline.at_most(FIRST_ANSWER_S)
        picture = await self.read(empty, parts)
        self._deadline = whole
        return replace(picture, taken_at=datetime.now(UTC) + self._client.clock_skew)

    async def read(self, picture: Snapshot, parts: Collection[Part]) -> Snapshot:
        """`picture` with `parts` in it. What may not be read is a gap. Raises other errors of the cluster."""
        self._total += len(parts)
        listings = dict(zip(parts, await asyncio.gather(*(self._list(part) for part in parts)), strict=True))
        gaps = [gap for part, listing in listings.items() for gap in self._gaps(part, listing)]
        items = [(part.kind, item) for part, listing in listings.items() for item in listing.items or ()]
        read = {part for part, listing in listings.items() if listing.items is not None}
        assert picture.parts is not None
        return replace(
            picture,
            objects=_with(picture.objects, items, {part.kind for part in read}),
            gaps=tuple(dict.fromkeys((*picture.gaps, *gaps))),
            parts=picture.parts | frozenset(parts),
        )

    async def read_logs(self, picture: Snapshot, pods: Collection[Pod]) -> Snapshot:
        """`picture` with the logs of those of `pods` that are in trouble, as far as they have not been asked for."""
        chosen = choose_logs(pods, now=picture.taken_at, max_logs=MAX_LOGS, max_pods_per_owner=PODS_PER_OWNER)
        picture = await self._with_logs(picture, chosen)
        return await self._with_logs(picture, choose_server_logs(picture, chosen, max_logs=MAX_LOGS))

    def logs_wanted(self, picture: Snapshot, pods: Collection[Pod]) -> int:
        """How many logs `read_logs` would ask for, before it sees what they say."""
        chosen = choose_logs(pods, now=picture.taken_at, max_logs=MAX_LOGS, max_pods_per_owner=PODS_PER_OWNER)
        plan = self._new(chosen)
        return len(plan.requests) - len(_same_twice(picture, plan))

    def _new(self, plan: LogPlan) -> LogPlan:
        new = tuple(
            item
            for item in plan.requests
            if (item.namespace, item.pod, item.container, item.is_previous) not in self._asked
        )
        return replace(plan, requests=new)

    async def _with_logs(self, picture: Snapshot, plan: LogPlan) -> Snapshot:
        plan = self._new(plan)
        if not plan.requests:
            return picture
        self._asked |= {(item.namespace, item.pod, item.container, item.is_previous) for item in plan.requests}
        same = _same_twice(picture, plan)
        plan = replace(plan, requests=tuple(item for item in plan.requests if item not in same))

        def progress(done: int, pod: str) -> None:
            self._listen(StageChanged(stage="logs", done=done, total=len(plan.requests), detail=pod))

        logs: tuple[ContainerLog, ...]
        logs, gaps = await read_logs(self._client, plan, self._deadline, progress=progress)
        again = {(item.namespace, item.pod, item.container) for item in same}
        logs += tuple(
            replace(log, is_previous=False) for log in logs if (log.namespace, log.pod, log.container) in again
        )
        return replace(
            picture,
            logs=(*picture.logs, *logs),
            gaps=tuple(dict.fromkeys((*picture.gaps, *gaps))),
        )

    async def _list(self, part: Part) -> Listing:
        kind = KINDS[part.kind]
        request = ListRequest(
            kind=kind,
            versions=kind.versions,
            namespace=self._namespace,
            page_size=PART_SIZE,
            field_selector=f"metadata.name={part.name}" if part.name else "",
            label_selector=part.label_selector,
        )
        listing = await read_list(self._client, request, self._deadline)
        if listing.error is not None and not isinstance(listing.error, ForbiddenError):
            raise listing.error
        self._done += 1
        self._listen(
            StageChanged(
                stage="collect",
                done=self._done,
                total=self._total,
                detail=kind.plural,
                items=len(listing.items or ()),
            )
        )
        return listing

    def _gaps(self, part: Part, listing: Listing) -> Iterable[Gap]:
        kind = KINDS[part.kind]
        return gaps_of(
            kind,
            listing,
            namespace=self._namespace,
            limit_s=self._deadline.seconds,
            is_discovered=kind.group in BUILT_IN_GROUPS,
        )


def _same_twice(picture: Snapshot, plan: LogPlan) -> frozenset[LogRequest]:
    """Requests for the log of a container that waits to be started again, where that of the run before is asked for.

    It has no other. Source: kubelet_pods.go validateContainerLogStatus
    """
    before = {(item.namespace, item.pod, item.container) for item in plan.requests if item.is_previous}
    return frozenset(
        item
        for item in plan.requests
        if not item.is_previous
        and (item.namespace, item.pod, item.container) in before
        and _waits(picture.get(Pod, item.namespace, item.pod), item.container)
    )


def _waits(pod: Pod | None, container: str) -> bool:
    statuses = (status for spec, status, _ in pod.containers() if spec.name == container) if pod is not None else ()
    return any(
        item is not None
        and item.state.running is None
        and item.state.terminated is None
        and item.last_state.terminated is not None
        for item in statuses
    )


def _with(
    objects: Mapping[str, tuple[Resource, ...]], items: Iterable[tuple[str, Resource]], kinds: Iterable[str]
) -> Mapping[str, tuple[Resource, ...]]:
    """`objects` and `items`, each once, ordered by name as a server orders them."""
    found = {kind: {(item.namespace, item.name): item for item in known} for kind, known in objects.items()}
    for kind in kinds:
        found.setdefault(kind, {})
    for kind, item in items:
        found.setdefault(kind, {})[item.namespace, item.name] = item
    return {
        kind: tuple(known.values()) if kind == Event.kind else tuple(known[key] for key in sorted(known))
        for kind, known in found.items()
    }
