"""Connections that fail: who asked whom, and how it went.

The logs of containers in trouble tell of them, the output of their probes, and the logs of containers that count as
well and do nothing but try again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.analysis.addresses import aliased, resolve_host, service_said
from kubeagentix.analysis.causes import asked_port, hosts_named_in, other_end
from kubeagentix.analysis.event_reasons import events_by_reason
from kubeagentix.analysis.logs import LoggedFailure, read_failure
from kubeagentix.analysis.resolution import dns_of, unresolved
from kubeagentix.analysis.shortfall import START_GRACE_S, is_older_than
from kubeagentix.analysis.signatures import CONNECTION_REFUSED, CONNECTION_TIMEOUT, NO_SUCH_HOST, UNREACHABLE, recognise
from kubeagentix.analysis.troubles import event_evidence
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Container, ContainerStatus, Pod
from kubeagentix.domain.snapshot import Snapshot

SIGNATURES = (CONNECTION_REFUSED, CONNECTION_TIMEOUT, NO_SUCH_HOST, UNREACHABLE)
RETRIES = 3  # failures of one kind that a log of a container which counts as well has to end in …
RECENT_S = 600.0
RETRY_LINES = 12  # … within so many lines: what lies further back may have been overcome


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
    event: Event | None = None  # where a probe's output tells of it, and no log

    @property
    def signature(self) -> str:
        """One of ConnectionRefused, ConnectionTimeout, NoSuchHost, Unreachable."""
        return self.failure.signature

    def evidence(self, snapshot: Snapshot) -> Evidence:
        """The log's own words, or the probe's."""
        if self.event is not None:
            return event_evidence(snapshot, self.event, self.client)
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
    """The failed connection of each container whose log or probe tells of one; the current log goes first."""
    return snapshot.derived(_failed_connections)


def missed_by(snapshot: Snapshot, target: ResourceRef) -> tuple[FailedConnection, ...]:
    """The connections that were refused by `target`, or found nobody there; for the cluster's DNS, names it owed."""
    return snapshot.derived(_by_target).get(target, ())


def _failed_connections(snapshot: Snapshot) -> tuple[FailedConnection, ...]:
    found: dict[tuple[str, str, str], FailedConnection | None] = {}
    for namespace, name, container in dict.fromkeys((log.namespace, log.pod, log.container) for log in snapshot.logs):
        pod = snapshot.get(Pod, namespace, name)
        if pod is None or pod.is_terminating:
            continue
        if _is_in_trouble(pod, container) or keeps_retrying(snapshot, pod, container):
            found[namespace, name, container] = _read(snapshot, pod, container)
    for item in _told_by_probes(snapshot):
        key = (item.client.namespace, item.client.name, item.container)
        found[key] = found.get(key) or item
    return tuple(connection for connection in found.values() if connection is not None)


def keeps_retrying(snapshot: Snapshot, pod: Pod, container: str) -> bool:
    """Whether the log of a container that runs ends in one and the same failed connection, again and again."""
    log = snapshot.log(pod, container)
    failure = read_failure(log) if log is not None else None
    status = next((status for spec, status, _ in pod.containers() if spec.name == container), None)
    if log is None or failure is None or failure.signature not in SIGNATURES:
        return False
    running = status.state.running if status is not None else None
    if running is None or not is_older_than(running.started_at, START_GRACE_S, snapshot.taken_at):
        return False  # what it waits for may be starting beside it
    newest = range(max(0, len(log.lines) - RETRY_LINES), len(log.lines))
    failed = [at for at in newest if (recognise(log.lines[at]) or ("", ""))[0] == failure.signature]
    if len(failed) < RETRIES:
        return False
    at = log.time_of(failed[-1]) or _time_in(log.lines[failed[-1]])
    if at is None:  # one that was restarted may have failed at its start only
        return status is not None and status.restart_count == 0
    return abs((snapshot.taken_at - at).total_seconds()) <= RECENT_S


_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)")


def _time_in(line: str) -> datetime | None:
    """When a line says that it was written; programs that are well may have been silent since."""
    match = _TIME.search(line)
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00") if match is not None else None
    except ValueError:
        return None


def _told_by_probes(snapshot: Snapshot) -> Iterator[FailedConnection]:
    """What the commands of probes print; what the kubelet itself says of other probes is about the pod's own port."""
    for event, pod, spec in _unhealthy(snapshot):
        failure = read_failure(event.message.partition(": ")[2].splitlines()) if _has_command(spec) else None
        if failure is not None and failure.signature in SIGNATURES:
            yield _connection(snapshot, pod, spec, failure, event=event)


