"""Objects that should be gone and are not: held by finalizers, by who uses them, or by what is left in a namespace.

Pods are told of elsewhere, as what holds them is as a rule their node or their containers.
Source: kubernetes.io, Finalizers; the conditions are those of the namespace controller (1.16 and later).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.node_life import LEAVING_S
from kubeagentix.analysis.scheduler.placement import claim_names
from kubeagentix.analysis.shortfall import describe_age, is_older_than
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.extensions import CustomResource, CustomResourceDefinition, CustomStatus
from kubeagentix.domain.meta import Condition, Resource
from kubeagentix.domain.nodes import Event, Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolumeClaim
from kubeagentix.errors import excerpt

ID = "deletions"
DELETION_GRACE_S = 60.0  # a controller at work has done what its finalizer is for by then
OPERATOR_GRACE_S = 600.0  # behind a custom resource there may be a database or a cluster to take down
# Clouds take longer: to drain and remove a machine, to take down a load balancer or a disk.
_SLOW_GRACE_S = {"Node": LEAVING_S, "Service": 300.0, "PersistentVolume": 300.0}
PODS_GRACE_S = 300.0  # a namespace waits for its pods, which may have been given minutes to end
SHOWN = 3
# What the namespace controller says is left, in the messages of its conditions.
# Source: pkg/controller/namespace/deletion/status_condition_utils.go
_LEFT = re.compile(r"(?P<what>[^\s,:]{1,253}) (?:has|in) (?P<count>\d+) resource instances")
_STILL = re.compile(r"still remain in namespace: \S+ for gvr: \S+ Resource=(?P<plural>\S+)")
_USE_FINALIZERS = ("kubernetes.io/pvc-protection", "kubernetes.io/pv-protection")
_CASCADE_FINALIZERS = ("foregroundDeletion", "orphan")  # the garbage collector's, who waits for others
# Conditions of a namespace that is being deleted, the most telling first, and what they refine the reason to.
_NAMESPACE_CONDITIONS = {
    "NamespaceDeletionDiscoveryFailure": "APIUnavailable",
    "NamespaceDeletionGroupVersionParsingFailure": "APIUnavailable",
    "NamespaceDeletionContentFailure": "DeletionFailed",
    "NamespaceFinalizersRemaining": "Finalizer",
    "NamespaceContentRemaining": "",
}
_GROUP_VERSION = re.compile(r"\b([a-z0-9.-]+\.[a-z0-9.-]+)/(v\d\w*): ")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per object that is overdue."""
    for kind, resources in snapshot.objects.items():
        if kind in (Pod.kind, Event.kind, Namespace.kind):
            continue
        for resource in resources:
            if resource.metadata.finalizers and _is_overdue(snapshot, resource):
                yield _held(snapshot, resource)
    for namespace in snapshot.all(Namespace):
        if _is_overdue(snapshot, namespace):
            yield from _namespace(snapshot, namespace)


def _is_overdue(snapshot: Snapshot, resource: Resource) -> bool:
    deleted = resource.metadata.deletion_timestamp
    return deleted is not None and is_older_than(deleted, _grace_s(resource), snapshot.taken_at)


def _grace_s(resource: Resource) -> float:
    if isinstance(resource, CustomResource) and resource.status != CustomStatus():
        return OPERATOR_GRACE_S  # somebody looks after it
    return _SLOW_GRACE_S.get(resource.kind, DELETION_GRACE_S)


