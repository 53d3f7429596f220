"""Which object of the cluster a host name or an address is, as a container would reach it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kubeagentix.analysis.mentions import is_address
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

_DNS_NAME = re.compile(r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$")


def resolve_host(snapshot: Snapshot, namespace: str, host: str) -> ResourceRef | None:
    """The object behind a `host` or `host:port` as a container in `namespace` would reach it.

    A Service for a cluster DNS name or a ClusterIP (also one that does not exist, if the name can only mean a
    Service), the workload for a pod's address, None for what is outside the cluster or the container itself.
    Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
    """
    name = host.partition("://")[2] or host
    name = name.rpartition("@")[2].partition("/")[0].rstrip(".")
    address = name.partition(":")[0].lower()
    if not _DNS_NAME.match(address) or address == "localhost" or address.startswith("127."):
        return None
    return _behind_address(snapshot, address) if is_address(address) else _behind_name(snapshot, namespace, address)


def aliased(pod: Pod, host: str) -> str:
    """The address that the pod's hostAliases give to a `host` or `host:port`, past any DNS; "" if they give none."""
    name = host.partition(":")[0].lower().rstrip(".")
    return next((alias.ip for alias in pod.spec.host_aliases if name in alias.hostnames), "")


_AFTER = re.compile(r"(?i)\b(?:to|with|from|reach|at) (?:service )?['\"`]?([a-z0-9][a-z0-9-]*)(?![\w.:/-])")


def service_said(snapshot: Snapshot, namespace: str, line: str) -> str:
    """The one Service of the namespace that an error calls by its bare name (`timeout to payments`), or ""."""
    found = {name for name in _AFTER.findall(line) if snapshot.get(Service, namespace, name) is not None}
    return found.pop() if len(found) == 1 else ""


def _behind_address(snapshot: Snapshot, address: str) -> ResourceRef | None:
    holder = snapshot.derived(_holders).get(address)
    if holder is None:
        return None
    return snapshot.workload_of(holder) if isinstance(holder, Pod) else snapshot.ref(holder)


def _holders(snapshot: Snapshot) -> Mapping[str, Service | Pod]:
    """Who has an address: a Service, or else the first pod that has it for itself."""
    holders: dict[str, Service | Pod] = {}
    for service in snapshot.all(Service):
        holders.setdefault(service.spec.cluster_ip, service)
    for pod in snapshot.all(Pod):
        if not pod.spec.host_network and not pod.is_finished:
            holders.setdefault(pod.status.pod_ip, pod)
    return holders


def _behind_name(snapshot: Snapshot, namespace: str, name: str) -> ResourceRef | None:
    labels = name.split(".")
    if "svc" in labels[2:]:
        at = labels.index("svc", 2)
        return snapshot.named("Service", labels[at - 1], labels[at - 2])
    if len(labels) == 1:
        return _service(snapshot, namespace, name)
    service, place = labels[-2], labels[-1]
    if snapshot.get(Service, namespace, place) is not None:  # pod.service, of a headless Service
        return snapshot.named("Service", namespace, place)
    is_namespace = snapshot.get(Namespace, "", place) is not None
    return _service(snapshot, place, service) if is_namespace else None


def _service(snapshot: Snapshot, namespace: str, name: str) -> ResourceRef | None:
    exists = snapshot.get(Service, namespace, name) is not None
    is_known = exists or snapshot.was_read(Service, namespace, name=name)
    return snapshot.named("Service", namespace, name) if is_known or not snapshot.covers(namespace) else None
