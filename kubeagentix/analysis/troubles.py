"""From what is wrong in each pod to one finding per workload: replicas share a fault, so they share a finding.

An analyzer yields a Trouble per pod; `findings` groups them by workload, container and reason, says how many pods
have it, and shows the evidence of a few. A trouble whose reason is known only roughly (a log was not read) joins
its siblings for which it is known exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import older_ready_pods, still_serving
from kubeagentix.analysis.containers import PodContainer, logs_of_last_life
from kubeagentix.analysis.logs import EXCERPT_LINES, LoggedFailure, read_failure
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod, TerminatedState
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

SHOWN_PODS = 3
EXCERPT_MAX_CHARS = 600
LOG_EXCERPT_MAX_CHARS = 1800  # twelve lines of a log are worth more room than a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong in one pod. `part` is the container's or volume's name that it is about.

    `title` and `cause` are whole phrases without the number of pods. `is_rough` marks a reason that a better
    informed sibling may replace.
    """

    pod: Pod
    part: str
    reason: str
    title: str
    cause: str
    evidence: tuple[Evidence, ...]
    severity: Severity = Severity.CRITICAL
    confidence: float = 0.9
    remedies: tuple[Remedy, ...] = ()
    points_at: tuple[ResourceRef, ...] = ()
    is_symptom: bool = False
    is_rough: bool = False
    since: datetime | None = None


def findings(snapshot: Snapshot, analyzer: str, troubles: Iterable[Trouble]) -> Iterator[Finding]:
    """One Finding per workload, part and reason, in the order in which the troubles come."""
    parts: dict[tuple[ResourceRef, str], list[Trouble]] = defaultdict(list)
    for trouble in troubles:
        parts[(snapshot.workload_of(trouble.pod), trouble.part)].append(trouble)
    for (workload, part), members in parts.items():
        for group in _by_reason(members):
            yield _finding(snapshot, analyzer, workload, part, group)


def _by_reason(members: Sequence[Trouble]) -> list[list[Trouble]]:
    exact = Counter(trouble.reason for trouble in members if not trouble.is_rough)
    commonest = max(exact, key=lambda reason: exact[reason]) if exact else None
    groups: dict[str, list[Trouble]] = defaultdict(list)
    for trouble in sorted(members, key=lambda trouble: trouble.is_rough):
        groups[commonest if commonest is not None and trouble.is_rough else trouble.reason].append(trouble)
    return list(groups.values())


def _finding(snapshot: Snapshot, analyzer: str, workload: ResourceRef, part: str, group: Sequence[Trouble]) -> Finding:
    lead = max(group, key=lambda trouble: trouble.confidence)
    shown = [lead, *(trouble for trouble in group if trouble is not lead)][:SHOWN_PODS]
    points_at = dict.fromkeys(ref for trouble in group for ref in trouble.points_at)
    return Finding.of(
        analyzer=analyzer,
        reason=lead.reason,
        ref=workload,
        title=f"{lead.title}{_count(snapshot, workload, group)}",
        severity=max((trouble.severity for trouble in group), key=lambda severity: severity.rank),
        confidence=lead.confidence,
        cause=lead.cause,
        evidence=tuple({item.id: item for trouble in shown for item in trouble.evidence}.values()),
        remedies=lead.remedies,
        points_at=tuple(points_at),
        is_symptom=lead.is_symptom,
        since=min((trouble.since for trouble in group if trouble.since is not None), default=None),
        detail=part,
    )


def _count(snapshot: Snapshot, workload: ResourceRef, group: Sequence[Trouble]) -> str:
    if workload.kind == "Pod":
        return ""
    affected = {trouble.pod.name for trouble in group}
    living = {
        pod.name for pod in snapshot.pods_of(workload) if not pod.is_terminating and pod.status.phase != "Succeeded"
    }
    total = len(living | affected)
    older = len(older_ready_pods(snapshot, tuple(trouble.pod for trouble in group)))
    return f" ({len(affected)} of {total} pod{'s' if total != 1 else ''}{still_serving(older)})"


