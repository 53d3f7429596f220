"""Logs of containers in trouble, kept up to date beside watched objects: as a picture has them, a few at a time.

Which are wanted is decided as for any picture. A log is read anew when its pod has changed since, though not again and
again; what is no longer wanted is dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.logs import LogPlan, LogRequest, choose_logs, choose_server_logs, read_logs
from kubeagentix.cluster.snapshot import ReadOptions, silent_nodes
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

PLAN_EVERY_S = 2.0  # to go through all pods takes its time
READ_AGAIN_S = 10.0  # the sooner, the dearer for kubelets
MAX_AT_ONCE = 40
# Of the objects, and never changed once made; another picture of the same objects need not make them again.
_INDEXES = ("_by_key", "_by_namespace", "_events", "_pods_by_label", "_slices", "owned", "pods_by_workload")
_Name = tuple[str, str, str, bool]


@dataclass(frozen=True, slots=True)
class _Read:
    log: ContainerLog | None
    version: str  # of its pod
    at: float


class LiveLogs:
    """The logs. `told` is called on the event loop's thread once new ones are there."""

    def __init__(self, client: Client, options: ReadOptions, told: Callable[[], None]) -> None:
        self._client, self._options, self._told = client, options, told
        self._read: dict[_Name, _Read] = {}
        self._planned_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        self.logs: tuple[ContainerLog, ...] = ()
        self.gaps: tuple[Gap, ...] = ()

    def add(self, logs: Sequence[ContainerLog]) -> None:
        """What was read with the picture of a namespace, or of all."""
        now = time.monotonic()
        self._read |= {_name(log): _Read(log, "", now) for log in logs}
        self.logs, self._planned_at = (*self.logs, *logs), now

    def plan(self, snapshot: Snapshot) -> None:
        """Begins to read what is wanted and not there, unless that is under way or was decided just now."""
        is_busy = self._reading is not None and not self._reading.done()
        if not self._options.with_logs or is_busy or time.monotonic() - self._planned_at < PLAN_EVERY_S:
            return
        self._planned_at = time.monotonic()
        self._reading = asyncio.get_running_loop().create_task(self._renew(snapshot))

    async def close(self) -> None:
        """Ends what is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _renew(self, snapshot: Snapshot) -> None:
        options, silent = self._options, silent_nodes(snapshot.all(Node))
        plan = choose_logs(
            snapshot.all(Pod),
            now=snapshot.taken_at,
            silent_nodes=silent,
            max_logs=options.max_logs,
            max_pods_per_owner=options.max_pods_per_owner,
        )
        await self._read_some(snapshot, plan)
        picture = _with_logs(snapshot, self.logs)
        servers = choose_server_logs(picture, plan, silent_nodes=silent, max_logs=options.max_logs)
        await self._read_some(snapshot, servers)
        wanted = {_asked(request) for request in (*plan.requests, *servers.requests)}
        self._read = {name: read for name, read in self._read.items() if name in wanted}
        self._show()

    async def _read_some(self, snapshot: Snapshot, plan: LogPlan) -> None:
        due = [request for request in plan.requests if self._is_due(snapshot, request)][:MAX_AT_ONCE]
        if not due:
            return
        deadline = Deadline(self._options.deadline_s)
        chosen = replace(plan, requests=tuple(due))
        logs, self.gaps = await read_logs(self._client, chosen, deadline, progress=lambda _done, _pod: None)
        found, now = {_name(log): log for log in logs}, time.monotonic()
        for request in due:
            pod = snapshot.get(Pod, request.namespace, request.pod)
            version = pod.metadata.resource_version if pod is not None else ""
            self._read[_asked(request)] = _Read(found.get(_asked(request)), version, now)
        self._show()

    def _is_due(self, snapshot: Snapshot, request: LogRequest) -> bool:
        read = self._read.get(_asked(request))
        if read is None:
            return True
        pod = snapshot.get(Pod, request.namespace, request.pod)
        has_changed = pod is not None and pod.metadata.resource_version != read.version
        return has_changed and time.monotonic() - read.at >= READ_AGAIN_S

    def _show(self) -> None:
        logs = tuple(read.log for read in self._read.values() if read.log is not None)
        if logs != self.logs:
            self.logs = logs
            self._told()


def _with_logs(snapshot: Snapshot, logs: tuple[ContainerLog, ...]) -> Snapshot:
    picture = replace(snapshot, logs=logs)
    picture.__dict__.update({name: made for name, made in snapshot.__dict__.items() if name in _INDEXES})
    return picture


def _name(log: ContainerLog) -> _Name:
    return (log.namespace, log.pod, log.container, log.is_previous)


def _asked(request: LogRequest) -> _Name:
    return (request.namespace, request.pod, request.container, request.is_previous)
