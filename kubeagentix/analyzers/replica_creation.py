"""Pods that are wanted and not even created: refusals by quota, limits, policy, webhooks and missing accounts.

What a ReplicaSet, StatefulSet, DaemonSet, Job or CronJob is told when it creates is lifted to the topmost
workload, and counts only while something is still missing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from kubeagentix.analysis import affected, kubectl, quotas
from kubeagentix.analysis.admission import Bound, Refusal, read_refusal, strip_noise
from kubeagentix.analysis.webhook_backends import webhooks_named
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Condition, Resource, condition
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod, PodTemplate
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import (
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from kubeagentix.errors import excerpt

ID = "replica-creation"
CLUSTER_SCOPED = ("PriorityClass", "RuntimeClass", "Namespace")
USERS_SHOWN = 3
# A pod's request above its limit, where the limit need not be the template's own but a LimitRange's default.
# Source: pkg/apis/core/validation, ValidateResourceRequirements ("of 40m" since 1.26).
_ABOVE_LIMIT = re.compile(
    r"containers\[(?P<index>\d+)\]\.resources\.requests.*must be less than or equal to (?P<resource>\S+) limit"
)


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
    broken = _broken_by_several({workload: refusal for (workload, _), (_, refusal) in groups.items() if refusal.bounds})
    for (workload, _), (failure, refusal) in groups.items():
        yield _finding(snapshot, workload, failure, refusal, broken)


def _broken_by_several(refusals: Mapping[ResourceRef, Refusal]) -> frozenset[tuple[str, Bound]]:
    """(namespace, bound, but for what was given) of the bounds that several workloads break: theirs is the fault."""
    counts = Counter(
        pair
        for workload, refusal in refusals.items()
        for pair in {(workload.namespace, replace(bound, given="")) for bound in refusal.bounds}
    )
    return frozenset(pair for pair, count in counts.items() if count > 1)


def _failures(snapshot: Snapshot) -> Iterator[_Failure]:
    for deployment in snapshot.all(Deployment):
        refused = condition(deployment.status.conditions, "Progressing")
        is_refused = refused is not None and (refused.status, refused.reason) == ("False", "ReplicaSetCreateError")
        if refused is not None and is_refused and deployment.metadata.deletion_timestamp is None:
            missing = deployment.spec.replicas - deployment.status.updated_replicas
            yield _from_condition(snapshot, deployment, refused, max(missing, 1), deployment.status.replicas)
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
        *((item, item.spec.replicas, item.status.replicas) for item in snapshot.all(ReplicationController)),
        *((item, item.spec.replicas, item.status.replicas) for item in snapshot.all(StatefulSet)),
        *((item, *_daemon_counts(snapshot, item)) for item in snapshot.all(DaemonSet)),
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


def _daemon_counts(snapshot: Snapshot, daemon_set: DaemonSet) -> tuple[int, int]:
    """(pods wanted, pods there): a controller whose creations fail may not come to write the status.

    Source: syncDaemonSet in pkg/controller/daemon, which returned at the first error before 1.27.
    """
    status, ref = daemon_set.status, snapshot.ref(daemon_set)
    is_behind = status.observed_generation < daemon_set.metadata.generation
    if not is_behind or not snapshot.was_read(Pod, ref.namespace):
        return status.desired_number_scheduled, status.current_number_scheduled
    return max(status.desired_number_scheduled, 1), len(snapshot.children(Pod, ref))


def _job_counts(job: Job) -> tuple[int, int]:
    is_over = any(item.status == "True" and item.type in ("Complete", "Failed") for item in job.status.conditions)
    if is_over or job.spec.suspend:
        return (0, 0)
    wanted = job.spec.parallelism if job.spec.parallelism is not None else 1
    if job.spec.completions is not None:
        wanted = min(wanted, job.spec.completions - job.status.succeeded)
    return (wanted, job.status.active)


def _conditions(owner: Resource) -> tuple[Condition, ...]:
    return owner.status.conditions if isinstance(owner, ReplicaSet | ReplicationController | Deployment) else ()


def _from_condition(snapshot: Snapshot, owner: Resource, failing: Condition, missing: int, present: int) -> _Failure:
    events = _events(snapshot, owner)
    return _Failure(
        owner=owner,
        message=failing.message,
        locator=f"status.conditions[{failing.type}]",
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


def _finding(
    snapshot: Snapshot,
    workload: ResourceRef,
    failure: _Failure,
    refusal: Refusal,
    broken: frozenset[tuple[str, Bound]],
) -> Finding:
    count = f"{failure.missing} pod{'s' if failure.missing > 1 else ''}"
    what = "no Job can" if isinstance(failure.owner, CronJob) else f"{count} cannot"
    refusal = _explained_by_default(snapshot, failure, refusal)
    reason = f"FailedCreate/{refusal.split}" if refusal.split else "FailedCreate"
    is_down = not any(pod.is_ready for pod in snapshot.pods_of(workload))
    old = _older_pods_that_serve(snapshot, workload, failure)
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=workload,
        title=f"{workload}: {what} be created ({_in_words(refusal)}){affected.still_serving(old)}",
        severity=Severity.CRITICAL if is_down or not failure.present else Severity.WARNING,
        confidence=0.9 if refusal.split else 0.7,
        cause=refusal.cause,
        evidence=(*_evidence(snapshot, failure), *_numbers(snapshot, workload, refusal)),
        remedies=_remedies(snapshot, workload, refusal, is_update=old > 0),
        points_at=(*_objects(snapshot, workload, refusal), *_narrow(snapshot, workload, refusal, broken)),
        since=failure.at,
    )


def _explained_by_default(snapshot: Snapshot, failure: _Failure, refusal: Refusal) -> Refusal:
    """A pod that is invalid because a LimitRange gave it a limit below what it requests is refused by that."""
    match = _ABOVE_LIMIT.search(refusal.cause) if refusal.split == "Invalid" else None
    template = _template(failure.owner)
    if match is None or template is None or int(match["index"]) >= len(template.spec.containers):
        return refusal
    container, resource = template.spec.containers[int(match["index"])], match["resource"]
    found = quotas.default_limit(snapshot, failure.owner.namespace, resource)
    if resource in container.resources.limits or found is None:
        return refusal
    limit_range, default = found
    asked = container.resources.requests.get(resource, "?")
    return Refusal(
        split="LimitRange",
        cause=f"Container {container.name} requests {asked} of {resource} and states no limit, "
        f"so LimitRange {limit_range.name} limits it to its default of {default}, which is less.",
        detail=f"{asked} of {resource} requested, {default} is its default limit",
        objects=(("LimitRange", "", limit_range.name),),
    )


def _template(owner: Resource) -> PodTemplate | None:
    if isinstance(owner, ReplicaSet | ReplicationController | StatefulSet | DaemonSet | Deployment | Job):
        return owner.spec.template
    return None


def _older_pods_that_serve(snapshot: Snapshot, workload: ResourceRef, failure: _Failure) -> int:
    """How many pods of other ReplicaSets of the Deployment are ready, while this one's cannot be made."""
    if not isinstance(failure.owner, ReplicaSet) or failure.owner.controller is None:
        return 0
    own = {pod.name for pod in snapshot.children(Pod, snapshot.ref(failure.owner))}
    return sum(pod.is_ready and pod.name not in own for pod in snapshot.pods_of(workload))