def event_evidence(snapshot: Snapshot, event: Event, about: Resource | ResourceRef) -> Evidence:
    """An event as evidence."""
    ref = snapshot.ref(about) if isinstance(about, Resource) else about
    times = f", {event.times} times" if event.times > 1 else ""
    return Evidence.of(
        ref,
        "event",
        f"{event.type or 'Event'} {event.reason}{times}",
        excerpt=clipped(event.message),
        locator=f"event/{event.reason}",
        observed_at=event.seen_at,
    )


def waiting_evidence(snapshot: Snapshot, container: PodContainer) -> Evidence:
    """The waiting state of a container as evidence."""
    waiting = container.waiting
    reason, message = (waiting.reason, waiting.message) if waiting is not None else ("", "")
    return Evidence.of(
        snapshot.ref(container.pod),
        "status",
        f"{container.label} is waiting: {reason}",
        excerpt=clipped(message),
        locator=f"{container.field}.state.waiting",
    )


def end_evidence(snapshot: Snapshot, container: PodContainer, end: TerminatedState, words: str) -> Evidence:
    """How a container ended as evidence; `words` tell it, such as "ended after 3 s with exit code 1"."""
    restarts = container.status.restart_count
    return Evidence.of(
        snapshot.ref(container.pod),
        "status",
        f"{container.label} {words}; {restarts} restart{'s' if restarts != 1 else ''}",
        excerpt=clipped(end.message),
        locator=container.last_end_field,
        observed_at=end.finished_at,
    )


def spec_evidence(snapshot: Snapshot, container: PodContainer, field: str, summary: str, excerpt: str = "") -> Evidence:
    """A field of a container's spec as evidence."""
    place = "initContainers" if container.is_init else "containers"
    return Evidence.of(
        snapshot.ref(container.pod),
        "spec",
        summary,
        excerpt=clipped(excerpt),
        locator=f"spec.{place}[{container.name}].{field}",
    )


def log_evidence(snapshot: Snapshot, container: PodContainer, failure: LoggedFailure | None) -> tuple[Evidence, ...]:
    """What the log says of the failure, or its last lines; nothing where no log was read."""
    logs = logs_of_last_life(snapshot, container)
    if failure is not None:
        log = next((log for log in logs if read_failure(log) == failure), logs[0] if logs else None)
        return (_log(snapshot, container, log, failure.line, failure.excerpt, at=failure.last_at),)
    if not logs:
        return ()
    at = logs[0].time_of(len(logs[0].lines) - 1)
    return (_log(snapshot, container, logs[0], "the last lines of its log", logs[0].lines[-EXCERPT_LINES:], at=at),)


def _log(
    snapshot: Snapshot,
    container: PodContainer,
    log: ContainerLog | None,
    summary: str,
    lines: Sequence[str],
    *,
    at: datetime | None,
) -> Evidence:
    previous = " (previous)" if log is not None and log.is_previous else ""
    return Evidence.of(
        snapshot.ref(container.pod),
        "log",
        clipped(summary, 200),
        excerpt=clipped("\n".join(lines), LOG_EXCERPT_MAX_CHARS),
        locator=f"log/{container.name}{previous}",
        observed_at=at,
    )


def clipped(text: str, max_chars: int = EXCERPT_MAX_CHARS) -> str:
    """Text cut to `max_chars`."""
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"


def sentence(text: str, max_chars: int = 300) -> str:
    """`text` cut to `max_chars`, on one line, and ended as a sentence is, so that another can follow."""
    line = clipped(" ".join(text.split()), max_chars)
    return line if line.endswith((".", "…", "!", "?")) else f"{line}."


def describe_pod(snapshot: Snapshot, pod: Pod) -> Remedy:
    """Look at the pod and its events."""
    return kubectl.describe(snapshot.ref(pod))


def read_log(container: PodContainer, *, of_last_life: bool = True) -> Remedy:
    """Read the log of the container's last life, or of its present one."""
    has_both = container.running is not None and container.status.last_state.terminated is not None
    previous = " --previous" if of_last_life and has_both else ""
    return kubectl.read(
        "Read its log", f"logs {container.pod.name} -c {container.name}{previous} --tail=100", container.pod.namespace
    )


def edit_workload(snapshot: Snapshot, pod: Pod, what: str) -> Remedy:
    """Correct `what` in the manifest of the pod's workload."""
    return kubectl.edit(snapshot.workload_of(pod), f"Correct {what}")
