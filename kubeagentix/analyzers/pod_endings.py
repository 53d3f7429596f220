"""Pods that were ended from outside: evicted, preempted, refused by the kubelet, or stuck while being deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.restless import pods_to_mind
from kubeagentix.analysis.shortfall import earliest, format_duration, is_older_than
from kubeagentix.analysis.troubles import sentence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import condition
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "pod-endings"
EXCERPT_CHARS = 600
PODS_SHOWN = 3
LEFTOVER_S = 3600.0  # an ended pod this old, of a workload that is well, is litter and no trouble
DELETION_GRACE_S = 60.0  # past the deletion timestamp, which already holds the pod's own grace period

# By the word in the eviction manager's message; its conditions are named when a pod is refused outright.
# Source: pkg/kubelet/eviction/helpers.go, and the local storage limits in eviction_manager.go.
_EVICTION_RESOURCES = (
    (re.compile(r"resource: \S*inodes|inodesFree", re.IGNORECASE), "Inodes"),
    (re.compile(r"resource: \S*pids?\b|PIDPressure"), "Pid"),
    (re.compile(r"resource: \S*memory|MemoryPressure"), "Memory"),
    (
        re.compile(r"ephemeral[- ](?:local )?storage|resource: \S*(?:nodefs|imagefs)|DiskPressure|EmptyDir volume"),
        "EphemeralStorage",
    ),
)
_NODE_WIDE = re.compile(r"low on resource|node had condition")
_KNOWN = {
    "OutOfcpu": "OutOfCpu",
    "OutOfmemory": "OutOfMemory",
    "OutOfpods": "OutOfPods",
    "Preempting": "Preempted",
    "Preempted": "Preempted",
    "NodeLost": "NodeLost",
    "UnexpectedAdmissionError": "UnexpectedAdmissionError",
}
_SHUTDOWN_REASONS = ("NodeShutdown", "Shutdown", "Terminated")
_WITH_THE_NODE = ("NodeShutdown", "NodeLost")
# `DisruptionTarget` (1.26 and later) says who ended a pod, in a word; what `status.reason` says goes first.
_DISRUPTIONS = {
    "PreemptionByScheduler": "Preempted",
    "DeletionByPodGC": "NodeLost",
    "DeletionByTaintManager": "NodeLost",
}


@dataclass(frozen=True, slots=True)
class _Ending:
    """Why a pod ended: the finding's reason, and the node if the node's own trouble did it."""

    reason: str
    node: str = ""


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and kind of ending; leftovers of a workload that is well again are `info`."""
    yield from _ended(snapshot)
    yield from _blocked(snapshot)
    yield from _stuck(snapshot)


def _ended(snapshot: Snapshot) -> Iterator[Finding]:
    pairs = (
        (pod, ending.reason)
        for pod in pods_to_mind(snapshot)
        if (ending := _ending(pod)) and not affected.belongs_to_completed_job(snapshot, pod)
    )
    for (workload, _), pods in affected.group(snapshot, pairs).items():
        yield _ended_finding(snapshot, workload, pods)


def _ending(pod: Pod) -> _Ending | None:
    if pod.status.phase == "Failed" and pod.status.reason:
        return _failed_ending(pod)
    if pod.status.reason == "NodeLost":
        return _Ending("NodeLost", pod.spec.node_name)
    disruption = condition(pod.status.conditions, "DisruptionTarget")
    if disruption is not None and disruption.status == "True" and (pod.is_finished or pod.is_terminating):
        reason = _DISRUPTIONS.get(disruption.reason, "")
        return _Ending(reason, pod.spec.node_name if reason == "NodeLost" else "") if reason else None
    return None


def _failed_ending(pod: Pod) -> _Ending | None:
    reason, message, node = pod.status.reason, pod.status.message, pod.spec.node_name
    if reason == "Evicted":
        return _eviction(message, node)
    if reason in _SHUTDOWN_REASONS and "shut" in message.lower():
        return _Ending("NodeShutdown", node)
    if reason == "DeadlineExceeded":  # of a Job's pod, the Job says so itself
        return _Ending("DeadlineExceeded") if pod.controller is None else None
    if reason in _KNOWN:
        return _Ending(_KNOWN[reason], node if reason == "NodeLost" else "")
    # The kubelet would not have it, so no container ever ran.
    return None if pod.status.container_statuses else _Ending(f"UnexpectedAdmissionError/{reason}")


