"""Init containers that run and run and so hold up the pod's start, and what they wait for.

Most of them wait for another service. Its name is in their log, or at least in their command. Those that fail
instead of waiting are found by the analyzers of crashes, images and memory, as any container is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kubeagentix.analysis.addresses import resolve_host
from kubeagentix.analysis.backends import backing_of
from kubeagentix.analysis.causes import Explanation, explain, hosts_named_in
from kubeagentix.analysis.containers import PodContainer, restless_containers, uptime_s
from kubeagentix.analysis.logs import LoggedFailure, read_failure
from kubeagentix.analysis.missing_replicas import is_awaited
from kubeagentix.analysis.shortfall import describe_age
from kubeagentix.analysis.signatures import NO_SUCH_HOST
from kubeagentix.analysis.troubles import (
    Trouble,
    clipped,
    describe_pod,
    edit_workload,
    findings,
    log_evidence,
    read_log,
    spec_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.snapshot import Snapshot

REASON = "InitContainerStuck"
LINE_MAX_CHARS = 100
STUCK_AFTER_S = 180.0  # longer than images take to unpack and small migrations to run
WAITING_AFTER_S = 60.0  # where it is plain what it waits for, it need not be given more than a start takes
GUESS = 0.45  # of one whose workload misses the pod already, while it may still be just slow


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and init container: `InitContainerStuck`, refined by what its log says."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        uptime = uptime_s(container, snapshot.taken_at)
        if not container.is_init or container.is_sidecar or uptime is None:
            continue
        if uptime > STUCK_AFTER_S:
            yield _trouble(snapshot, container, uptime)
        elif is_awaited(snapshot, container.pod):
            trouble = _trouble(snapshot, container, uptime)
            yield replace(trouble, severity=Severity.WARNING, confidence=GUESS) if trouble.is_rough else trouble
        elif uptime > WAITING_AFTER_S:
            trouble = _trouble(snapshot, container, uptime)
            if not trouble.is_rough or any(_is_unserved(snapshot, ref) for ref in trouble.points_at):
                yield trouble


def _is_unserved(snapshot: Snapshot, ref: ResourceRef) -> bool:
    """Whether it is a Service that nobody stands behind."""
    service = snapshot.find(ref)
    return isinstance(service, Service) and backing_of(snapshot, service).is_empty


def _trouble(snapshot: Snapshot, container: PodContainer, uptime: float) -> Trouble:
    log = snapshot.log(container.pod, container.name)
    failure = read_failure(log) if log is not None else None
    if failure is not None and failure.signature:
        refinement, story, confidence = failure.signature, explain(snapshot, container, failure), 0.8
    else:
        refinement, story, confidence = _by_command(snapshot, container)
    since = container.running.started_at if container.running is not None else None
    age = describe_age(since, snapshot.taken_at)
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason=f"{REASON}/{refinement}" if refinement else REASON,
        title=f"{container.label} has been running{age} and holds up the pod: {story.phrase}",
        cause=story.cause,
        evidence=tuple(_evidence(snapshot, container, uptime, failure)),
        severity=Severity.CRITICAL if story.points_at or refinement else Severity.WARNING,
        confidence=confidence,
        remedies=(
            read_log(container, of_last_life=False),
            describe_pod(snapshot, container.pod),
            *story.remedies,
            edit_workload(snapshot, container.pod, f"what {container.label} waits for"),
        ),
        points_at=story.points_at,
        is_rough=not refinement,
        since=since,
    )


def _by_command(snapshot: Snapshot, container: PodContainer) -> tuple[str, Explanation, float]:
    """What its command names: (refinement, explanation, confidence)."""
    known: dict[ResourceRef, str] = {}
    for host in hosts_named_in(container.spec):
        target = resolve_host(snapshot, container.pod.namespace, host)
        if target is not None:
            known.setdefault(target, host)
    missing = [ref for ref in known if ref.kind == "Service" and snapshot.find(ref) is None]
    if missing:
        ref = missing[0]
        cause = f"Its command names {known[ref]}, and there is no Service {ref.name} in namespace {ref.namespace}."
        return NO_SUCH_HOST, Explanation(phrase=f"there is no Service {ref.name}", cause=cause, points_at=(ref,)), 0.7
    if known:
        names = " and ".join(str(ref) for ref in known)
        cause = f"Its command names {' and '.join(known.values())}, which is {names}."
        return "", Explanation(phrase=f"it waits for {names}", cause=cause, points_at=tuple(known)), 0.6
    log = snapshot.log(container.pod, container.name)
    last = next((line.strip() for line in reversed(log.lines) if line.strip()), "") if log is not None else ""
    cause = "Neither its log nor its command tells what it waits for; it may also just be slow."
    phrase = f'it last said "{clipped(last, LINE_MAX_CHARS)}"' if last else "for what is not known"
    return "", Explanation(phrase=phrase, cause=cause), 0.5


def _evidence(
    snapshot: Snapshot, container: PodContainer, uptime: float, failure: LoggedFailure | None
) -> Iterator[Evidence]:
    yield Evidence.of(
        snapshot.ref(container.pod),
        "status",
        f"{container.label} has been running for {uptime:.0f} s; the containers after it wait",
        locator=f"{container.field}.state.running",
        observed_at=container.running.started_at if container.running is not None else None,
    )
    yield from log_evidence(snapshot, container, failure)
    if container.command:
        yield spec_evidence(snapshot, container, "command", "the command it runs", container.command)


plugin = AnalyzerPlugin(
    id="init-containers", title="Init containers that hold up a pod", analyze=analyze, scope="workload"
)
