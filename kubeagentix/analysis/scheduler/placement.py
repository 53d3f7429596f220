"""Asks of every node whether it would take a pod, and which one constraint keeps the pod off the most of them.

The scheduler names only the first filter that refused a node; here all that can be seen in a snapshot are tried:
labels, taints, cordons, resources, host ports, the reach of bound volumes, the want of a pod to stand beside. What
cannot be seen (topology spread, plugins) is taken from the scheduler's message, for the nodes that nothing else
explains.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import msgspec

from kubeagentix.analysis.scheduler.messages import Clause, Obstacle, ObstacleKind, taint_obstacle
from kubeagentix.domain.nodes import Node, Taint
from kubeagentix.domain.pods import Container, NodeSelector, NodeSelectorTerm, Pod, PodAffinityTerm, PodSpec, Toleration
from kubeagentix.domain.quantities import quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolume, PersistentVolumeClaim

T = TypeVar("T")

_K = ObstacleKind
# Of obstacles that would free equally many nodes, the first is named: what the pod asks for before what others
# reserved for themselves, and a broken or closed node before a full one, as that is not how it should be.
_PRECEDENCE = (
    _K.NODE_SELECTOR,
    _K.VOLUME_NODE_AFFINITY,
    _K.NODE_CONDITION,
    _K.CORDONED,
    _K.RESOURCE,
    _K.TOO_MANY_PODS,
    _K.VOLUME_LIMIT,
    _K.HOST_PORT,
    _K.POD_ANTI_AFFINITY,
    _K.POD_AFFINITY,
    _K.POD_AFFINITY_OR_ANTI,
    _K.TOPOLOGY_SPREAD,
    _K.CLAIM_UNBOUND,
    _K.CLAIM_NOT_FOUND,
    _K.TAINT,
    _K.OTHER,
)
CONTROL_PLANE_TAINTS = frozenset({"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"})
# What keeps a pod off a node for now, while the node is otherwise meant for it.
_PASSING = frozenset({_K.RESOURCE, _K.TOO_MANY_PODS, _K.VOLUME_LIMIT, _K.HOST_PORT, _K.CORDONED, _K.NODE_CONDITION})
_TAINT_KINDS = frozenset({_K.TAINT, _K.NODE_CONDITION, _K.CORDONED})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """The obstacle held to be the cause, the nodes it keeps the pod off, and whether objects confirm it.

    `refusals` maps each node's name to all that speaks against it.
    """

    obstacle: Obstacle
    nodes: tuple[str, ...]
    is_verified: bool
    refusals: Mapping[str, tuple[Obstacle, ...]]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The nodes of a snapshot and what stands on them."""

    snapshot: Snapshot

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes; empty if they could not be read in full."""
        return self.snapshot.all(Node) if self.snapshot.was_read(Node) else ()

    @property
    def sees_all_pods(self) -> bool:
        """Whether every pod of every namespace is in the picture, so that what is free can be summed up."""
        return self.snapshot.namespace is None and self.snapshot.was_read(Pod)

    @property
    def pods_by_node(self) -> Mapping[str, tuple[Pod, ...]]:
        """The pods that hold a place on each node."""
        return self.snapshot.derived(_pods_by_node)

    def allocatable(self, node: Node) -> Mapping[str, float]:
        """What the node offers to pods, per resource, in base units."""
        return self._allocatable[node.name]

    def requested(self, node: Node) -> Mapping[str, float]:
        """The sum of the requests of the pods on the node, per resource, in base units."""
        return self.snapshot.derived(_requested).get(node.name, {})

    def free(self, node: Node) -> Mapping[str, float]:
        """What is left on the node, per resource; all of it where not every pod is in the picture."""
        return self._free[node.name]

    @cached_property
    def _allocatable(self) -> Mapping[str, Mapping[str, float]]:
        return self.snapshot.derived(_offered)

    @cached_property
    def _free(self) -> Mapping[str, Mapping[str, float]]:
        return self.snapshot.derived(_left) if self.sees_all_pods else self._allocatable

    def host_port_holders(self, node: Node, spec: PodSpec) -> tuple[Pod, ...]:
        """The pods on the node that hold a host port which `spec` wants too."""
        wanted = host_ports(spec)
        if not wanted:
            return ()
        return tuple(pod for pod in self.pods_by_node.get(node.name, ()) if wanted & host_ports(pod.spec))

    def refusals(self, pod: Pod) -> dict[str, tuple[Obstacle, ...]]:
        """All that speaks against `pod` on each node, as far as the snapshot shows."""
        wanted = requests_of(pod.spec)
        alone = (Obstacle(kind=_K.POD_AFFINITY),) if self._lacks_company(pod) else ()
        return {node.name: (*self._refusals(pod, wanted, node), *alone) for node in self.nodes}

    def _lacks_company(self, pod: Pod) -> bool:
        """Whether it must stand beside a pod that is nowhere; the first of a kind may stand alone."""
        affinity = pod.spec.affinity.pod_affinity if pod.spec.affinity else None
        return any(self._is_unmatched(pod, term) for term in (affinity.required if affinity else ()))

    def _is_unmatched(self, pod: Pod, term: PodAffinityTerm) -> bool:
        places, selector = term.namespaces or (pod.namespace,), term.label_selector
        if term.namespace_selector is not None or selector is None:
            return False
        if not all(self.snapshot.was_read(Pod, place) for place in places):
            return False
        if pod.namespace in places and selector.matches(pod.metadata.labels):
            return False
        candidates = (other for place in places for other in self.snapshot.pods_matching(place, selector))
        return not any(other.spec.node_name and not other.is_finished for other in candidates)

    def _asked(self, pod: Pod) -> Hashable:
        """All that `refusals` goes by: pods of which it is equal fare alike on every node."""
        spec, affinity = pod.spec, pod.spec.affinity
        if affinity is not None and affinity.pod_affinity is not None:  # then their labels and namespaces count, too
            return (pod.namespace, pod.name)
        form = msgspec.json.encode((spec.node_selector, affinity, spec.tolerations))
        return (form, tuple(requests_of(spec).items()), host_ports(spec), self._bound_volumes(pod))

    def _bound_volumes(self, pod: Pod) -> tuple[str, ...]:
        claims = (self.snapshot.get(PersistentVolumeClaim, pod.namespace, name) for name in claim_names(pod))
        return tuple(claim.spec.volume_name for claim in claims if claim is not None)

    def _refusals(self, pod: Pod, requests: Mapping[str, float], node: Node) -> Iterable[Obstacle]:
        if not selects(pod.spec, node):
            yield Obstacle(kind=_K.NODE_SELECTOR)
        yield from dict.fromkeys(taint_obstacle(taint.key) for taint in untolerated(pod.spec, node))
        if not self._reaches_volumes(pod, node):
            yield Obstacle(kind=_K.VOLUME_NODE_AFFINITY)
        free = self.free(node)
        for resource, wanted in requests.items():
            if wanted > free.get(resource, 0.0):
                yield Obstacle(kind=_K.RESOURCE, detail=resource)
        if self.sees_all_pods and len(self.pods_by_node.get(node.name, ())) >= self.allocatable(node).get("pods", 1e9):
            yield Obstacle(kind=_K.TOO_MANY_PODS)
        if self.host_port_holders(node, pod.spec):
            yield Obstacle(kind=_K.HOST_PORT)

    def _reaches_volumes(self, pod: Pod, node: Node) -> bool:
        for volume_name in self._bound_volumes(pod) if pod.spec.volumes else ():
            volume = self.snapshot.get(PersistentVolume, "", volume_name)
            affinity = volume.spec.node_affinity if volume else None
            if affinity and affinity.required and not _any_term(affinity.required, node):
                return False
        return True

    @cached_property
    def _choices(self) -> dict[tuple[Hashable, tuple[Clause, ...]], Choice | None]:
        return {}

    def worked_out(self, build: Callable[..., T], choice: Choice, *arguments: Hashable) -> T:
        """`build(self, choice, *arguments)`, computed once: pods that ask for the same share a choice."""
        key = (build, choice, *arguments)
        if key not in self._worked_out:
            self._worked_out[key] = build(self, choice, *arguments)
        return self._worked_out[key]  # type: ignore[return-value]

    @cached_property
    def _worked_out(self) -> dict[tuple[object, ...], object]:
        return {}

    def choose(self, pod: Pod, clauses: tuple[Clause, ...]) -> Choice | None:
        """The constraint that, if lifted, would let `pod` run on the most nodes. None if nothing can be said.

        A node selector that matches some node says where the pod is meant to run: then only those nodes count.
        Nodes of the control plane count only if there are no others, and so do those that a bound volume cannot be
        reached from, where the others are only full or out of order: the volume lies where it lies.
        """
        if whole := _whole_pod(clauses):
            return Choice(obstacle=whole, nodes=(), is_verified=False, refusals={})
        key = (self._asked(pod), clauses)
        if key not in self._choices:
            self._choices[key] = self._choose(pod, clauses)
        return self._choices[key]

    def _choose(self, pod: Pod, clauses: tuple[Clause, ...]) -> Choice | None:
        seen = self.refusals(pod)
        refusals = _explain_the_rest(seen, clauses)
        if not refusals:
            return _from_clauses(clauses)
        meant = {name: found for name, found in refusals.items() if Obstacle(kind=_K.NODE_SELECTOR) not in found}
        if not meant:
            return Choice(
                obstacle=Obstacle(kind=_K.NODE_SELECTOR), nodes=tuple(refusals), is_verified=True, refusals=refusals
            )
        workers: Mapping[str, tuple[Obstacle, ...]]
        workers = {name: found for name, found in meant.items() if not _is_control_plane(found)} or meant
        workers = _beside_the_volume(workers) or workers
        obstacle, nodes = _most_freeing(workers, _near_misses(pod.spec, self.nodes))
        is_verified = any(obstacle in seen[name] for name in nodes)
        return Choice(obstacle=obstacle, nodes=nodes, is_verified=is_verified, refusals=refusals)


def _pods_by_node(snapshot: Snapshot) -> Mapping[str, tuple[Pod, ...]]:
    groups: dict[str, list[Pod]] = {}
    for pod in snapshot.all(Pod):
        if pod.spec.node_name and not pod.is_finished:
            groups.setdefault(pod.spec.node_name, []).append(pod)
    return {name: tuple(pods) for name, pods in groups.items()}


def _offered(snapshot: Snapshot) -> Mapping[str, Mapping[str, float]]:
    return {
        node.name: {name: quantity_or_zero(value) for name, value in node.status.allocatable.items()}
        for node in snapshot.all(Node)
    }


def _left(snapshot: Snapshot) -> Mapping[str, Mapping[str, float]]:
    sums = snapshot.derived(_requested)
    return {
        node: {name: value - sums.get(node, {}).get(name, 0.0) for name, value in offered.items()}
        for node, offered in snapshot.derived(_offered).items()
    }


def _requested(snapshot: Snapshot) -> Mapping[str, Mapping[str, float]]:
    """The sum of the requests of each node's pods; replicas, which stand side by side, ask for the same."""
    sums: dict[str, dict[str, float]] = defaultdict(dict)
    asked: object = None
    found: Mapping[str, float] = {}
    for pod in snapshot.all(Pod):
        if not pod.spec.node_name or pod.is_finished:
            continue
        before, asked = asked, _asked(pod.spec)
        if asked != before:
            found = requests_of(pod.spec)
        total = sums[pod.spec.node_name]
        for resource, wanted in found.items():
            total[resource] = total.get(resource, 0) + wanted
    return sums


