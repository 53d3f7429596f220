"""HorizontalPodAutoscalers: targets that are not there, metrics that cannot be read, limits that are reached."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.shortfall import describe_age, is_older_than, unready_since
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.extensions import APIService
from kubeagentix.domain.meta import Condition, condition
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import HorizontalPodAutoscaler as Autoscaler
from kubeagentix.errors import excerpt

ID = "autoscalers"
METRICS_GRACE_S = 120.0  # metrics exist about a minute after a pod starts, and the autoscaler looks every 15 s
NO_API = (
    "the server could not find the requested resource",
    "the server is currently unable to handle the request",
    "no custom metrics api",
    "no external metrics api",
)
NO_METRICS = ("did not receive metrics for", "no metrics returned from")

_METRICS_GROUP = re.compile(r"(custom|external)\.metrics\.k8s\.io|no (custom|external) metrics api")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per autoscaler and reason."""
    for scaler in snapshot.all(Autoscaler):
        if scaler.metadata.deletion_timestamp is None:
            target_missing = _target_missing(snapshot, scaler)
            yield from target_missing
            if not target_missing:
                yield from _inactive(snapshot, scaler)
            yield from _limited(snapshot, scaler)
    yield from _shared_targets(snapshot)


def _target(snapshot: Snapshot, scaler: Autoscaler) -> ResourceRef:
    target = scaler.spec.scale_target_ref
    return snapshot.named(target.kind, scaler.namespace, target.name)


def _target_missing(snapshot: Snapshot, scaler: Autoscaler) -> list[Finding]:
    ref, target = snapshot.ref(scaler), _target(snapshot, scaler)
    able = condition(scaler.status.conditions, "AbleToScale")
    kind = KINDS.get(target.kind)
    is_absent = kind is not None and snapshot.was_read(kind.type, scaler.namespace) and snapshot.find(target) is None
    is_refused = able is not None and able.status == "False" and able.reason == "FailedGetScale"
    if not is_absent and not (is_refused and snapshot.find(target) is None):
        return []
    message = able.message if able is not None and is_refused else ""
    is_unknown_kind = "no matches for kind" in message
    what = f"{target.kind or 'object'} {target.name}"
    return [
        Finding.of(
            analyzer=ID,
            reason=_target_reason(message, is_absent=is_absent, is_unknown_kind=is_unknown_kind),
            ref=ref,
            title=f"{ref}: its target, {what}, " + ("is of an unknown kind" if is_unknown_kind else "cannot be found"),
            severity=Severity.WARNING,
            confidence=0.95 if is_absent or "not found" in message else 0.7,
            cause=excerpt(message) or f"There is no {what} in namespace {scaler.namespace}.",
            evidence=(
                Evidence.of(ref, "spec", f"scaleTargetRef: {what}", locator="spec.scaleTargetRef"),
                *_condition_evidence(ref, able if is_refused else None),
            ),
            remedies=(kubectl.describe(ref), kubectl.edit(ref, "Name the target that is meant")),
            points_at=(target,),
        )
    ]


def _target_reason(message: str, *, is_absent: bool, is_unknown_kind: bool) -> str:
    if is_unknown_kind:
        return "FailedGetScale/UnknownKind"
    return "FailedGetScale/TargetNotFound" if is_absent or "not found" in message else "FailedGetScale"


def _inactive(snapshot: Snapshot, scaler: Autoscaler) -> Iterator[Finding]:
    active = condition(scaler.status.conditions, "ScalingActive")
    if active is None or active.status != "False" or active.reason == "ScalingDisabled":
        return
    now = snapshot.taken_at
    moments = (active.last_transition_time, scaler.metadata.creation_timestamp)
    if not all(is_older_than(moment, METRICS_GRACE_S, now) for moment in moments):
        return
    target = _target(snapshot, scaler)
    split = _split(snapshot, target, active)
    if split is None:
        return
    ref = snapshot.ref(scaler)
    yield Finding.of(
        analyzer=ID,
        reason=f"{active.reason}/{split}" if split else active.reason or "ScalingInactive",
        ref=ref,
        title=f"{ref} cannot scale {target}: {_IN_WORDS.get(split, 'its metrics cannot be read')}"
        f"{describe_age(active.last_transition_time, now)}",
        severity=Severity.WARNING,
        confidence=0.6 if split == "NoReadyPods" else 0.9,
        cause=excerpt(active.message),
        evidence=_condition_evidence(ref, active),
        remedies=_remedies(ref, target, split),
        points_at=_points_at(snapshot, target, split, active.message),
        is_symptom=split == "NoReadyPods",
        since=active.last_transition_time,
    )


_IN_WORDS = {
    "NoRequests": "containers request none of the resource that it watches",
    "NoMetricsServer": "the metrics API is not served",
    "NoReadyPods": "no pod of its target is ready",
}


