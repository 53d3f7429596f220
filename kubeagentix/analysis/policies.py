"""NetworkPolicies, evaluated as their specification says: whether this pod may talk to that one.

A pod is isolated in a direction once any policy selects it for that direction; then the union of what those policies
allow is allowed, and nothing else. What cannot be known (a namespace's labels that were not read) counts as allowed:
a verdict of "denied" is certain.
Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kubeagentix.domain.meta import LabelSelector
from kubeagentix.domain.network import IpBlock, NetworkPolicy, PolicyPeer, PolicyPort
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

Direction = Literal["Ingress", "Egress"]
NAME_LABEL = "kubernetes.io/metadata.name"  # every namespace has it since 1.21
NAMED_SINCE = 21
DNS_PORT = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """The destination's port; `number` None stands for any."""

    number: int | None
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a connection is allowed; if not, the policies that isolate the pod, the nearest to allowing it first.

    `why` says in words what the nearest rule lacks.
    """

    is_allowed: bool
    isolating: tuple[NetworkPolicy, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Somebody outside of the cluster, by name; `address` is empty where it is not known."""

    name: str
    address: str = ""


ALLOWED = Verdict(is_allowed=True)


def directions_of(policy: NetworkPolicy) -> frozenset[str]:
    """Ingress, Egress or both: as the policy says, or as the server would fill it in."""
    if policy.spec.policy_types:
        return frozenset(policy.spec.policy_types)
    return frozenset({"Ingress", "Egress"} if policy.spec.egress else {"Ingress"})


def isolating(snapshot: Snapshot, pod: Pod, direction: Direction) -> tuple[NetworkPolicy, ...]:
    """The policies that select the pod for that direction; none for pods of the host's network.

    None either where some policy may not have been read, as that one might allow what these do not.
    """
    if pod.spec.host_network or not snapshot.was_read(NetworkPolicy, pod.namespace):
        return ()
    return tuple(
        policy
        for policy in snapshot.in_namespace(NetworkPolicy, pod.namespace)
        if direction in directions_of(policy) and policy.spec.pod_selector.matches(pod.metadata.labels)
    )


def ingress_verdict(snapshot: Snapshot, target: Pod, source: Pod, port: Port) -> Verdict:
    """Whether `target` may receive from `source` on `port` (a port of `target`)."""
    return _verdict(
        snapshot, isolating(snapshot, target, "Ingress"), "Ingress", peer=source, port=port, listener=target
    )


def egress_verdict(snapshot: Snapshot, source: Pod, target: Pod, port: Port) -> Verdict:
    """Whether `source` may send to `target` on `port` (a port of `target`)."""
    return _verdict(snapshot, isolating(snapshot, source, "Egress"), "Egress", peer=target, port=port, listener=target)


def outside_verdict(snapshot: Snapshot, source: Pod, target: Outside, port: Port) -> Verdict:
    """Whether `source` may send to somebody outside of the cluster, for whom no selector stands."""
    return _verdict(snapshot, isolating(snapshot, source, "Egress"), "Egress", peer=target, port=port, listener=None)


