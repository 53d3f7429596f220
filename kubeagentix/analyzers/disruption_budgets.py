"""PodDisruptionBudgets that protect nobody, that can never let a pod go, that overlap, or that cannot be worked out.

A budget that never lets a pod go is advice while nobody asks it to: charts give one to single replicas, and nothing
fails of it. It is a warning once a node with such a pod is to be emptied, as that then waits for ever.
Source: pkg/controller/disruption; the eviction subresource in pkg/registry/core/pod/storage/eviction.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.node_life import is_announced_to_leave, late_pods
from kubeagentix.analysis.shortfall import pod_evidence
from kubeagentix.analysis.troubles import event_evidence, sentence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import IntOrString, condition
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import PodDisruptionBudget as Budget
from kubeagentix.errors import excerpt

ID = "disruption-budgets"
SYNC_EVENTS = ("NoControllerRef", "NoControllers", "CalculateExpectedPodCountFailed")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per budget and reason."""
    holders: dict[ResourceRef, tuple[Pod, list[Budget]]] = {}
    for budget in snapshot.all(Budget):
        selector = budget.spec.selector
        if budget.metadata.deletion_timestamp is not None or not snapshot.was_read(
            Pod, budget.namespace, selector=selector
        ):
            continue
        pods = _pods(snapshot, budget)
        for pod in pods:
            holders.setdefault(snapshot.ref(pod), (pod, []))[1].append(budget)
        if not pods:
            yield from _idle(snapshot, budget)
        elif failed := _sync_failure(snapshot, budget):
            yield _unsynced(snapshot, budget, failed)
        else:
            yield from _blocking(snapshot, budget, pods) or _used_up(snapshot, budget, pods)
    yield from _overlapping(snapshot, holders)


def _pods(snapshot: Snapshot, budget: Budget) -> tuple[Pod, ...]:
    selector = budget.spec.selector
    if selector is None:
        return ()
    return tuple(pod for pod in snapshot.pods_matching(budget.namespace, selector) if not pod.is_finished)


def _idle(snapshot: Snapshot, budget: Budget) -> Iterator[Finding]:
    ref = snapshot.ref(budget)
    yield Finding.of(
        analyzer=ID,
        reason="NoPods",
        ref=ref,
        title=f"{ref} selects no pods",
        severity=Severity.INFO,
        confidence=0.9,
        cause="No pod of the namespace has the labels that the budget asks for, so it protects nobody.",
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"{budget.status.expected_pods} pods expected",
                excerpt=kubectl.labels_argument(budget.spec.selector.match_labels) if budget.spec.selector else "",
                locator="spec.selector",
            ),
        ),
        remedies=(kubectl.read("See the pods' labels", "get pods --show-labels", ref.namespace),),
    )


def _blocking(snapshot: Snapshot, budget: Budget, pods: tuple[Pod, ...]) -> list[Finding]:
    expected = budget.status.expected_pods or len(pods)
    rule = _impossible_rule(budget, expected)
    if not rule:
        return []
    draining, ref = _draining(snapshot, pods), snapshot.ref(budget)
    finding = Finding.of(
        analyzer=ID,
        reason="EvictionBlocked",
        ref=ref,
        title=f"{ref} lets no pod be evicted{_waiting(draining)}",
        severity=Severity.WARNING if draining else Severity.INFO,
        confidence=0.9,
        cause=f"{rule} with {expected} pod{'s' if expected != 1 else ''} allows no disruption, ever.",
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"{budget.status.disruptions_allowed} disruptions allowed, {expected} pods expected, {rule}",
                locator="status.disruptionsAllowed",
            ),
            *_cordons(snapshot, draining),
        ),
        remedies=(kubectl.describe(ref), kubectl.edit(ref, "Allow one disruption, or run one replica more")),
    )
    return [finding]


def _used_up(snapshot: Snapshot, budget: Budget, pods: tuple[Pod, ...]) -> list[Finding]:
    """A drain that waits because pods that are not ready use the budget up; why they are not is their own matter."""
    draining, late = _draining(snapshot, pods), late_pods(snapshot, pods)
    if budget.status.disruptions_allowed or not draining or not late:
        return []
    ref, status = snapshot.ref(budget), budget.status
    finding = Finding.of(
        analyzer=ID,
        reason="EvictionBlocked/UnhealthyPods",
        ref=ref,
        title=f"{ref} lets no pod be evicted now: {len(late)} of its pods not ready{_waiting(draining)}",
        severity=Severity.WARNING,
        confidence=0.7,
        cause=f"{status.current_healthy} pods are healthy and {status.desired_healthy} must be, so none may go.",
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"0 disruptions allowed, {status.current_healthy} healthy, {status.desired_healthy} desired",
                locator="status.disruptionsAllowed",
            ),
            *pod_evidence(snapshot, late),
            *_cordons(snapshot, draining),
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.edit(ref, "Let pods that are not ready go: unhealthyPodEvictionPolicy: AlwaysAllow"),
        ),
        points_at=tuple(dict.fromkeys(snapshot.workload_of(pod) for pod in late)),
        is_symptom=True,
    )
    return [finding]


