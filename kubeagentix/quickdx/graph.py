"""What depends on what: a graph of owners, selectors, references, mounts, backends and nodes.

An edge runs from an object to one that it needs: an Ingress to its Service, a Service to the workloads behind it,
a workload to its pods, its ConfigMaps and the Services it calls. A symptom is explained by following edges, never
against them. The target of an edge need not exist: a missing Secret is a node too.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kubeagentix.analysis.hosts import hosts_in
from kubeagentix.domain import network, storage, workloads
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.pods import Container, Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.volumes import Volume

Relation = Literal[
    "manages",
    "runs on",
    "reads",
    "mounts",
    "binds",
    "selects",
    "routes to",
    "scales",
    "guards",
    "calls",
    "restricted by",
]


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` needs `target`, in the way that `relation` says."""

    source: ResourceRef
    relation: Relation
    target: ResourceRef


class Graph:
    """The edges of one snapshot, by source; found when they are asked for, as most objects are nobody's concern."""

    def __init__(self, snapshot: Snapshot | None, edges: Mapping[ResourceRef, tuple[Edge, ...]] | None = None) -> None:
        self._snapshot = snapshot
        self._edges = dict(edges or {})

    @classmethod
    def of(cls, snapshot: Snapshot) -> Graph:
        """The graph of everything in `snapshot`."""
        return cls(snapshot)

    def complete(self) -> Graph:
        """The graph with all its edges, for one who keeps it longer than the picture."""
        snapshot = self._snapshot
        if snapshot is None:
            return self
        kinds: tuple[type[Resource], ...] = (Pod, workloads.CronJob, *_OWN)
        own = (snapshot.ref(item) for kind in kinds for item in snapshot.all(kind))
        tops = (*snapshot.pods_by_workload, *snapshot.derived(_managed), *snapshot.derived(_templated))
        found = {ref: self.edges_from(ref) for ref in dict.fromkeys((*tops, *own))}
        return Graph(None, {ref: edges for ref, edges in found.items() if edges})

    @property
    def edges(self) -> Mapping[ResourceRef, tuple[Edge, ...]]:
        """The edges found so far: all, of a complete graph."""
        return self._edges

    def edges_from(self, ref: ResourceRef, relations: frozenset[Relation] | None = None) -> tuple[Edge, ...]:
        """The edges that leave `ref`, one for each target, perhaps only those of some relations."""
        edges = self._edges.get(ref)
        if edges is None:
            by_target: dict[ResourceRef, Edge] = {}
            for edge in _edges(self._snapshot, ref) if self._snapshot is not None else ():
                by_target.setdefault(edge.target, edge)
            edges = tuple(by_target.values())
            if self._snapshot is not None:
                self._edges[ref] = edges
        return edges if relations is None else tuple(edge for edge in edges if edge.relation in relations)

    def distances(self, start: ResourceRef, relations: frozenset[Relation] | None = None) -> dict[ResourceRef, int]:
        """Everything `start` needs, directly or not, with the number of steps; `start` itself at 0, nearest first."""
        found = {start: 0}
        queue = deque([start])
        while queue:
            ref = queue.popleft()
            for edge in self.edges_from(ref, relations):
                if edge.target not in found:
                    found[edge.target] = found[ref] + 1
                    queue.append(edge.target)
        return found


Workload = (
    workloads.Deployment | workloads.StatefulSet | workloads.DaemonSet | workloads.Job | workloads.ReplicationController
)
WORKLOADS: tuple[type[Workload], ...] = (
    workloads.Deployment,
    workloads.StatefulSet,
    workloads.DaemonSet,
    workloads.Job,
    workloads.ReplicationController,
)


def _edges(snapshot: Snapshot, ref: ResourceRef) -> Iterator[Edge]:
    found = snapshot.find(ref)
    yield from _pod_edges(snapshot, ref, found)
    yield from _template_edges(snapshot, ref, found)
    if found is not None and type(found) in _OWN:
        yield from _OWN[type(found)](snapshot, ref, found)
    yield from _policy_edges(snapshot, ref)


def _pod_edges(snapshot: Snapshot, ref: ResourceRef, found: Resource | None) -> Iterator[Edge]:
    for pod in snapshot.pods_of(ref):
        if snapshot.ref(pod) != ref:
            yield Edge(ref, "manages", snapshot.ref(pod))
    if isinstance(found, Pod) and found.spec.node_name:
        yield Edge(ref, "runs on", snapshot.named("Node", "", found.spec.node_name))
    yield from (Edge(ref, "manages", snapshot.ref(owned)) for owned in snapshot.derived(_managed).get(ref, ()))


