"""Pods that no node takes: which constraint keeps them off, by the scheduler's message held against the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.node_life import is_node_coming
from kubeagentix.analysis.restless import pods_to_mind
from kubeagentix.analysis.scheduler.case import Case, Explanation, listed
from kubeagentix.analysis.scheduler.explanations import explain
from kubeagentix.analysis.scheduler.messages import ObstacleKind, read_clauses
from kubeagentix.analysis.scheduler.placement import Choice, Cluster, claim_names
from kubeagentix.analysis.shortfall import describe_age, earliest, is_older_than
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.templates import templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import condition
from kubeagentix.domain.nodes import Event, Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolumeClaim
from kubeagentix.errors import excerpt

ID = "scheduling"
EXCERPT_CHARS = 600
PODS_SHOWN = 3
SILENCE_S = 60.0  # a scheduler that is alive has placed or refused a pod by then
BINDING_S = 20.0  # a provisioner at work binds a new claim in about that time; until then a pod waits for it rightly
DEFAULT_SCHEDULERS = ("", "default-scheduler")
SELECTED_NODE = "volume.kubernetes.io/selected-node"  # on a claim: the scheduler has chosen a node for its pod


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """What the scheduler said of a pod: the words, where they stand, and since when."""

    message: str
    source: str  # "status" or "event"
    locator: str
    since: datetime | None


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and reason, about all of its pods that were refused for it."""
    cluster = Cluster(snapshot=snapshot)
    waiting = list(_waiting_pods(snapshot))
    yield from _gated(snapshot, waiting)
    yield from _binding(snapshot, waiting)
    yield from _ignored(snapshot, waiting)
    yield from _refused(snapshot, cluster, waiting)
    yield from _bound_to_nowhere(snapshot, cluster)


def _waiting_pods(snapshot: Snapshot) -> Iterator[Pod]:
    for pod in pods_to_mind(snapshot):
        if pod.status.phase in ("Pending", "") and not pod.spec.node_name and not pod.is_terminating:
            yield pod


def _is_gated(pod: Pod) -> bool:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    return bool(pod.spec.scheduling_gates) or (scheduled is not None and scheduled.reason == "SchedulingGated")


def _refusal(snapshot: Snapshot, pod: Pod) -> _Refusal | None:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.status == "False" and scheduled.message:
        return _Refusal(
            message=scheduled.message,
            source="status",
            locator="status.conditions[PodScheduled]",
            since=scheduled.last_transition_time or pod.metadata.creation_timestamp,
        )
    event = _newest(snapshot, pod, "FailedScheduling")
    if event is None:
        return None
    return _Refusal(
        message=event.message,
        source="event",
        locator="event/FailedScheduling",
        since=event.first_timestamp or event.seen_at,
    )


def _newest(snapshot: Snapshot, pod: Pod, reason: str) -> Event | None:
    return next((event for event in snapshot.events_for(pod) if event.reason == reason), None)


def _refused(snapshot: Snapshot, cluster: Cluster, waiting: list[Pod]) -> Iterator[Finding]:
    told: dict[tuple[ResourceRef, str], tuple[Case, Explanation]] = {}
    pairs: list[tuple[Pod, str]] = []
    known: dict[tuple[ResourceRef, str], str] = {}
    for pod in waiting:
        refusal = None if _is_gated(pod) else _refusal(snapshot, pod)
        if refusal is None:
            continue
        workload = snapshot.workload_of(pod)
        key = (workload, f"{affected.revision(pod)} {refusal.message}")
        if key not in known or not _is_interchangeable(pod):
            case = _case(cluster, pod, workload, refusal)
            if case is None:
                continue
            explanation = explain(case)
            known[key] = f"Unschedulable/{explanation.reason}" if explanation.reason else "Unschedulable"
            told.setdefault((workload, known[key]), (case, explanation))
        pairs.append((pod, known[key]))
    for (workload, reason), pods in affected.group(snapshot, pairs).items():
        case, explanation = told[(workload, reason)]
        yield _finding(case, explanation, reason, pods)
    yield from _cordons(snapshot, [case for case, _ in told.values()])


