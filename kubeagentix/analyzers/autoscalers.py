"""HorizontalPodAutoscalers: targets that are not there, metrics that cannot be read, limits that are reached."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.meant import object_meant
from kubeagentix.analysis.shortfall import describe_age, is_older_than, unready_since
from kubeagentix.analysis.troubles import event_evidence
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
METRICS = "metrics.k8s.io"
ADAPTED = ("custom.metrics.k8s.io", "external.metrics.k8s.io")
UNSCALABLE = ("DaemonSet", "Job", "CronJob", "Pod")  # kinds without a scale subresource
# Source: pkg/controller/podautoscaler/horizontal.go, reconcileAutoscaler
OUT_OF_RANGE = (
    "Current number of replicas above Spec.MaxReplicas",
    "Current number of replicas below Spec.MinReplicas",
)
CONTESTED_TIMES = 3  # once or twice is somebody's hand
SHOWN = 3
_ACCOUNT = re.compile(r'system:serviceaccount:([^:\s"]+):([^:\s"]+)')
NO_METRICS = ("did not receive metrics for", "no metrics returned from")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per autoscaler and reason."""
    for scaler in snapshot.all(Autoscaler):
        if scaler.metadata.deletion_timestamp is None:
            unable = list(_unable(snapshot, scaler))
            yield from unable
            if not unable:
                inactive = list(_inactive(snapshot, scaler))
                yield from inactive
                if not any(finding.reason.endswith("/NoRequests") for finding in inactive):
                    yield from _without_requests(snapshot, scaler)
            yield from _limited(snapshot, scaler)
            yield from _contested(snapshot, scaler)
    yield from _shared_targets(snapshot)


def _target(snapshot: Snapshot, scaler: Autoscaler) -> ResourceRef:
    target = scaler.spec.scale_target_ref
    return snapshot.named(target.kind, scaler.namespace, target.name)


def _unable(snapshot: Snapshot, scaler: Autoscaler) -> Iterator[Finding]:
    """The target is not there, or is there and its scale cannot be read or set."""
    ref, target = snapshot.ref(scaler), _target(snapshot, scaler)
    able = condition(scaler.status.conditions, "AbleToScale")
    is_refused = able is not None and able.status == "False" and able.reason.startswith("Failed")
    is_there = snapshot.find(target) is not None
    if not _is_absent(snapshot, scaler) and not is_refused:
        return
    if is_refused and able is not None and is_there and _is_passing(snapshot, scaler, able):
        return
    message = able.message if able is not None and is_refused else ""
    split = _why_unable(message, target, is_there=is_there)
    what = f"{target.kind or 'object'} {target.name}"
    kind = KINDS.get(target.kind)
    like = object_meant(snapshot, kind.type, scaler.namespace, target.name) if kind is not None and not is_there else ""
    first = able.reason if able is not None and is_refused else "FailedGetScale"
    yield Finding.of(
        analyzer=ID,
        reason=f"{first}/{split}" if split else first,
        ref=ref,
        title=f"{ref}: its target, {what}, {_unable_in_words(scaler, split)}",
        severity=Severity.WARNING,
        confidence=0.95 if split else 0.7,
        cause=(excerpt(message) or f"There is no {what} in namespace {scaler.namespace}.")
        + (f" There is {target.kind} {like}: was that meant?" if like else ""),
        evidence=(
            Evidence.of(
                ref,
                "spec",
                f"scaleTargetRef: {what} of {scaler.spec.scale_target_ref.api_version or 'no API version'}",
                locator="spec.scaleTargetRef",
            ),
            *_condition_evidence(ref, able if is_refused else None),
        ),
        remedies=(kubectl.describe(ref), _retarget(ref, like)),
        points_at=(target,),
    )


def _retarget(ref: ResourceRef, like: str) -> Remedy:
    if not like:
        return kubectl.edit(ref, "Name the target that is meant, and its apiVersion")
    patch = json.dumps({"spec": {"scaleTargetRef": {"name": like}}}, separators=(",", ":"))
    command = f"patch horizontalpodautoscaler {ref.name} --type=merge -p '{patch}'"
    return kubectl.write(f"Let it scale {like}", command, ref.namespace)


def _is_absent(snapshot: Snapshot, scaler: Autoscaler) -> bool:
    target = _target(snapshot, scaler)
    kind = KINDS.get(target.kind)
    return kind is not None and snapshot.lacks(target)