def _managed(snapshot: Snapshot) -> Mapping[ResourceRef, Sequence[Resource]]:
    """The ReplicaSets and Jobs of each workload."""
    groups: dict[ResourceRef, list[Resource]] = defaultdict(list)
    for kind in (workloads.ReplicaSet, workloads.Job):
        for owned in snapshot.all(kind):
            top = snapshot.workload_of(owned)
            if top.key != (kind.kind, owned.metadata.namespace, owned.metadata.name):
                groups[top].append(owned)
    return groups


def _template_edges(snapshot: Snapshot, ref: ResourceRef, found: Resource | None) -> Iterator[Edge]:
    for workload in snapshot.derived(_templated).get(ref, ()):
        yield from _spec_edges(snapshot, ref, workload.namespace, workload.spec.template.spec)
    if isinstance(found, workloads.CronJob):
        yield from _spec_edges(snapshot, ref, found.namespace, found.spec.job_template.spec.template.spec)
    pods = snapshot.pods_of(ref)
    if pods and (found is None or ref.kind == Pod.kind):
        yield from _spec_edges(snapshot, ref, pods[0].namespace, pods[0].spec)


def _templated(snapshot: Snapshot) -> Mapping[ResourceRef, Sequence[Workload]]:
    """The objects with a template under each topmost controller, as a rule itself."""
    groups: dict[ResourceRef, list[Workload]] = defaultdict(list)
    for kind in WORKLOADS:
        for workload in snapshot.all(kind):
            groups[snapshot.workload_of(workload)].append(workload)
    return groups


def _spec_edges(snapshot: Snapshot, source: ResourceRef, namespace: str, spec: PodSpec) -> Iterator[Edge]:
    def named(kind: str, name: str) -> ResourceRef:
        return snapshot.named(kind, namespace, name)

    for container in (*spec.init_containers, *spec.containers):
        yield from (Edge(source, "reads", named(kind, name)) for kind, name in _env_sources(container))
        yield from (Edge(source, "calls", service) for service in _called_services(snapshot, namespace, container))
    yield from (Edge(source, "calls", service) for service in _configured_services(snapshot, namespace, spec))
    for volume in spec.volumes:
        yield from (Edge(source, "mounts", named(kind, name)) for kind, name in _volume_sources(volume))
    for secret in spec.image_pull_secrets:
        yield Edge(source, "reads", named("Secret", secret.name))
    if spec.service_account_name:
        yield Edge(source, "reads", named("ServiceAccount", spec.service_account_name))


def _env_sources(container: Container) -> Iterator[tuple[str, str]]:
    for source in container.env_from:
        if source.config_map_ref:
            yield "ConfigMap", source.config_map_ref.name
        if source.secret_ref:
            yield "Secret", source.secret_ref.name
    for variable in container.env:
        value_from = variable.value_from
        if value_from and value_from.config_map_key_ref:
            yield "ConfigMap", value_from.config_map_key_ref.name
        if value_from and value_from.secret_key_ref:
            yield "Secret", value_from.secret_key_ref.name


def _volume_sources(volume: Volume) -> Iterator[tuple[str, str]]:
    if volume.config_map:
        yield "ConfigMap", volume.config_map.name
    if volume.secret:
        yield "Secret", volume.secret.secret_name
    if volume.persistent_volume_claim:
        yield "PersistentVolumeClaim", volume.persistent_volume_claim.claim_name
    for source in volume.projected.sources if volume.projected else ():
        if source.config_map:
            yield "ConfigMap", source.config_map.name
        if source.secret:
            yield "Secret", source.secret.name


def _called_services(snapshot: Snapshot, namespace: str, container: Container) -> Iterator[ResourceRef]:
    """The existing Services whose names stand in the container's environment, command or arguments."""
    for variable in container.env:
        if variable.value:
            yield from _services(snapshot, namespace, hosts_in(variable.name, variable.value))
    for text in (*container.command, *container.args):
        yield from _services(snapshot, namespace, hosts_in("", text))


def _configured_services(snapshot: Snapshot, namespace: str, spec: PodSpec) -> Iterator[ResourceRef]:
    """The existing Services that the ConfigMaps which the pod reads or mounts name, as far as it takes their keys."""
    for name, keys in _configuration(spec):
        config = snapshot.get(storage.ConfigMap, namespace, name)
        if config is not None:
            hosts = (host for key, found in config.hosts.items() if keys is None or key in keys for host in found)
            yield from _services(snapshot, namespace, hosts)


def _configuration(spec: PodSpec) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """(ConfigMap, its keys that are taken; None for all) of a pod's environment and volumes."""
    for container in (*spec.init_containers, *spec.containers):
        for source in container.env_from:
            if source.config_map_ref:
                yield source.config_map_ref.name, None
        for variable in container.env:
            chosen = variable.value_from.config_map_key_ref if variable.value_from else None
            if chosen:
                yield chosen.name, (chosen.key,)
    for volume in spec.volumes:
        for kind, name in _volume_sources(volume):
            if kind == "ConfigMap":
                yield name, None


