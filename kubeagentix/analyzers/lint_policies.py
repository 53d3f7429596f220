"""Advice on network policies: peers whom nobody is, so that a rule lets nobody through that it was written for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.analysis.policies import namespace_fits
from kubeagentix.analysis.templates import templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.network import NetworkPolicy, PolicyPeer
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-policies"
Labels = tuple[tuple[str, str], ...]


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per policy with such peers."""
    for policy in snapshot.all(NetworkPolicy):
        remarks = [
            Remark(seen=f"{place} selects {what}", locator=f"spec.{place}")
            for place, peer in _peers(policy)
            if (what := _nobody(snapshot, policy, peer))
        ]
        if remarks:
            why = "Whoever was meant is kept out as all others are, or no longer exists."
            yield advice(
                ID, "PolicyPeerNobody", snapshot.ref(policy), title="peers whom nobody is", why=why, remarks=remarks
            )


def _peers(policy: NetworkPolicy) -> Iterator[tuple[str, PolicyPeer]]:
    for number, incoming in enumerate(policy.spec.ingress):
        yield from ((f"ingress[{number}].from[{place}]", peer) for place, peer in enumerate(incoming.from_))
    for number, outgoing in enumerate(policy.spec.egress):
        yield from ((f"egress[{number}].to[{place}]", peer) for place, peer in enumerate(outgoing.to))


def _nobody(snapshot: Snapshot, policy: NetworkPolicy, peer: PolicyPeer) -> str:
    """Whom the peer selects in vain, in words; empty if somebody is there, or may be."""
    if peer.namespace_selector is None:
        places = [policy.namespace]
    elif snapshot.namespace is None and snapshot.was_read(Namespace):
        wanted = peer.namespace_selector
        places = [item.name for item in snapshot.all(Namespace) if namespace_fits(snapshot, wanted, item.name)]
        if not places:
            return f"namespaces with {kubectl.labels_argument(wanted.match_labels) or 'labels'}, which none has"
    else:
        return ""
    pods = peer.pod_selector
    if pods is None or pods.is_empty or not all(snapshot.was_read(Pod, place) for place in places):
        return ""
    wearers = snapshot.derived(_labels_by_namespace)
    if any(pods.matches(dict(labels)) for place in places for labels in wearers.get(place, ())):
        return ""
    where = "its namespace" if peer.namespace_selector is None else "the namespaces that it selects"
    return f"pods with {kubectl.labels_argument(pods.match_labels) or 'labels'}, which none of {where} has"


def _labels_by_namespace(snapshot: Snapshot) -> Mapping[str, frozenset[Labels]]:
    """The labels of all pods that there are or may be, those of a nightly job as well."""
    found: dict[str, set[Labels]] = {}
    for template in templates(snapshot):
        found.setdefault(template.namespace, set()).add(tuple(sorted(template.labels.items())))
    for pod in snapshot.all(Pod):
        found.setdefault(pod.namespace, set()).add(tuple(sorted(pod.metadata.labels.items())))
    return {namespace: frozenset(labels) for namespace, labels in found.items()}


plugin = AnalyzerPlugin(id=ID, title="Advice on network policies", analyze=analyze, is_lint=True)