def dns_verdict(snapshot: Snapshot, source: Pod, servers: Iterable[tuple[Pod, Port]]) -> Verdict:
    """Whether `source` may ask any of `servers`, the cluster's DNS pods, or, if none is known, anybody at all."""
    verdicts = [egress_verdict(snapshot, source, server, port) for server, port in servers]
    if verdicts:
        return next((verdict for verdict in verdicts if verdict.is_allowed), verdicts[0])
    port = Port(number=DNS_PORT, protocol="UDP")
    return _verdict(snapshot, isolating(snapshot, source, "Egress"), "Egress", peer=None, port=port, listener=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """An ingress or egress rule: its peers (none: everybody) and ports (none: all)."""

    peers: tuple[PolicyPeer, ...]
    ports: tuple[PolicyPort, ...]


def _rules(policy: NetworkPolicy, direction: Direction) -> tuple[_Rule, ...]:
    if direction == "Ingress":
        return tuple(_Rule(peers=rule.from_, ports=rule.ports) for rule in policy.spec.ingress)
    return tuple(_Rule(peers=rule.to, ports=rule.ports) for rule in policy.spec.egress)


def _verdict(
    snapshot: Snapshot,
    policies: tuple[NetworkPolicy, ...],
    direction: Direction,
    *,
    peer: Pod | Outside | None,
    port: Port,
    listener: Pod | None,
) -> Verdict:
    """`peer` None stands for somebody unknown, whom every peer of a rule might mean."""
    if not policies:
        return ALLOWED
    ranked: list[tuple[int, str, NetworkPolicy]] = []
    for policy in policies:
        best = (0, f"{policy.name} has no rule for {direction.lower()}, so it allows none")
        for rule in _rules(policy, direction):
            fits_port = _ports_fit(rule.ports, port, listener)
            fits_peer = _peers_fit(snapshot, policy, rule.peers, peer)
            if fits_port and fits_peer:
                return ALLOWED
            lack = _lack(snapshot, policy, rule, peer, port, fits_port=fits_port, fits_peer=fits_peer)
            best = max(best, (1 + fits_port + fits_peer, lack))
        ranked.append((*best, policy))
    ranked.sort(key=lambda item: -item[0])
    return Verdict(is_allowed=False, isolating=tuple(item[2] for item in ranked), why=ranked[0][1])


def _ports_fit(ports: tuple[PolicyPort, ...], wanted: Port, listener: Pod | None) -> bool:
    return not ports or any(_port_fits(port, wanted, listener) for port in ports)


def _port_fits(port: PolicyPort, wanted: Port, listener: Pod | None) -> bool:
    if (port.protocol or "TCP") != wanted.protocol:
        return False
    if port.port is None or wanted.number is None:
        return True
    if isinstance(port.port, str) and not port.port.isdigit():
        # A name means the port of that name on the pod that listens; who that is may be unknown.
        return listener is None or wanted.number in _named_ports(listener, port.port, wanted.protocol)
    first = int(port.port)
    return first <= wanted.number <= (port.end_port or first)


def _named_ports(pod: Pod, name: str, protocol: str) -> set[int]:
    return {
        item.container_port
        for container in (*pod.spec.containers, *pod.spec.init_containers)
        for item in container.ports
        if item.name == name and item.protocol == protocol
    }


def _peers_fit(
    snapshot: Snapshot, policy: NetworkPolicy, peers: tuple[PolicyPeer, ...], pod: Pod | Outside | None
) -> bool:
    return not peers or pod is None or any(_peer_fits(snapshot, policy, peer, pod) for peer in peers)


def _peer_fits(snapshot: Snapshot, policy: NetworkPolicy, peer: PolicyPeer, pod: Pod | Outside) -> bool:
    if isinstance(pod, Outside):
        return peer.ip_block is not None and _in_block(peer.ip_block, pod.address)
    if peer.ip_block is not None:
        return _in_block(peer.ip_block, pod.status.pod_ip)
    if pod.spec.host_network:  # it has the node's address, which selectors do not stand for everywhere
        return True
    if peer.namespace_selector is None:
        is_here = pod.namespace == policy.namespace
    else:
        is_here = namespace_fits(snapshot, peer.namespace_selector, pod.namespace)
    return is_here and (peer.pod_selector is None or peer.pod_selector.matches(pod.metadata.labels))


def namespace_fits(snapshot: Snapshot, selector: LabelSelector, name: str) -> bool:
    """Whether a peer's namespaceSelector takes the namespace of that name."""
    if selector.is_empty:
        return True
    namespace = snapshot.get(Namespace, "", name)
    if namespace is None:  # its labels are not known, except for the one that every namespace has
        known = selector.match_labels.get(NAME_LABEL, name)
        return known == name
    return selector.matches(_labels_of(snapshot, namespace))


def _labels_of(snapshot: Snapshot, namespace: Namespace) -> dict[str, str]:
    """A namespace's labels, with the one of its name, which pictures may leave out, but which older servers lack."""
    version = re.match(r"v?1\.(\d+)", snapshot.server_version)
    is_named = version is None or int(version[1]) >= NAMED_SINCE
    return {**({NAME_LABEL: namespace.name} if is_named else {}), **namespace.metadata.labels}


def _in_block(block: IpBlock, address: str) -> bool:
    """Whether the address is in the block and in none of its exceptions; an unknown address may be."""
    if not address:
        return True
    try:
        ip = ipaddress.ip_address(address)
        excepted = any(ip in ipaddress.ip_network(cidr, strict=False) for cidr in block.except_)
        return ip in ipaddress.ip_network(block.cidr, strict=False) and not excepted
    except ValueError:
        return True


def _lack(
    snapshot: Snapshot,
    policy: NetworkPolicy,
    rule: _Rule,
    peer: Pod | Outside | None,
    port: Port,
    *,
    fits_port: bool,
    fits_peer: bool,
) -> str:
    if fits_peer:
        return f"{policy.name} allows this peer, but only on {_ports_in_words(rule.ports)}, not {_port_in_words(port)}"
    who = (
        f"pod {peer.namespace}/{peer.name}" if isinstance(peer, Pod) else peer.name if peer is not None else "the peer"
    )
    text = f"{policy.name} allows {', '.join(_peer_in_words(item) for item in rule.peers[:3])}, which {who} is not"
    if isinstance(peer, Pod):
        has = next(filter(None, (_what_it_has(snapshot, policy, item, peer) for item in rule.peers)), "")
        text += f" ({has})" if has else ""
    return text if fits_port else f"{text}, and only {_ports_in_words(rule.ports)}"


def _what_it_has(snapshot: Snapshot, policy: NetworkPolicy, peer: PolicyPeer, pod: Pod) -> str:
    """`it has app=apis`, `namespace shop has no label team`: the first thing by which a pod misses a peer of a rule."""
    if peer.ip_block is not None:
        return f"it has {pod.status.pod_ip}" if pod.status.pod_ip else ""
    place = snapshot.get(Namespace, "", pod.namespace)
    if peer.namespace_selector is None and pod.namespace != policy.namespace:
        return f"without a namespaceSelector only pods of namespace {policy.namespace} are meant"
    if peer.namespace_selector is not None and not namespace_fits(snapshot, peer.namespace_selector, pod.namespace):
        labels = _labels_of(snapshot, place) if place is not None else {}
        return _differs(peer.namespace_selector, labels, f"namespace {pod.namespace}")
    return _differs(peer.pod_selector, pod.metadata.labels, "it") if peer.pod_selector is not None else ""


def _differs(selector: LabelSelector, labels: dict[str, str], who: str) -> str:
    for key, wanted in sorted(selector.match_labels.items()):
        if labels.get(key) != wanted:
            return f"{who} has {key}={labels[key]}" if key in labels else f"{who} has no label {key}"
    return ""


def _ports_in_words(ports: tuple[PolicyPort, ...]) -> str:
    words = []
    for port in ports:
        number = "any port" if port.port is None else f"port {port.port}"
        words.append(f"{number}{f'-{port.end_port}' if port.end_port else ''}/{port.protocol or 'TCP'}")
    return ", ".join(words)


def _port_in_words(port: Port) -> str:
    return f"port {port.number if port.number is not None else '?'}/{port.protocol}"


def _peer_in_words(peer: PolicyPeer) -> str:
    if peer.ip_block is not None:
        return f"addresses in {peer.ip_block.cidr}"
    parts = []
    if peer.pod_selector is not None:
        parts.append(f"pods with {_selector_in_words(peer.pod_selector)}")
    if peer.namespace_selector is not None:
        parts.append(f"namespaces with {_selector_in_words(peer.namespace_selector)}")
    return " in ".join(parts) or "nobody"


def _selector_in_words(selector: LabelSelector) -> str:
    pairs = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    pairs += [" ".join((item.key, item.operator, ",".join(item.values))).strip() for item in selector.match_expressions]
    return ", ".join(pairs) or "any labels"