def _cordons(snapshot: Snapshot, cases: list[Case]) -> Iterator[Finding]:
    """A cordon is somebody's decision, and no trouble until pods wait that the node would take."""
    waiting: dict[str, list[Case]] = {}
    for case in cases:
        for name in case.choice.nodes if case.choice.obstacle.kind is ObstacleKind.CORDONED else ():
            waiting.setdefault(name, []).append(case)
    for name, held in waiting.items():
        ref, who = snapshot.named("Node", "", name), listed(str(case.workload) for case in held)
        yield Finding.of(
            analyzer=ID,
            reason="NodeCordoned",
            ref=ref,
            title=f"{ref} is cordoned, and pods wait for it: {who}",
            severity=Severity.WARNING,
            confidence=0.9,
            cause=f"Somebody closed the node to new pods, and no other node takes these: {who}.",
            evidence=(
                Evidence.of(ref, "spec", "unschedulable: true", locator="spec.unschedulable"),
                *(item for case in held[:PODS_SHOWN] for item in _evidence(snapshot, (case.pod,))),
            ),
            remedies=(kubectl.describe(ref), kubectl.write("Let pods onto it again", f"uncordon {name}")),
        )


def _bound_to_nowhere(snapshot: Snapshot, cluster: Cluster) -> Iterator[Finding]:
    """Templates that name a node which does not exist: such pods pass the scheduler by, and are collected soon."""
    names = {node.name for node in cluster.nodes}
    for template in templates(snapshot):
        name, workload = template.spec.node_name, template.workload
        if not names or not name or name in names or not template.wanted or _has_come_to_run(snapshot, workload):
            continue
        near = nearest(name, names)
        yield Finding.of(
            analyzer=ID,
            reason="Unschedulable/NodeNotFound",
            ref=workload,
            title=f"{workload}: its nodeName is {name}, and there is no such node" + (f" ({near}?)" if near else ""),
            severity=Severity.CRITICAL,
            confidence=0.9,
            cause=f"spec.nodeName binds its pods to node {name}, which does not exist, so no kubelet starts them. "
            f"The nodes are {listed(sorted(names))}.",
            evidence=(Evidence.of(workload, "spec", f"nodeName: {name}", locator="spec.nodeName"),),
            remedies=(
                kubectl.read("See the nodes", "get nodes"),
                kubectl.edit(workload, "Leave nodeName out", why="the scheduler then chooses a node"),
            ),
        )


def _has_come_to_run(snapshot: Snapshot, workload: ResourceRef) -> bool:
    """Whether a kubelet has seen a pod of it: its node has been there, and is gone."""
    return any(
        pod.status.start_time is not None or pod.status.phase not in ("Pending", "")
        for pod in snapshot.pods_of(workload)
    )


def _is_interchangeable(pod: Pod) -> bool:
    """Whether its siblings fare as it does: not so with DaemonSets (own nodes) and StatefulSets (own claims)."""
    return pod.controller is not None and pod.controller.kind in ("ReplicaSet", "ReplicationController", "Job")


def _case(cluster: Cluster, pod: Pod, workload: ResourceRef, refusal: _Refusal) -> Case | None:
    choice = cluster.choose(pod, read_clauses(refusal.message))
    if choice is None:
        return None
    case = Case(cluster=cluster, pod=pod, workload=workload, choice=choice)
    return None if _is_still_binding(case, refusal) or _is_being_made_room_for(case, refusal) else case


def _is_being_made_room_for(case: Case, refusal: _Refusal) -> bool:
    """Whether pods of lower priority are on their way out for this one, and have had no time yet to end."""
    is_nominated = bool(case.pod.status.nominated_node_name)
    return is_nominated and not is_older_than(refusal.since, SILENCE_S, case.cluster.snapshot.taken_at)


def _is_still_binding(case: Case, refusal: _Refusal) -> bool:
    is_claim = case.choice.obstacle.kind is ObstacleKind.CLAIM_UNBOUND
    return is_claim and not is_older_than(refusal.since, BINDING_S, case.cluster.snapshot.taken_at)


def _finding(case: Case, explanation: Explanation, reason: str, pods: tuple[Pod, ...]) -> Finding:
    snapshot, workload = case.cluster.snapshot, case.workload
    since = earliest(item.since for pod in pods if (item := _refusal(snapshot, pod)))
    who = affected.share(snapshot, workload, pods)
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=workload,
        title=f"{workload}: {who} cannot be scheduled: {explanation.phrase or case.choice.obstacle}"
        + describe_age(since, snapshot.taken_at)
        + affected.still_serving(len(affected.older_ready_pods(snapshot, pods))),
        severity=_severity(snapshot, workload, pods),
        confidence=_confidence(case, explanation),
        cause=explanation.cause + _nominated(pods),
        evidence=(*_evidence(snapshot, pods), *_node_evidence(case)),
        remedies=(kubectl.describe(snapshot.ref(case.pod)), *explanation.remedies),
        points_at=explanation.points_at or _sick_nodes(case),
        since=since,
    )


