"""What stands behind a Service: the pods it selects, the ports they resolve to, and whether any can take traffic.

Readiness is taken from the pods themselves; EndpointSlices speak where no selector does, or where pods were not read.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubeagentix.analysis.affected import workloads_of
from kubeagentix.analysis.node_life import late_pods
from kubeagentix.analysis.selectors import candidates, matching
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.meta import IntOrString
from kubeagentix.domain.network import EndpointSlice, IngressServicePort, Service, ServicePort
from kubeagentix.domain.pods import Container, ContainerPort, Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """The state behind a Service. `is_known` is False where neither pods nor slices could be read."""

    pods: tuple[Pod, ...] = ()  # selected, not finished, not being deleted
    workloads: tuple[ResourceRef, ...] = ()  # that these belong to
    ready: int = 0  # how many can take traffic
    is_known: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nobody takes traffic."""
        return self.is_known and self.ready == 0


def backing_of(snapshot: Snapshot, service: Service, port: ServicePort | None = None) -> Backing:
    """Who stands behind a Service, or behind one port of it."""
    if port is not None or snapshot.get(Service, service.namespace, service.name) is not service:
        return _backing_of(snapshot, service, port)
    return snapshot.derived(_backing_by_name, service.namespace, service.name)


def _backing_by_name(snapshot: Snapshot, namespace: str, name: str) -> Backing:
    service = snapshot.get(Service, namespace, name)
    assert service is not None
    return _backing_of(snapshot, service, None)


def _backing_of(snapshot: Snapshot, service: Service, port: ServicePort | None) -> Backing:
    if service.spec.type == "ExternalName":
        return Backing(is_known=False)
    if not service.spec.selector or not knows_pods(snapshot, service):
        return _from_slices(snapshot, service)
    selected = snapshot.pods_selected(service.namespace, service.spec.selector)
    pods = tuple([pod for pod in selected if pod.is_live])
    able = [pod for pod in pods if pod.is_ready or service.spec.publish_not_ready_addresses]
    if port is not None:
        able = [pod for pod in able if resolve_target_port(port, pod.spec) is not None]
    if not pods:  # a selector and endpoints made by hand can go together
        return _from_slices(snapshot, service)
    return Backing(pods=pods, workloads=workloads_of(snapshot, pods), ready=len(able))


def knows_pods(snapshot: Snapshot, service: Service) -> bool:
    """Whether all pods that a Service selects are in the picture."""
    return snapshot.was_read(Pod, service.namespace, selector=service.spec.selector)


NEW_SERVICE_GRACE_S = 60.0  # a Service is often made a moment before its pods


def is_deserted(snapshot: Snapshot, service: Service, port: ServicePort | None = None) -> bool:
    """Whether nobody takes traffic behind a Service (or one port of it), and that not for being new alone."""
    backing = backing_of(snapshot, service, port)
    if not backing.is_empty:
        return False
    if any(pod.is_ready for pod in backing.pods):  # they have no such port
        return True
    if backing.pods:
        return bool(late_pods(snapshot, backing.pods))
    is_settled = is_older_than(service.metadata.creation_timestamp, NEW_SERVICE_GRACE_S, snapshot.taken_at)
    selected = snapshot.pods_selected(service.namespace, service.spec.selector)
    return is_settled and not any(pod.is_terminating for pod in selected)


def is_switched_off(snapshot: Snapshot, service: Service) -> bool:
    """Whether nobody stands behind a Service because the workloads that it selects are scaled to zero."""
    meant = matching(service.spec.selector, candidates(snapshot, service.namespace)) if service.spec.selector else ()
    return bool(meant) and all(item.replicas == 0 for item in meant)


def _from_slices(snapshot: Snapshot, service: Service) -> Backing:
    slices = snapshot.endpoint_slices(service)
    ready = sum(endpoint.is_ready for piece in slices for endpoint in piece.endpoints)
    is_known = (
        bool(slices)
        or bool(service.spec.selector and knows_pods(snapshot, service))
        or (not service.spec.selector and _knows_slices(snapshot, service.namespace))
    )
    return Backing(ready=ready, is_known=is_known)


def _knows_slices(snapshot: Snapshot, namespace: str) -> bool:
    """Whether slices that are not in the picture do not exist; one without those of ready pods has left them out."""
    return snapshot.was_read(EndpointSlice, namespace) and snapshot.derived(_shows_slices)


def _shows_slices(snapshot: Snapshot) -> bool:
    return bool(snapshot.all(EndpointSlice)) or not any(
        pod.is_ready
        for service in snapshot.all(Service)
        for pod in snapshot.pods_selected(service.namespace, service.spec.selector)
    )


def target_of(port: ServicePort) -> IntOrString:
    """The port of the pod that a Service's port means: the target port, or the same number."""
    return port.target_port or port.port


def resolve_target_port(port: ServicePort, pod: PodSpec) -> int | None:
    """The number a Service's port leads to in that pod; None if it is a name that no container port has."""
    target = target_of(port)
    if isinstance(target, int):
        return target
    if target.isdigit():
        return int(target)
    for declared in container_ports(pod):
        if declared.name == target and declared.protocol == port.protocol:
            return declared.container_port
    return None


def container_ports(pod: PodSpec) -> tuple[ContainerPort, ...]:
    """All ports that a pod's containers declare, native sidecars' too."""
    if len(pod.containers) == 1 and not pod.init_containers:
        return pod.containers[0].ports
    return tuple(port for container in serving_containers(pod) for port in container.ports)


def serving_containers(pod: PodSpec) -> tuple[Container, ...]:
    """The containers that run while the pod does: the main ones, and init containers that are sidecars."""
    return (*pod.containers, *(item for item in pod.init_containers if item.restart_policy == "Always"))


def find_port(service: Service, wanted: IngressServicePort) -> ServicePort | None:
    """The Service's port of that name or number."""
    for port in service.spec.ports:
        if (wanted.name and port.name == wanted.name) or (not wanted.name and port.port == wanted.number):
            return port
    return None


def describe_ports(service: Service) -> str:
    """`80 (http), 443`: the ports a Service has."""
    ports = [f"{port.port} ({port.name})" if port.name else str(port.port) for port in service.spec.ports]
    return ", ".join(ports) or "none"


def describe_declared(ports: tuple[ContainerPort, ...]) -> str:
    """`http (8080), 9090`: the ports containers declare."""
    names = [f"{port.name} ({port.container_port})" if port.name else str(port.container_port) for port in ports]
    return ", ".join(dict.fromkeys(names)) or "none"
