"""Which pods say something about now, and which are only left over from before: past runs, evictions, old replicas."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubeagentix.domain.meta import condition
from kubeagentix.domain.pods import Pod, TerminatedState
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Job

STEADY_AFTER_S = 60.0
LONG_LIFE_S = 86400.0  # who ran for a day did not die of starting
_EPOCH_YEAR = 1970  # containerd's "never started"
_INDEX = "batch.kubernetes.io/job-completion-index"


def is_in_play(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether the pod's containers say something about now.

    Not those of a pod that is being deleted, or ended as a whole (evicted, node lost), nor of leftovers of
    long-running workloads and of Jobs that completed (or, under a CronJob, were followed by one that did).
    """
    is_leftover = pod.is_finished and (not runs_to_completion(pod) or pod.status.reason != "")
    return (
        not pod.is_terminating and not is_leftover and pod.status.phase != "Succeeded" and not _is_past(snapshot, pod)
    )


def runs_to_completion(pod: Pod) -> bool:
    """Whether the pod is one that ends, as a Job's does."""
    return pod.spec.restart_policy in ("Never", "OnFailure")


def job_of(snapshot: Snapshot, pod: Pod) -> Job | None:
    """The Job that controls this pod, if it is in the picture."""
    owner = pod.controller
    return snapshot.get(Job, pod.namespace, owner.name) if owner is not None and owner.kind == "Job" else None


def is_complete(job: Job) -> bool:
    """Whether a Job has done its work."""
    return any(
        found is not None and found.status == "True"
        for found in (condition(job.status.conditions, name) for name in ("Complete", "SuccessCriteriaMet"))
    )


def _is_past(snapshot: Snapshot, pod: Pod) -> bool:
    job = job_of(snapshot, pod)
    if job is None:
        return _is_collected(snapshot, pod) or _is_litter(snapshot, pod)
    owner = job.controller
    siblings = snapshot.owned.get((owner.kind, job.namespace, owner.name), ()) if owner is not None else ()
    return (
        is_complete(job)
        or _is_retried(snapshot, job, pod)
        or any(isinstance(other, Job) and is_complete(other) and _age_key(other) > _age_key(job) for other in siblings)
    )


def _is_collected(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether its Job is gone (a CronJob keeps only a few), so that the pod will be in a moment."""
    owner = pod.controller
    if owner is None or owner.kind != "Job" or not owner.api_version.startswith("batch/"):
        return False
    return pod.is_finished and snapshot.was_read(Job, pod.namespace, name=owner.name)


def _is_retried(snapshot: Snapshot, job: Job, pod: Pod) -> bool:
    """Whether the Job made a failed pod's work anew, and that attempt has lived clearly longer already."""
    if pod.status.phase != "Failed" or pod.metadata.creation_timestamp is None:
        return False
    ends = [status.state.terminated for status in pod.status.container_statuses if status.state.terminated is not None]
    patience_s = max([STEADY_AFTER_S, *(1.5 * (lifetime_s(end) or 0.0) for end in ends)])
    return any(
        other.status.phase == "Running"
        and not other.is_terminating
        and other.metadata.creation_timestamp is not None
        and other.metadata.creation_timestamp > pod.metadata.creation_timestamp
        and other.metadata.annotations.get(_INDEX) == pod.metadata.annotations.get(_INDEX)
        and _has_run_for(other, patience_s, snapshot.taken_at)
        for other in snapshot.children(Pod, snapshot.ref(job))
    )


def _has_run_for(pod: Pod, seconds: float, now: datetime) -> bool:
    running = [status.state.running for status in pod.status.container_statuses]
    return bool(running) and all(
        state is not None and state.started_at is not None and (now - state.started_at).total_seconds() > seconds
        for state in running
    )


def _is_litter(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a failed run is left of something (an operator, a pipeline) that has gone on since.

    Such runs are made one after the other by owners that are not read; a day later, or once another went well, an
    old one tells nothing of now.
    """
    if not pod.is_finished or not pod.metadata.owner_references:
        return False
    ends = [status.state.terminated for status in pod.status.container_statuses if status.state.terminated is not None]
    moments = [end.finished_at for end in ends if end.finished_at is not None]
    last = max(moments, default=pod.metadata.creation_timestamp)
    if last is None or snapshot.taken_at - last > timedelta(seconds=LONG_LIFE_S):
        return last is not None
    return any(
        other.status.phase == "Succeeded"
        and other.metadata.labels == pod.metadata.labels != {}
        and other.metadata.creation_timestamp is not None
        and other.metadata.creation_timestamp > last
        for other in snapshot.in_namespace(Pod, pod.namespace)
    )


def _age_key(job: Job) -> float:
    return job.metadata.creation_timestamp.timestamp() if job.metadata.creation_timestamp else 0.0


def lifetime_s(end: TerminatedState) -> float | None:
    """Seconds from start to end, None where unknown or where the container never started."""
    if end.started_at is None or end.started_at.year <= _EPOCH_YEAR:
        return None
    seconds = end.lifetime_s
    return max(seconds, 0.0) if seconds is not None else None  # a runtime's clock runs a little behind the kubelet's