def _unhealthy(snapshot: Snapshot) -> Iterator[tuple[Event, Pod, Container]]:
    """The events that tell of probes which fail, with the containers that are not ready for it."""
    for event in events_by_reason(snapshot).get("Unhealthy", ()):
        about = event.involved_object
        if about.kind != Pod.kind:
            continue
        pod = snapshot.get(Pod, about.namespace, about.name)
        if pod is None or pod.is_terminating:
            continue
        for spec, status, _ in pod.containers():
            is_named = about.field_path.endswith(f"{{{spec.name}}}")
            if is_named and status is not None and not status.ready:
                yield event, pod, spec


_NO_ANSWER = re.compile(r"(?i)deadline exceeded|Client\.Timeout|i/o timeout|\btimed out\b|command .*timed out")


def silent_clients(snapshot: Snapshot) -> Iterator[FailedConnection]:
    """What containers may be waiting for that do not answer their probes in time: each host that they are told of.

    Nothing says that it is one of these; that it cannot be reached has to be found out some other way.
    """
    known = {(item.client.namespace, item.client.name, item.container) for item in failed_connections(snapshot)}
    for event, pod, spec in _unhealthy(snapshot):
        if (pod.namespace, pod.name, spec.name) in known or not _NO_ANSWER.search(event.message):
            continue
        for named in dict.fromkeys(hosts_named_in(spec)):
            line = event.message[:300]
            failure = LoggedFailure(
                signature=CONNECTION_TIMEOUT, subject=named, line_number=1, line=line, excerpt=(line,)
            )
            item = _connection(snapshot, pod, spec, failure, event=event)
            if item.target is not None:
                yield item


def targets_told_of(snapshot: Snapshot, item: FailedConnection) -> tuple[tuple[ResourceRef, int | None], ...]:
    """What the client of a connection that names nobody is told of in its command and environment: (object, port)."""
    spec = next(spec for spec, _, _ in item.client.containers() if spec.name == item.container)
    found: dict[ResourceRef, int | None] = {}
    for named in hosts_named_in(spec):
        target = other_end(snapshot, item.client.namespace, spec, named)
        if target is not None:
            found[target] = asked_port(snapshot, item.client.namespace, spec, item.failure, target, named=named)
    return tuple(found.items())


def _has_command(spec: Container) -> bool:
    probes = (spec.readiness_probe, spec.liveness_probe, spec.startup_probe)
    return any(probe is not None and probe.exec is not None for probe in probes)


def _by_target(snapshot: Snapshot) -> Mapping[ResourceRef, tuple[FailedConnection, ...]]:
    groups: dict[ResourceRef, list[FailedConnection]] = defaultdict(list)
    for item in failed_connections(snapshot):
        if item.target is not None:
            groups[item.target].append(item)
        if is_dns_in_doubt(snapshot, item):
            for ref in dns_of(snapshot):
                groups[ref].append(item)
    return {target: tuple(items) for target, items in groups.items()}


def is_dns_in_doubt(snapshot: Snapshot, item: FailedConnection) -> bool:
    """Whether it failed for a name that the cluster's DNS ought to have resolved."""
    if item.signature != NO_SUCH_HOST:
        return False
    return unresolved(snapshot, item.client, item.host, item.target, item.failure.line).is_dns_in_doubt


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
        return _connection(snapshot, pod, spec, failure, is_previous=is_previous, at=_failed_at(status))
    return None


def _connection(
    snapshot: Snapshot,
    pod: Pod,
    spec: Container,
    failure: LoggedFailure,
    *,
    is_previous: bool = False,
    at: datetime | None = None,
    event: Event | None = None,
) -> FailedConnection:
    host = failure.subject.rpartition(":")[0] or failure.subject or service_said(snapshot, pod.namespace, failure.line)
    target = other_end(snapshot, pod.namespace, spec, host)
    names = (host, *hosts_named_in(spec))
    if any(aliased(pod, name) and resolve_host(snapshot, pod.namespace, name) == target for name in names if name):
        target = None
    return FailedConnection(
        client=pod,
        container=spec.name,
        is_previous=is_previous,
        failure=failure,
        host=host,
        port=asked_port(snapshot, pod.namespace, spec, failure, target, named=failure.subject),
        target=target,
        at=at,
        event=event,
    )


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
