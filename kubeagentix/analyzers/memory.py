"""Containers killed for want of memory: by their own limit, or because the whole node ran out.

Found while waiting, while ended, and while running again: an out-of-memory kill within the hour is worth telling
also of a container that looks well now. Where a child is killed and the first process lives on, only the log tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.containers import (
    RECENT,
    PodContainer,
    ended_recently,
    keeps_ending,
    node_oom_event,
    restless_containers,
)
from kubeagentix.analysis.heaps import heap_option
from kubeagentix.analysis.limit_defaults import giver_of_limit, is_set_by_limit_range
from kubeagentix.analysis.memory_files import about_files_in_memory
from kubeagentix.analysis.present_pods import lifetime_s
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
    spec_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.nodes import Event, PodMetrics
from kubeagentix.domain.pods import TerminatedState
from kubeagentix.domain.quantities import format_bytes, parse_quantity, quantity_or_zero
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

# A heap this near to the limit leaves no room for what lives outside it (stacks, metaspace, buffers).
_HEAP_SHARE = 0.8
LINE_MAX_CHARS = 200
# How shells, and masters of workers, say that a child was ended by signal 9: BusyBox and dash, bash, nginx and php-fpm,
# uWSGI, PostgreSQL, Celery, Gunicorn. The last kills those itself that take too long, and says so before.
_CHILD_KILLED = re.compile(
    r"^(?:\S+: line \d+: +\d+ )?Killed(?:  .*)?$"
    r"|\b(?:exited on|killed by|terminated by|exited with '?)\s*signal 9\b"
    r"|was sent SIGKILL! Perhaps out of memory"
)
_TIMED_OUT = re.compile(r"WORKER TIMEOUT")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and container: `OOMKilled`, `OOMKilled/Node` or `OOMKilled/Process`."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        end = container.last_end
        if end is None or not ended_recently(container, snapshot.taken_at):
            kill = _last_kill(snapshot, container)
            if kill is not None:
                yield _killed_inside(snapshot, container, *kill)
            continue
        event = node_oom_event(snapshot, container)
        if event is not None and (end.reason != "OOMKilled" or not _limit(container)):
            yield _killed_with_node(snapshot, container, end, event)
        elif end.reason == "OOMKilled":
            yield _killed_by_limit(snapshot, container, end)


def _killed_by_limit(snapshot: Snapshot, container: PodContainer, end: TerminatedState) -> Trouble:
    limit = _limit(container)
    heap = heap_option(container.spec)
    cause = (
        f"Its memory limit is {format_bytes(limit)}, and it needed more{_within(end)}."
        if limit
        else "It has no memory limit of its own, so the limit of its pod or the node's memory was reached."
    )
    if heap and limit and heap[1] >= _HEAP_SHARE * limit:
        cause += f" {heap[0]} allows a heap of {format_bytes(heap[1])}, which does not fit into the limit."
    if limit and is_set_by_limit_range(container.pod, "memory", "limit", container.name):
        amount = container.spec.resources.limits["memory"]
        giver = giver_of_limit(snapshot, container.pod.namespace, "memory", amount)
        named = f"LimitRange {giver.name}" if giver is not None else "a LimitRange"
        cause += f" The template sets no limit: {named} of the namespace does."
    cause += about_files_in_memory(container.pod, container.spec)
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason="OOMKilled",
        title=f"{container.label} is killed for using more memory than {format_bytes(limit) if limit else 'there is'}",
        cause=cause,
        evidence=tuple(_evidence(snapshot, container, end)),
        severity=_severity(snapshot, container),
        confidence=0.95,
        remedies=_remedies(snapshot, container, limit),
        points_at=() if limit else _node(snapshot, container),
    )


def _killed_inside(snapshot: Snapshot, container: PodContainer, at: int, log: ContainerLog) -> Trouble:
    """A process that was killed while the container's first one, a shell or a master of workers, lives on."""
    limit, line = _limit(container), log.lines[at].strip()
    files = about_files_in_memory(container.pod, container.spec)
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason="OOMKilled/Process",
        title=f"a process in {container.label} was killed (signal 9), and the container lives on without it",
        cause=f'Its log says: "{clipped(line, LINE_MAX_CHARS)}". So the kernel ends what exceeds the memory limit '
        f"({format_bytes(limit)}), or somebody by hand; as the container did not end, no status tells.{files}",
        evidence=(
            Evidence.of(
                snapshot.ref(container.pod),
                "log",
                clipped(line, LINE_MAX_CHARS),
                excerpt="\n".join(log.lines[max(0, at - 2) : at + 3]),
                locator=f"log/{container.name}",
                observed_at=log.time_of(at),
            ),
            spec_evidence(snapshot, container, "resources.limits.memory", f"memory limit: {format_bytes(limit)}"),
            *_usage(snapshot, container),
        ),
        severity=Severity.WARNING,
        confidence=0.7 if files else 0.6,
        remedies=(read_log(container, of_last_life=False), *_remedies(snapshot, container, limit)),
        since=log.time_of(at),
    )