def _services(snapshot: Snapshot, namespace: str, hosts: Iterable[str]) -> Iterator[ResourceRef]:
    for host in hosts:
        name, _, rest = host.partition(".")
        service = snapshot.get(network.Service, rest.split(".")[0] or namespace, name)
        if service is not None:
            yield snapshot.ref(service)


def _claim_edges(snapshot: Snapshot, ref: ResourceRef, claim: storage.PersistentVolumeClaim) -> Iterator[Edge]:
    if claim.spec.volume_name:
        yield Edge(ref, "binds", snapshot.named("PersistentVolume", "", claim.spec.volume_name))
    if claim.spec.storage_class_name:
        yield Edge(ref, "binds", snapshot.named("StorageClass", "", claim.spec.storage_class_name))


def _set_edges(snapshot: Snapshot, ref: ResourceRef, stateful: workloads.StatefulSet) -> Iterator[Edge]:
    for template in stateful.spec.volume_claim_templates:
        for ordinal in range(min(stateful.spec.replicas, 100)):
            name = f"{template.name}-{stateful.name}-{ordinal}"
            yield Edge(ref, "mounts", snapshot.named("PersistentVolumeClaim", stateful.namespace, name))


def _service_edges(snapshot: Snapshot, ref: ResourceRef, service: network.Service) -> Iterator[Edge]:
    for pod in snapshot.pods_selected(service.namespace, service.spec.selector):
        yield Edge(ref, "selects", snapshot.workload_of(pod))


def _ingress_edges(snapshot: Snapshot, ref: ResourceRef, ingress: network.Ingress) -> Iterator[Edge]:
    backends = [path.backend for rule in ingress.spec.rules for path in rule.http.paths]
    for backend in (*backends, *((ingress.spec.default_backend,) if ingress.spec.default_backend else ())):
        if backend.service:
            yield Edge(ref, "routes to", snapshot.named("Service", ingress.namespace, backend.service.name))
    for tls in ingress.spec.tls:
        if tls.secret_name:
            yield Edge(ref, "reads", snapshot.named("Secret", ingress.namespace, tls.secret_name))


def _route_edges(snapshot: Snapshot, ref: ResourceRef, route: network.HTTPRoute) -> Iterator[Edge]:
    for parent in route.spec.parent_refs:
        yield Edge(ref, "binds", snapshot.named("Gateway", parent.namespace or route.namespace, parent.name))
    for target in (target for rule in route.spec.rules for target in rule.backend_refs):
        if target.kind in ("", "Service"):
            yield Edge(ref, "routes to", snapshot.named("Service", target.namespace or route.namespace, target.name))


def _gateway_edges(snapshot: Snapshot, ref: ResourceRef, gateway: network.Gateway) -> Iterator[Edge]:
    yield Edge(ref, "binds", snapshot.named("GatewayClass", "", gateway.spec.gateway_class_name))


def _scaler_edges(snapshot: Snapshot, ref: ResourceRef, scaler: workloads.HorizontalPodAutoscaler) -> Iterator[Edge]:
    target = scaler.spec.scale_target_ref
    yield Edge(ref, "scales", snapshot.named(target.kind, scaler.namespace, target.name))


def _budget_edges(snapshot: Snapshot, ref: ResourceRef, budget: workloads.PodDisruptionBudget) -> Iterator[Edge]:
    selector = budget.spec.selector
    for pod in snapshot.pods_matching(budget.namespace, selector) if selector is not None else ():
        yield Edge(ref, "guards", snapshot.workload_of(pod))


_OWN: Mapping[type[Resource], Callable[[Snapshot, ResourceRef, Any], Iterator[Edge]]] = {
    storage.PersistentVolumeClaim: _claim_edges,
    workloads.StatefulSet: _set_edges,
    network.Service: _service_edges,
    network.Ingress: _ingress_edges,
    network.HTTPRoute: _route_edges,
    network.Gateway: _gateway_edges,
    workloads.HorizontalPodAutoscaler: _scaler_edges,
    workloads.PodDisruptionBudget: _budget_edges,
}


def _policy_edges(snapshot: Snapshot, ref: ResourceRef) -> Iterator[Edge]:
    """From a workload, and nothing else has pods."""
    pods = snapshot.pods_of(ref)
    for policy in snapshot.in_namespace(network.NetworkPolicy, ref.namespace) if pods else ():
        selector = policy.spec.pod_selector
        if selector is not None and any(selector.matches(pod.metadata.labels) for pod in pods):
            yield Edge(ref, "restricted by", snapshot.ref(policy))
