"""Pods that are wanted and not even created: refusals by quota, limits, policy, webhooks and missing accounts.

What a ReplicaSet, StatefulSet, DaemonSet, Job or CronJob is told when it creates is lifted to the topmost
workload, and counts only while something is still missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.admission import Refusal, read_refusal, strip_noise
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Condition, Resource, condition
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet
from kubeagentix.errors import excerpt

ID = "replica-creation"
CLUSTER_SCOPED = ("PriorityClass", "RuntimeClass", "Namespace")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """One controller's newest refusal, and how many objects it lacks."""

    owner: Resource
    message: str
    locator: str
    at: datetime | None
    times: int
    missing: int
    present: int


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and kind of refusal."""
    groups: dict[tuple[ResourceRef, str], tuple[_Failure, Refusal]] = {}
    for failure in _failures(snapshot):
        refusal = read_refusal(failure.message)
        key = (snapshot.workload_of(failure.owner), refusal.split)
        known = groups.get(key)
        if known is None or _age_key(failure.at) > _age_key(known[0].at):
            groups[key] = (failure, refusal)
    for (workload, _), (failure, refusal) in groups.items():
        yield _finding(snapshot, workload, failure, refusal)


def _failures(snapshot: Snapshot) -> Iterator[_Failure]:
    for owner, missing, present in _short_owners(snapshot):
        if owner.metadata.deletion_timestamp is not None:
            continue
        failing = condition(_conditions(owner), "ReplicaFailure")
        if failing is not None and failing.status == "True":
            yield _from_condition(snapshot, owner, failing, missing, present)
            continue
        events = _events(snapshot, owner)
        if events and not _has_created_since(snapshot, owner, events[0]):
            yield _Failure(
                owner=owner,
                message=events[0].message,
                locator=f"event/{events[0].reason}",
                at=events[0].seen_at,
                times=sum(event.times for event in events),
                missing=missing,
                present=present,
            )


def _short_owners(snapshot: Snapshot) -> Iterator[tuple[Resource, int, int]]:
    """(owner, how many pods it lacks, how many it has) of every controller that lacks some."""
    counted: list[tuple[Resource, int, int]] = [
        *((item, item.spec.replicas, item.status.replicas) for item in snapshot.all(ReplicaSet)),
        *((item, item.spec.replicas, item.status.replicas) for item in snapshot.all(StatefulSet)),
        *(
            (item, item.status.desired_number_scheduled, item.status.current_number_scheduled)
            for item in snapshot.all(DaemonSet)
        ),
        *(  # a Deployment's ReplicaSets speak for it, where they were read
            (item, item.spec.replicas, item.status.replicas)
            for item in snapshot.all(Deployment)
            if not snapshot.children(ReplicaSet, snapshot.ref(item))
        ),
        *((job, *_job_counts(job)) for job in snapshot.all(Job)),
        *((cron_job, 1, 0) for cron_job in snapshot.all(CronJob) if not cron_job.spec.suspend),
    ]
    for owner, wanted, present in counted:
        if present < wanted:
            yield owner, wanted - present, present


def _job_counts(job: Job) -> tuple[int, int]:
    is_over = any(item.status == "True" and item.type in ("Complete", "Failed") for item in job.status.conditions)
    if is_over or job.spec.suspend:
        return (0, 0)
    wanted = job.spec.parallelism if job.spec.parallelism is not None else 1
    if job.spec.completions is not None:
        wanted = min(wanted, job.spec.completions - job.status.succeeded)
    return (wanted, job.status.active)


def _conditions(owner: Resource) -> tuple[Condition, ...]:
    return owner.status.conditions if isinstance(owner, ReplicaSet | Deployment) else ()


def _from_condition(snapshot: Snapshot, owner: Resource, failing: Condition, missing: int, present: int) -> _Failure:
    events = _events(snapshot, owner)
    return _Failure(
        owner=owner,
        message=failing.message,
        locator="status.conditions[ReplicaFailure]",
        at=failing.last_transition_time,
        times=sum(event.times for event in events),
        missing=missing,
        present=present,
    )


def _events(snapshot: Snapshot, owner: Resource) -> tuple[Event, ...]:
    return tuple(event for event in snapshot.events_for(owner) if event.reason == "FailedCreate")


def _has_created_since(snapshot: Snapshot, owner: Resource, failure: Event) -> bool:
    """Whether the owner managed to create something after that failure, which is then history."""
    ref = snapshot.ref(owner)
    made = [child.metadata.creation_timestamp for child in snapshot.owned.get(ref.key, ())]
    if isinstance(owner, CronJob):
        made.append(owner.status.last_schedule_time)
    made.extend(event.seen_at for event in snapshot.events_for(owner) if event.reason == "SuccessfulCreate")
    return any(_age_key(moment) > _age_key(failure.seen_at) for moment in made)


def _age_key(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _finding(snapshot: Snapshot, workload: ResourceRef, failure: _Failure, refusal: Refusal) -> Finding:
    count = f"{failure.missing} pod{'s' if failure.missing > 1 else ''}"
    what = "no Job can" if isinstance(failure.owner, CronJob) else f"{count} cannot"
    reason = f"FailedCreate/{refusal.split}" if refusal.split else "FailedCreate"
    is_down = not any(pod.is_ready for pod in snapshot.pods_of(workload))
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=workload,
        title=f"{workload}: {what} be created ({_in_words(refusal)})",
        severity=Severity.CRITICAL if is_down or not failure.present else Severity.WARNING,
        confidence=0.9 if refusal.split else 0.7,
        cause=refusal.cause,
        evidence=_evidence(snapshot, failure),
        remedies=_remedies(snapshot, workload, refusal),
        points_at=_objects(snapshot, workload, refusal),
        since=failure.at,
    )


_WORDS = {
    "QuotaExceeded": "quota exceeded",
    "QuotaUnspecified": "the quota asks for requests or limits that are not given",
    "LimitRange": "outside of the LimitRange",
    "PodSecurity": "forbidden by pod security",
    "WebhookDenied": "denied by an admission webhook",
    "WebhookUnavailable": "an admission webhook does not answer",
    "PolicyDenied": "denied by an admission policy",
    "ServiceAccountNotFound": "no such ServiceAccount",
    "PriorityClassNotFound": "no such PriorityClass",
    "RuntimeClassNotFound": "no such RuntimeClass",
    "NamespaceTerminating": "the namespace is being deleted",
    "Invalid": "the pod is invalid",
}


def _in_words(refusal: Refusal) -> str:
    return _WORDS.get(refusal.split, "refused")


def _evidence(snapshot: Snapshot, failure: _Failure) -> tuple[Evidence, ...]:
    ref = snapshot.ref(failure.owner)
    tried = f", tried {failure.times} times" if failure.times > 1 else ""
    return (
        Evidence.of(
            ref,
            "event" if failure.locator.startswith("event/") else "status",
            f"{ref} could not create{tried}",
            excerpt=excerpt(strip_noise(failure.message), 600),
            locator=failure.locator,
            observed_at=failure.at,
        ),
    )


def _objects(snapshot: Snapshot, workload: ResourceRef, refusal: Refusal) -> tuple[ResourceRef, ...]:
    return tuple(
        snapshot.named(kind, "" if kind in CLUSTER_SCOPED else namespace or workload.namespace, name)
        for kind, namespace, name in refusal.objects
    )


def _remedies(snapshot: Snapshot, workload: ResourceRef, refusal: Refusal) -> tuple[Remedy, ...]:
    objects = _objects(snapshot, workload, refusal)
    looks = tuple(kubectl.describe(ref) for ref in objects if snapshot.find(ref) is not None)
    return (*looks, *(_advice(workload, refusal) or (kubectl.describe(workload),)))


def _advice(workload: ResourceRef, refusal: Refusal) -> tuple[Remedy, ...]:
    place = workload.namespace
    kinds = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
    enforced = kubectl.read("See what the namespace enforces", f"get namespace {place} --show-labels")
    advice: dict[str, tuple[Remedy, ...]] = {
        "QuotaExceeded": (kubectl.read("See who uses the quota", "get pods -o wide", place), _lower(workload)),
        "QuotaUnspecified": (kubectl.edit(workload, "State the requests and limits that the quota counts"),),
        "LimitRange": (kubectl.read("See the limits", "describe limitrange", place), _lower(workload)),
        "PodSecurity": (enforced, kubectl.edit(workload, "Set the securityContext that the policy asks for")),
        "WebhookDenied": (kubectl.read("See the webhooks", f"get {kinds}"), kubectl.describe(workload)),
        "PriorityClassNotFound": (
            kubectl.read("See the PriorityClasses", "get priorityclasses"),
            kubectl.edit(workload, "Name one that exists"),
        ),
        "RuntimeClassNotFound": (
            kubectl.read("See the RuntimeClasses", "get runtimeclasses"),
            kubectl.edit(workload, "Name one that exists"),
        ),
        "WebhookUnavailable": (kubectl.read("See the webhooks", f"get {kinds}"),),
        "ServiceAccountNotFound": (
            kubectl.read("See the ServiceAccounts", "get serviceaccounts", place),
            *(kubectl.write("Create it", f"create serviceaccount {name}", place) for _, _, name in refusal.objects),
        ),
    }
    return advice.get(refusal.split, ())


def _lower(workload: ResourceRef) -> Remedy:
    return kubectl.edit(workload, "Ask for less, or for fewer replicas")


plugin = AnalyzerPlugin(id=ID, title="Pods that cannot be created", analyze=analyze)
