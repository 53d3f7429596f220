"""Probes that fail, and the restarts they cause: what answered, on which port, and whether the probe fits the app.

A startup probe that fails hides liveness, and liveness hides readiness: all three ask the same process. A container
that ends by itself fails its probes too, but that is not the probes' story. Failing is normal while starting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from kubeagentix.analysis.addresses import resolve_host
from kubeagentix.analysis.causes import CONNECTION_SIGNATURES, explain, hosts_named_in
from kubeagentix.analysis.containers import (
    PodContainer,
    ProbeKind,
    events_of,
    failed_hook,
    is_out_of_memory,
    is_start_failure,
    keeps_ending,
    killed_by_probe,
    probe_events,
    probe_of,
    restless_containers,
    uptime_s,
)
from kubeagentix.analysis.logs import LoggedFailure, read_failure
from kubeagentix.analysis.missing_replicas import is_awaited
from kubeagentix.analysis.present_pods import lifetime_s
from kubeagentix.analysis.probe_fit import NO_PROBE_COMES, TIMED_OUT, misfit
from kubeagentix.analysis.refusals import refusals_of
from kubeagentix.analysis.shortfall import START_GRACE_S
from kubeagentix.analysis.signatures import FORBIDDEN
from kubeagentix.analysis.troubles import (
    Trouble,
    clipped,
    describe_pod,
    edit_workload,
    end_evidence,
    event_evidence,
    findings,
    log_evidence,
    read_log,
    sentence,
    spec_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Container, Probe
from kubeagentix.domain.snapshot import Snapshot

_JUST_NOW = timedelta(minutes=5)
_EAGER_S = 90.0  # a life this short may have been spent on starting
_FLAPPING_AFTER_S = 600.0  # a ready container is no longer starting
_FLAPPING_FAILURES = 10

_NOT_UP = re.compile(rf"connection refused|{TIMED_OUT.pattern[4:]}", re.IGNORECASE)
_UNWELL = re.compile(r"statuscode: 5\d\d|NOT_SERVING")

# What a probe's message says, in words: (pattern, words).
_ANSWERS = (
    (r"statuscode: 404", "the path it asks does not exist (404)"),
    (r"statuscode: (401|403)", "it is refused for lack of credentials"),
    (_UNWELL.pattern, "the application itself says that it is not well"),
    (r"statuscode: 400", "the application does not understand the request (often HTTP on an HTTPS port)"),
    (r"statuscode: \d+", "the answer is no success"),
    (r"connection refused", "nothing listens on that port"),
    (r"does not implement the grpc health protocol", "the application speaks no gRPC health protocol"),
    (r"no route to host|network is unreachable", "the pod cannot be reached"),
    (TIMED_OUT.pattern, "no answer within its timeout"),
    (r"server gave HTTP response to HTTPS client", "it asks by HTTPS, and the application speaks HTTP"),
    (r"malformed HTTP|EOF|connection reset", "the answer is no HTTP, or the connection is cut"),
    (r"strconv\.Atoi|couldn't find port|invalid port", "its named port is not a port of the container"),
    (r"executable file not found|exec: .*no such file or directory", "its command is not in the image"),
    (r"exec: .*permission denied", "its command may not be executed"),
)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and container: `Unhealthy/Startup`, `Unhealthy/Liveness` or `Unhealthy/Readiness`."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        kind = _failing(snapshot, container)
        if kind is not None:
            yield _trouble(snapshot, container, kind)


def _failing(snapshot: Snapshot, container: PodContainer) -> ProbeKind | None:
    killer = killed_by_probe(snapshot, container)
    if killer is not None and (keeps_ending(container, snapshot.taken_at) or _was_killed_just_now(snapshot, container)):
        return killer
    if container.running is None or _ends_by_itself(snapshot, container):
        return None
    if _is_startup_overdue(container, snapshot.taken_at):
        return "Startup"
    return "Readiness" if _is_unready(snapshot, container) else None


def _is_startup_overdue(container: PodContainer, now: datetime) -> bool:
    """Whether its startup probe has had all its attempts, and still has not succeeded; events of it may come late."""
    probe, uptime = container.spec.startup_probe, uptime_s(container, now)
    if probe is None or uptime is None or container.status.started is not False:
        return False
    attempts = probe.failure_threshold + 1  # one more, as they do not begin at once
    return uptime > max(START_GRACE_S, probe.initial_delay_seconds + attempts * probe.period_seconds)


def _was_killed_just_now(snapshot: Snapshot, container: PodContainer) -> bool:
    kills = events_of(snapshot, container, "Killing")
    return any(event.seen_at is not None and snapshot.taken_at - event.seen_at <= _JUST_NOW for event in kills)


def _ends_by_itself(snapshot: Snapshot, container: PodContainer) -> bool:
    return keeps_ending(container, snapshot.taken_at) and (
        is_out_of_memory(snapshot, container)
        or is_start_failure(snapshot, container)
        or failed_hook(snapshot, container) is not None
        or killed_by_probe(snapshot, container) is None
    )


def _is_unready(snapshot: Snapshot, container: PodContainer) -> bool:
    probe, events = container.spec.readiness_probe, probe_events(snapshot, container, "Readiness")
    if probe is None:
        return False
    failures, uptime = sum(event.times for event in events), uptime_s(container, snapshot.taken_at) or 0.0
    if container.status.ready:
        return bool(events) and uptime > _FLAPPING_AFTER_S and _is_flapping(events, failures, snapshot.taken_at)
    if container.status.started is False:
        return False  # the startup probe has not let the others begin
    # A restarted container is given less time, as its start was waited for before, and one that is told to be missed.
    is_reported = failures >= probe.failure_threshold
    is_known = is_reported and (container.status.restart_count > 0 or is_awaited(snapshot, container.pod))
    grace_s = 0.0 if is_known else START_GRACE_S
    # Events may come late: a container that is not ready after all this has a probe that fails.
    attempts = 1 if is_reported else probe.failure_threshold
    return uptime > grace_s + probe.initial_delay_seconds + attempts * probe.period_seconds


def _is_flapping(events: tuple[Event, ...], failures: int, now: datetime) -> bool:
    """Whether the probe of a ready container fails now, and again and again."""
    last = events[0].seen_at
    firsts = [event.first_timestamp for event in events if event.first_timestamp is not None]
    hours = (now - min(firsts)).total_seconds() / 3600 if firsts else 0.0
    is_often = failures >= _FLAPPING_FAILURES * max(1.0, hours)  # an event that is seen again is kept for long
    return last is not None and now - last <= _JUST_NOW and is_often


def _trouble(snapshot: Snapshot, container: PodContainer, kind: ProbeKind) -> Trouble:
    events = probe_events(snapshot, container, kind)
    message = events[0].message if events else ""
    probe = probe_of(container, kind)
    log = snapshot.log(container.pod, container.name)
    failure = read_failure(log) if kind == "Readiness" and log is not None and not _is_silent(message) else None
    dependency = failure if failure is not None and _is_dependency(snapshot, container, failure) else None
    words, points_at = _why(snapshot, container, kind, message, dependency)
    unfit = misfit(snapshot, container, probe, message) if probe is not None else ""
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason=f"Unhealthy/{kind}",
        title=f"{container.label} fails its {kind.lower()} probe: {_answer(message, unfit)}",
        cause=" ".join(
            filter(None, (_story(container, kind, message), _told(message), _patience(probe, message), unfit, words))
        ),
        evidence=tuple(_evidence(snapshot, container, kind, events, dependency)),
        severity=Severity.WARNING if kind == "Readiness" and container.status.ready else Severity.CRITICAL,
        confidence=0.9 if events else 0.7 if kind != "Readiness" and container.last_end is not None else 0.8,
        remedies=(
            describe_pod(snapshot, container.pod),
            read_log(container, of_last_life=kind != "Readiness"),
            edit_workload(snapshot, container.pod, _to_correct(container, kind, unfit)),
        ),
        points_at=points_at,
        since=min((event.first_timestamp for event in events if event.first_timestamp), default=None),
    )


def _to_correct(container: PodContainer, kind: ProbeKind, unfit: str) -> str:
    if unfit.endswith(NO_PROBE_COMES):
        return f"the address on which {container.label} listens (0.0.0.0 is all)"
    return f"{kind.lower()}Probe of {container.label}"


def _is_dependency(snapshot: Snapshot, container: PodContainer, failure: LoggedFailure) -> bool:
    """Whether the log tells of something elsewhere: a connection, or a right that the API server denies."""
    is_denied = failure.signature == FORBIDDEN and bool(refusals_of(snapshot, container))
    return is_denied or failure.signature in CONNECTION_SIGNATURES


def _is_silent(message: str) -> bool:
    return re.search(r"connection refused|statuscode: 4\d\d|strconv\.Atoi", message) is not None


def _answer(message: str, unfit: str) -> str:
    if not message:
        return unfit[:1].lower() + unfit[1:].partition(". ")[0].rstrip(".") or "no answer of it was recorded"
    known = (words for pattern, words in _ANSWERS if re.search(pattern, message))
    output = " ".join(message.partition(":")[2].split())
    return next(
        known, clipped(output, 120) or "its command fails, or takes longer than its timeout, and prints nothing"
    )


def _told(message: str) -> str:
    if not message:
        return "The kubelet has not said why yet."
    return f"The kubelet says: {sentence(message)}" if message.partition("ed:")[2].strip() else ""


def _patience(probe: Probe | None, message: str) -> str:
    """For how long a command may run that says nothing: it was perhaps cut off."""
    if probe is None or probe.exec is None or not message or message.partition(":")[2].strip():
        return ""
    return f"The kubelet gives it {probe.timeout_seconds} s (timeoutSeconds), and fails it if it takes longer."


def _story(container: PodContainer, kind: ProbeKind, message: str) -> str:
    if kind == "Readiness":
        return "" if container.status.ready else "The container runs, but gets no traffic until its probe succeeds."
    end = container.last_end
    if end is None:
        return f"The {kind.lower()} probe has not succeeded once, so the container does not count as started."
    seconds = lifetime_s(end)
    after = f" after {seconds:.0f} s" if seconds is not None else ""
    count = container.status.restart_count
    told = f"The kubelet kills and restarts it{after} because the probe fails (restarts: {count})."
    if not message:
        how = f"with exit code {end.exit_code}, as one does that its probe has killed"
        told = f"It ended{after} {how} (restarts: {count})."
    probe = probe_of(container, kind)
    is_eager = seconds is not None and seconds <= _EAGER_S and container.spec.startup_probe is None
    has_answered = bool(message) and not _NOT_UP.search(message)
    if kind != "Liveness" or probe is None or not is_eager or has_answered or container.status.ready:
        return told
    return f"{told} If it only needs longer to start than that, a startupProbe would give it the time."


def _why(
    snapshot: Snapshot, container: PodContainer, kind: ProbeKind, message: str, dependency: LoggedFailure | None
) -> tuple[str, tuple[ResourceRef, ...]]:
    """What the container depends on, in words and as objects: by its log, by the probe's command, by its settings."""
    if dependency is not None:
        story = explain(snapshot, container, dependency)
        return story.cause, story.points_at
    probe = probe_of(container, kind)
    if probe is not None and probe.exec is not None:
        asked, where = Container(command=probe.exec.command), "The probe's command"
    elif kind == "Readiness" and _UNWELL.search(message):
        asked, where = container.spec, "What its command and env"
    else:
        return "", ()
    hosts = {host: resolve_host(snapshot, container.pod.namespace, host) for host in hosts_named_in(asked)}
    known = tuple(
        dict.fromkeys(ref for ref in hosts.values() if ref is not None and not _is_behind(snapshot, ref, container))
    )
    verb = "names" if probe is not None and probe.exec is not None else "name:"
    return (f"{where} {verb} {' and '.join(str(ref) for ref in known)}.", known) if known else ("", ())


