"""Workloads that their controller has not looked at: it is down, or far behind, and nothing on them will move.

Source: `status.observedGeneration` in the API conventions; Jobs have none, but get a startTime at the first look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.shortfall import START_GRACE_S, describe_age, is_older_than
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import Resource, condition
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import (
    DaemonSet,
    Deployment,
    Job,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)

ID = "unobserved"
NEVER_S = 2 * START_GRACE_S  # a controller that is alive looks within a second
MANAGER = "kube-controller-manager"
Observed = Deployment | StatefulSet | DaemonSet | ReplicaSet | ReplicationController


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload that nothing controls but a built-in controller."""
    workloads: tuple[Observed, ...] = (
        *snapshot.all(Deployment),
        *snapshot.all(StatefulSet),
        *snapshot.all(DaemonSet),
        *snapshot.all(ReplicaSet),
        *snapshot.all(ReplicationController),
    )
    for workload in workloads:
        if workload.controller is None and workload.metadata.deletion_timestamp is None:
            yield from _behind(snapshot, workload)
    for job in snapshot.all(Job):
        if job.controller is None and job.metadata.deletion_timestamp is None and _is_unseen(snapshot, job):
            yield _finding(snapshot, job, "no startTime yet", "status.startTime", is_never=True)


def _behind(snapshot: Snapshot, workload: Observed) -> Iterator[Finding]:
    observed, wanted = workload.status.observed_generation, workload.metadata.generation
    if observed >= wanted or _is_refused(workload):
        return
    is_never = observed == 0 and _is_idle(snapshot, workload)
    if is_never or isinstance(workload, Deployment):  # the others write nothing while a creation of theirs is refused
        seen = f"generation {wanted}, observed {observed}"
        yield _finding(snapshot, workload, seen, "status.observedGeneration", is_never=is_never)


def _is_refused(workload: Observed) -> bool:
    """Whether the controller could not make the ReplicaSet, which it says without having observed the generation."""
    if not isinstance(workload, Deployment):
        return False
    progressing = condition(workload.status.conditions, "Progressing")
    return progressing is not None and progressing.reason == "ReplicaSetCreateError"


def _is_unseen(snapshot: Snapshot, job: Job) -> bool:
    is_started = job.status.start_time is not None or bool(job.status.conditions)
    is_held = job.spec.suspend or job.spec.parallelism == 0 or bool(job.spec.managed_by)
    return not is_started and not is_held and _is_idle(snapshot, job)


def _is_idle(snapshot: Snapshot, workload: Resource) -> bool:
    """Whether it is old enough to have been looked at, and no pod and no event of it tells that it was."""
    ref, made = snapshot.ref(workload), workload.metadata.creation_timestamp
    is_old = made is not None and is_older_than(made, NEVER_S, snapshot.taken_at)
    return is_old and not snapshot.owned.get(ref.key) and not snapshot.events_for(workload)


def _finding(snapshot: Snapshot, workload: Resource, seen: str, locator: str, *, is_never: bool) -> Finding:
    ref, age = snapshot.ref(workload), describe_age(workload.metadata.creation_timestamp, snapshot.taken_at)
    return Finding.of(
        analyzer=ID,
        reason="GenerationNotObserved",
        ref=ref,
        title=f"The {ref.kind} controller has never looked at {ref}, made{age.replace(' for ', ' ')} ago"
        if is_never and age
        else f"The {ref.kind} controller has not handled the newest change to {ref}",
        severity=Severity.CRITICAL if is_never else Severity.INFO,
        confidence=0.7,
        cause="The controller manager is down, far behind, or was just told of the change.",
        evidence=(Evidence.of(ref, "status", seen, locator=locator),),
        remedies=(
            kubectl.read("See whether the controllers are alive", "get leases,pods", "kube-system"),
            kubectl.describe(ref),
        ),
        points_at=_managers(snapshot) if is_never else (),
    )


def _managers(snapshot: Snapshot) -> tuple[ResourceRef, ...]:
    """The controller managers that run as pods of the cluster; many a cloud keeps them out of sight."""
    pods = snapshot.in_namespace(Pod, "kube-system")
    return tuple(dict.fromkeys(snapshot.workload_of(pod) for pod in pods if pod.name.startswith(MANAGER)))


plugin = AnalyzerPlugin(
    id=ID, title="Workloads that their controller has not looked at", analyze=analyze, scope="workload"
)