def _last_kill(snapshot: Snapshot, container: PodContainer) -> tuple[int, ContainerLog] | None:
    """Where the log of a container that runs under a memory limit tells of a killed process, within the hour."""
    log = snapshot.log(container.pod, container.name) if container.running is not None and _limit(container) else None
    if log is None or any(_TIMED_OUT.search(line) for line in log.lines):
        return None
    found = [at for at, line in enumerate(log.lines) if len(line) < LINE_MAX_CHARS and _CHILD_KILLED.search(line)]
    moment = log.time_of(found[-1]) if found else None
    is_old = moment is not None and snapshot.taken_at - moment > RECENT
    return (found[-1], log) if found and not is_old else None


def _killed_with_node(snapshot: Snapshot, container: PodContainer, end: TerminatedState, event: Event) -> Trouble:
    node = container.pod.spec.node_name
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason="OOMKilled/Node",
        title=f"{container.label} was killed because node {node} ran out of memory",
        cause=f"When it was killed (exit code 137), node {node} reported: {event.message[:200]}",
        evidence=(
            event_evidence(snapshot, event, _node(snapshot, container)[0]),
            *_evidence(snapshot, container, end),
        ),
        severity=_severity(snapshot, container),
        confidence=0.75,
        remedies=(
            kubectl.read("See who uses the node's memory", f"top pods -A --field-selector spec.nodeName={node}"),
        ),
        points_at=_node(snapshot, container),
    )


def _within(end: TerminatedState) -> str:
    seconds = lifetime_s(end)
    return f" within {seconds:.0f} s of its start" if seconds is not None else ""


def _severity(snapshot: Snapshot, container: PodContainer) -> Severity:
    is_down = keeps_ending(container, snapshot.taken_at) or not container.status.ready
    return Severity.CRITICAL if is_down else Severity.WARNING


def _limit(container: PodContainer) -> float:
    return quantity_or_zero(container.spec.resources.limits.get("memory"))


def _evidence(snapshot: Snapshot, container: PodContainer, end: TerminatedState) -> Iterator[Evidence]:
    words = f"was killed: {end.reason}, exit code {end.exit_code}"
    yield end_evidence(snapshot, container, end, words)
    limit = container.spec.resources.limits.get("memory")
    yield spec_evidence(snapshot, container, "resources.limits.memory", f"memory limit: {limit or 'none'}")
    heap = heap_option(container.spec)
    if heap is not None:
        yield spec_evidence(snapshot, container, "env", f"heap limit: {heap[0]}")
    yield from _usage(snapshot, container)
    yield from log_evidence(snapshot, container, None)


def _usage(snapshot: Snapshot, container: PodContainer) -> Iterator[Evidence]:
    metrics = snapshot.get(PodMetrics, container.pod.namespace, container.pod.name)
    for item in metrics.containers if metrics is not None else ():
        if item.name == container.name and "memory" in item.usage:
            used = format_bytes(quantity_or_zero(item.usage["memory"]))
            yield Evidence.of(
                snapshot.ref(container.pod),
                "metric",
                f"{container.label} uses {used} of memory now",
                locator=f"metrics.k8s.io/{container.name}/memory",
                observed_at=metrics.timestamp if metrics is not None else None,
            )


def _node(snapshot: Snapshot, container: PodContainer) -> tuple[ResourceRef, ...]:
    return (snapshot.named("Node", "", container.pod.spec.node_name),) if container.pod.spec.node_name else ()


def _remedies(snapshot: Snapshot, container: PodContainer, limit: float) -> tuple[Remedy, ...]:
    pod = container.pod
    reading = (
        kubectl.read("See what it uses", f"top pod {pod.name} --containers", pod.namespace),
        describe_pod(snapshot, pod),
    )
    if not limit:
        return reading
    if container.is_init:  # older kubectls set the resources of no init container
        return (*reading, edit_workload(snapshot, pod, f"resources.limits.memory of {container.label}"))
    workload = snapshot.workload_of(pod)
    command = f"set resources {workload.kind.lower()}/{workload.name} -c {container.name} --limits=memory="
    more = format_bytes(parse_quantity(limit) * 2)
    return (*reading, kubectl.write("Raise its memory limit", f"{command}{more}", workload.namespace))


plugin = AnalyzerPlugin(id="memory", title="Containers killed for want of memory", analyze=analyze, scope="workload")