def _confidence(case: Case, explanation: Explanation) -> float:
    snapshot, is_short = case.cluster.snapshot, case.choice.obstacle.kind is ObstacleKind.RESOURCE
    if is_short and not snapshot.was_read(Event):
        return 0.75  # only an event tells of nodes that are on their way
    if case.choice.is_verified or explanation.points_at:
        return 0.9
    if not snapshot.was_read(Node):
        return 0.6  # the scheduler counts nodes by the first thing that it held against each
    return 0.85 if explanation.reason else 0.7


def _nominated(pods: tuple[Pod, ...]) -> str:
    names = listed(pod.status.nominated_node_name for pod in pods if pod.status.nominated_node_name)
    return f" It is to replace pods of lower priority on {names}, which have not ended yet." if names else ""


def _severity(snapshot: Snapshot, workload: ResourceRef, pods: tuple[Pod, ...]) -> Severity:
    if all(is_node_coming(snapshot, pod) for pod in pods):
        return Severity.INFO
    return affected.severity(snapshot, workload, pods)


def _sick_nodes(case: Case) -> tuple[ResourceRef, ...]:
    """The nodes that would take the pod if only they were well: their trouble explains the shortage elsewhere."""
    return case.cluster.worked_out(_sick_of, case.choice)


def _sick_of(cluster: Cluster, choice: Choice) -> tuple[ResourceRef, ...]:
    return tuple(
        cluster.snapshot.named("Node", "", name)
        for name, found in choice.refusals.items()
        if found and all(item.kind is ObstacleKind.NODE_CONDITION for item in found)
    )


def _evidence(snapshot: Snapshot, pods: tuple[Pod, ...]) -> Iterator[Evidence]:
    for pod in pods[:PODS_SHOWN]:
        refusal = _refusal(snapshot, pod)
        if refusal is not None:
            yield Evidence.of(
                snapshot.ref(pod),
                "status" if refusal.source == "status" else "event",
                f"the scheduler found no node for {pod.name}",
                excerpt=excerpt(refusal.message, EXCERPT_CHARS),
                locator=refusal.locator,
                observed_at=refusal.since,
            )
    event = _newest(snapshot, pods[0], "NotTriggerScaleUp")
    if event is not None:
        yield Evidence.of(
            snapshot.ref(pods[0]),
            "event",
            "the cluster autoscaler adds no node for it",
            excerpt=excerpt(event.message, EXCERPT_CHARS),
            locator="event/NotTriggerScaleUp",
            observed_at=event.seen_at,
        )


def _node_evidence(case: Case) -> Iterator[Evidence]:
    """What was found to speak against each of the first few nodes."""
    snapshot = case.cluster.snapshot
    for name, found in islice(case.choice.refusals.items(), PODS_SHOWN):
        words = listed(str(item) for item in found)
        yield Evidence.of(snapshot.named("Node", "", name), "spec", f"{name} does not take {case.pod.name}: {words}")


def _gated(snapshot: Snapshot, waiting: list[Pod]) -> Iterator[Finding]:
    now = snapshot.taken_at
    pairs = (
        (pod, tuple(gate.name for gate in pod.spec.scheduling_gates))
        for pod in waiting
        if _is_gated(pod) and is_older_than(pod.metadata.creation_timestamp, SILENCE_S, now)
    )
    for (workload, gates), pods in affected.group(snapshot, pairs).items():
        since = earliest(pod.metadata.creation_timestamp for pod in pods)
        names = listed(gates) or "a gate"
        yield Finding.of(
            analyzer=ID,
            reason="SchedulingGated",
            ref=workload,
            title=f"{workload}: {affected.share(snapshot, workload, pods)} held back by {names}",
            severity=affected.severity(snapshot, workload, pods),
            confidence=0.95,
            cause=f"The scheduler leaves a pod alone until its scheduling gates are removed: {names}. "
            "Whatever controller should do that has not.",
            evidence=tuple(
                Evidence.of(
                    snapshot.ref(pod),
                    "spec",
                    f"{pod.name} has the scheduling gates {names}",
                    excerpt=_condition_message(pod),
                    locator="spec.schedulingGates",
                )
                for pod in pods[:PODS_SHOWN]
            ),
            remedies=(
                kubectl.describe(snapshot.ref(pods[0])),
                kubectl.edit(snapshot.ref(pods[0]), "Remove the gates by hand", why="if no controller will do it"),
            ),
            since=since,
            detail=names,
        )