def _asked(spec: PodSpec) -> tuple[object, ...]:
    """All that `requests_of` goes by."""
    own = [item.resources for item in spec.containers]
    first = [(item.resources, item.restart_policy) for item in spec.init_containers]
    return (own, first, spec.resources, spec.overhead)


def requests_of(spec: PodSpec) -> Mapping[str, float]:
    """What the scheduler reserves for a pod, per resource, in base units.

    The sum of its containers and sidecars, or the largest init container if that is more, plus the overhead; a
    request made for the whole pod replaces what its containers ask for.
    Source: PodRequests in component-helpers/resource; KEP-753 for sidecars, KEP-2837 for the whole pod.
    """
    total: Counter[str] = Counter()
    for container in spec.containers:
        total.update(_effective(container.resources.requests, container.resources.limits))
    largest: dict[str, float] = {}
    sidecars: Counter[str] = Counter()
    for container in spec.init_containers:
        wanted = Counter(_effective(container.resources.requests, container.resources.limits))
        wanted.update(sidecars)
        if container.restart_policy == "Always":
            sidecars = wanted
        largest = {name: max(largest.get(name, 0.0), wanted[name]) for name in {*largest, *wanted}}
    total.update(sidecars)
    needed = {name: max(total[name], largest.get(name, 0.0)) for name in {*total, *largest}}
    if spec.resources:
        needed |= _effective(spec.resources.requests, spec.resources.limits)
    overhead = {name: quantity_or_zero(value) for name, value in spec.overhead.items()}
    return {name: needed.get(name, 0.0) + overhead.get(name, 0.0) for name in sorted({*needed, *overhead})}


