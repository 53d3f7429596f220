"""Quick Dx that goes on: after every change the answer as it is now, and what is new and what is gone.

Changes come many at a time, and nobody reads an answer for each: they are gathered for a moment, the shorter the less
there was to do before. Who is slow to take an answer misses none of what has changed, only what lay between.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from kubeagentix.cluster.connection import WATCHING, Cluster
from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.cluster.watch import Watch, WatchCounts, WatchOptions
from kubeagentix.domain.diagnosis import Gap, Target, digest
from kubeagentix.domain.events import Listener, silent
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import KubeAgentiXError, NotFoundError
from kubeagentix.quickdx.aside import aside
from kubeagentix.quickdx.diagnosis import Diagnosis, Difference
from kubeagentix.quickdx.pipeline import MAX_NEIGHBOURS
from kubeagentix.quickdx.rerunning import Rerunning
from kubeagentix.redaction import Redactor, using

GATHER_S = 0.1  # what belongs together comes within this: a rollout writes several objects
EVERY_S = 0.7  # between two looks where changes never cease
SHARE = 0.5  # of one processor's time, at most, for looks
COLLECT_EVERY_S = 600.0  # the collector of garbage, which is off while it looks, else hardly gets to what is old
TICK_S = 15.0  # without a change, too: that something lasts is a finding as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The answer as it is now, and how it differs from the one before; everything is new in the first.

    `changes`: objects that have changed since then.
    """

    diagnosis: Diagnosis
    difference: Difference
    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is watched, and what of it is told."""

    source: Cluster
    target: Target
    include_lint: bool = False
    ignore: Sequence[IgnoreRule] | None = ()
    options: WatchOptions = WATCHING


class Watching:
    """One watch, from `start` to `close`, all on one event loop."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._stack = AsyncExitStack()
        self._watch: Watch | None = None
        self._redactor = Redactor()
        self._rerunning = self._anew()
        self._before: Diagnosis | None = None
        self._changes = 0
        self._began_at = self._took_s = 0.0
        self._collected_at = time.monotonic()
        self._unread: tuple[Gap, ...] = ()

    def _anew(self) -> Rerunning:
        watched = self._watched
        return Rerunning(watched.target, include_lint=watched.include_lint, ignore=watched.ignore)

    async def start(self, listen: Listener = silent) -> None:
        """Reads everything, and begins to watch. Raises as `Cluster.read_snapshot`."""
        watched = self._watched
        self._watch = await self._stack.enter_async_context(
            watched.source.watching(watched.target.namespace, options=watched.options, listen=listen)
        )

    async def close(self) -> None:
        """Ends it; nothing goes on."""
        await self._stack.aclose()

    @property
    def counts(self) -> WatchCounts:
        """How often kinds had to be listed anew, and watches to be begun anew."""
        return self._begun.counts

    async def next(self) -> Update:
        """The next answer that differs from the one before; the first comes at once.

        Raises NotFoundError and UsageError where the target is not there at the first.
        """
        while True:
            if self._before is not None:
                await self._gather()
            with using(self._redactor):
                found = await self._look()
            before, self._before = self._before, found
            if before is None or _is_news(before, found):
                changes, self._changes = self._changes, 0
                return Update(diagnosis=found, difference=found.diff(before or _nothing(found)), changes=changes)

    @property
    def _begun(self) -> Watch:
        assert self._watch is not None, "start it first"
        return self._watch

    async def _gather(self) -> None:
        """Waits for something to change, or for time to pass, and a moment more for what comes with it."""
        try:
            async with asyncio.timeout(TICK_S):
                await self._begun.changed()
        except TimeoutError:
            return
        due_at = self._began_at + max(EVERY_S, self._took_s / SHARE)
        await asyncio.sleep(max(GATHER_S, due_at - time.monotonic()))

    async def _look(self) -> Diagnosis:
        self._began_at = time.monotonic()
        snapshot, found = await self._look_aside()
        further = self._rerunning.blamed_namespaces(snapshot)
        if further and len(snapshot.neighbours) < MAX_NEIGHBOURS and not self._unread:
            await self._read_neighbour(further[0])
            _, found = await self._look_aside()
        self._begun.plan_logs(self._rerunning.snapshot or snapshot)
        if self._began_at - self._collected_at >= COLLECT_EVERY_S:
            self._collected_at = self._began_at
            await aside(lambda _: gc.collect(), silent)
        return found

    async def _look_aside(self) -> tuple[Snapshot, Diagnosis]:
        """The picture as it is now and what it comes to, worked out beside the loop, which follows the streams."""
        snapshot, changes = self._begun.take()
        rerunning = self._rerunning
        try:
            return snapshot, await aside(lambda tell: self._diagnosed(rerunning, snapshot, changes, tell), silent)
        except BaseException:  # broken off, it cannot go on
            self._rerunning = self._anew()
            raise

    async def _read_neighbour(self, namespace: str) -> None:
        try:
            await self._begun.add_namespace(namespace, silent)
        except KubeAgentiXError as error:
            self._unread = (Gap(what=f"namespace {namespace}", why=str(error), namespace=namespace),)

    def _diagnosed(
        self, rerunning: Rerunning, snapshot: Snapshot, changes: Sequence[ObjectChange], tell: Listener
    ) -> Diagnosis:
        self._changes += len(changes)
        snapshot = replace(snapshot, gaps=(*snapshot.gaps, *self._unread)) if self._unread else snapshot
        try:
            began = time.thread_time()
            found = rerunning.diagnose(snapshot, changes, tell)
            self._took_s = time.thread_time() - began
            return found
        except NotFoundError as error:
            if self._before is None:
                raise
            return _without_target(snapshot, self._watched.target, str(error))


def _without_target(snapshot: Snapshot, target: Target, why: str) -> Diagnosis:
    """The answer while the target does not exist: it may come again."""
    now = datetime.now(UTC)
    return Diagnosis(
        id=digest("d", snapshot.cluster, str(target), now.isoformat()),
        target=target,
        cluster=snapshot.cluster,
        hypotheses=(),
        findings=(),
        gaps=(*snapshot.gaps, Gap(what=str(target), why=why, kind=target.kind, namespace=target.namespace or "")),
        started_at=now,
        finished_at=now,
    )


def _nothing(diagnosis: Diagnosis) -> Diagnosis:
    return replace(diagnosis, hypotheses=(), findings=(), ignored=())


def _is_news(before: Diagnosis, now: Diagnosis) -> bool:
    """Whether anything that is told differs."""
    return (before.hypotheses, before.findings, before.gaps) != (now.hypotheses, now.findings, now.gaps)
