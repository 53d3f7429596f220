"""What is not as it should be: pods, workloads, claims, Jobs, nodes and Services without anybody behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubeagentix.analysis.backends import is_deserted, is_switched_off
from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain import network, nodes, storage, workloads
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.meta import Resource, condition
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.report.text import clean_line
from kubeagentix.toolkit.columns import pod_ready, pod_state, restarts_of
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, picture
from kubeagentix.toolkit.statuses import Said, evidence_in
from kubeagentix.toolkit.wording import count_of

MESSAGE_CHARS = 160
_KINDS = (
    *("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Node", "Namespace"),
    *("PersistentVolumeClaim", "Service", "EndpointSlice", "ReplicationController"),
)
PODS_OF_ONE = 3  # replicas fail alike


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """A line per object, workloads before their pods."""
    namespace = namespace_of(arguments, context)
    snapshot = await picture(context, namespace, _KINDS)
    lines = [
        line
        for item, said in _unhealthy(snapshot)
        if item.namespace in ("", namespace) or namespace is None
        for line in (_line(snapshot, item, said),)
    ]
    place = f"namespace {namespace}" if namespace is not None else "all namespaces"
    gaps = [f"not read: {gap.what}: {gap.why}" for gap in snapshot.gaps if gap.kind in _KINDS]
    if not lines:
        text = "\n".join([f"nothing is unhealthy in {place}", *gaps])
        return ToolOutput(text=text, data=[])
    shown = lines[: arguments["limit"]]
    more = [f"({len(lines) - len(shown)} more; name a namespace)"] if len(lines) > len(shown) else []
    head = f"{count_of(len(lines), 'object')} not as they should be in {place}"
    evidence = evidence_in(shown)
    return ToolOutput(
        text="\n".join([head, *(str(line) for line in shown), *more, *gaps]),
        short="\n".join([head, *(str(line) for line in shown if not line.text.startswith("Pod ")), *more, *gaps]),
        evidence=evidence,
        data=[{"id": item.id, "object": str(item.ref), "state": item.summary} for item in evidence],
    )


def _line(snapshot: Snapshot, item: Resource, said: str) -> Said:
    ref = snapshot.ref(item)
    text = clean_line(f"{ref}: {said}", 400)
    return Said(text=text, evidence=Evidence.of(ref, "status", text, locator="status"))


def _unhealthy(snapshot: Snapshot) -> Iterator[tuple[Resource, str]]:
    yield from _nodes(snapshot)
    yield from _workloads(snapshot)
    yield from _jobs(snapshot)
    for claim in snapshot.all(storage.PersistentVolumeClaim):
        if claim.status.phase not in ("Bound", ""):
            yield claim, f"{claim.status.phase}, class {claim.spec.storage_class_name or 'default'}"
    for service in snapshot.all(network.Service):
        if is_deserted(snapshot, service) and not is_switched_off(snapshot, service):
            selector = ",".join(f"{key}={value}" for key, value in service.spec.selector.items())
            yield service, f"no ready endpoint{f' (selector {selector})' if selector else ''}"
    for place in snapshot.all(nodes.Namespace):
        if place.status.phase == "Terminating":
            yield place, "Terminating"
    yield from _pods(snapshot)


def _nodes(snapshot: Snapshot) -> Iterator[tuple[Resource, str]]:
    for node in snapshot.all(nodes.Node):
        ready = condition(node.status.conditions, "Ready")
        if ready is not None and ready.status != "True":
            yield node, f"not ready ({ready.reason}: {clean_line(ready.message, MESSAGE_CHARS)})"
        pressed = [item.type for item in node.status.conditions if item.type != "Ready" and item.status == "True"]
        if pressed:
            yield node, f"has {', '.join(pressed)}"
        if node.spec.unschedulable:
            yield node, "closed for new pods (cordoned)"


def _workloads(snapshot: Snapshot) -> Iterator[tuple[Resource, str]]:
    for items in (snapshot.all(workloads.Deployment), snapshot.all(workloads.StatefulSet)):
        for item in items:
            if item.status.ready_replicas < item.spec.replicas:
                yield item, f"{item.status.ready_replicas} of {item.spec.replicas} ready{_why(item)}"
    for daemon in snapshot.all(workloads.DaemonSet):
        wanted = daemon.status.desired_number_scheduled
        if daemon.status.number_ready < wanted:
            yield daemon, f"{daemon.status.number_ready} of {wanted} ready"
    for owned in snapshot.all(workloads.ReplicaSet):
        if owned.status.ready_replicas < owned.spec.replicas and owned.controller is None:
            yield owned, f"{owned.status.ready_replicas} of {owned.spec.replicas} ready{_why(owned)}"


def _why(item: workloads.Deployment | workloads.StatefulSet | workloads.ReplicaSet) -> str:
    conditions = getattr(item.status, "conditions", ())
    for name, bad in (("ReplicaFailure", "True"), ("Progressing", "False")):
        found = condition(conditions, name)
        if found is not None and found.status == bad:
            return f" ({found.reason}: {clean_line(found.message, MESSAGE_CHARS)})"
    return ""


def _jobs(snapshot: Snapshot) -> Iterator[tuple[Resource, str]]:
    for job in snapshot.all(workloads.Job):
        failed = condition(job.status.conditions, "Failed")
        if failed is not None and failed.status == "True":
            yield job, f"failed ({failed.reason}: {clean_line(failed.message, MESSAGE_CHARS)})"
        elif job.status.failed and not condition(job.status.conditions, "Complete"):
            yield job, f"{count_of(job.status.failed, 'pod')} of it failed so far"


def _pods(snapshot: Snapshot) -> Iterator[tuple[Resource, str]]:
    for pods in snapshot.pods_by_workload.values():
        bad = [pod for pod in pods if _is_bad(pod)]
        for place, pod in enumerate(bad[:PODS_OF_ONE], start=1):
            left = len(bad) - PODS_OF_ONE if place == PODS_OF_ONE else 0
            more = f", and {left} more of this workload" if left > 0 else ""
            yield pod, f"{pod_state(pod)}, ready {pod_ready(pod)}, restarts {restarts_of(pod)}{_message(pod)}{more}"


def _is_bad(pod: Pod) -> bool:
    return pod.status.phase == "Failed" or (not pod.is_finished and not pod.is_ready)


def _message(pod: Pod) -> str:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return f" ({clean_line(scheduled.message, MESSAGE_CHARS)})"
    return f" ({clean_line(pod.status.message, MESSAGE_CHARS)})" if pod.status.message else ""


plugin = ToolPlugin(
    spec=ToolSpec(
        name="list_unhealthy",
        description=(
            "Lists what is not healthy in a namespace or in the whole cluster: pods not ready or failing, workloads "
            "short of replicas, failed Jobs, claims without a volume, Services with nobody behind them, broken nodes."
        ),
        parameters={
            "type": "object",
            "properties": {
                "namespace": NAMESPACE,
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 500,
                    "default": 100,
                    "description": "How many objects at most.",
                },
            },
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=rights(_KINDS),
)
