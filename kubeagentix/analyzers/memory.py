"""Containers killed for want of memory: by their own limit, or because the whole node ran out.

Found while waiting, while ended, and while running again: an out-of-memory kill within the hour is worth telling
also of a container that looks well now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.containers import (
    PodContainer,
    containers_in_play,
    ended_recently,
    keeps_ending,
    node_oom_event,
)
from kubeagentix.analysis.heaps import heap_option
from kubeagentix.analysis.limit_defaults import is_set_by_limit_range
from kubeagentix.analysis.present_pods import lifetime_s
from kubeagentix.analysis.troubles import (
    Trouble,
    describe_pod,
    end_evidence,
    event_evidence,
    findings,
    log_evidence,
    spec_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.nodes import Event, PodMetrics
from kubeagentix.domain.pods import TerminatedState
from kubeagentix.domain.quantities import format_bytes, parse_quantity, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot

# A heap this near to the limit leaves no room for what lives outside it (stacks, metaspace, buffers).
_HEAP_SHARE = 0.8


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and container: `OOMKilled` or `OOMKilled/Node`."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in containers_in_play(snapshot):
        end = container.last_end
        if end is None or not ended_recently(container, snapshot.taken_at):
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
        cause += " The template sets no limit: a LimitRange of the namespace does."
    cause += _held_in_memory(container)
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


def _held_in_memory(container: PodContainer) -> str:
    """The volumes of the container whose files lie in memory and count for its limit."""
    mounted = {mount.name for mount in container.spec.volume_mounts}
    names = [
        volume.name
        for volume in container.pod.spec.volumes
        if volume.name in mounted and volume.empty_dir is not None and volume.empty_dir.medium == "Memory"
    ]
    return f" The files in its volume {', '.join(names)} (emptyDir in memory) count for it too." if names else ""


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
    if not limit or container.is_init:
        return reading
    workload = snapshot.workload_of(pod)
    command = f"set resources {workload.kind.lower()}/{workload.name} -c {container.name} --limits=memory="
    more = format_bytes(parse_quantity(limit) * 2)
    return (*reading, kubectl.write("Raise its memory limit", f"{command}{more}", workload.namespace))


plugin = AnalyzerPlugin(id="memory", title="Containers killed for want of memory", analyze=analyze)
