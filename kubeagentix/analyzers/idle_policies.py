"""NetworkPolicies that select nobody: what they were to keep out comes in, or they are left over."""

from __future__ import annotations

from collections.abc import Iterable

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.selectors import NearMiss, candidates, nearest
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.network import NetworkPolicy
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "idle-policies"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per policy, for information: what runs for an hour a day is selected for an hour a day."""
    for policy in snapshot.all(NetworkPolicy):
        is_known = snapshot.was_read(Pod, policy.namespace, selector=policy.spec.pod_selector)
        if is_known and not _selects_any(snapshot, policy):
            yield _finding(snapshot, policy)


def _selects_any(snapshot: Snapshot, policy: NetworkPolicy) -> bool:
    """Whether some pod or some workload's template is selected; an empty selector means whoever comes."""
    selector = policy.spec.pod_selector
    return (
        selector.is_empty
        or bool(snapshot.pods_matching(policy.namespace, selector))
        or any(selector.matches(dict(item.labels)) for item in candidates(snapshot, policy.namespace))
    )


def _finding(snapshot: Snapshot, policy: NetworkPolicy) -> Finding:
    ref, labels = snapshot.ref(policy), policy.spec.pod_selector.match_labels
    miss = _near(snapshot, policy)
    hint = f" Nearest is {miss.candidate.ref}: {miss.in_words()}." if miss is not None else ""
    return Finding.of(
        analyzer=ID,
        reason="NetworkPolicySelectsNoPods",
        ref=ref,
        title=f"{ref} selects no pods",
        severity=Severity.INFO,
        confidence=0.7,
        cause=f"No pod and no workload of the namespace has the labels it asks for.{hint}",
        evidence=(
            Evidence.of(ref, "spec", f"podSelector {kubectl.labels_argument(labels)}", locator="spec.podSelector"),
        ),
        remedies=(kubectl.read("See the pods' labels", "get pods --show-labels", ref.namespace),),
    )


def _near(snapshot: Snapshot, policy: NetworkPolicy) -> NearMiss | None:
    selector = policy.spec.pod_selector
    if selector.match_expressions or not selector.match_labels:
        return None
    return nearest(selector.match_labels, candidates(snapshot, policy.namespace), name=policy.name)


plugin = AnalyzerPlugin(id=ID, title="Network policies that select nobody", analyze=analyze)
