"""Reads what one target needs, and no more: in steps, led by what has been found, until its trouble is explained.

The target, its owners and pods, the events and Services of its namespace come first (see framework.py). Then analyzers
look at that, and what they ask for and is not there is read next: the ConfigMap that a pod names, the node it runs on.
Where a fault stays without a reason, or nothing is found, the picture is given up: only a reading of everything can
tell. So what is told here is what such a reading would tell, from a fraction of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Protocol

from kubeagentix.domain.diagnosis import ResourceRef, Target
from kubeagentix.domain.parts import Part
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import ClusterError, UnauthorizedError, UnreachableError
from kubeagentix.quickdx.early import EarlyLooks
from kubeagentix.quickdx.framework import STARTS, UnknownOwnerError, first_part, framework, own_pods
from kubeagentix.quickdx.sufficiency import ON_THE_WAY, View, look

ENOUGH = 9  # requests: no more are made for what may only add to an explanation
MAX_REQUESTS = 24  # then everything is read, which is not much more


class Reader(Protocol):
    """What reads parts of a cluster: `cluster.parts.PartReader`."""

    async def begin(self, parts: Collection[Part]) -> Snapshot:
        """The picture of `parts`."""
        ...

    async def read(self, picture: Snapshot, parts: Collection[Part]) -> Snapshot:
        """`picture` with `parts` in it."""
        ...

    async def read_logs(self, picture: Snapshot, pods: Collection[Pod]) -> Snapshot:
        """`picture` with the logs of those of `pods` that are in trouble."""
        ...

    def logs_wanted(self, picture: Snapshot, pods: Collection[Pod]) -> int:
        """How many logs would be read."""
        ...


def may_be_read_alone(target: Target) -> bool:
    """Whether a target is of a kind that can be looked into without reading all of its namespace."""
    return bool(target.name) and target.namespace is not None and target.kind in {kind.kind for kind in STARTS}


async def read_target(reader: Reader, target: Target, looks: EarlyLooks | None = None) -> Snapshot | None:
    """The picture that explains what is wrong with `target`; None where only a reading of everything can tell.

    Raises UnreachableError, UnauthorizedError, KubeconfigError where there is no API server to speak of.
    """
    search = _Search(reader, target)
    looking = asyncio.ensure_future(looks.follow(lambda: search.picture)) if looks is not None else None
    try:
        return await search.run()
    except UnknownOwnerError:
        return None
    except ClusterError as error:
        if search.picture is None and _is_hopeless(error):
            raise
        return None  # a reading of everything gets round it, and tells of it
    finally:
        if looking is not None:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking


def _is_hopeless(error: ClusterError) -> bool:
    """Whether a reading of everything would fare no better: what is slow for one may still answer another."""
    is_slow = isinstance(error.__cause__, TimeoutError)
    return isinstance(error, UnauthorizedError | UnreachableError) and not is_slow


class _Search:
    def __init__(self, reader: Reader, target: Target) -> None:
        assert target.namespace is not None
        self._reader = reader
        self._start = ResourceRef(kind=target.kind, namespace=target.namespace, name=target.name)
        self._requests = 0
        self.picture: Snapshot | None = None  # as far as it is read

    async def run(self) -> Snapshot | None:
        """Reads on until the trouble is explained, or cannot be."""
        first = first_part(self._start.kind, self._start.namespace, self._start.name)
        picture = await self._reader.begin((first,))
        self._requests = 1
        self._start = picture.named(self._start.kind, self._start.namespace, self._start.name)
        if picture.find(self._start) is None:
            return None
        self.picture = picture
        picture = await self._read(picture, framework(picture, self._start), logs=0)
        while self._requests <= MAX_REQUESTS:
            self.picture = picture
            view, logs = look(picture, self._start), self._reader.logs_wanted(picture, own_pods(picture))
            if view.is_out_of_reach:
                return None
            parts = self._next(picture, view, logs)
            if not parts and not logs:
                return picture if view.is_explained else None
            picture = await self._read(picture, parts, logs=logs)
        return None

    def _next(self, picture: Snapshot, view: View, logs: int) -> tuple[Part, ...]:
        """What to read next: what belongs to the target and what is needed, and as much of the useful as is cheap."""
        parts = dict.fromkeys(framework(picture, self._start, view.blamed))
        if view.has_hypotheses and not parts:  # what logs say may tell that nobody was to be reached
            parts |= dict.fromkeys(part for part in view.needed if not logs or part.kind not in ON_THE_WAY)
        if parts or logs:
            return tuple(parts)
        limit = ENOUGH if view.is_explained else MAX_REQUESTS if view.has_hypotheses else 0
        return view.useful[: max(0, limit - self._requests)]

    async def _read(self, picture: Snapshot, parts: Sequence[Part], *, logs: int) -> Snapshot:
        self._requests += len(parts) + logs
        if not logs:
            return await self._reader.read(picture, parts)
        reading = self._reader.read_logs(picture, own_pods(picture))
        if not parts:
            return await reading
        more, logged = await asyncio.gather(self._reader.read(picture, parts), reading)
        return more.with_logs_of(logged)
