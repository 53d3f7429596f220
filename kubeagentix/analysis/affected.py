"""The pods of one workload that show one trouble: grouped, counted and weighed, so that a finding speaks for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from kubeagentix.domain.diagnosis import ResourceRef, Severity
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Job

K = TypeVar("K")

# Labels by which a controller tells the pods of its newest template from those of older ones.
_REVISION_LABELS = ("pod-template-hash", "controller-revision-hash")


def group(snapshot: Snapshot, pairs: Iterable[tuple[Pod, K]]) -> Mapping[tuple[ResourceRef, K], tuple[Pod, ...]]:
    """The pods of `pairs` by workload and by what was said of them, in the order in which they came."""
    groups: dict[tuple[ResourceRef, K], list[Pod]] = {}
    for pod, key in pairs:
        groups.setdefault((snapshot.workload_of(pod), key), []).append(pod)
    return {key: tuple(pods) for key, pods in groups.items()}


def workloads_of(snapshot: Snapshot, pods: Iterable[Pod]) -> tuple[ResourceRef, ...]:
    """The workloads that `pods` belong to, each once."""
    found = {id(ref): ref for ref in map(snapshot.workload_of, pods)}  # replicas have the very same one
    return tuple(dict.fromkeys(found.values()))


def live_pods(snapshot: Snapshot, workload: ResourceRef) -> tuple[Pod, ...]:
    """The pods of a workload that are neither finished nor being deleted."""
    return tuple(pod for pod in snapshot.pods_of(workload) if pod.is_live)


def share(snapshot: Snapshot, workload: ResourceRef, pods: tuple[Pod, ...]) -> str:
    """`2 of 3 pods`, or `it` where the workload is the one pod itself."""
    if workload.kind == "Pod":
        return "it"
    total = len({pod.name for pod in (*live_pods(snapshot, workload), *pods)})
    return f"{len(pods)} of {total} pod{'s' if total != 1 else ''}"


def severity(snapshot: Snapshot, workload: ResourceRef, pods: tuple[Pod, ...]) -> Severity:
    """Critical if no pod of the same revision is ready (nothing works, or the rollout cannot proceed)."""
    revisions = {revision(pod) for pod in pods}
    peers = (pod for pod in live_pods(snapshot, workload) if revision(pod) in revisions)
    return Severity.WARNING if any(pod.is_ready for pod in peers) else Severity.CRITICAL


def is_healthy(snapshot: Snapshot, workload: ResourceRef) -> bool:
    """Whether the workload has live pods and all of them are ready."""
    pods = live_pods(snapshot, workload)
    return bool(pods) and all(pod.is_ready for pod in pods)


def belongs_to_completed_job(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether the pod is an attempt of a Job that completed in the end."""
    owner = pod.controller
    if owner is None or owner.kind != "Job":
        return False
    job = snapshot.get(Job, pod.namespace, owner.name)
    return job is not None and any(item.type == "Complete" and item.status == "True" for item in job.status.conditions)


def older_ready_pods(snapshot: Snapshot, pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """The ready pods of an older revision of the same workload, where `pods` are all of its newest one."""
    revisions = {revision(pod) for pod in pods}
    if len(revisions) != 1 or "" in revisions:
        return ()
    made = [pod.metadata.creation_timestamp for pod in pods if pod.metadata.creation_timestamp is not None]
    others = [pod for pod in live_pods(snapshot, snapshot.workload_of(pods[0])) if revision(pod) not in revisions]
    is_newest = bool(made) and all(
        pod.metadata.creation_timestamp is not None and pod.metadata.creation_timestamp <= min(made) for pod in others
    )
    return tuple(pod for pod in others if pod.is_ready) if is_newest else ()


def still_serving(older: int) -> str:
    """`; 2 of the old revision still serve`, to be put at the end of a title; empty for none."""
    return f"; {older} of the old revision still serve{'s' if older == 1 else ''}" if older else ""


def revision(pod: Pod) -> str:
    """The template that the pod was made from, as its controller labels it; empty if it has no such label."""
    return next((pod.metadata.labels[name] for name in _REVISION_LABELS if name in pod.metadata.labels), "")
