"""Names that cannot be resolved, and why: the name is of nobody, the pod does not ask the cluster's DNS, or DNS fails.

The name of a Service with an address of its own resolves whatever stands behind it. That of a headless one stands for
its ready pods, and that of an ExternalName for another name.
Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from kubeagentix.analysis.backends import backing_of, resolve_target_port
from kubeagentix.analysis.policies import DNS_PORT, Port
from kubeagentix.analysis.selectors import is_one_slip
from kubeagentix.analysis.spelling import nearest
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

NEW_NAME_GRACE = timedelta(seconds=30)  # for as long DNS servers remember that there was no such name
DNS_NAMESPACE = "kube-system"
DNS_SERVICE = "kube-dns"  # the name every installer keeps, for CoreDNS too


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """Why a name is not resolved, in sentences, and what that points at. `is_dns_in_doubt`: it should have been."""

    words: str = ""
    points_at: tuple[ResourceRef, ...] = ()
    is_dns_in_doubt: bool = False


def unresolved(snapshot: Snapshot, pod: Pod, host: str, target: ResourceRef | None, line: str) -> Unresolved:
    """Why `host`, behind which `target` would be, is not resolved in `pod`; `line` is what the pod's log says of it."""
    found = snapshot.find(target) if target is not None else None
    if (found is not None or target is None) and is_dns_silent(line):
        words = f" {target} exists, and the name server itself gives no answer." if found is not None else ""
        return Unresolved(words=words, points_at=dns_of(snapshot), is_dns_in_doubt=True)
    if isinstance(found, Service):
        return _of_service(snapshot, pod, found, host.partition(".")[0].lower())
    if target is not None and target.kind == Service.kind:
        return _of_nobody(snapshot, target)
    return Unresolved(words=_meant_elsewhere(snapshot, host))


def is_dns_silent(line: str) -> bool:
    """Whether an error says that the name server gave no answer, rather than that it knows no such name."""
    return re.search(r"(?i)EAI_AGAIN|temporary|timeout|timed out|misbehaving|SERVFAIL|:53: .*refused", line) is not None


def asks_elsewhere(pod: Pod) -> str:
    """`dnsPolicy None`, or another way in which a pod does not ask the cluster's DNS; "" if it does."""
    if pod.spec.dns_policy in ("None", "Default"):
        return f"dnsPolicy {pod.spec.dns_policy}"
    if pod.spec.host_network and pod.spec.dns_policy != "ClusterFirstWithHostNet":
        return "hostNetwork without dnsPolicy ClusterFirstWithHostNet"
    return ""


def dns_services(snapshot: Snapshot) -> tuple[Service, ...]:
    """The Services that answer on port 53: those of kube-system, or else those of wherever DNS is kept."""
    return snapshot.derived(_dns_services)


def _dns_services(snapshot: Snapshot) -> tuple[Service, ...]:
    services = [
        service for service in snapshot.all(Service) if any(port.port == DNS_PORT for port in service.spec.ports)
    ]
    return tuple(item for item in services if item.namespace == DNS_NAMESPACE) or tuple(services)


def dns_servers(snapshot: Snapshot) -> tuple[tuple[Pod, Port], ...]:
    """The pods behind the cluster's DNS Service, with the ports they listen on for UDP."""
    return snapshot.derived(_dns_servers)


def _dns_servers(snapshot: Snapshot) -> tuple[tuple[Pod, Port], ...]:
    return tuple(
        (pod, Port(number=resolve_target_port(port, pod.spec), protocol=port.protocol))
        for service in dns_services(snapshot)
        for port in service.spec.ports
        if port.port == DNS_PORT and port.protocol == "UDP"
        for pod in snapshot.pods_selected(service.namespace, service.spec.selector)
    )


def dns_of(snapshot: Snapshot) -> tuple[ResourceRef, ...]:
    """The Service of the cluster's DNS, also where it was not read; none if DNS is kept some other way."""
    usual = snapshot.named(Service.kind, DNS_NAMESPACE, DNS_SERVICE)
    if snapshot.find(usual) is not None or not snapshot.covers(DNS_NAMESPACE):
        return (usual,)
    others = tuple(snapshot.ref(item) for item in dns_services(snapshot))
    return others[:1] or ((usual,) if snapshot.was_read(Service, DNS_NAMESPACE) else ())