def _condition_message(pod: Pod) -> str:
    scheduled = condition(pod.status.conditions, "PodScheduled")
    return excerpt(scheduled.message, EXCERPT_CHARS) if scheduled else ""


def _claims_on_their_way(snapshot: Snapshot, pod: Pod) -> dict[ResourceRef, str]:
    """The pod's unbound claims, and the nodes that the scheduler has chosen for their volumes, so far as it has.

    It places the pod once they are bound, and says nothing of it until then, for ten minutes.
    """
    claims = (snapshot.get(PersistentVolumeClaim, pod.namespace, name) for name in claim_names(pod))
    return {
        snapshot.ref(claim): claim.metadata.annotations[SELECTED_NODE]
        for claim in claims
        if claim is not None and claim.status.phase != "Bound" and SELECTED_NODE in claim.metadata.annotations
    }


def _binding(snapshot: Snapshot, waiting: list[Pod]) -> Iterator[Finding]:
    """Pods that have a node and wait for a volume there."""
    now = snapshot.taken_at
    pairs = (
        (pod, tuple(found.items()))
        for pod in waiting
        if _refusal(snapshot, pod) is None
        and is_older_than(pod.metadata.creation_timestamp, SILENCE_S, now)
        and (found := _claims_on_their_way(snapshot, pod))
    )
    for (workload, claims), pods in affected.group(snapshot, pairs).items():
        names = listed(claim.name for claim, _ in claims)
        since = earliest(pod.metadata.creation_timestamp for pod in pods)
        yield Finding.of(
            analyzer=ID,
            reason="Unschedulable/VolumeClaimUnbound",
            ref=workload,
            title=f"{workload}: {affected.share(snapshot, workload, pods)} waits for a volume for claim {names}"
            f"{describe_age(since, now)}",
            severity=affected.severity(snapshot, workload, pods),
            confidence=0.85,
            cause=f"The scheduler has chosen node {claims[0][1]} and waits until claim {names} has a volume there.",
            evidence=tuple(
                Evidence.of(
                    claim,
                    "status",
                    f"claim {claim.name} is not bound, and is to be on node {node}",
                    locator=f"metadata.annotations[{SELECTED_NODE}]",
                )
                for claim, node in claims
            ),
            remedies=tuple(kubectl.describe(claim) for claim, _ in claims[:2]),
            points_at=tuple(claim for claim, _ in claims),
            since=since,
            detail=names,
        )


def _ignored(snapshot: Snapshot, waiting: list[Pod]) -> Iterator[Finding]:
    """Pods of which no scheduler has said anything: none by that name is running."""
    now = snapshot.taken_at
    pairs = (
        (pod, pod.spec.scheduler_name)
        for pod in waiting
        if not _is_gated(pod)
        and _refusal(snapshot, pod) is None
        and condition(pod.status.conditions, "PodScheduled") is None
        and not _claims_on_their_way(snapshot, pod)
        and is_older_than(pod.metadata.creation_timestamp, SILENCE_S, now)
    )
    for (workload, name), pods in affected.group(snapshot, pairs).items():
        since = earliest(pod.metadata.creation_timestamp for pod in pods)
        is_default = name in DEFAULT_SCHEDULERS
        yield Finding.of(
            analyzer=ID,
            reason="Unschedulable",
            ref=workload,
            title=f"{workload}: no scheduler looks at {affected.share(snapshot, workload, pods)}",
            severity=affected.severity(snapshot, workload, pods),
            confidence=0.7,
            cause="The scheduler has said nothing of the pod: kube-scheduler is not running or far behind."
            if is_default
            else f"schedulerName is {name}, and no scheduler of that name has said anything of the pod.",
            evidence=tuple(
                Evidence.of(
                    snapshot.ref(pod),
                    "status",
                    f"{pod.name} is Pending{describe_age(pod.metadata.creation_timestamp, now)}, without a condition "
                    f"PodScheduled; schedulerName is {name or 'not set'}",
                    locator="status.conditions",
                )
                for pod in pods[:PODS_SHOWN]
            ),
            remedies=(
                kubectl.read("See whether the scheduler runs", "get pods,leases", "kube-system"),
                kubectl.describe(snapshot.ref(pods[0])),
                *(() if is_default else (kubectl.edit(workload, "Leave schedulerName out, or run that scheduler"),)),
            ),
            since=since,
            detail=f"scheduler {name}",
        )


plugin = AnalyzerPlugin(id=ID, title="Pods that no node takes", analyze=analyze)
