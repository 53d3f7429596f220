"""Whether one workload can reach another: the Service on the way, and the NetworkPolicies on both sides."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubeagentix.analysis.backends import backing_of, describe_ports, resolve_target_port
from kubeagentix.analysis.policies import (
    Direction,
    Outside,
    Port,
    Verdict,
    dns_verdict,
    egress_verdict,
    ingress_verdict,
    isolating,
    outside_verdict,
)
from kubeagentix.analysis.resolution import dns_servers
from kubeagentix.cluster.kubeconfig import nearest
from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.network import NetworkPolicy, Service, ServicePort
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import find_kind
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import NotFoundError, UsageError, excerpt
from kubeagentix.toolkit.kinds import split_name
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, picture
from kubeagentix.toolkit.statuses import Said, evidence_in
from kubeagentix.toolkit.wording import count_of

DNS_NAMESPACE = "kube-system"
_KINDS = (
    *("Pod", "Service", "EndpointSlice", "NetworkPolicy", "Namespace", "Node"),
    *("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"),
)
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "ReplicationController")
MAX_CLIENTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One end of a path: the pods there, or somebody outside of the cluster."""

    ref: ResourceRef
    pods: tuple[Pod, ...] = ()
    service: Service | None = None
    outside: Outside | None = None


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """A line per step; without a source, a line per workload that might want to go there."""
    place = namespace_of(arguments, context)
    source_place = (
        namespace_of({"namespace": arguments["source_namespace"]}, context) if arguments["source_namespace"] else place
    )
    snapshot = await _picture(context, place, source_place)
    target = _target(snapshot, arguments["target"], place)
    protocol = arguments["protocol"]
    if arguments["source"]:
        source = _end(snapshot, arguments["source"], source_place)
        if not source.pods:
            raise NotFoundError(f"{source.ref} has no pods", hint="a path begins at a pod that exists")
        lines = list(_path(snapshot, source, target, arguments["port"], protocol))
        head = f"from {source.ref} (pod {source.pods[0].name}) to {target.ref}:"
    else:
        lines = list(_clients(snapshot, target, arguments["port"], protocol, source_place))
        head = f"who can reach {target.ref}:"
    note = "(as the NetworkPolicies say; whether the cluster's network plugin enforces them is not seen here)"
    return ToolOutput(
        text="\n".join([head, *(f"- {line}" for line in lines), note]),
        evidence=evidence_in(lines),
        data=[line.text for line in lines],
    )


async def _picture(context: ToolContext, place: str | None, source_place: str | None) -> Snapshot:
    """Both namespaces, and the one of the cluster's DNS."""
    if isinstance(context.source, Snapshot) or place is None or source_place is None:
        return await picture(context, None if place is None or source_place is None else place, _KINDS)
    snapshot = await picture(context, place, _KINDS)
    for further in (source_place, DNS_NAMESPACE):
        if not snapshot.covers(further):
            snapshot = snapshot.joined(await picture(context, further, _KINDS))
    return snapshot


def _target(snapshot: Snapshot, text: str, place: str | None) -> _End:
    """A Service, workload or pod; a DNS name of a Service; or an address or host outside."""
    host = text.partition("://")[2].partition("/")[0].partition(":")[0] if "://" in text else text
    if "/" in host:
        return _end(snapshot, host, place)
    first, dot, rest = host.partition(".")
    named = snapshot.get(Service, rest.split(".")[0], first) if dot else None
    if named is not None:
        return _of_service(snapshot, named)
    if _is_address(host) or (dot and not any(item.name == host for item in snapshot.all(Pod))):
        address = host if _is_address(host) else ""
        return _End(ref=ResourceRef(kind="Host", name=host), outside=Outside(name=host, address=address))
    return _end(snapshot, host, place)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _end(snapshot: Snapshot, text: str, place: str | None) -> _End:
    word, name = split_name("", text)
    kind = find_kind(word) if word else None
    if word and (kind is None or kind.name not in (*_WORKLOADS, "Pod", "Service")):
        raise UsageError(f"{excerpt(text, 60)!r} is no end of a path", hint="name a pod, workload or Service")
    kinds = (kind.name,) if kind is not None else ("Service", *_WORKLOADS, "Pod")
    candidates = [item for one in kinds for item in snapshot.objects.get(one, ()) if place in (None, item.namespace)]
    found = [item for item in candidates if item.name == name]
    if not found:
        where = f"namespace {place}" if place is not None else "the cluster"
        hint = nearest(name, {item.name for item in candidates}, of="names")
        raise NotFoundError(
            f"there is no {word or 'Service, workload or pod'} {excerpt(name, 63)!r} in {where}", hint=hint
        )
    if len({item.namespace for item in found}) > 1:
        places = ", ".join(sorted({item.namespace for item in found})[:6])
        raise UsageError(f"{name!r} exists in several namespaces: {places}", hint="name one")
    item = found[0]
    if isinstance(item, Service):
        return _of_service(snapshot, item)
    if isinstance(item, Pod):
        return _End(ref=snapshot.ref(item), pods=(item,))
    pods = [pod for pod in snapshot.pods_of(snapshot.workload_of(item)) if not pod.is_terminating]
    return _End(ref=snapshot.ref(item), pods=tuple(sorted(pods, key=lambda pod: (pod.is_finished, pod.name))))