def _eviction(message: str, node: str) -> _Ending:
    word = next((word for form, word in _EVICTION_RESOURCES if form.search(message)), "")
    return _Ending(f"Evicted/{word}" if word else "Evicted", node if _NODE_WIDE.search(message) else "")


def _ended_at(snapshot: Snapshot, pod: Pod) -> datetime | None:
    moments = [
        status.state.terminated.finished_at
        for _, status, _ in pod.containers()
        if status is not None and status.state.terminated is not None
    ]
    moments += [event.seen_at for event in snapshot.events_for(pod) if event.reason == pod.status.reason]
    for name in ("DisruptionTarget", "Ready"):
        found = condition(pod.status.conditions, name)
        moments.append(found.last_transition_time if found and found.status != "Unknown" else None)
    known = [moment for moment in moments if moment is not None]
    return max(known, default=pod.status.start_time or pod.metadata.creation_timestamp)


def _ended_finding(snapshot: Snapshot, workload: ResourceRef, pods: tuple[Pod, ...]) -> Finding:
    newest = max(pods, key=lambda pod: moment.timestamp() if (moment := _ended_at(snapshot, pod)) else 0.0)
    endings = {pod.name: ending for pod in pods if (ending := _ending(pod))}
    ending = endings[newest.name]
    nodes = tuple(snapshot.named("Node", "", name) for name in sorted({item.node for item in endings.values()} - {""}))
    count = f"{len(pods)} pod{'s were' if len(pods) > 1 else ' was'}" if workload.kind != "Pod" else "it was"
    return Finding.of(
        analyzer=ID,
        reason=ending.reason,
        ref=workload,
        title=f"{workload}: {count} {_participle(newest, ending)}",
        severity=_ended_severity(snapshot, workload, ending, _ended_at(snapshot, newest)),
        confidence=0.95,
        cause=_ended_cause(newest, ending),
        evidence=tuple(_ended_evidence(snapshot, pods)),
        remedies=(
            kubectl.describe(snapshot.ref(newest)),
            *(kubectl.describe(node) for node in nodes[:1]),
            *_relief(workload, newest, ending),
            *_litter(workload, pods),
        ),
        points_at=nodes,
        since=earliest(_ended_at(snapshot, pod) for pod in pods),
    )


def _ended_severity(snapshot: Snapshot, workload: ResourceRef, ending: _Ending, last: datetime | None) -> Severity:
    if workload.kind == "Pod":  # nobody makes a bare pod anew
        return Severity.CRITICAL
    is_old = is_older_than(last, LEFTOVER_S, snapshot.taken_at)
    is_well = affected.is_healthy(snapshot, workload)
    # Machines come and go, so where a pod was replaced that left with its node, all is as it should be.
    if (is_old or ending.reason in _WITH_THE_NODE) and (is_well or _is_replaced(snapshot, workload, last)):
        return Severity.INFO
    if is_well and ending.reason == "Preempted":
        return Severity.INFO
    if is_old:
        return Severity.WARNING
    is_serving = any(pod.is_ready for pod in affected.live_pods(snapshot, workload))
    return Severity.WARNING if is_serving else Severity.CRITICAL


def _relief(workload: ResourceRef, pod: Pod, ending: _Ending) -> Iterator[Remedy]:
    """Of an eviction that a limit of the pod's own asked for: the limit to raise."""
    if ending.node or not ending.reason.startswith("Evicted/"):
        return
    volume = re.search(r'EmptyDir volume "([^"]+)"', pod.status.message)
    what = f"the sizeLimit of volume {volume[1]}" if volume is not None else "the limit that it went over"
    yield kubectl.edit(workload, f"Raise {what}, or write less")


def _is_replaced(snapshot: Snapshot, workload: ResourceRef, last: datetime | None) -> bool:
    """Whether pods made since are there, so that what ails the workload now is another story."""
    made = (pod.metadata.creation_timestamp for pod in affected.live_pods(snapshot, workload))
    return last is not None and any(moment is not None and moment > last for moment in made)