_WORDS = {
    "QuotaExceeded": "quota exceeded",
    "QuotaUnspecified": "the quota asks for what the containers do not state",
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
    words = _WORDS.get(refusal.split, "refused")
    return f"{words}: {refusal.detail}" if refusal.detail else words


def _numbers(snapshot: Snapshot, workload: ResourceRef, refusal: Refusal) -> Iterator[Evidence]:
    """Who uses the quota up, and where the bound is written."""
    for amount in refusal.amounts:
        quota = snapshot.named("ResourceQuota", workload.namespace, refusal.objects[0][2])
        for user, value in quotas.users(snapshot, workload.namespace, amount)[:USERS_SHOWN]:
            summary = f"{user} uses {value} of the {amount.hard} {amount.resource}"
            yield Evidence.of(quota, "status", summary, locator="status.used")
    for bound in refusal.bounds:
        for limit_range in quotas.limit_ranges(snapshot, workload.namespace, bound):
            ref = snapshot.ref(limit_range)
            side = "maxLimitRequestRatio" if bound.side == "ratio" else bound.side
            summary = f"{bound.type}: {side} {bound.resource} {bound.bound}"
            yield Evidence.of(ref, "spec", summary, locator=f"spec.limits[{bound.type}].{side}")


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


def _narrow(
    snapshot: Snapshot, workload: ResourceRef, refusal: Refusal, broken: frozenset[tuple[str, Bound]]
) -> tuple[ResourceRef, ...]:
    """The LimitRanges whose bound others break as well."""
    shared = [bound for bound in refusal.bounds if (workload.namespace, replace(bound, given="")) in broken]
    found = (item for bound in shared for item in quotas.limit_ranges(snapshot, workload.namespace, bound))
    return tuple(dict.fromkeys(snapshot.ref(item) for item in found))


def _objects(snapshot: Snapshot, workload: ResourceRef, refusal: Refusal) -> tuple[ResourceRef, ...]:
    """What stands behind a refusal; for a webhook that does not answer, its configuration first."""
    found = webhooks_named(snapshot, refusal.detail) if refusal.split == "WebhookUnavailable" else ()
    named = (
        snapshot.named(kind, "" if kind in CLUSTER_SCOPED else namespace or workload.namespace, name)
        for kind, namespace, name in refusal.objects
    )
    return tuple(dict.fromkeys((*(snapshot.ref(configuration) for configuration, _ in found), *named)))


def _remedies(snapshot: Snapshot, workload: ResourceRef, refusal: Refusal, *, is_update: bool) -> tuple[Remedy, ...]:
    objects = _objects(snapshot, workload, refusal)
    looks = tuple(kubectl.describe(ref) for ref in objects if snapshot.find(ref) is not None)
    swap: tuple[Remedy, ...] = ()
    if is_update and refusal.split == "QuotaExceeded":
        why = "maxSurge: 0 with maxUnavailable: 1 needs no room for a pod more than there are"
        swap = (kubectl.edit(workload, "Let the update take an old pod away first", why=why),)
    return (*looks, *(_advice(workload, refusal) or (kubectl.describe(workload),)), *swap)


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
