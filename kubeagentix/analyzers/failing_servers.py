"""Servers that run and count as well, and whose own log says why their clients are turned away.

A client's log says that nobody answers, or that it was refused; that the server has no connections left, or no disk,
or that a request made it panic, stands in the server's log only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubeagentix.analysis.causes import CONNECTION_SIGNATURES, other_end
from kubeagentix.analysis.connections import keeps_retrying
from kubeagentix.analysis.containers import PodContainer, keeps_ending, logged_failure, restless_containers
from kubeagentix.analysis.log_lines import HARMLESS, level_of, plain
from kubeagentix.analysis.logs import PANIC, LoggedFailure, read_failure
from kubeagentix.analysis.mentions import endpoint_in
from kubeagentix.analysis.phrases import phrase_of
from kubeagentix.analysis.signatures import (
    DATA_CORRUPTED,
    DISK_FULL,
    OUT_OF_MEMORY,
    READ_ONLY,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_FILES,
    recognise,
)
from kubeagentix.analysis.troubles import clipped, log_evidence, read_log
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

RECENT_S = 600.0  # what a server said before this, it may have got over
LINES = 100  # of a server's log, from its end
CLIENTS_SHOWN = 3
# What is for the server to say, and accounts for clients that get no answer or a bad one.
FAULTS = (DATA_CORRUPTED, DISK_FULL, OUT_OF_MEMORY, READ_ONLY, TOO_MANY_CONNECTIONS, TOO_MANY_FILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """What one line of a server's log says is wrong with it."""

    signature: str
    phrase: str
    evidence: Evidence


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload behind a Service that clients blame: `ServerFailing/TooManyConnections` and its like."""
    found: dict[tuple[ResourceRef, str], Finding] = {}
    for service, clients in _blamed(snapshot).items():
        for container in _servers(snapshot, service):
            fault = _fault(snapshot, container)
            workload = snapshot.workload_of(container.pod)
            if fault is not None and (workload, fault.signature) not in found:
                found[workload, fault.signature] = _finding(snapshot, service, container, fault, clients)
    return found.values()


def _blamed(snapshot: Snapshot) -> Mapping[ResourceRef, Sequence[tuple[PodContainer, LoggedFailure]]]:
    """The clients that fail and whose last words are about a connection, by the Service at its other end."""
    blamed: dict[ResourceRef, list[tuple[PodContainer, LoggedFailure]]] = defaultdict(list)
    for container in restless_containers(snapshot) if snapshot.logs else ():
        failure = logged_failure(snapshot, container) if _fails(snapshot, container) else None
        if failure is None or failure.signature not in CONNECTION_SIGNATURES:
            continue
        host = endpoint_in(failure.line) or failure.subject
        target = other_end(snapshot, container.pod.namespace, container.spec, host)
        if target is not None and target.kind == Service.kind:
            blamed[target].append((container, failure))
    return blamed


def _fails(snapshot: Snapshot, container: PodContainer) -> bool:
    """Whether it does not count as well, or only tries again and again; others got over what they said."""
    if keeps_ending(container, snapshot.taken_at):
        return True
    is_unready = container.running is not None and not container.status.ready
    return is_unready or keeps_retrying(snapshot, container.pod, container.name)


def _servers(snapshot: Snapshot, ref: ResourceRef) -> Iterator[PodContainer]:
    """The containers behind a Service that run; of those that keep ending others tell."""
    service = snapshot.get(Service, ref.namespace, ref.name)
    for pod in snapshot.pods_selected(ref.namespace, service.spec.selector) if service is not None else ():
        for spec, status, is_init in pod.containers():
            container = PodContainer(pod=pod, spec=spec, status=status, is_init=is_init) if status else None
            if container is not None and container.running and not keeps_ending(container, snapshot.taken_at):
                yield container


def _fault(snapshot: Snapshot, container: PodContainer) -> _Fault | None:
    log = snapshot.log(container.pod, container.name)
    if log is None:
        return None
    failure = read_failure(log)
    if failure is not None and failure.signature in (*FAULTS, PANIC):
        if not _is_recent(snapshot, log, failure.line_number - 1):
            return None
        phrase = _phrase(failure.signature, failure.subject, failure.line)
        [evidence] = log_evidence(snapshot, container, failure)[:1]
        return _Fault(signature=failure.signature, phrase=phrase, evidence=evidence)
    return _session_fault(snapshot, container.pod, container.name, log)


def _session_fault(snapshot: Snapshot, pod: Pod, name: str, log: ContainerLog) -> _Fault | None:
    """What a server tells of one session: no fault of its own by itself, but the answer to a client that blames it."""
    for index in range(len(log.lines) - 1, max(-1, len(log.lines) - 1 - LINES), -1):
        line = log.lines[index]
        known = recognise(plain(line[:1000])) if level_of(line) != HARMLESS else None
        if known is not None and known[0] in FAULTS and _is_recent(snapshot, log, index):
            said = clipped(plain(line).strip(), 200)
            at = log.time_of(index)
            evidence = Evidence.of(
                snapshot.ref(pod), "log", said, excerpt=clipped(line), locator=f"log/{name}", observed_at=at
            )
            return _Fault(signature=known[0], phrase=_phrase(known[0], known[1], said), evidence=evidence)
    return None


def _is_recent(snapshot: Snapshot, log: ContainerLog, index: int) -> bool:
    at = log.time_of(index)
    return at is None or (snapshot.taken_at - at).total_seconds() <= RECENT_S


def _phrase(signature: str, subject: str, line: str) -> str:
    if signature == TOO_MANY_CONNECTIONS:
        return "it accepts no more connections"
    return phrase_of(signature, subject, line)


def _finding(
    snapshot: Snapshot,
    service: ResourceRef,
    container: PodContainer,
    fault: _Fault,
    clients: Sequence[tuple[PodContainer, LoggedFailure]],
) -> Finding:
    workloads = tuple(dict.fromkeys(snapshot.workload_of(client.pod) for client, _ in clients))
    names = ", ".join(str(ref) for ref in workloads[:CLIENTS_SHOWN])
    more = f" and {len(workloads) - CLIENTS_SHOWN} more" if len(workloads) > CLIENTS_SHOWN else ""
    said = [log_evidence(snapshot, client, failure)[:1] for client, failure in clients[:CLIENTS_SHOWN]]
    return Finding.of(
        analyzer=plugin.id,
        reason=f"ServerFailing/{fault.signature}",
        ref=snapshot.workload_of(container.pod),
        title=f"{container.label} behind {service} runs, and fails its clients: {fault.phrase}",
        severity=Severity.CRITICAL,
        confidence=0.85,
        cause=f'Its log says: "{fault.evidence.summary}". Those who ask it and fail: {names}{more}.',
        evidence=(fault.evidence, *(item for items in said for item in items)),
        remedies=(read_log(container, of_last_life=False),),
        explains=workloads,
        since=fault.evidence.observed_at,
    )


plugin = AnalyzerPlugin(
    id="failing-servers", title="Servers that fail their clients", analyze=analyze, scope="namespace"
)