def _of_service(snapshot: Snapshot, service: Service) -> _End:
    pods = snapshot.pods_selected(service.namespace, service.spec.selector)
    ranked = sorted(pods, key=lambda pod: (not pod.is_ready, pod.name))
    return _End(ref=snapshot.ref(service), pods=tuple(ranked), service=service)


def _path(snapshot: Snapshot, source: _End, target: _End, wanted: str, protocol: str) -> Iterator[Said]:
    pod = source.pods[0]
    if target.service is not None or (target.outside is not None and not target.outside.address):
        verdict = dns_verdict(snapshot, pod, dns_servers(snapshot))
        yield _said(snapshot, "DNS: asking the cluster's DNS on 53/UDP", verdict, pod, "Egress")
    if target.outside is not None:
        port = Port(number=int(wanted) if wanted.isdigit() else None, protocol=protocol)
        verdict = outside_verdict(snapshot, pod, target.outside, port)
        yield _said(snapshot, f"egress to {target.outside.name}", verdict, pod, "Egress")
        return
    for item, words in _ports(snapshot, target, wanted, protocol):
        if isinstance(item, Said):
            yield item
        elif target.pods:
            yield from _hops(snapshot, pod, target.pods[0], item, words)
    if not target.pods:
        yield Said(text=f"no pod stands behind {target.ref}, so nothing answers there")


def _ports(snapshot: Snapshot, target: _End, wanted: str, protocol: str) -> Iterator[tuple[Port | Said, str]]:
    """The ports of the pod that the way leads to, or what is wrong with the Service's."""
    if target.service is None:
        number = int(wanted) if wanted.isdigit() else None
        yield Port(number=number, protocol=protocol), f"{wanted or 'any port'}/{protocol}"
        return
    ref = snapshot.ref(target.service)
    ports = [item for item in target.service.spec.ports if wanted in ("", str(item.port), item.name)]
    if not ports:
        said = f"{ref} has no port {wanted}; its ports: {describe_ports(target.service)}"
        yield Said(text=said, evidence=Evidence.of(ref, "spec", said, locator="spec.ports")), ""
    for item in ports:
        yield from _service_port(snapshot, target, ref, item)


def _service_port(
    snapshot: Snapshot, target: _End, ref: ResourceRef, port: ServicePort
) -> Iterator[tuple[Port | Said, str]]:
    assert target.service is not None
    backing = backing_of(snapshot, target.service, port)
    pods = count_of(len(target.pods), "pod")
    said = f"Service port {port.port}/{port.protocol}: {backing.ready} of {pods} ready behind it"
    evidence = Evidence.of(ref, "status", f"{ref} {said}", locator="spec.ports") if backing.is_empty else None
    yield Said(text=said, evidence=evidence), ""
    if not target.pods:
        return
    number = resolve_target_port(port, target.pods[0].spec)
    if number is None:
        words = f"target port {port.target_port} is a name that no container of {target.pods[0].name} has"
        yield Said(text=words, evidence=Evidence.of(ref, "spec", f"{ref}: {words}", locator="spec.ports")), ""
        return
    yield Port(number=number, protocol=port.protocol), f"{number}/{port.protocol}"