def _sync_failure(snapshot: Snapshot, budget: Budget) -> Evidence | None:
    """Where the controller says that it cannot work the budget out: a condition since 1.21, an event before."""
    ref, allowed = snapshot.ref(budget), condition(budget.status.conditions, "DisruptionAllowed")
    if allowed is not None:
        if allowed.status != "False" or allowed.reason != "SyncFailed":
            return None
        return Evidence.of(
            ref,
            "status",
            "DisruptionAllowed is False: SyncFailed",
            excerpt=excerpt(allowed.message, 600),
            locator="status.conditions[DisruptionAllowed]",
            observed_at=allowed.last_transition_time,
        )
    if budget.status.expected_pods:
        return None
    events = (event for event in snapshot.events_for(budget) if event.reason in SYNC_EVENTS)
    return next((event_evidence(snapshot, event, ref) for event in events), None)


def _unsynced(snapshot: Snapshot, budget: Budget, failed: Evidence) -> Finding:
    ref = snapshot.ref(budget)
    return Finding.of(
        analyzer=ID,
        reason="SyncFailed",
        ref=ref,
        title=f"{ref} cannot be worked out, so none of its pods may be evicted",
        severity=Severity.WARNING,
        confidence=0.9,
        cause=sentence(failed.excerpt or "The disruption controller failed to calculate it.")
        + " A budget other than a plain number for minAvailable needs pods whose controller can be scaled.",
        evidence=(failed,),
        remedies=(kubectl.describe(ref), kubectl.edit(ref, "Set minAvailable to a number, or select other pods")),
    )


def _overlapping(snapshot: Snapshot, holders: Mapping[ResourceRef, tuple[Pod, list[Budget]]]) -> Iterator[Finding]:
    groups: dict[tuple[ResourceRef, ...], list[Pod]] = {}
    for pod, budgets in holders.values():
        if len(budgets) > 1:
            groups.setdefault(tuple(sorted(snapshot.ref(budget) for budget in budgets)), []).append(pod)
    for refs, pods in groups.items():
        draining, names = _draining(snapshot, tuple(pods)), ", ".join(ref.name for ref in refs)
        workload = snapshot.workload_of(pods[0])
        yield Finding.of(
            analyzer=ID,
            reason="MultiplePodDisruptionBudgets",
            ref=refs[0],
            title=f"{workload} is under {len(refs)} budgets ({names}), so its pods cannot be evicted"
            + _waiting(draining),
            severity=Severity.WARNING if draining else Severity.INFO,
            confidence=0.9,
            cause="The eviction API refuses pods that more than one PodDisruptionBudget selects.",
            evidence=(
                *(
                    Evidence.of(ref, "spec", f"{ref.name} selects {pods[0].name}", locator="spec.selector")
                    for ref in refs
                ),
                *_cordons(snapshot, draining),
            ),
            remedies=(
                kubectl.read("See them", "get poddisruptionbudgets", refs[0].namespace),
                kubectl.edit(refs[0], "Narrow the selector, or keep one of them"),
            ),
            detail=names,
        )


def _draining(snapshot: Snapshot, pods: tuple[Pod, ...]) -> list[str]:
    """The nodes that some of these pods are on and that are to be emptied."""
    return sorted({pod.spec.node_name for pod in pods if any(_why_emptied(snapshot, pod.spec.node_name))})


def _waiting(draining: list[str]) -> str:
    return f", and node {', '.join(draining)} waits for it" if draining else ""


def _cordons(snapshot: Snapshot, draining: list[str]) -> Iterator[Evidence]:
    for name in draining:
        why, field = _why_emptied(snapshot, name)
        yield Evidence.of(snapshot.named("Node", "", name), "spec", f"{name} {why}", locator=field)


def _impossible_rule(budget: Budget, expected: int) -> str:
    """The rule in words if no healthy state of the pods could allow an eviction; else empty."""
    most, least = budget.spec.max_unavailable, budget.spec.min_available
    if most is not None:
        return f"maxUnavailable {most}" if _count(most, expected) == 0 else ""
    if least is not None:
        return f"minAvailable {least}" if _count(least, expected) >= expected else ""
    return ""


def _count(value: IntOrString, total: int) -> int:
    """A number, or a percentage of `total`, rounded up as the disruption controller does; -1 if it is neither."""
    if isinstance(value, int):
        return value
    text = value.removesuffix("%")
    if not text.isdigit():
        return -1
    return -(-int(text) * total // 100) if value.endswith("%") else int(text)


def _why_emptied(snapshot: Snapshot, name: str) -> tuple[str, str]:
    """Why a node is to be emptied, in words, and the field that says so; both empty if it is not."""
    node = snapshot.get(Node, "", name)
    if node is None:
        return "", ""
    if node.spec.unschedulable:
        return "is cordoned", "spec.unschedulable"
    return ("is being removed", "spec.taints") if is_announced_to_leave(node) else ("", "")


plugin = AnalyzerPlugin(id=ID, title="Disruption budgets and what they block", analyze=analyze, scope="workload")