def _is_passing(snapshot: Snapshot, scaler: Autoscaler, item: Condition) -> bool:
    """Whether the trouble, or the autoscaler itself, is too young to be taken for more than a start."""
    moments = (item.last_transition_time, scaler.metadata.creation_timestamp)
    return not all(is_older_than(moment, METRICS_GRACE_S, snapshot.taken_at) for moment in moments)


def _why_unable(message: str, target: ResourceRef, *, is_there: bool) -> str:
    if "no matches for kind" in message:
        return "UnknownKind"
    if "could not find the requested resource" in message or target.kind in UNSCALABLE:
        return "NotScalable"
    if "forbidden" in message:
        return "Forbidden"
    return "TargetNotFound" if not is_there and (not message or "not found" in message) else ""


def _unable_in_words(scaler: Autoscaler, split: str) -> str:
    version = scaler.spec.scale_target_ref.api_version
    return {
        "UnknownKind": f"is of a kind that API {version} does not have",
        "NotScalable": "is of a kind that cannot be scaled",
        "Forbidden": "may not be scaled by the autoscaler's account",
        "TargetNotFound": "cannot be found",
    }.get(split, "cannot be scaled")


def _inactive(snapshot: Snapshot, scaler: Autoscaler) -> Iterator[Finding]:
    active = condition(scaler.status.conditions, "ScalingActive")
    if active is None or active.status != "False" or active.reason == "ScalingDisabled":
        return
    if _is_passing(snapshot, scaler, active):
        return
    now, target = snapshot.taken_at, _target(snapshot, scaler)
    split = _split(snapshot, target, active)
    if split is None:
        return
    ref = snapshot.ref(scaler)
    yield Finding.of(
        analyzer=ID,
        reason=f"{active.reason}/{split}" if split else active.reason or "ScalingInactive",
        ref=ref,
        title=f"{ref} cannot scale {target}: {_in_words(split, active.message)}"
        f"{describe_age(active.last_transition_time, now)}",
        severity=Severity.WARNING,
        confidence=0.6 if split == "NoReadyPods" else 0.9,
        cause=excerpt(active.message),
        evidence=_condition_evidence(ref, active),
        remedies=_remedies(ref, target, split, active.message),
        points_at=_points_at(snapshot, target, split, active.message),
        is_symptom=split == "NoReadyPods",
        since=active.last_transition_time,
    )


def _in_words(split: str, message: str) -> str:
    group = _group(message)
    return {
        "NoRequests": "containers request none of the resource that it watches",
        "NoMetricsServer": f"the API {group} is not served",
        "Forbidden": f"its account may not read {group}",
        "NoReadyPods": "no pod of its target is ready",
    }.get(split, "its metrics cannot be read")


def _group(message: str) -> str:
    """The API group that the metrics should have come from."""
    return next(
        (
            group
            for group in ADAPTED
            if group in message or f"no {group.partition('.')[0]} metrics api" in message.lower()
        ),
        METRICS,
    )


def _split(snapshot: Snapshot, target: ResourceRef, active: Condition) -> str | None:
    """Which kind of trouble the condition's message tells of; empty if unknown, None if it will pass by itself."""
    message = active.message.lower()
    if "missing request for" in message:
        return "NoRequests"
    if any(text in message for text in NO_API):
        return "NoMetricsServer"
    if "is forbidden" in message:
        return "Forbidden"
    if any(text in message for text in NO_METRICS):
        pods = [pod for pod in snapshot.pods_of(target) if pod.is_live]
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
    if split == "Forbidden" and (account := _ACCOUNT.search(message)):
        return (snapshot.named("ServiceAccount", account[1], account[2]),)
    if split != "NoMetricsServer":
        return ()
    group = _group(message)
    # The API is served by pods behind a Service of this name, wherever it runs.
    services = [item for item in snapshot.all(Service) if item.name == "metrics-server" and group == METRICS]
    workloads = {snapshot.workload_of(pod) for service in services for pod in _pods(snapshot, service)}
    apis = tuple(snapshot.ref(item) for item in snapshot.all(APIService) if item.spec.group == group)
    # What is registered and down may be called otherwise; what is not registered at all would be called so.
    if not apis and not services and "unable to handle" not in message:
        apis = (snapshot.named("APIService", "", f"v1beta1.{group}"),)
    return (*apis, *(snapshot.ref(service) for service in services), *sorted(workloads))