def _hops(snapshot: Snapshot, source: Pod, target: Pod, port: Port, words: str) -> Iterator[Said]:
    egress = egress_verdict(snapshot, source, target, port)
    yield _said(snapshot, f"egress to {target.name} on {words}", egress, source, "Egress")
    ingress = ingress_verdict(snapshot, target, source, port)
    yield _said(snapshot, f"ingress into {target.name} on {words}", ingress, target, "Ingress")


def _said(snapshot: Snapshot, step: str, verdict: Verdict, pod: Pod, direction: Direction) -> Said:
    """What the policies that select `pod` for that direction say of a step."""
    if verdict.is_allowed and not snapshot.was_read(NetworkPolicy, pod.namespace):
        return Said(text=f"{step}: unknown (the NetworkPolicies of namespace {pod.namespace} could not be read)")
    if verdict.is_allowed:
        names = ", ".join(item.name for item in isolating(snapshot, pod, direction))
        return Said(text=f"{step}: allowed ({f'by {names}' if names else 'no NetworkPolicy isolates the pod'})")
    ref = snapshot.ref(verdict.isolating[0])
    said = f"{step}: DENIED by {ref}: {verdict.why}"
    return Said(text=said, evidence=Evidence.of(ref, "spec", said, locator="spec"))


def _clients(snapshot: Snapshot, target: _End, wanted: str, protocol: str, place: str | None) -> Iterator[Said]:
    """A line per workload: can it reach the target, and if not, by which policy."""
    if not target.pods:
        yield Said(text=f"nobody: no pod stands behind {target.ref}")
        return
    found = [item for item, _ in _ports(snapshot, target, wanted, protocol)]
    yield from (item for item in found if isinstance(item, Said))
    ports = [item for item in found if isinstance(item, Port)]
    if not isolating(snapshot, target.pods[0], "Ingress"):
        open_ = Verdict(is_allowed=True)
        yield _said(snapshot, f"ingress into {target.pods[0].name} in general", open_, target.pods[0], "Ingress")
    groups = [
        (ref, [pod for pod in pods if not pod.is_finished])
        for ref, pods in snapshot.pods_by_workload.items()
        if place in (None, ref.namespace) and target.pods[0] not in pods
    ]
    for ref, pods in [group for group in groups if group[1]][:MAX_CLIENTS]:
        denied = [line for port in ports for line in _denials(snapshot, ref, pods[0], target.pods[0], port)]
        yield from denied or [Said(text=f"{ref}: no policy that was read keeps it from there")]


def _denials(snapshot: Snapshot, ref: ResourceRef, source: Pod, target: Pod, port: Port) -> Iterator[Said]:
    step = f"{ref} on {port.number or 'any port'}/{port.protocol}"
    egress, ingress = egress_verdict(snapshot, source, target, port), ingress_verdict(snapshot, target, source, port)
    if not egress.is_allowed:
        yield _said(snapshot, step, egress, source, "Egress")
    if not ingress.is_allowed:
        yield _said(snapshot, step, ingress, target, "Ingress")


plugin = ToolPlugin(
    spec=ToolSpec(
        name="network_path",
        description=(
            "Tells whether one workload can reach another (a Service, pod, or a host outside), step by step: DNS, the "
            "Service's ports and pods, egress and ingress, and which NetworkPolicy stops it and why. Without a source: "
            "who can reach the target."
        ),
        parameters={
            "type": "object",
            "properties": {
                "target": {
                    "type": "string",
                    "description": "Where to: svc/db, deploy/api, pod/x, db.shop.svc, or a host or address outside.",
                },
                "source": {
                    "type": "string",
                    "default": "",
                    "description": "Where from: deploy/web or pod/x. Left out: every workload is tried.",
                },
                "namespace": NAMESPACE,
                "source_namespace": {
                    "type": "string",
                    "default": "",
                    "description": "The source's namespace, if it is another one.",
                },
                "port": {
                    "type": "string",
                    "default": "",
                    "description": "The port's number or name (the Service's, if the target is one). Left out: all.",
                },
                "protocol": {
                    "type": "string",
                    "enum": ["TCP", "UDP", "SCTP"],
                    "default": "TCP",
                    "description": "The protocol, if the target is no Service.",
                },
            },
            "required": ["target"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=(*rights(_KINDS), *rights(_KINDS, namespace=DNS_NAMESPACE)),
)