def asked_by(container: Container) -> dict[str, float]:
    """What one container asks for, per resource, in base units."""
    return _effective(container.resources.requests, container.resources.limits)


def _effective(requests: Mapping[str, str | int | float], limits: Mapping[str, str | int | float]) -> dict[str, float]:
    # Where only a limit is given, the server takes it for the request too.
    return {name: quantity_or_zero(value) for name, value in {**limits, **requests}.items()}


def host_ports(spec: PodSpec) -> frozenset[tuple[str, int]]:
    """(protocol, port) of every port of the node that a pod takes for itself."""
    return frozenset(
        (port.protocol, port.host_port) for item in spec.containers for port in item.ports if port.host_port
    )


def claim_names(pod: Pod) -> tuple[str, ...]:
    """The claims that a pod mounts; an ephemeral volume's is named after the pod and the volume."""
    names = []
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim:
            names.append(volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral:
            names.append(f"{pod.name}-{volume.name}")
    return tuple(names)


def selects(spec: PodSpec, node: Node) -> bool:
    """Whether the node's labels satisfy nodeSelector and the required node affinity."""
    return label_selects(spec, node) and affinity_selects(spec, node)


def label_selects(spec: PodSpec, node: Node) -> bool:
    """Whether the node's labels satisfy nodeSelector."""
    return spec.node_selector.items() <= node.metadata.labels.items()


def affinity_selects(spec: PodSpec, node: Node) -> bool:
    """Whether the node satisfies the required node affinity, of which one term must match."""
    required = required_node_affinity(spec)
    return required is None or _any_term(required, node)


def required_node_affinity(spec: PodSpec) -> NodeSelector | None:
    """`affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`."""
    return spec.affinity.node_affinity.required if spec.affinity and spec.affinity.node_affinity else None


def _any_term(selector: NodeSelector, node: Node) -> bool:
    return any(_term_matches(term, node) for term in selector.node_selector_terms)


def _term_matches(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False  # an empty term matches nothing
    fields = {"metadata.name": node.name}
    return all(item.matches(node.metadata.labels) for item in term.match_expressions) and all(
        item.matches(fields) for item in term.match_fields
    )


def untolerated(spec: PodSpec, node: Node) -> tuple[Taint, ...]:
    """The node's taints that keep the pod off it, the cordon among them."""
    taints = node.spec.taints
    if node.spec.unschedulable and not any(taint.key == "node.kubernetes.io/unschedulable" for taint in taints):
        taints = (*taints, Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule"))
    return tuple(
        taint
        for taint in taints
        if taint.effect in ("NoSchedule", "NoExecute") and not any(tolerates(item, taint) for item in spec.tolerations)
    )


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration takes a taint; without key it takes all, without effect every effect."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    if toleration.operator in ("Gt", "Lt"):
        return _compares(toleration, taint)
    return bool(toleration.key) and toleration.value == taint.value


def _compares(toleration: Toleration, taint: Taint) -> bool:
    try:
        wanted, given = int(toleration.value), int(taint.value)
    except ValueError:
        return False
    return given > wanted if toleration.operator == "Gt" else given < wanted


def _whole_pod(clauses: tuple[Clause, ...]) -> Obstacle | None:
    # A claim that is missing, or must be bound first, is looked at before any node, whatever the count says.
    for kind in (_K.CLAIM_NOT_FOUND, _K.CLAIM_UNBOUND):
        for clause in clauses:
            if clause.obstacle.kind is kind and "volumes to bind" not in clause.text:
                return clause.obstacle
    return None


def _explain_the_rest(
    seen: Mapping[str, tuple[Obstacle, ...]], clauses: tuple[Clause, ...]
) -> Mapping[str, tuple[Obstacle, ...]]:
    """`seen`, with what only the message says against the nodes that nothing else explains; {} if any has none."""
    known = {obstacle for found in seen.values() for obstacle in found}
    kinds = {obstacle.kind for obstacle in known}
    rest = [
        clause
        for clause in clauses
        if clause.obstacle not in known and not (clause.obstacle == Obstacle(kind=_K.TAINT) and kinds & _TAINT_KINDS)
    ]
    by_count = sorted(rest or clauses, key=lambda clause: -(clause.count or 0))
    hidden = tuple(clause.obstacle for clause in by_count[:1])
    if not hidden and not all(seen.values()):
        return {}
    return {name: found or hidden for name, found in seen.items()}


def _from_clauses(clauses: tuple[Clause, ...]) -> Choice | None:
    """The choice where nodes could not be read: the clause with the most nodes; control-plane taints come last."""

    def weight(clause: Clause) -> tuple[bool, int, int]:
        is_background = clause.obstacle.detail in CONTROL_PLANE_TAINTS
        return (not is_background, clause.count or 0, -_PRECEDENCE.index(clause.obstacle.kind))

    if not clauses:
        return None
    return Choice(obstacle=max(clauses, key=weight).obstacle, nodes=(), is_verified=False, refusals={})


def _is_control_plane(found: tuple[Obstacle, ...]) -> bool:
    return any(obstacle.detail in CONTROL_PLANE_TAINTS for obstacle in found)


def _beside_the_volume(refusals: Mapping[str, tuple[Obstacle, ...]]) -> Mapping[str, tuple[Obstacle, ...]]:
    """The nodes that reach the pod's volume, if nothing that is there to stay speaks against them."""
    beyond = Obstacle(kind=_K.VOLUME_NODE_AFFINITY)
    near = {name: found for name, found in refusals.items() if beyond not in found}
    is_passing = all(item.kind in _PASSING for found in near.values() for item in found)
    return near if is_passing else {}


def _near_misses(spec: PodSpec, nodes: Iterable[Node]) -> frozenset[Obstacle]:
    """The taints that the pod means to tolerate, with a wrong value or effect: those are meant for it."""
    keys = {toleration.key for toleration in spec.tolerations if toleration.key}
    obstacles = (taint_obstacle(taint.key) for node in nodes for taint in untolerated(spec, node) if taint.key in keys)
    # Every pod is given tolerations of not-ready and unreachable for a while; those are not meant.
    return frozenset(obstacle for obstacle in obstacles if obstacle.kind is _K.TAINT)


def _most_freeing(
    refusals: Mapping[str, tuple[Obstacle, ...]], near_misses: frozenset[Obstacle]
) -> tuple[Obstacle, tuple[str, ...]]:
    fewest = min(len(found) for found in refusals.values())
    freed: dict[Obstacle, list[str]] = {}
    for name, found in refusals.items():
        if len(found) == fewest:
            for obstacle in found:
                freed.setdefault(obstacle, []).append(name)

    def rank(obstacle: Obstacle) -> tuple[bool, int, int]:
        return (obstacle in near_misses, len(freed[obstacle]), -_PRECEDENCE.index(obstacle.kind))

    best = max(freed, key=rank)
    return best, tuple(freed[best])
