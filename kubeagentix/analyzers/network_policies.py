"""NetworkPolicies that stop a connection which somebody is seen to need.

A policy that denies is doing its work. It becomes a finding when the log of a container in trouble says that a
connection timed out (or that a name could not be resolved), and the policies, evaluated, do not allow that very one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import resolve_target_port
from kubeagentix.analysis.connections import FailedConnection, failed_connections
from kubeagentix.analysis.policies import (
    Direction,
    Port,
    Verdict,
    dns_verdict,
    egress_verdict,
    ingress_verdict,
)
from kubeagentix.analysis.resolution import dns_servers
from kubeagentix.analysis.signatures import CONNECTION_TIMEOUT, NO_SUCH_HOST
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.network import NetworkPolicy, Service, ServicePort
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "network-policies"
CLIENTS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A failed connection and the verdict that explains it."""

    connection: FailedConnection
    verdict: Verdict
    split: str
    to: str


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per policy and kind of block (Ingress, Egress, DNS)."""
    if not snapshot.all(NetworkPolicy):
        return
    groups: dict[tuple[ResourceRef, str], list[_Block]] = defaultdict(list)
    for connection in failed_connections(snapshot):
        for block in _blocks(snapshot, connection):
            groups[(snapshot.ref(block.verdict.isolating[0]), block.split)].append(block)
    for (ref, split), blocks in groups.items():
        yield _finding(snapshot, ref, split, blocks)


def _blocks(snapshot: Snapshot, connection: FailedConnection) -> Iterator[_Block]:
    if connection.signature == NO_SUCH_HOST:
        if connection.target is not None and snapshot.find(connection.target) is None:
            return  # a name that nobody has, which DNS rightly does not know
        verdict = dns_verdict(snapshot, connection.client, dns_servers(snapshot))
        if not verdict.is_allowed:
            yield _Block(connection=connection, verdict=verdict, split="DNS", to="the cluster's DNS")
    elif connection.signature == CONNECTION_TIMEOUT:
        yield from _connection_blocks(snapshot, connection)


def _connection_blocks(snapshot: Snapshot, connection: FailedConnection) -> Iterator[_Block]:
    routes = _routes(snapshot, connection)
    if not routes:
        return
    client, to = connection.client, str(connection.target)
    verdicts: dict[Direction, list[Verdict]] = {
        "Egress": [egress_verdict(snapshot, client, pod, port) for pod, port in routes],
        "Ingress": [ingress_verdict(snapshot, pod, client, port) for pod, port in routes],
    }
    for direction, found in verdicts.items():
        if not any(verdict.is_allowed for verdict in found):
            yield _Block(connection=connection, verdict=found[0], split=direction, to=to)


def _routes(snapshot: Snapshot, connection: FailedConnection) -> list[tuple[Pod, Port]]:
    """The pods, and their ports, to which the connection may have led."""
    target = connection.target
    if target is None:
        return []
    service = snapshot.get(Service, target.namespace, target.name) if target.kind == "Service" else None
    if service is None:
        pods = [] if target.kind == "Service" else snapshot.pods_of(target)
        return [(pod, Port(number=connection.port)) for pod in pods if not pod.is_finished]
    pods = [pod for pod in snapshot.pods_selected(service.namespace, service.spec.selector) if not pod.is_finished]
    if service.spec.cluster_ip == "None":  # a headless Service translates no port
        return [(pod, Port(number=connection.port)) for pod in pods]
    ports = [port for port in service.spec.ports if connection.port in (None, port.port)]
    return [(pod, _pod_port(port, pod)) for pod in pods for port in ports]


def _pod_port(port: ServicePort, pod: Pod) -> Port:
    return Port(number=resolve_target_port(port, pod.spec), protocol=port.protocol)


def _finding(snapshot: Snapshot, ref: ResourceRef, split: str, blocks: list[_Block]) -> Finding:
    verdict, to = blocks[0].verdict, blocks[0].to
    clients = tuple(dict.fromkeys(snapshot.workload_of(block.connection.client) for block in blocks))
    who = ", ".join(str(item) for item in clients[:CLIENTS_SHOWN])
    others = [policy.name for policy in verdict.isolating[1:]]
    return Finding.of(
        analyzer=ID,
        reason=f"NetworkPolicyBlocks/{split}",
        ref=ref,
        title=f"{ref} keeps {who} from reaching {to}",
        severity=Severity.CRITICAL,
        confidence=0.8 if split != "DNS" or _is_lookup_timeout(blocks[0]) else 0.7,
        cause=f"{verdict.why}."
        + (f" {', '.join(others)} select the same pods and do not allow it either." if others else ""),
        evidence=(
            *(block.connection.evidence(snapshot) for block in blocks[:CLIENTS_SHOWN]),
            _policy_evidence(snapshot, verdict.isolating[0], split),
            *(
                Evidence.of(item, "status", f"{item} does not reach {to}", locator=f"log/{block.connection.container}")
                for item, block in zip(clients[:CLIENTS_SHOWN], blocks, strict=False)
            ),
        ),
        remedies=_remedies(ref, blocks[0]),
        explains=clients,
    )


def _is_lookup_timeout(block: _Block) -> bool:
    line = block.connection.failure.line.lower()
    return "timeout" in line or "timed out" in line or "temporary failure" in line or "eai_again" in line


def _policy_evidence(snapshot: Snapshot, policy: NetworkPolicy, split: str) -> Evidence:
    direction = "ingress" if split == "Ingress" else "egress"
    selector = kubectl.labels_argument(policy.spec.pod_selector.match_labels) or "every pod of the namespace"
    count = len(policy.spec.ingress if split == "Ingress" else policy.spec.egress)
    return Evidence.of(
        snapshot.ref(policy),
        "spec",
        f"{policy.name} isolates {selector} for {direction}, with {count} rule{'s' if count != 1 else ''} that allow",
        locator=f"spec.{direction}",
    )


def _remedies(ref: ResourceRef, block: _Block) -> tuple[Remedy, ...]:
    missing = {
        "DNS": "Allow egress to port 53, UDP and TCP",
        "Egress": f"Allow egress to {block.to}",
        "Ingress": "Allow ingress from the client's pods",
    }
    client = block.connection.client
    return (
        kubectl.describe(ref),
        kubectl.read("See the client's labels", f"get pod {client.name} --show-labels", client.namespace),
        kubectl.edit(ref, missing[block.split]),
    )


plugin = AnalyzerPlugin(id=ID, title="Connections that network policies stop", analyze=analyze)