def _participle(pod: Pod, ending: _Ending) -> str:
    word, _, resource = ending.reason.partition("/")
    lack = {"EphemeralStorage": "ephemeral storage", "Pid": "process ids"}.get(resource, resource.lower())
    return {
        "Evicted": "evicted" + (f" for want of {lack}" if lack else ""),
        "Preempted": "preempted",
        "NodeShutdown": "ended by the shutdown of the node",
        "NodeLost": "lost with the node",
        "DeadlineExceeded": "ended at its activeDeadlineSeconds",
    }.get(word, f"refused by the kubelet ({pod.status.reason})")


def _ended_cause(pod: Pod, ending: _Ending) -> str:
    node = pod.spec.node_name or "its node"
    said = excerpt(pod.status.message, 200) or _disruption_message(pod)
    no_room = f"The pod was bound to {node} (by nodeName, perhaps), which has no room for it"
    words = {
        "Evicted": f"Node {node} ran short, and the kubelet evicted pods to save it"
        if ending.node
        else "The kubelet evicted the pod for going over its own limit",
        "Preempted": f"A pod of higher priority needed the place on {node}",
        "NodeShutdown": f"Node {node} was shutting down",
        "NodeLost": f"Node {node} stopped answering or is gone",
        "DeadlineExceeded": f"The pod ran longer than its activeDeadlineSeconds ({pod.spec.active_deadline_seconds})",
        "OutOfCpu": no_room,
        "OutOfMemory": no_room,
        "OutOfPods": no_room,
    }.get(ending.reason.partition("/")[0], f"The kubelet on {node} did not admit the pod ({pod.status.reason})")
    return f"{words}: {said}"


def _disruption_message(pod: Pod) -> str:
    found = condition(pod.status.conditions, "DisruptionTarget")
    return excerpt(found.message, 200) if found else "no message"


def _ended_evidence(snapshot: Snapshot, pods: tuple[Pod, ...]) -> Iterator[Evidence]:
    for pod in pods[:PODS_SHOWN]:
        disruption = condition(pod.status.conditions, "DisruptionTarget")
        word = pod.status.reason or (disruption.reason if disruption else "")
        yield Evidence.of(
            snapshot.ref(pod),
            "status",
            f"{pod.name} on {pod.spec.node_name or 'no node'}: {word}",
            excerpt=excerpt(pod.status.message, EXCERPT_CHARS) or _disruption_message(pod),
            locator="status.reason" if pod.status.reason else "status.conditions[DisruptionTarget]",
            observed_at=_ended_at(snapshot, pod),
        )


def _blocked(snapshot: Snapshot) -> Iterator[Finding]:
    """Pods that the kubelet keeps without starting them, for want of something on the node (as AppArmor up to 1.29).

    Source: canRunPod and softAdmitHandlers in pkg/kubelet/kubelet.go.
    """
    pairs = (
        (pod, pod.status.reason)
        for pod in pods_to_mind(snapshot)
        if pod.status.phase == "Pending"
        and pod.spec.node_name
        and not pod.is_terminating
        and pod.status.reason not in ("", *_KNOWN)
    )
    for (workload, reason), pods in affected.group(snapshot, pairs).items():
        lead = pods[0]
        who = "it is" if workload.kind == "Pod" else affected.share(snapshot, workload, pods)
        yield Finding.of(
            analyzer=ID,
            reason=f"UnexpectedAdmissionError/{reason}",
            ref=workload,
            title=f"{workload}: {who} held back by the kubelet of {lead.spec.node_name} ({reason})",
            severity=affected.severity(snapshot, workload, pods),
            confidence=0.9,
            cause=f"The kubelet says: {sentence(lead.status.message or 'nothing more')}",
            evidence=tuple(_ended_evidence(snapshot, pods)),
            remedies=(kubectl.describe(snapshot.ref(lead)), kubectl.edit(workload, "Ask for what the node can give")),
            since=earliest(pod.status.start_time for pod in pods),
            detail=lead.spec.node_name,
        )


def _litter(workload: ResourceRef, pods: tuple[Pod, ...]) -> tuple[Remedy, ...]:
    if workload.kind == "Pod" or not all(pod.is_finished for pod in pods):
        return ()
    names = " ".join(pod.name for pod in pods[:PODS_SHOWN])
    return (kubectl.write("Remove pods that are left over", f"delete pod {names}", workload.namespace),)


def _stuck(snapshot: Snapshot) -> Iterator[Finding]:
    pairs = (
        (pod, _hold(snapshot, pod))
        for pod in pods_to_mind(snapshot)
        if pod.metadata.deletion_timestamp is not None
        and is_older_than(pod.metadata.deletion_timestamp, DELETION_GRACE_S, snapshot.taken_at)
    )
    for (workload, reason), pods in affected.group(snapshot, pairs).items():
        yield _stuck_finding(snapshot, workload, reason, pods)