def _split(snapshot: Snapshot, target: ResourceRef, active: Condition) -> str | None:
    """Which kind of trouble the condition's message tells of; empty if unknown, None if it will pass by itself."""
    message = active.message.lower()
    if "missing request for" in message:
        return "NoRequests"
    if any(text in message for text in NO_API):
        return "NoMetricsServer"
    if any(text in message for text in NO_METRICS):
        pods = [pod for pod in snapshot.pods_of(target) if not pod.is_finished and not pod.is_terminating]
        ready = [pod for pod in pods if pod.is_ready]
        if pods and not ready:
            return "NoReadyPods"
        now = snapshot.taken_at
        if ready and not any(is_older_than(unready_since(pod), METRICS_GRACE_S, now) for pod in ready):
            return None
    return ""


def _points_at(snapshot: Snapshot, target: ResourceRef, split: str, message: str) -> tuple[ResourceRef, ...]:
    if split == "NoReadyPods":
        return (target,)
    if split == "NoMetricsServer":  # the API is served by pods behind a Service of this name, wherever it runs
        services = [service for service in snapshot.all(Service) if service.name == "metrics-server"]
        workloads = {snapshot.workload_of(pod) for service in services for pod in _pods(snapshot, service)}
        apis = _metrics_apis(snapshot, message)
        return (*apis, *(snapshot.ref(service) for service in services), *sorted(workloads))
    return ()


def _metrics_apis(snapshot: Snapshot, message: str) -> tuple[ResourceRef, ...]:
    """The APIServices of the group of metrics that a message is about: custom, external, or the usual one."""
    match = _METRICS_GROUP.search(message.lower())
    kind = next(filter(None, match.groups()), "") if match is not None else ""
    group = f"{kind}.metrics.k8s.io" if kind else "metrics.k8s.io"
    return tuple(snapshot.ref(item) for item in snapshot.all(APIService) if item.spec.group == group)


def _pods(snapshot: Snapshot, service: Service) -> Iterable[Pod]:
    return snapshot.pods_selected(service.namespace, service.spec.selector)


def _remedies(ref: ResourceRef, target: ResourceRef, split: str) -> tuple[Remedy, ...]:
    match split:
        case "NoRequests":
            return (
                kubectl.describe(ref),
                kubectl.edit(target, "Give every container a request for the resource, sidecars too"),
            )
        case "NoMetricsServer":
            return (
                kubectl.read("See whether the metrics API is served", "get apiservices v1beta1.metrics.k8s.io"),
                kubectl.read("See whether metrics-server runs", "get pods -l k8s-app=metrics-server", "kube-system"),
            )
    return (kubectl.describe(ref), kubectl.describe(target))


def _limited(snapshot: Snapshot, scaler: Autoscaler) -> Iterator[Finding]:
    limited = condition(scaler.status.conditions, "ScalingLimited")
    if limited is None or limited.status != "True" or limited.reason != "TooManyReplicas":
        return
    ref = snapshot.ref(scaler)
    yield Finding.of(
        analyzer=ID,
        reason="ScalingLimited",
        ref=ref,
        title=f"{ref} wants more than its maximum of {scaler.spec.max_replicas} replicas",
        severity=Severity.INFO,
        confidence=0.95,
        cause=excerpt(limited.message),
        evidence=_condition_evidence(ref, limited),
        remedies=(kubectl.describe(ref), kubectl.edit(ref, "Raise maxReplicas")),
        since=limited.last_transition_time,
    )


def _shared_targets(snapshot: Snapshot) -> Iterator[Finding]:
    groups: dict[ResourceRef, list[Autoscaler]] = defaultdict(list)
    for scaler in snapshot.all(Autoscaler):
        groups[_target(snapshot, scaler)].append(scaler)
    for target, scalers in groups.items():
        if len(scalers) < 2:
            continue
        names = ", ".join(sorted(scaler.name for scaler in scalers))
        ref = min(snapshot.ref(scaler) for scaler in scalers)
        yield Finding.of(
            analyzer=ID,
            reason="AmbiguousSelector",
            ref=ref,
            title=f"{target} has {len(scalers)} autoscalers ({names}) that undo each other's work",
            severity=Severity.WARNING,
            confidence=0.9,
            cause="Each sets the replicas of the same target by its own metrics.",
            evidence=tuple(
                Evidence.of(snapshot.ref(scaler), "spec", f"scaleTargetRef: {target}", locator="spec.scaleTargetRef")
                for scaler in scalers
            ),
            remedies=(
                kubectl.read("See them", "get horizontalpodautoscalers", ref.namespace),
                kubectl.write("Keep one", f"delete horizontalpodautoscaler {ref.name}", ref.namespace),
            ),
        )


def _condition_evidence(ref: ResourceRef, item: Condition | None) -> tuple[Evidence, ...]:
    if item is None:
        return ()
    return (
        Evidence.of(
            ref,
            "status",
            f"{item.type} is {item.status}: {item.reason}",
            excerpt=excerpt(item.message, 600),
            locator=f"status.conditions[{item.type}]",
            observed_at=item.last_transition_time,
        ),
    )


plugin = AnalyzerPlugin(id=ID, title="Autoscalers and their metrics", analyze=analyze)
