"""An immutable picture of a cluster, or of a part of it, with the questions analyzers ask of it.

Indexes are built on first use, once. Whether something is *absent* may only be concluded where `was_read` says
that its kind was read in full: what a Gap names is unknown, not missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from kubeagentix.domain import indexes
from kubeagentix.domain.diagnosis import Gap, ResourceRef
from kubeagentix.domain.extensions import CustomResource
from kubeagentix.domain.meta import LabelSelector, OwnerReference, Resource
from kubeagentix.domain.network import EndpointSlice, Service
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.parts import Part, Selector, terms_of
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS, custom_name, group_of, is_custom
from kubeagentix.domain.workloads import Deployment, ReplicaSet

R = TypeVar("R", bound=Resource)
T = TypeVar("T")

MAX_OWNER_DEPTH = 8  # longer chains of owners do not exist; a cycle in bad data must end


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class ContainerLog:
    """The newest lines of one container's log, oldest first. `is_previous`: of the instance before this one.

    `begins_at` is the kubelet's time of the first line, `offsets_ms` holds each line's distance from it; both are
    empty where the server gave no times.
    """

    namespace: str
    pod: str
    container: str
    is_previous: bool
    lines: tuple[str, ...]
    is_truncated: bool = False  # older lines exist that were not read
    is_cut: bool = False  # it was too long to be read to its end, so that the newest lines are missing
    begins_at: datetime | None = None
    offsets_ms: tuple[int, ...] = ()

    def time_of(self, index: int) -> datetime | None:
        """When the line at `index` was written, if that is known."""
        if self.begins_at is None or not 0 <= index < len(self.offsets_ms):
            return None
        return self.begins_at + timedelta(milliseconds=self.offsets_ms[index])


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The picture: `objects` maps a kind's name to its objects.

    `namespace` is what was asked for (None: all); `neighbours` are namespaces read besides it, because something
    in it leads there. `parts` are what was read where not all was (None: every kind in `objects` is whole).
    """

    cluster: str = ""
    server_version: str = ""
    taken_at: datetime
    namespace: str | None = None
    neighbours: tuple[str, ...] = ()
    objects: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    logs: tuple[ContainerLog, ...] = ()
    gaps: tuple[Gap, ...] = ()
    parts: frozenset[Part] | None = None

    def __repr__(self) -> str:
        # All objects in words are hundreds of megabytes, and asyncio asks for the words of a task's result.
        objects = sum(len(items) for items in self.objects.values())
        place = self.namespace if self.namespace is not None else "all namespaces"
        return f"<Snapshot of {self.cluster or 'a cluster'}, {place}, objects: {objects}, gaps: {len(self.gaps)}>"

    def __getstate__(self) -> dict[str, object]:
        # Not the indexes, which are built again where they are needed.
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def all(self, kind: type[R]) -> tuple[R, ...]:
        """All objects of that type, in the server's order."""
        return self.objects.get(kind.kind, ())  # type: ignore[return-value]

    def get(self, kind: type[R], namespace: str, name: str) -> R | None:
        """One object, or None if it is not in the picture; pass "" as the namespace of cluster-scoped kinds."""
        key = (kind.kind, namespace, name)
        found = self._by_key.get(key)
        if found is None and self.parts is not None:
            self._is_known(*key)
        return found  # type: ignore[return-value]

    def find(self, ref: ResourceRef) -> Resource | None:
        """The object that `ref` names, or None."""
        found = self._by_key.get(ref.key)
        if found is None and self.parts is not None:
            self._is_known(*ref.key)
        return found

    @cached_property
    def custom_resources(self) -> tuple[CustomResource, ...]:
        """All objects of kinds that CustomResourceDefinitions define."""
        custom = (items for items in self.objects.values() if items and isinstance(items[0], CustomResource))
        return tuple(item for items in custom for item in items if isinstance(item, CustomResource))

    def kind_name(self, api_version: str, kind: str) -> str:
        """What `kind` of that `apiVersion` is called here: `Service` of Knative is not the Service of core/v1."""
        if "." not in api_version:  # one of Kubernetes' own, or not told
            return kind
        group = group_of(api_version)
        if (group, kind) in self._custom_names:
            return self._custom_names[group, kind]
        return custom_name(group, kind) if is_custom(group, kind) else kind

    @cached_property
    def _custom_names(self) -> Mapping[tuple[str, str], str]:
        types = {type(item) for item in self.custom_resources}
        return {(item.group, item.kind.removesuffix(f".{item.group}")): item.kind for item in types}

    def in_namespace(self, kind: type[R], namespace: str) -> tuple[R, ...]:
        """All objects of that type in one namespace."""
        return self._by_namespace.get((kind.kind, namespace), ())  # type: ignore[return-value]

    def namespaces_with(self, kind: type[Resource], name: str) -> tuple[str, ...]:
        """The namespaces that have an object of that type and name, sorted."""
        return self.derived(_places, kind.kind).get(name, ())

    def was_read(
        self, kind: type[Resource], namespace: str = "", *, name: str = "", selector: Selector | None = None
    ) -> bool:
        """Whether every object of that type (in that namespace) is in the picture, so that absence is a fact.

        Who asks for one `name`, or for what a `selector` takes, says so: in a part of a cluster only that may be known.
        """
        return self._was_read(kind.kind, namespace, name, selector)

    def lacks(self, ref: ResourceRef) -> bool:
        """Whether that object does not exist: it is not in the picture, and would be if it did."""
        return self.find(ref) is None and self._was_read(ref.kind, ref.namespace, ref.name)

    def _was_read(self, kind: str, namespace: str, name: str = "", selector: Selector | None = None) -> bool:
        if namespace and self.namespace is not None and not self.covers(namespace):
            return False
        if not (kind in self.objects if self.parts is None else self._is_known(kind, namespace, name, selector)):
            return False
        places = self._unread.get(kind)
        return places is None or (namespace != "" and "" not in places and namespace not in places)

    def _is_known(self, kind: str, namespace: str, name: str, selector: Selector | None = None) -> bool:
        if self.parts is None:
            return kind in self.objects
        labels = terms_of(selector) if selector is not None else frozenset()
        is_placed = kind in KINDS and KINDS[kind].is_namespaced
        part = Part(kind, namespace or (self.namespace or "" if is_placed else ""), name, labels)
        if any(known.covers(part) for known in self.parts):
            return kind in self.objects  # else it was asked for in vain
        self.wanted.add(part)
        return False

    @cached_property
    def wanted(self) -> set[Part]:
        """What was asked of a picture of a part of a cluster, and is not known there: whoever reads on begins here."""
        return set()

    def covers(self, namespace: str) -> bool:
        """Whether that namespace was asked for; what lies outside can still be read when something leads there."""
        return self.namespace is None or namespace in (self.namespace, *self.neighbours)

    def derived(self, build: Callable[..., T], *arguments: Hashable) -> T:
        """`build(self, *arguments)`, a pure function, computed once for this picture."""
        key = (build, *arguments)
        if key not in self._derived:
            self._derived[key] = build(self, *arguments)
        return self._derived[key]  # type: ignore[return-value]

    def joined(self, other: Snapshot) -> Snapshot:
        """The picture with that of a neighbouring namespace beside it; cluster-scoped objects stay as they are."""
        objects = dict(self.objects)
        for kind, resources in other.objects.items():
            known = {(item.namespace, item.name) for item in objects.get(kind, ())}
            more = tuple(item for item in resources if (item.namespace, item.name) not in known)
            objects[kind] = (*objects.get(kind, ()), *more)
        return replace(
            self,
            neighbours=(*self.neighbours, *((other.namespace,) if other.namespace else ())),
            objects=objects,
            logs=(*self.logs, *other.logs),
            gaps=tuple(dict.fromkeys((*self.gaps, *other.gaps))),
        )

    def with_logs_of(self, other: Snapshot) -> Snapshot:
        """The picture with the logs of another one of the same objects, and with what that could not read of them."""
        return replace(self, logs=other.logs, gaps=tuple(dict.fromkeys((*self.gaps, *other.gaps))))

    def ref(self, resource: Resource) -> ResourceRef:
        """The reference to an object of this picture."""
        held = self._refs.get(id(resource))
        if held is None or held[0] is not resource:
            meta = resource.metadata
            ref = ResourceRef(
                cluster=self.cluster, namespace=meta.namespace, kind=resource.kind, name=meta.name, uid=meta.uid
            )
            held = self._refs[id(resource)] = (resource, ref)
        return held[1]

    def named(self, kind: str, namespace: str, name: str) -> ResourceRef:
        """A reference by name, to an object that may not exist."""
        found = self._by_key.get((kind, namespace, name))
        return (
            self.ref(found) if found else ResourceRef(cluster=self.cluster, namespace=namespace, kind=kind, name=name)
        )

    def events_for(self, resource: Resource | ResourceRef) -> tuple[Event, ...]:
        """Events about that very object (kind, namespace, name, and uid where both have one), newest first."""
        ref = self.ref(resource) if isinstance(resource, Resource) else resource
        return _newest_first(
            event
            for event in self._events.get(ref.key, ())
            if not ref.uid or not event.involved_object.uid or _same_uid(ref, event)
        )

    def workload_of(self, resource: Resource) -> ResourceRef:
        """The topmost controller of an object: Pod → ReplicaSet → Deployment. The object itself if it has none.

        An owner outside the picture (an Argo Rollout, say) is still named, from the owner reference.
        """
        held = self._workloads.get(id(resource))
        if held is None or held[0] is not resource:
            held = self._workloads[id(resource)] = (resource, self._topmost(resource))
        return held[1]

    def _topmost(self, resource: Resource) -> ResourceRef:
        current, depth = resource, 0
        while (owner := current.controller) is not None and depth < MAX_OWNER_DEPTH:
            kind = self.kind_name(owner.api_version, owner.kind)
            above = self._by_key.get((kind, resource.namespace, owner.name))
            # A static pod's mirror belongs to its node, other objects to a custom resource of the whole cluster.
            if owner.kind == "Node" or (above is None and (kind, "", owner.name) in self._by_key):
                break
            if above is None:
                return self._deployment_of(current, owner) or ResourceRef(
                    cluster=self.cluster,
                    namespace=resource.namespace,
                    kind=kind,
                    name=owner.name,
                    uid=owner.uid,
                )
            held = self._workloads.get(id(above))
            if held is not None and held[0] is above:
                return held[1]
            current, depth = above, depth + 1
        return self.ref(current)

    def _deployment_of(self, pod: Resource, owner: OwnerReference) -> ResourceRef | None:
        """The Deployment behind a ReplicaSet that could not be read: it adds this label and names the set after it."""
        name, dash, suffix = owner.name.rpartition("-")
        is_its_set = dash and suffix == pod.metadata.labels.get("pod-template-hash")
        if owner.kind != ReplicaSet.kind or not is_its_set or self.was_read(ReplicaSet, pod.namespace, name=owner.name):
            return None
        deployment = self.named(Deployment.kind, pod.namespace, name)
        return None if self.lacks(deployment) else deployment

    @cached_property
    def pods_by_workload(self) -> Mapping[ResourceRef, tuple[Pod, ...]]:
        """The pods of each topmost controller (and each bare pod under itself)."""
        groups: dict[ResourceRef, list[Pod]] = defaultdict(list)
        for run in self._replicas:
            ref = self.workload_of(run[0])
            if ref.kind == Pod.kind:  # under themselves
                for pod in run:
                    groups[self.workload_of(pod)].append(pod)
            else:
                self._workloads.update((id(pod), (pod, ref)) for pod in run)
                groups[ref].extend(run)
        return {ref: tuple(pods) for ref, pods in groups.items()}

    def pods_of(self, workload: ResourceRef) -> tuple[Pod, ...]:
        """The pods under that topmost controller."""
        return self.pods_by_workload.get(workload, ())

    @cached_property
    def owned(self) -> Mapping[tuple[str, str, str], tuple[Resource, ...]]:
        """Direct children by owner key: ReplicaSets of a Deployment, pods of a ReplicaSet, Jobs of a CronJob."""
        return indexes.by_owner(self.siblings, self._by_key, self.kind_name)

    @cached_property
    def siblings(self) -> tuple[tuple[Resource, ...], ...]:
        """All objects that have owners, but for events, in runs of those of one kind, namespace and owners."""
        return tuple(indexes.siblings(self.objects))

    def children(self, kind: type[R], owner: ResourceRef) -> tuple[R, ...]:
        """The objects of that type that `owner` directly controls."""
        return tuple(child for child in self.owned.get(owner.key, ()) if isinstance(child, kind))

    def pods_selected(self, namespace: str, selector: Mapping[str, str]) -> tuple[Pod, ...]:
        """The pods whose labels hold every pair of `selector`; none for an empty one, as for a Service."""
        if not selector:
            return ()
        wanted = selector.items()
        candidates = min((self._pods_by_label.get((namespace, key, value), ()) for key, value in wanted), key=len)
        if len(selector) == 1:
            return candidates
        return tuple(pod for pod in candidates if wanted <= pod.metadata.labels.items())

    def pods_matching(self, namespace: str, selector: LabelSelector) -> tuple[Pod, ...]:
        """The pods that a label selector takes; all of the namespace for an empty one."""
        labels = selector.match_labels
        candidates = self.pods_selected(namespace, labels) if labels else self.in_namespace(Pod, namespace)
        if not selector.match_expressions:
            return candidates
        return tuple(pod for pod in candidates if selector.matches(pod.metadata.labels))

    def endpoint_slices(self, service: Service) -> tuple[EndpointSlice, ...]:
        """The EndpointSlices of a Service."""
        return self._slices.get((service.namespace, service.name), ())

    def log(self, pod: Pod, container: str, *, previous: bool = False) -> ContainerLog | None:
        """What was read of that container's log, if anything."""
        return self._logs.get((pod.namespace, pod.name, container, previous))

    @cached_property
    def _derived(self) -> dict[tuple[object, ...], object]:
        return {}

    @cached_property
    def _refs(self) -> dict[int, tuple[Resource, ResourceRef]]:
        """By the identity of objects, which are kept beside their references so that no other takes their place."""
        return {}

    @cached_property
    def _unread(self) -> Mapping[str, frozenset[str]]:
        """Of each kind that a Gap names, the namespaces of those Gaps; "" for everywhere."""
        places: dict[str, set[str]] = defaultdict(set)
        for gap in self.gaps:
            places[gap.kind].add(gap.namespace)
        return {kind: frozenset(found) for kind, found in places.items()}

    @cached_property
    def _workloads(self) -> dict[int, tuple[Resource, ResourceRef]]:
        return {}

    @cached_property
    def _by_key(self) -> Mapping[tuple[str, str, str], Resource]:
        return indexes.by_key(self.objects)

    @cached_property
    def _by_namespace(self) -> Mapping[tuple[str, str], tuple[Resource, ...]]:
        return indexes.by_namespace(self.objects)

    @cached_property
    def _events(self) -> Mapping[tuple[str, str, str], tuple[Event, ...]]:
        return indexes.by_subject(self.all(Event), self.kind_name)

    @cached_property
    def _replicas(self) -> tuple[tuple[Pod, ...], ...]:
        return indexes.replicas(self.all(Pod))

    @cached_property
    def _pods_by_label(self) -> Mapping[tuple[str, str, str], tuple[Pod, ...]]:
        return indexes.by_label(self._replicas)

    @cached_property
    def _slices(self) -> Mapping[tuple[str, str], tuple[EndpointSlice, ...]]:
        return indexes.by_service(self.all(EndpointSlice))

    @cached_property
    def _logs(self) -> Mapping[tuple[str, str, str, bool], ContainerLog]:
        return {(log.namespace, log.pod, log.container, log.is_previous): log for log in self.logs}


def _places(snapshot: Snapshot, kind: str) -> Mapping[str, tuple[str, ...]]:
    places: dict[str, set[str]] = defaultdict(set)
    for item in snapshot.objects.get(kind, ()):
        places[item.name].add(item.namespace)
    return {name: tuple(sorted(found)) for name, found in places.items()}


def _same_uid(ref: ResourceRef, event: Event) -> bool:
    # Events about nodes carry the node's name as uid when the kubelet writes them.
    return event.involved_object.uid in (ref.uid, ref.name)


def _newest_first(events: Iterable[Event]) -> tuple[Event, ...]:
    """Events by when they were seen last; of one moment, as they come."""

    def seen(event: Event) -> float:
        return event.seen_at.timestamp() if event.seen_at else 0.0

    return tuple(sorted(events, key=seen, reverse=True))