def _is_behind(snapshot: Snapshot, ref: ResourceRef, container: PodContainer) -> bool:
    """Whether the pod itself is what stands behind that Service."""
    service = snapshot.find(ref)
    selector = service.spec.selector if isinstance(service, Service) else {}
    return bool(selector) and selector.items() <= container.pod.metadata.labels.items()


def _evidence(
    snapshot: Snapshot,
    container: PodContainer,
    kind: ProbeKind,
    events: tuple[Event, ...],
    dependency: LoggedFailure | None,
) -> Iterator[Evidence]:
    for event in events[:2]:
        yield event_evidence(snapshot, event, container.pod)
    probe, end = probe_of(container, kind), container.last_end
    if kind == "Readiness":
        yield Evidence.of(
            snapshot.ref(container.pod),
            "status",
            f"{container.label} is {'' if container.status.ready else 'not '}ready",
            locator=f"{container.field}.ready",
        )
    elif end is not None:
        yield end_evidence(snapshot, container, end, f"was ended by the kubelet with exit code {end.exit_code}")
        yield from (event_evidence(snapshot, event, container.pod) for event in _kills(snapshot, container)[:1])
    if probe is not None:
        yield spec_evidence(snapshot, container, f"{kind.lower()}Probe", _spelled(probe))
    if dependency is not None:
        yield from log_evidence(snapshot, container, dependency)


def _kills(snapshot: Snapshot, container: PodContainer) -> tuple[Event, ...]:
    return tuple(event for event in events_of(snapshot, container, "Killing") if "probe" in event.message)


def _spelled(probe: Probe) -> str:
    if probe.http_get is not None:
        action = f"GET {probe.http_get.scheme or 'HTTP'}://POD:{probe.http_get.port}{probe.http_get.path or '/'}"
    elif probe.exec is not None:
        action = f"exec {' '.join(probe.exec.command)}"
    else:
        action = f"{'gRPC' if probe.grpc is not None else 'TCP'} port {probe.port}"
    return (
        f"{action}, first after {probe.initial_delay_seconds} s, every {probe.period_seconds} s, "
        f"timeout {probe.timeout_seconds} s, {probe.failure_threshold} failures"
    )


plugin = AnalyzerPlugin(id="probes", title="Probes that fail", analyze=analyze, scope="workload")
