"""Connections that fail, as the logs of containers in trouble tell of them: who asked whom, and how it went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.analysis.causes import other_end
from kubeagentix.analysis.logs import LoggedFailure, read_failure
from kubeagentix.analysis.signatures import CONNECTION_REFUSED, CONNECTION_TIMEOUT, NO_SUCH_HOST
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.pods import ContainerStatus, Pod
from kubeagentix.domain.snapshot import Snapshot

SIGNATURES = (CONNECTION_REFUSED, CONNECTION_TIMEOUT, NO_SUCH_HOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedConnection:
    """One container's last error, where that is a connection that failed.

    `host` is as the log has it, without its port; `target` is the object behind it, if that is in the cluster.
    """

    client: Pod
    container: str
    is_previous: bool
    failure: LoggedFailure
    host: str
    port: int | None
    target: ResourceRef | None
    at: datetime | None = None  # when the container ended of it; None if it did not

    @property
    def signature(self) -> str:
        """One of ConnectionRefused, ConnectionTimeout, NoSuchHost."""
        return self.failure.signature

    def evidence(self, snapshot: Snapshot) -> Evidence:
        """The log's own words."""
        which = " (previous)" if self.is_previous else ""
        return Evidence.of(
            snapshot.ref(self.client),
            "log",
            f"container {self.container} of {self.client.name} logs: {self.failure.line.strip()[:200]}",
            excerpt="\n".join(self.failure.excerpt),
            locator=f"log/{self.container}{which}",
            observed_at=self.failure.last_at,
        )


def failed_connections(snapshot: Snapshot) -> tuple[FailedConnection, ...]:
    """The failed connection of each container in trouble whose log tells of one; the current log goes first."""
    return snapshot.derived(_failed_connections)


def missed_by(snapshot: Snapshot, target: ResourceRef) -> tuple[FailedConnection, ...]:
    """The connections that were refused by `target`, or found nobody there."""
    return snapshot.derived(_by_target).get(target, ())


def _failed_connections(snapshot: Snapshot) -> tuple[FailedConnection, ...]:
    found = []
    for namespace, name, container in dict.fromkeys((log.namespace, log.pod, log.container) for log in snapshot.logs):
        pod = snapshot.get(Pod, namespace, name)
        if pod is not None and not pod.is_terminating and _is_in_trouble(pod, container):
            found.append(_read(snapshot, pod, container))
    return tuple(connection for connection in found if connection is not None)


def _by_target(snapshot: Snapshot) -> Mapping[ResourceRef, tuple[FailedConnection, ...]]:
    groups: dict[ResourceRef, list[FailedConnection]] = defaultdict(list)
    for item in failed_connections(snapshot):
        if item.target is not None:
            groups[item.target].append(item)
    return {target: tuple(items) for target, items in groups.items()}


def _failed_at(status: ContainerStatus | None) -> datetime | None:
    states = (status.state, status.last_state) if status is not None else ()
    ends = (state.terminated.finished_at for state in states if state.terminated is not None)
    return max((moment for moment in ends if moment is not None), default=None)


def _read(snapshot: Snapshot, pod: Pod, container: str) -> FailedConnection | None:
    spec, status = next((item, status) for item, status, _ in pod.containers() if item.name == container)
    for is_previous in (False, True):
        log = snapshot.log(pod, container, previous=is_previous)
        failure = read_failure(log) if log is not None else None
        if failure is None:
            continue
        if failure.signature not in SIGNATURES:
            return None
        host, _, port = failure.subject.rpartition(":") if ":" in failure.subject else (failure.subject, "", "")
        return FailedConnection(
            client=pod,
            container=container,
            is_previous=is_previous,
            failure=failure,
            host=host,
            port=int(port) if port.isdigit() else None,
            target=other_end(snapshot, pod.namespace, spec, host),
            at=_failed_at(status),
        )
    return None


def _is_in_trouble(pod: Pod, container: str) -> bool:
    for spec, status, is_init in pod.containers():
        if spec.name == container and status is not None:
            return _has_failed(status) or (not status.ready and not (is_init and _ended_well(status)))
    return False


def _has_failed(status: ContainerStatus) -> bool:
    return any(
        state.terminated is not None and state.terminated.exit_code != 0 for state in (status.state, status.last_state)
    )


def _ended_well(status: ContainerStatus) -> bool:
    return status.state.terminated is not None and status.state.terminated.exit_code == 0