def _held(snapshot: Snapshot, resource: Resource) -> Finding:
    ref, names = snapshot.ref(resource), resource.metadata.finalizers
    users = _users(snapshot, resource)
    is_used = bool(users) and all(name in _USE_FINALIZERS for name in names)
    deleted = resource.metadata.deletion_timestamp
    return Finding.of(
        analyzer=ID,
        reason="Terminating/InUse" if is_used else "Terminating/Finalizer",
        ref=ref,
        title=f"{ref} has been in deletion{describe_age(deleted, snapshot.taken_at)}, held by "
        + (f"{users[0]}, which uses it" if is_used else ", ".join(names[:SHOWN])),
        severity=Severity.WARNING,
        confidence=0.9,
        cause=f"It is kept as long as it is in use: by {', '.join(str(user) for user in users[:SHOWN])}."
        if is_used
        else f"Finalizers keep it: {', '.join(names)}. The controller that set them must remove them and has not.",
        evidence=(
            Evidence.of(
                ref,
                "spec",
                f"should have been gone since {deleted:%Y-%m-%d %H:%M:%S}Z",
                excerpt=f"finalizers: {', '.join(names)}",
                locator="metadata.finalizers",
                observed_at=deleted,
            ),
            *(Evidence.of(user, "spec", f"{user} mounts {ref.name}", locator="spec.volumes") for user in users[:SHOWN]),
        ),
        remedies=_held_remedies(ref, users if is_used else ()),
        points_at=_waited_for(snapshot, resource),
        since=deleted,
    )


def _users(snapshot: Snapshot, resource: Resource) -> tuple[ResourceRef, ...]:
    """The workloads whose pods mount a claim."""
    if not isinstance(resource, PersistentVolumeClaim):
        return ()
    pods = snapshot.in_namespace(Pod, resource.namespace)
    using = (pod for pod in pods if not pod.is_finished and resource.name in claim_names(pod))
    return tuple(dict.fromkeys(snapshot.workload_of(pod) for pod in using))


def _waited_for(snapshot: Snapshot, resource: Resource) -> tuple[ResourceRef, ...]:
    """The objects that must go first: an owner's, and those of a kind whose definition is to go."""
    if isinstance(resource, CustomResourceDefinition):
        group, kind = resource.spec.group, resource.spec.names.kind
        name = snapshot.kind_name(f"{group}/", kind)
        items = [item for item in snapshot.custom_resources if item.kind == name and item.group == group]
        return tuple(snapshot.ref(item) for item in items if item.metadata.finalizers)
    if not any(name in _CASCADE_FINALIZERS for name in resource.metadata.finalizers):
        return ()
    return tuple(snapshot.ref(child) for child in snapshot.owned.get(snapshot.ref(resource).key, ()))


def _held_remedies(ref: ResourceRef, users: tuple[ResourceRef, ...]) -> tuple[Remedy, ...]:
    if users:
        return (kubectl.describe(ref), kubectl.describe(users[0], "it must let go of the claim first"))
    why = "only if their controller is gone for good: what it was to clean up stays behind"
    return (kubectl.describe(ref), kubectl.edit(ref, "Remove the finalizers by hand", why=why))


def _namespace(snapshot: Snapshot, namespace: Namespace) -> Iterator[Finding]:
    if _is_draining(snapshot, namespace):
        return
    said = {item.type: item for item in namespace.status.conditions if item.status == "True"}
    telling = [said[name] for name in _NAMESPACE_CONDITIONS if name in said]
    split = _NAMESPACE_CONDITIONS[telling[0].type] if telling else ""
    ref, deleted, left = snapshot.ref(namespace), namespace.metadata.deletion_timestamp, _left_in(snapshot, namespace)
    yield Finding.of(
        analyzer=ID,
        reason=f"Terminating/{split}" if split else "Terminating",
        ref=ref,
        title=f"{ref} has been in deletion{describe_age(deleted, snapshot.taken_at)}{_what_is_left(said)}",
        severity=Severity.WARNING,
        confidence=0.9 if split else 0.6,
        cause=" ".join(f"{excerpt(item.message).rstrip('.')}." for item in telling)
        or "The namespace controller has not said what is left in it.",
        evidence=_namespace_evidence(ref, telling),
        remedies=_namespace_remedies(ref, split, left),
        # A pod's finding is on its workload.
        points_at=tuple(dict.fromkeys((*_silent_apis(snapshot, telling), *map(snapshot.workload_of, left)))),
        since=deleted,
    )


