"""Traffic policies of Services that keep traffic on the node where it comes up, on nodes where nobody takes it.

Source: https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-policies
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import backing_of, knows_pods
from kubeagentix.analysis.connections import missed_by
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.meta import condition
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.snapshot import Snapshot

ID = "traffic-policies"
NODES_SHOWN = 5


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Service and policy."""
    for service in snapshot.all(Service):
        if service.metadata.deletion_timestamp is None and knows_pods(snapshot, service):
            yield from _internal(snapshot, service)
            yield from _external(snapshot, service)


def _nodes_that_answer(snapshot: Snapshot, service: Service) -> set[str]:
    return {pod.spec.node_name for pod in backing_of(snapshot, service).pods if pod.is_ready}


def _internal(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    """Clients that fail on nodes without an endpoint, while there are endpoints elsewhere."""
    answering = _nodes_that_answer(snapshot, service) if service.spec.internal_traffic_policy == "Local" else ()
    if not answering:
        return
    ref = snapshot.ref(service)
    lost = [item for item in missed_by(snapshot, ref) if item.client.spec.node_name not in answering]
    if not lost:
        return
    nodes = sorted({item.client.spec.node_name for item in lost})
    yield Finding.of(
        analyzer=ID,
        reason="NoLocalEndpoints",
        ref=ref,
        title=f"{ref} is reached from its own node only, and no ready pod of it is on {', '.join(nodes[:NODES_SHOWN])}",
        severity=Severity.CRITICAL,
        confidence=0.9,
        cause="internalTrafficPolicy Local keeps connections on the client's node; its ready pods are on "
        f"{', '.join(sorted(answering)[:NODES_SHOWN])}.",
        evidence=(
            Evidence.of(ref, "spec", "internalTrafficPolicy: Local", locator="spec.internalTrafficPolicy"),
            *(item.evidence(snapshot) for item in lost[:2]),
        ),
        remedies=(
            kubectl.read("See where its pods are", "get pods -o wide", ref.namespace),
            kubectl.write(
                "Let connections leave the node",
                f"""patch service {ref.name} --type=merge -p '{{"spec":{{"internalTrafficPolicy":"Cluster"}}}}'""",
                ref.namespace,
            ),
        ),
    )


def _external(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    """Nodes whose ports do not answer, which a load balancer finds out by itself and others do not."""
    if service.spec.external_traffic_policy != "Local" or service.spec.type not in ("NodePort", "LoadBalancer"):
        return
    answering = _nodes_that_answer(snapshot, service)
    idle = sorted(node.name for node in snapshot.all(Node) if _is_ready(node) and node.name not in answering)
    if not answering or not idle:
        return
    ref = snapshot.ref(service)
    yield Finding.of(
        analyzer=ID,
        reason="NoLocalEndpoints/External",
        ref=ref,
        title=f"{ref} answers from outside on {len(answering)} node{'s' if len(answering) != 1 else ''} only",
        severity=Severity.INFO,
        confidence=0.8,
        cause="externalTrafficPolicy Local drops what comes in on nodes without a ready pod of it: "
        f"{', '.join(idle[:NODES_SHOWN])}. A load balancer leaves them out by its health check.",
        evidence=(Evidence.of(ref, "spec", "externalTrafficPolicy: Local", locator="spec.externalTrafficPolicy"),),
        remedies=(kubectl.read("See where its pods are", "get pods -o wide", ref.namespace),),
    )


def _is_ready(node: Node) -> bool:
    ready = condition(node.status.conditions, "Ready")
    return ready is not None and ready.status == "True"


plugin = AnalyzerPlugin(id=ID, title="Services that keep traffic on the node", analyze=analyze, scope="workload")