def _hold(snapshot: Snapshot, pod: Pod) -> str:
    """What keeps a pod that should be gone."""
    if pod.spec.node_name and not _has_ended(pod) and _is_node_down(snapshot, pod.spec.node_name):
        return "Terminating/NodeNotReady"
    if pod.metadata.finalizers and (_has_ended(pod) or pod.metadata.deletion_grace_period_seconds == 0):
        return "Terminating/Finalizer"
    return "Terminating"


def _has_ended(pod: Pod) -> bool:
    statuses = pod.status.container_statuses
    return pod.is_finished or not pod.spec.node_name or all(item.state.running is None for item in statuses)


def _is_node_down(snapshot: Snapshot, name: str) -> bool:
    node = snapshot.get(Node, "", name)
    if node is None:
        return snapshot.was_read(Node, name=name)
    ready = condition(node.status.conditions, "Ready")
    return ready is not None and ready.status != "True"


def _stuck_finding(snapshot: Snapshot, workload: ResourceRef, reason: str, pods: tuple[Pod, ...]) -> Finding:
    since = earliest(item.metadata.deletion_timestamp for item in pods)
    age = format_duration((snapshot.taken_at - since).total_seconds()) if since else "long"
    who = affected.share(snapshot, workload, pods) if workload.kind != "Pod" else "it is"
    names = dict.fromkeys(item.spec.node_name for item in pods if item.spec.node_name)
    nodes = tuple(snapshot.named("Node", "", name) for name in names)
    is_serving = any(item.is_ready for item in affected.live_pods(snapshot, workload))
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=workload,
        title=f"{workload}: {who} stuck in deletion, {age} overdue",
        severity=Severity.WARNING if is_serving or reason == "Terminating/Finalizer" else Severity.CRITICAL,
        confidence=0.6 if reason == "Terminating" else 0.9,
        cause=_stuck_cause(pods[0], reason),
        evidence=tuple(_stuck_evidence(snapshot, pods)),
        remedies=_stuck_remedies(snapshot, pods[0], reason, nodes),
        points_at=nodes if reason == "Terminating/NodeNotReady" else (),
        since=since,
    )


def _stuck_evidence(snapshot: Snapshot, pods: tuple[Pod, ...]) -> Iterator[Evidence]:
    for pod in pods[:PODS_SHOWN]:
        yield Evidence.of(
            snapshot.ref(pod),
            "status",
            f"{pod.name} should have been gone since {pod.metadata.deletion_timestamp:%Y-%m-%d %H:%M:%S}Z",
            excerpt=f"finalizers: {', '.join(pod.metadata.finalizers) or 'none'}",
            locator="metadata.deletionTimestamp",
            observed_at=pod.metadata.deletion_timestamp,
        )


def _stuck_remedies(snapshot: Snapshot, pod: Pod, reason: str, nodes: tuple[ResourceRef, ...]) -> tuple[Remedy, ...]:
    look = kubectl.describe(snapshot.ref(pod))
    if reason == "Terminating/Finalizer":
        edit = kubectl.edit(snapshot.ref(pod), "Remove the finalizers by hand", why="only if their controller is gone")
        return (look, edit)
    force = kubectl.write(
        "Let the pod go without its node's word",
        f"delete pod {pod.name} --grace-period=0 --force",
        pod.namespace,
        why="only when its process is known to be gone: a StatefulSet's pod must not run twice",
    )
    return (look, *(kubectl.describe(node) for node in nodes[:1]), force)


def _stuck_cause(pod: Pod, reason: str) -> str:
    match reason:
        case "Terminating/Finalizer":
            names = ", ".join(pod.metadata.finalizers)
            return f"Finalizers keep the pod: {names}. The controller that set them must remove them and has not."
        case "Terminating/NodeNotReady":
            return f"Node {pod.spec.node_name} is not ready, so its kubelet cannot confirm that the containers ended."
    return f"The kubelet on {pod.spec.node_name or 'no node'} has not confirmed that the containers ended."


plugin = AnalyzerPlugin(
    id=ID, title="Pods ended from outside, or stuck while being deleted", analyze=analyze, scope="workload"
)