def _pods(snapshot: Snapshot, service: Service) -> Iterable[Pod]:
    return snapshot.pods_selected(service.namespace, service.spec.selector)


def _remedies(ref: ResourceRef, target: ResourceRef, split: str, message: str) -> tuple[Remedy, ...]:
    match split:
        case "NoRequests":
            return (
                kubectl.describe(ref),
                kubectl.edit(target, "Give every container a request for the resource, sidecars too"),
            )
        case "NoMetricsServer":
            return (
                kubectl.read(
                    "See which metrics APIs are served", "get apiservices", why=f"wanted is {_group(message)}"
                ),
                kubectl.read("See whether metrics-server runs", "get pods -l k8s-app=metrics-server", "kube-system")
                if _group(message) == METRICS
                else kubectl.describe(ref),
            )
    return (kubectl.describe(ref), kubectl.describe(target))


def _without_requests(snapshot: Snapshot, scaler: Autoscaler) -> Iterator[Finding]:
    """Utilization is a share of what is requested, by every container; pods show what was defaulted on admission."""
    active = condition(scaler.status.conditions, "ScalingActive")
    if active is not None and active.status == "True":
        return
    ref, target = snapshot.ref(scaler), _target(snapshot, scaler)
    for metric in scaler.spec.metrics:
        resource = metric.resource
        if metric.type != "Resource" or resource is None or resource.target.type != "Utilization":
            continue
        lacking = _lacking(snapshot, target, resource.name)
        if not lacking:
            continue
        names = ", ".join(sorted({name for _, name in lacking}))
        yield Finding.of(
            analyzer=ID,
            reason="FailedGetResourceMetric/NoRequests",
            ref=ref,
            title=f"{ref} cannot scale {target} by {resource.name}: container {names} requests none of it",
            severity=Severity.WARNING,
            confidence=0.85,
            cause=f"A utilization of {resource.name} is a share of the request, and container {names} has none.",
            evidence=(
                Evidence.of(
                    ref, "spec", f"{resource.name} by utilization", locator=f"spec.metrics[{resource.name}].target"
                ),
                *(
                    Evidence.of(
                        snapshot.ref(pod),
                        "spec",
                        f"container {name} requests no {resource.name}",
                        locator=f"spec.containers[{name}].resources.requests",
                    )
                    for pod, name in lacking[:SHOWN]
                ),
            ),
            remedies=_remedies(ref, target, "NoRequests", ""),
            detail=resource.name,
        )


def _lacking(snapshot: Snapshot, target: ResourceRef, resource: str) -> list[tuple[Pod, str]]:
    return [
        (pod, container.name)
        for pod in snapshot.pods_of(target)
        if pod.is_live and pod.spec.resources is None
        for container in pod.spec.containers
        if resource not in container.resources.requests and resource not in container.resources.limits
    ]


def _contested(snapshot: Snapshot, scaler: Autoscaler) -> Iterator[Finding]:
    """Somebody else sets the replicas out of the autoscaler's range, again and again (a pipeline, a GitOps tool)."""
    ref, target = snapshot.ref(scaler), _target(snapshot, scaler)
    corrections = [
        event
        for event in snapshot.events_for(ref)
        if event.reason == "SuccessfulRescale" and any(text in event.message for text in OUT_OF_RANGE)
    ]
    times = sum(event.times for event in corrections)
    if times < CONTESTED_TIMES:
        return
    yield Finding.of(
        analyzer=ID,
        reason="ReplicasContested",
        ref=ref,
        title=f"{ref}: somebody sets the replicas of {target} out of its range again and again ({times} times)",
        severity=Severity.WARNING,
        confidence=0.8,
        cause="The autoscaler corrected replicas that it would never set, so something else sets them: "
        "as a rule a manifest with spec.replicas that is applied over and over.",
        evidence=tuple(event_evidence(snapshot, event, ref) for event in corrections[:SHOWN]),
        remedies=(
            kubectl.read("See who sets them", f"get {kubectl.arguments(target)} -o yaml --show-managed-fields"),
            kubectl.edit(target, "Leave spec.replicas out of the manifest that is applied"),
        ),
    )


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
