"""Rolling updates that wait for themselves: a new pod finds no place before an old one goes, and none may go.

Source: pkg/controller/deployment/rolling.go; ResolveFenceposts in its util for how the two bounds are rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.restless import pods_to_mind
from kubeagentix.analysis.scheduler.placement import claim_names, host_ports, requests_of
from kubeagentix.analysis.shortfall import START_GRACE_S, is_older_than, pod_evidence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.meta import IntOrString, condition
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment

ID = "rollouts"
DEFAULT_UNAVAILABLE = DEFAULT_SURGE = "25%"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Deployment."""
    minded = set(affected.workloads_of(snapshot, pods_to_mind(snapshot)))  # one with a pod that is not ready is
    for deployment in snapshot.all(Deployment) if minded else ():
        is_meant = deployment.metadata.deletion_timestamp is None and deployment.spec.strategy.type != "Recreate"
        if is_meant and snapshot.ref(deployment) in minded:
            yield from _deadlocked(snapshot, deployment)


def _deadlocked(snapshot: Snapshot, deployment: Deployment) -> Iterator[Finding]:
    for pod in affected.live_pods(snapshot, snapshot.ref(deployment)):
        if pod.is_ready or not is_older_than(pod.metadata.creation_timestamp, START_GRACE_S, snapshot.taken_at):
            continue
        for old in affected.older_ready_pods(snapshot, (pod,)):
            if what := _held_by(snapshot, deployment, pod, old):
                yield _finding(snapshot, deployment, pod, old, what)
                return


def _held_by(snapshot: Snapshot, deployment: Deployment, pod: Pod, old: Pod) -> str:
    """What the new pod waits for and the old one has, in words; empty if it waits for something else."""
    if claim := _attached_elsewhere(snapshot, pod, old):
        return f"claim {claim}, which only one node at a time may have"
    if unavailable_at_most(deployment) > 0:
        return ""  # an old pod is taken away first
    scheduled = condition(pod.status.conditions, "PodScheduled")
    if scheduled is None or scheduled.status != "False" or scheduled.reason != "Unschedulable":
        return ""
    return _place(scheduled.message, pod, old)


def _attached_elsewhere(snapshot: Snapshot, pod: Pod, old: Pod) -> str:
    shared = [name for name in claim_names(pod) if name in claim_names(old)]
    is_elsewhere = bool(pod.spec.node_name) and pod.spec.node_name != old.spec.node_name
    if not shared or not is_elsewhere:
        return ""
    refusals = (event for event in snapshot.events_for(pod) if event.reason == "FailedAttachVolume")
    return shared[0] if any("multi-attach" in event.message.lower() for event in refusals) else ""


def _place(message: str, pod: Pod, old: Pod) -> str:
    if "free ports" in message and (ports := host_ports(pod.spec) & host_ports(old.spec)):
        return f"host port {min(port for _, port in ports)}"
    if "anti-affinity" in message and _avoids(pod, old):
        return "a node without a pod of its own kind (its anti-affinity)"
    if "Too many pods" in message:
        return "room for one more pod on a node"
    wanted, freed = requests_of(pod.spec), requests_of(old.spec)
    for name, amount in wanted.items():
        if f"Insufficient {name}" in message and amount <= freed.get(name, 0.0):
            return f"the {name} that it requests"
    return ""


def _avoids(pod: Pod, old: Pod) -> bool:
    affinity = pod.spec.affinity.pod_anti_affinity if pod.spec.affinity else None
    return affinity is not None and any(
        term.label_selector is not None and term.label_selector.matches(old.metadata.labels)
        for term in affinity.required
    )


def unavailable_at_most(deployment: Deployment) -> int:
    """How many pods a rolling update may take away before new ones are ready."""
    rolling, replicas = deployment.spec.strategy.rolling_update, deployment.spec.replicas
    unavailable = rolling.max_unavailable if rolling and rolling.max_unavailable is not None else DEFAULT_UNAVAILABLE
    surge = rolling.max_surge if rolling and rolling.max_surge is not None else DEFAULT_SURGE
    most = _share_of(unavailable, replicas, is_rounded_up=False)
    return most if most or _share_of(surge, replicas, is_rounded_up=True) else 1


def _share_of(value: IntOrString, total: int, *, is_rounded_up: bool) -> int:
    if isinstance(value, int):
        return value
    text = value.removesuffix("%")
    if not text.isdigit():
        return 0
    product = int(text) * total
    return -(-product // 100) if is_rounded_up else product // 100


def _finding(snapshot: Snapshot, deployment: Deployment, pod: Pod, old: Pod, what: str) -> Finding:
    ref = snapshot.ref(deployment)
    rolling = deployment.spec.strategy.rolling_update
    stated = rolling.max_unavailable if rolling and rolling.max_unavailable is not None else DEFAULT_UNAVAILABLE
    count = f"{deployment.spec.replicas} replica{'s' if deployment.spec.replicas != 1 else ''}"
    return Finding.of(
        analyzer=ID,
        reason="RolloutStuck/HeldByOldPods",
        ref=ref,
        title=f"{ref}: the rollout waits for itself: {pod.name} needs {what}, and {old.name} keeps it",
        severity=Severity.CRITICAL,
        confidence=0.85,
        cause=f"The new pod cannot start before the old one goes, and the old one goes only when the new one is ready "
        f"(maxUnavailable {stated} of {count}).",
        evidence=(
            Evidence.of(
                ref,
                "spec",
                f"maxUnavailable {stated} with {count}",
                locator="spec.strategy.rollingUpdate.maxUnavailable",
            ),
            *pod_evidence(snapshot, (pod,)),
            Evidence.of(snapshot.ref(old), "status", f"{old.name}, of the old revision, is ready and has {what}"),
        ),
        remedies=(
            kubectl.describe(snapshot.ref(pod)),
            kubectl.edit(
                ref,
                "Let an old pod go first: strategy Recreate, or maxSurge: 0 with maxUnavailable: 1",
                why="what there is once cannot be had twice during an update",
            ),
        ),
    )


plugin = AnalyzerPlugin(id=ID, title="Rolling updates that wait for themselves", analyze=analyze, scope="workload")
