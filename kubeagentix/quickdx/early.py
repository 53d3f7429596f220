"""What is sure before everything is read: the analyzers' findings on what has been read so far.

A kind that is not read yet counts as one that could not be read, so that nothing rests on its absence; logs are left to
the answer. A look takes only time in which the program waits for the server anyhow, one analyzer at a time, and ends
with the reading: a cluster that answers at once has none, and on a slow one it costs next to nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from kubeagentix import registry
from kubeagentix.cluster.snapshot import Meanwhile, SoFar
from kubeagentix.domain.diagnosis import Finding, Target
from kubeagentix.domain.events import Listener, Notice, PartialFindings
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.quickdx.analyzing import analyze, worst_first
from kubeagentix.quickdx.answer import answer
from kubeagentix.quickdx.correlate import correlate
from kubeagentix.quickdx.graph import Graph
from kubeagentix.quickdx.ignoring import Scope
from kubeagentix.quickdx.masking import learn
from kubeagentix.quickdx.targets import in_namespace, resolve_target
from kubeagentix.redaction import current

T = TypeVar("T")

FIRST_S = 1.0  # who has the answer by then needs none before
AGAIN_S = 1.0  # from one look to the next
REST_S = 0.05
SLICE_S = 0.02  # then whatever else waits for the loop has its turn
SHARE = 0.1  # of the time spent waiting for the server, at most, goes into looks
OBJECT_S = 0.0002  # what a look takes, about, for each object
MAX_TOLD = 200  # findings: to mask three takes about a millisecond


class EarlyLooks:
    """The looks of one diagnosis, told to `listen` as PartialFindings, without lint and own analyzers."""

    def __init__(self, target: Target, ignore: Sequence[IgnoreRule] | None, listen: Listener) -> None:
        self._target, self._ignore, self._listen = target, ignore, listen
        self._redactor = current()
        self._began_at, self._busy_before_s = time.monotonic(), time.process_time()
        self._spent_s = self._rested_at_s = 0.0
        self._told: PartialFindings | None = None

    def at(self, snapshot: Snapshot) -> Meanwhile:
        """To look at what is known already while something else is read."""
        return lambda _: self.follow(lambda: snapshot)

    async def follow(self, so_far: SoFar) -> None:
        """Looks at what `so_far` gives, again whenever there is more, until it is cancelled."""
        seen = 0
        await asyncio.sleep(max(0.0, self._began_at + FIRST_S - time.monotonic()))
        try:
            while True:
                picture = so_far()
                if picture is not None and len(picture.objects) > seen and self._has_time_for(picture):
                    seen = len(picture.objects)
                    await self._look(picture)
                await asyncio.sleep(AGAIN_S)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not cost the answer
            self._listen(Notice(code="no_partial_findings", message=f"no partial results: {type(error).__name__}"))

    async def _look(self, picture: Snapshot) -> None:
        found: list[Finding] = []
        for analyzer in registry.analyzers().values():
            if not analyzer.is_lint:
                found += (await self._step(partial(analyze, picture, (analyzer,))))[0]
        told = await self._step(partial(self._telling, picture, found))
        if told.findings and told != self._told:
            self._told = told
            self._listen(told)

    async def _step(self, work: Callable[[], T]) -> T:
        """Does it as soon as there is time for it."""
        while self._spent_s > SHARE * self._waited_s():  # noqa: ASYNC110  nobody tells that time has passed
            await asyncio.sleep(REST_S)
        if self._spent_s > self._rested_at_s + SLICE_S:
            self._rested_at_s = self._spent_s
            await asyncio.sleep(0)
        began = time.thread_time()
        done = work()
        self._spent_s += time.thread_time() - began
        return done

    def _has_time_for(self, picture: Snapshot) -> bool:
        """Whether a whole look can be paid for by now: one that is cut short is of no use."""
        cost_s = OBJECT_S * sum(map(len, picture.objects.values()))
        return self._spent_s + cost_s <= SHARE * self._waited_s()

    def _waited_s(self) -> float:
        """How long the program has had nothing to do, but for the looks."""
        busy_s = time.process_time() - self._busy_before_s - self._spent_s
        return time.monotonic() - self._began_at - busy_s

    def _telling(self, picture: Snapshot, found: Sequence[Finding]) -> PartialFindings:
        """The worst of them that are in question, without what is to be ignored, and masked as an answer is."""
        try:
            place = resolve_target(picture, self._target)
        except (NotFoundError, UsageError):  # its kind is not there yet
            return PartialFindings(findings=())
        graph, namespace = Graph.of(picture), self._target.namespace
        findings = correlate(picture, sorted(found, key=worst_first)[: 5 * MAX_TOLD], graph)
        if namespace is not None:
            findings = in_namespace(picture, findings, namespace)
        scope = Scope(
            namespace=namespace if namespace is not None else picture.namespace, place=place, include_lint=False
        )
        told = sorted(answer(picture, graph, findings, self._ignore, scope).findings, key=worst_first)
        learn(picture, self._redactor)
        shown = self._redactor.value(tuple(told[:MAX_TOLD]))
        return PartialFindings(findings=shown, more=max(0, len(told) - MAX_TOLD))
