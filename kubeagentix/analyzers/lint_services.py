"""Advice on Services: how they are seen from outside, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.network import EndpointSlice, Service
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-services"
_OUTSIDE = ("LoadBalancer", "NodePort")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per Service and rule."""
    for service in snapshot.all(Service):
        if service.metadata.deletion_timestamp is None:
            yield from _exposed(snapshot, service)
            yield from _traffic_policy(snapshot, service)
            yield from _single_endpoint(snapshot, service)
            yield from _target_number(snapshot, service)


def _exposed(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    kind = service.spec.type
    if kind in _OUTSIDE:
        ports = ", ".join(str(port.node_port or port.port) for port in service.spec.ports)
        where = "on every node" if kind == "NodePort" else "by a load balancer of its own"
        remark = Remark(seen=f"type {kind}, ports {ports} {where}", locator="spec.type")
        why = "It is open to whoever reaches that address; an Ingress or Gateway shares one and can ask who calls."
        yield advice(ID, kind, snapshot.ref(service), title=f"type {kind}", why=why, remarks=[remark])


def _traffic_policy(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    kind, policy = service.spec.type, service.spec.external_traffic_policy or "Cluster"
    if kind not in _OUTSIDE or (kind == "LoadBalancer") == (policy == "Local"):
        return
    remark = Remark(seen=f"externalTrafficPolicy {policy}", locator="spec.externalTrafficPolicy")
    if policy == "Local":
        why = "Nodes that run no ready pod of it drop what comes to them, and no load balancer knows which those are."
    else:
        why = "Pods see a node's address in place of the client's, and connections may take a second hop."
    yield advice(ID, "ExternalTrafficPolicy", snapshot.ref(service), title=remark.seen, why=why, remarks=[remark])


def _single_endpoint(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    if not service.spec.selector or not snapshot.was_read(EndpointSlice, service.namespace):
        return
    ready = {
        (item.target_ref.name if item.target_ref else item.addresses)
        for piece in snapshot.endpoint_slices(service)
        for item in piece.endpoints
        if item.is_ready
    }
    if len(ready) == 1:
        remark = Remark(seen="one ready endpoint", locator="spec.selector")
        why = "Whenever that pod is replaced, nobody answers."
        yield advice(ID, "SingleEndpoint", snapshot.ref(service), title="a single endpoint", why=why, remarks=[remark])


def _target_number(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    """Target ports by number that every selected pod has a name for."""
    pods = snapshot.pods_selected(service.namespace, service.spec.selector)
    named = [
        {port.container_port: port.name for item in pod.spec.containers for port in item.ports if port.name}
        for pod in pods
    ]
    remarks = [
        Remark(seen=f"targetPort {target}, which its pods name {named[0][target]}", locator=f"spec.ports[{port.port}]")
        for port in service.spec.ports
        for target in (port.target_port if port.target_port is not None else port.port,)
        if isinstance(target, int) and named and all(target in names for names in named)
    ]
    if remarks:
        why = "By name it stays right when the port changes."
        yield advice(
            ID, "TargetPortNumber", snapshot.ref(service), title="target ports by number", why=why, remarks=remarks
        )


plugin = AnalyzerPlugin(id=ID, title="Advice on Services", analyze=analyze, is_lint=True)
