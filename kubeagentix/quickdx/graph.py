"""What depends on what: a graph of owners, selectors, references, mounts, backends and nodes.

An edge runs from an object to one that it needs: an Ingress to its Service, a Service to the workloads behind it,
a workload to its pods, its ConfigMaps and the Services it calls. A symptom is explained by following edges, never
against them. The target of an edge need not exist: a missing Secret is a node too.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kubeagentix.analysis.hosts import hosts_in
from kubeagentix.domain import network, storage, workloads
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.meta import LabelSelector
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
    """The edges of one snapshot, by source."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        by_source: dict[ResourceRef, dict[ResourceRef, Edge]] = defaultdict(dict)
        for edge in edges:
            by_source[edge.source].setdefault(edge.target, edge)
        self._edges: Mapping[ResourceRef, tuple[Edge, ...]] = {
            source: tuple(targets.values()) for source, targets in by_source.items()
        }

    @classmethod
    def of(cls, snapshot: Snapshot) -> Graph:
        """The graph of everything in `snapshot`."""
        return cls(_edges(snapshot))

    def edges_from(self, ref: ResourceRef, relations: frozenset[Relation] | None = None) -> tuple[Edge, ...]:
        """The edges that leave `ref`, perhaps only those of some relations."""
        edges = self._edges.get(ref, ())
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


WORKLOADS: tuple[
    type[
        workloads.Deployment
        | workloads.StatefulSet
        | workloads.DaemonSet
        | workloads.Job
        | workloads.ReplicationController
    ],
    ...,
] = (
    workloads.Deployment,
    workloads.StatefulSet,
    workloads.DaemonSet,
    workloads.Job,
    workloads.ReplicationController,
)


def _edges(snapshot: Snapshot) -> Iterator[Edge]:
    yield from _pod_edges(snapshot)
    yield from _template_edges(snapshot)
    yield from _storage_edges(snapshot)
    yield from _service_edges(snapshot)
    yield from _route_edges(snapshot)
    yield from _scaler_edges(snapshot)
    yield from _policy_edges(snapshot)


def _pod_edges(snapshot: Snapshot) -> Iterator[Edge]:
    for workload, pods in snapshot.pods_by_workload.items():
        for pod in pods:
            ref = snapshot.ref(pod)
            if ref != workload:
                yield Edge(workload, "manages", ref)
            if pod.spec.node_name:
                yield Edge(ref, "runs on", snapshot.named("Node", "", pod.spec.node_name))
    for kind in (workloads.ReplicaSet, workloads.Job):
        for owned in snapshot.all(kind):
            top = snapshot.workload_of(owned)
            if top != snapshot.ref(owned):
                yield Edge(top, "manages", snapshot.ref(owned))


def _template_edges(snapshot: Snapshot) -> Iterator[Edge]:
    for kind in WORKLOADS:
        for workload in snapshot.all(kind):
            yield from _spec_edges(
                snapshot, snapshot.workload_of(workload), workload.namespace, workload.spec.template.spec
            )
    for cron_job in snapshot.all(workloads.CronJob):
        template = cron_job.spec.job_template.spec.template.spec
        yield from _spec_edges(snapshot, snapshot.ref(cron_job), cron_job.namespace, template)
    for workload_ref, pods in snapshot.pods_by_workload.items():
        if snapshot.find(workload_ref) is None or workload_ref.kind == Pod.kind:
            yield from _spec_edges(snapshot, workload_ref, pods[0].namespace, pods[0].spec)


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


def _storage_edges(snapshot: Snapshot) -> Iterator[Edge]:
    for claim in snapshot.all(storage.PersistentVolumeClaim):
        if claim.spec.volume_name:
            yield Edge(snapshot.ref(claim), "binds", snapshot.named("PersistentVolume", "", claim.spec.volume_name))
        if claim.spec.storage_class_name:
            yield Edge(snapshot.ref(claim), "binds", snapshot.named("StorageClass", "", claim.spec.storage_class_name))
    for stateful in snapshot.all(workloads.StatefulSet):
        for template in stateful.spec.volume_claim_templates:
            for ordinal in range(min(stateful.spec.replicas, 100)):
                name = f"{template.name}-{stateful.name}-{ordinal}"
                claim_ref = snapshot.named("PersistentVolumeClaim", stateful.namespace, name)
                yield Edge(snapshot.ref(stateful), "mounts", claim_ref)


def _service_edges(snapshot: Snapshot) -> Iterator[Edge]:
    for service in snapshot.all(network.Service):
        for pod in snapshot.pods_selected(service.namespace, service.spec.selector):
            yield Edge(snapshot.ref(service), "selects", snapshot.workload_of(pod))


def _route_edges(snapshot: Snapshot) -> Iterator[Edge]:
    for ingress in snapshot.all(network.Ingress):
        ref = snapshot.ref(ingress)
        backends = [path.backend for rule in ingress.spec.rules for path in rule.http.paths]
        for backend in (*backends, *((ingress.spec.default_backend,) if ingress.spec.default_backend else ())):
            if backend.service:
                yield Edge(ref, "routes to", snapshot.named("Service", ingress.namespace, backend.service.name))
        for tls in ingress.spec.tls:
            if tls.secret_name:
                yield Edge(ref, "reads", snapshot.named("Secret", ingress.namespace, tls.secret_name))
    for route in snapshot.all(network.HTTPRoute):
        ref = snapshot.ref(route)
        for parent in route.spec.parent_refs:
            yield Edge(ref, "binds", snapshot.named("Gateway", parent.namespace or route.namespace, parent.name))
        for target in (target for rule in route.spec.rules for target in rule.backend_refs):
            if target.kind in ("", "Service"):
                yield Edge(
                    ref, "routes to", snapshot.named("Service", target.namespace or route.namespace, target.name)
                )
    for gateway in snapshot.all(network.Gateway):
        yield Edge(snapshot.ref(gateway), "binds", snapshot.named("GatewayClass", "", gateway.spec.gateway_class_name))


def _scaler_edges(snapshot: Snapshot) -> Iterator[Edge]:
    for scaler in snapshot.all(workloads.HorizontalPodAutoscaler):
        target = scaler.spec.scale_target_ref
        yield Edge(snapshot.ref(scaler), "scales", snapshot.named(target.kind, scaler.namespace, target.name))
    for budget in snapshot.all(workloads.PodDisruptionBudget):
        for workload in _selected_workloads(snapshot, budget.namespace, budget.spec.selector):
            yield Edge(snapshot.ref(budget), "guards", workload)


def _policy_edges(snapshot: Snapshot) -> Iterator[Edge]:
    for policy in snapshot.all(network.NetworkPolicy):
        for workload in _selected_workloads(snapshot, policy.namespace, policy.spec.pod_selector):
            yield Edge(workload, "restricted by", snapshot.ref(policy))


def _selected_workloads(snapshot: Snapshot, namespace: str, selector: LabelSelector | None) -> set[ResourceRef]:
    if selector is None:
        return set()
    return {snapshot.workload_of(pod) for pod in snapshot.pods_matching(namespace, selector)}