def _of_service(snapshot: Snapshot, pod: Pod, service: Service, first: str) -> Unresolved:
    """`first` is the first part of the name: the Service's, or that of a pod behind a headless one."""
    ref = snapshot.ref(service)
    if how := asks_elsewhere(pod):
        return Unresolved(words=f" {ref} exists, but the pod has {how}: it does not ask the cluster's DNS.")
    if service.spec.type == "ExternalName":
        return Unresolved(words=f" {ref} is an alias of {service.spec.external_name}.", points_at=(ref,))
    if service.spec.cluster_ip == "None" and backing_of(snapshot, service).is_empty:
        words = f" {ref} is headless and has no ready pod, so its name stands for no address."
        return Unresolved(words=words, points_at=(ref,))
    if first != service.name and service.spec.cluster_ip == "None":
        return _of_member(snapshot, service, first)
    if _is_younger(service, pod):
        return Unresolved(words=f" {ref} exists by now, and was made only after that.")
    words = f" {ref} exists, so name resolution itself is in doubt."
    return Unresolved(words=words, points_at=dns_of(snapshot), is_dns_in_doubt=True)


def _of_member(snapshot: Snapshot, service: Service, name: str) -> Unresolved:
    """A pod by its own name, which those of a StatefulSet have, and others by spec.hostname; only while it is ready."""
    ref, backing = snapshot.ref(service), backing_of(snapshot, service)
    member = next((pod for pod in backing.pods if name in (pod.spec.hostname, pod.name)), None)
    if member is None:
        return Unresolved(words=f" Behind {ref} there is no pod {name}.", points_at=(ref,))
    if not member.is_ready and not service.spec.publish_not_ready_addresses:
        words = f" Pod {name} behind {ref} is not ready, so its name stands for no address."
        return Unresolved(words=words, points_at=(snapshot.workload_of(member),))
    words = f" {ref} and its pod {name} exist, so name resolution itself is in doubt."
    return Unresolved(words=words, points_at=dns_of(snapshot), is_dns_in_doubt=True)


def _is_younger(service: Service, pod: Pod) -> bool:
    """Whether a Service was made when the pod's containers had last failed; DNS knows a name some seconds later."""
    ends = [
        state.terminated.finished_at
        for _, status, _ in pod.containers()
        if status is not None
        for state in (status.state, status.last_state)
        if state.terminated is not None and state.terminated.finished_at is not None
    ]
    made = service.metadata.creation_timestamp
    return bool(ends) and made is not None and made > max(ends) - NEW_NAME_GRACE


def _of_nobody(snapshot: Snapshot, target: ResourceRef) -> Unresolved:
    place = snapshot.named(Namespace.kind, "", target.namespace)
    if snapshot.was_read(Namespace) and snapshot.find(place) is None and snapshot.all(Namespace):
        like = nearest(target.namespace, (item.name for item in snapshot.all(Namespace)))
        hint = f" There is namespace {like}: was {target.name}.{like} meant?" if like else ""
        return Unresolved(words=f" There is no namespace {target.namespace}.{hint}", points_at=(place,))
    if not snapshot.lacks(target):
        return Unresolved(words=f" Whether there is a {target} was not read.", points_at=(target,))
    return Unresolved(
        words=f" There is no Service {target.name} in namespace {target.namespace}.{service_meant(snapshot, target)}",
        points_at=(target,),
    )


def service_meant(snapshot: Snapshot, missing: ResourceRef) -> str:
    """Which Service a name that nobody has was meant to be, as a sentence, or ""."""
    like = nearest(missing.name, (item.name for item in snapshot.in_namespace(Service, missing.namespace)))
    if like:
        return f" There is Service {like}: was that meant?"
    elsewhere = snapshot.namespaces_with(Service, missing.name)
    if not elsewhere:
        return ""
    return f" Namespace {elsewhere[0]} has one of that name: from here it is {missing.name}.{elsewhere[0]}."


def _meant_elsewhere(snapshot: Snapshot, host: str) -> str:
    """What `redis.cahce` was meant to be, where there is a namespace `cache`; names outside of the cluster are many."""
    name, _, rest = host.partition(":")[0].rstrip(".").partition(".")
    place = rest.removesuffix(".svc")
    if not place or "." in place or snapshot.get(Namespace, "", place) is not None:
        return ""
    unread = (item.name for item in snapshot.all(Namespace) if not snapshot.covers(item.name))
    candidates = chain(snapshot.namespaces_with(Service, name), unread)
    like = next((item for item in candidates if is_one_slip(place, item)), "")
    if not like:
        return ""
    return f" There is no namespace {place}, but there is {like}: was {name}.{like} meant?"
