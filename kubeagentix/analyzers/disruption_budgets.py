"""PodDisruptionBudgets that protect nobody, and those that can never let a pod go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.meta import IntOrString
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import PodDisruptionBudget as Budget

ID = "disruption-budgets"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per budget."""
    for budget in snapshot.all(Budget):
        if budget.metadata.deletion_timestamp is not None or not snapshot.was_read(Pod, budget.namespace):
            continue
        pods = _pods(snapshot, budget)
        yield from _blocking(snapshot, budget, pods) if pods else _idle(snapshot, budget)


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


def _blocking(snapshot: Snapshot, budget: Budget, pods: tuple[Pod, ...]) -> Iterator[Finding]:
    expected = budget.status.expected_pods or len(pods)
    rule = _impossible_rule(budget, expected)
    if not rule:
        return
    draining = sorted({pod.spec.node_name for pod in pods if _is_cordoned(snapshot, pod.spec.node_name)})
    ref = snapshot.ref(budget)
    waiting = f", and node {', '.join(draining)} waits for it" if draining else ""
    yield Finding.of(
        analyzer=ID,
        reason="EvictionBlocked",
        ref=ref,
        title=f"{ref} lets no pod be evicted{waiting}",
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
            *(
                Evidence.of(
                    snapshot.named("Node", "", name), "spec", f"{name} is cordoned", locator="spec.unschedulable"
                )
                for name in draining
            ),
        ),
        remedies=(kubectl.describe(ref), kubectl.edit(ref, "Allow one disruption, or run one replica more")),
    )


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


def _is_cordoned(snapshot: Snapshot, name: str) -> bool:
    node = snapshot.get(Node, "", name)
    return node is not None and node.spec.unschedulable


plugin = AnalyzerPlugin(id=ID, title="Disruption budgets and what they block", analyze=analyze)