def _silent_apis(snapshot: Snapshot, telling: list[Condition]) -> Iterator[ResourceRef]:
    """The APIServices of the group versions whose discovery failed, as far as there are any."""
    for item in telling:
        if _NAMESPACE_CONDITIONS[item.type] == "APIUnavailable":
            for group, version in _GROUP_VERSION.findall(item.message):
                ref = snapshot.named("APIService", "", f"{version}.{group}")
                if snapshot.find(ref) is not None:
                    yield ref


def _is_draining(snapshot: Snapshot, namespace: Namespace) -> bool:
    """Whether pods in it are still within the time that they were given to end."""
    if not snapshot.was_read(Pod, namespace.name) and _waits_for_pods_alone(namespace):
        return not is_older_than(namespace.metadata.deletion_timestamp, PODS_GRACE_S, snapshot.taken_at)
    due = (pod.metadata.deletion_timestamp for pod in snapshot.in_namespace(Pod, namespace.name))
    return any(not is_older_than(moment, DELETION_GRACE_S, snapshot.taken_at) for moment in due)


def _waits_for_pods_alone(namespace: Namespace) -> bool:
    """Whether pods, which were not read, are all that the controller says is left."""
    said = [item.message for item in namespace.status.conditions if item.status == "True"]
    left = {what for text in said for what, _ in _LEFT.findall(text)} | {
        what for text in said for what in _STILL.findall(text)
    }
    return left <= {"pods", "pods."}


def _what_is_left(said: dict[str, Condition]) -> str:
    """`: 1 configmaps left, held by example.com/cleanup`, from the conditions' messages."""
    remaining, held = said.get("NamespaceContentRemaining"), said.get("NamespaceFinalizersRemaining")
    kinds = [f"{count} {what.rstrip('.')}" for what, count in _LEFT.findall(remaining.message if remaining else "")]
    names = [what for what, _ in _LEFT.findall(held.message if held else "")]
    left = f"{_some(kinds)} left" if kinds else ""
    by = f"held by {_some(names)}" if names else ""
    return f": {', '.join(part for part in (left, by) if part)}" if left or by else ""


def _some(items: list[str]) -> str:
    return ", ".join(items[:SHOWN]) + (" and more" if len(items) > SHOWN else "")


def _namespace_evidence(ref: ResourceRef, telling: list[Condition]) -> tuple[Evidence, ...]:
    if not telling:
        return (Evidence.of(ref, "status", "phase Terminating", locator="status.phase"),)
    return tuple(
        Evidence.of(
            ref,
            "status",
            f"{item.type}: {item.reason}",
            excerpt=excerpt(item.message, 600),
            locator=f"status.conditions[{item.type}]",
            observed_at=item.last_transition_time,
        )
        for item in telling
    )


def _namespace_remedies(ref: ResourceRef, split: str, left: list[Resource]) -> tuple[Remedy, ...]:
    look = kubectl.read("See what the namespace waits for", f"get namespace {ref.name} -o yaml")
    if split == "APIUnavailable":
        return (look, kubectl.read("See which API does not answer", "get apiservices"))
    if left:
        names = {KINDS[item.kind].plural if item.kind in KINDS else item.kind.lower() for item in left}
        kinds = ",".join(sorted(names))
        return (look, kubectl.read("See what is left in it", f"get {kinds}", ref.name))
    kinds = "api-resources --verbs=list --namespaced -o name"
    return (look, kubectl.read("See the kinds of objects that may be left in it", kinds))


def _left_in(snapshot: Snapshot, namespace: Namespace) -> list[Resource]:
    """Its own objects that are held as well, and so hold it."""
    return [
        resource
        for kind, resources in snapshot.objects.items()
        if kind != Event.kind
        for resource in resources
        if resource.namespace == namespace.name and resource.metadata.finalizers and _is_overdue(snapshot, resource)
    ]


plugin = AnalyzerPlugin(id=ID, title="Objects stuck while being deleted", analyze=analyze)
