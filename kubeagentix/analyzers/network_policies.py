"""NetworkPolicies that stop a connection which somebody is seen to need.

A policy that denies is doing its work. It becomes a finding when the log of a container in trouble says that a
connection timed out (or that a name could not be resolved), or when it does not answer its probes in time, and the
policies, evaluated, do not allow that very connection, or one that it is told to make.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import resolve_target_port
from kubeagentix.analysis.connections import FailedConnection, failed_connections, silent_clients, targets_told_of
from kubeagentix.analysis.mentions import is_address
from kubeagentix.analysis.policies import (
    ALLOWED,
    Direction,
    Outside,
    Port,
    Verdict,
    dns_verdict,
    egress_verdict,
    ingress_verdict,
    outside_verdict,
)
from kubeagentix.analysis.resolution import asks_elsewhere, dns_servers
from kubeagentix.analysis.signatures import CONNECTION_TIMEOUT, NO_SUCH_HOST
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.network import NetworkPolicy, Service, ServicePort
from kubeagentix.domain.nodes import Namespace
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
    for connection in (*failed_connections(snapshot), *silent_clients(snapshot)):
        for block in _blocks(snapshot, connection):
            groups[(snapshot.ref(block.verdict.isolating[0]), block.split)].append(block)
    for (ref, split), blocks in groups.items():
        yield _finding(snapshot, ref, split, blocks)


def _blocks(snapshot: Snapshot, connection: FailedConnection) -> Iterator[_Block]:
    if connection.signature == NO_SUCH_HOST:
        if connection.target is not None and snapshot.find(connection.target) is None:
            return  # a name that nobody has, which DNS rightly does not know
        servers = () if asks_elsewhere(connection.client) else dns_servers(snapshot)
        if servers and not any(pod.is_ready for pod, _ in servers):
            return  # nobody is answered, whoever is let through
        verdict = dns_verdict(snapshot, connection.client, servers)
        if not verdict.is_allowed:
            yield _Block(connection=connection, verdict=verdict, split="DNS", to="the cluster's DNS")
    elif connection.signature == CONNECTION_TIMEOUT and connection.target is not None:
        yield from _connection_blocks(snapshot, connection, connection.target, connection.port)
    elif connection.signature == CONNECTION_TIMEOUT and connection.host:
        yield from _blocks_to_outside(snapshot, connection)
    elif connection.signature == CONNECTION_TIMEOUT:
        for target, port in targets_told_of(snapshot, connection):  # one of them did not answer
            yield from _connection_blocks(snapshot, connection, target, port)


def _connection_blocks(
    snapshot: Snapshot, connection: FailedConnection, target: ResourceRef, port: int | None
) -> Iterator[_Block]:
    routes, client = _routes(snapshot, target, port), connection.client
    if not routes:
        return
    verdicts: dict[Direction, list[Verdict]] = {
        "Egress": [_egress(snapshot, client, to, port) for to, port in routes],
        "Ingress": [_ingress(snapshot, to, client, port) for to, port in routes],
    }
    for direction, found in verdicts.items():
        if not any(verdict.is_allowed for verdict in found):
            yield _Block(connection=connection, verdict=found[0], split=direction, to=str(target))


def _egress(snapshot: Snapshot, client: Pod, to: Pod | Outside, port: Port) -> Verdict:
    if isinstance(to, Outside):
        return outside_verdict(snapshot, client, to, port)
    return egress_verdict(snapshot, client, to, port)


def _ingress(snapshot: Snapshot, to: Pod | Outside, client: Pod, port: Port) -> Verdict:
    return ALLOWED if isinstance(to, Outside) else ingress_verdict(snapshot, to, client, port)


def _blocks_to_outside(snapshot: Snapshot, connection: FailedConnection) -> Iterator[_Block]:
    """Hosts that are nobody in the cluster, as far as that is known."""
    host = connection.host.lower().rstrip(".")
    if is_address(host):
        is_outside, address = snapshot.namespace is None and not _is_private_to_cluster(snapshot, host), host
    else:
        is_outside, address = "." in host and host.rpartition(".")[2] not in ("svc", "local", "cluster"), ""
        is_outside = is_outside and snapshot.was_read(Namespace) and not _is_short_name(snapshot, host)
    if not is_outside:
        return
    target, port = Outside(name=host, address=address), Port(number=connection.port)
    verdict = outside_verdict(snapshot, connection.client, target, port)
    if not verdict.is_allowed:
        yield _Block(connection=connection, verdict=verdict, split="Egress", to=host)


def _is_short_name(snapshot: Snapshot, host: str) -> bool:
    return snapshot.get(Namespace, "", host.rpartition(".")[2]) is not None


def _is_private_to_cluster(snapshot: Snapshot, address: str) -> bool:
    return address in snapshot.derived(_addresses)


def _addresses(snapshot: Snapshot) -> frozenset[str]:
    services = (item.spec.cluster_ip for item in snapshot.all(Service))
    return frozenset((*services, *(pod.status.pod_ip for pod in snapshot.all(Pod))))


def _routes(snapshot: Snapshot, target: ResourceRef, port: int | None) -> list[tuple[Pod | Outside, Port]]:
    """The pods, and their ports, to which the connection may have led; or the addresses that were written by hand."""
    service = snapshot.get(Service, target.namespace, target.name) if target.kind == "Service" else None
    if service is None:
        pods = [] if target.kind == "Service" else snapshot.pods_of(target)
        return [(pod, Port(number=port)) for pod in pods if not pod.is_finished]
    if not service.spec.selector:
        return [
            (Outside(name=address, address=address), Port(number=item.port, protocol=item.protocol))
            for piece in snapshot.endpoint_slices(service)
            for endpoint in piece.endpoints
            for address in endpoint.addresses
            for item in piece.ports
        ]
    pods = [pod for pod in snapshot.pods_selected(service.namespace, service.spec.selector) if not pod.is_finished]
    if service.spec.cluster_ip == "None":  # a headless Service translates no port
        return [(pod, Port(number=port)) for pod in pods]
    ports = [item for item in service.spec.ports if port in (None, item.port)]
    return [(pod, _pod_port(item, pod)) for pod in pods for item in ports]


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
        confidence=_confidence(blocks[0]),
        cause=f"{verdict.why}."
        + (f" {', '.join(others)} select the same pods and do not allow it either." if others else ""),
        evidence=(
            *(block.connection.evidence(snapshot) for block in blocks[:CLIENTS_SHOWN]),
            _policy_evidence(snapshot, verdict, split),
            *(
                Evidence.of(item, "status", f"{item} does not reach {to}", locator=f"log/{block.connection.container}")
                for item, block in zip(clients[:CLIENTS_SHOWN], blocks, strict=False)
            ),
        ),
        remedies=_remedies(ref, blocks[0]),
        explains=clients,
    )


def _confidence(block: _Block) -> float:
    """Less where it is not said who did not answer."""
    connection = block.connection
    if block.split == "DNS":
        return 0.8 if _is_lookup_timeout(block) else 0.7
    is_named = connection.event is None and bool(connection.host)
    return 0.8 if is_named and connection.target is not None else 0.7


def _is_lookup_timeout(block: _Block) -> bool:
    line = block.connection.failure.line.lower()
    return "timeout" in line or "timed out" in line or "temporary failure" in line or "eai_again" in line


def _policy_evidence(snapshot: Snapshot, verdict: Verdict, split: str) -> Evidence:
    policy = verdict.isolating[0]
    direction = "ingress" if split == "Ingress" else "egress"
    selector = kubectl.labels_argument(policy.spec.pod_selector.match_labels) or "every pod of the namespace"
    count = len(policy.spec.ingress if split == "Ingress" else policy.spec.egress)
    return Evidence.of(
        snapshot.ref(policy),
        "spec",
        f"{policy.name} isolates {selector} for {direction}, with {count} rule{'s' if count != 1 else ''} that allow",
        excerpt=verdict.why,
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
