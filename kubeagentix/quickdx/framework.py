"""What to read for a target before anything is known to be wrong with it: its owners, its pods, what tells of them.

Read in steps, as each tells what the next is: a pod its ReplicaSet, that its Deployment, that the labels of all pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.selectors import Candidate, candidates, matching, nearest
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.label_selectors import parse_label_selector
from kubeagentix.domain.meta import OwnerReference, Resource
from kubeagentix.domain.network import EndpointSlice, Service
from kubeagentix.domain.nodes import Event, Namespace
from kubeagentix.domain.parts import Part, Selector, terms_of
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import (
    JOB_LABEL,
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)

STARTS: tuple[type[Resource], ...] = (
    *(Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job, CronJob),
    *(Pod, Service),
)
_SERVICE_LABEL = "kubernetes.io/service-name"  # which the controller puts on the EndpointSlices of a Service
_HASH = "pod-template-hash"
MAX_OWNERS = 4  # read at a time


class UnknownOwnerError(Exception):
    """A pod belongs to something of a kind that is not known, such as an Argo Rollout."""


def first_part(kind: str, namespace: str, name: str) -> Part:
    """Where to begin: with the target. Of Services all are read, as which of them lead elsewhere tells of this one."""
    return Part(kind, namespace) if kind == Service.kind else Part(kind, namespace, name)


def framework(picture: Snapshot, start: ResourceRef, blamed: Iterable[ResourceRef] = ()) -> tuple[Part, ...]:
    """What belongs to `start`, and to Services that are `blamed`, as far as the picture tells, and is not in it.

    Raises UnknownOwnerError.
    """
    namespace = start.namespace
    wanted = [Part(Event.kind, namespace), Part(Service.kind, namespace), Part(Namespace.kind, "", namespace)]
    for ref in (start, *blamed, *_near_misses(picture, start)):
        wanted += _around(picture, ref)
    wanted += _owners(picture)
    if start.kind == Service.kind:
        wanted.append(_labelled(EndpointSlice, namespace, {_SERVICE_LABEL: start.name}))
    new = [part for part in dict.fromkeys(wanted) if not is_known(picture, part)]
    return tuple(part for part in new if not any(other != part and other.covers(part) for other in new))


def is_known(picture: Snapshot, part: Part) -> bool:
    """Whether a part was asked for, by itself or with more."""
    return any(known.covers(part) for known in picture.parts or ())


def _around(picture: Snapshot, ref: ResourceRef) -> Iterator[Part]:
    """The pods of the target, or of the controller above it, and what stands between them."""
    service = picture.get(Service, ref.namespace, ref.name) if ref.kind == Service.kind else None
    if service is not None and service.spec.selector:
        pods = _labelled(Pod, service.namespace, service.spec.selector)
        yield pods
        if is_known(picture, pods) and not picture.pods_selected(service.namespace, service.spec.selector):
            # Whom did it mean? Whoever else is there, also what has no pods now.
            yield from (Part(kind.kind, service.namespace) for kind in (Pod, Deployment, StatefulSet))
    for item in workloads_of(picture, ref):
        yield from _below(item)


def _below(item: Resource) -> Iterator[Part]:
    if isinstance(item, CronJob):
        yield Part(Job.kind, item.namespace)
        yield Part(Pod.kind, item.namespace, labels=frozenset({JOB_LABEL}))
    elif isinstance(item, Job):
        yield _labelled(Pod, item.namespace, {JOB_LABEL: item.name})
    elif isinstance(item, Deployment):
        yield _labelled(ReplicaSet, item.namespace, item.spec.selector)
        yield _labelled(Pod, item.namespace, item.spec.selector)
    elif isinstance(item, StatefulSet | DaemonSet | ReplicaSet | ReplicationController) and not item.controller:
        yield _labelled(Pod, item.namespace, item.spec.selector)


def workloads_of(picture: Snapshot, ref: ResourceRef) -> Iterator[Resource]:
    """The object itself and the controller above it; of a Service, the workloads behind it."""
    found = picture.find(ref)
    if isinstance(found, Service):
        tops = {picture.workload_of(pod) for pod in picture.pods_selected(ref.namespace, found.spec.selector)}
        tops |= {item.ref for item in _meant(picture, found)}
        yield from (item for top in sorted(tops, key=str) if (item := picture.find(top)) is not None)
    elif found is not None:
        yield found
        top = picture.find(picture.workload_of(found))
        if top is not None and top is not found:
            yield top


def _near_misses(picture: Snapshot, start: ResourceRef) -> Iterator[ResourceRef]:
    """Services that do not select the target's pods, and were perhaps to do so."""
    own = [item for item in workloads_of(picture, start) if not isinstance(item, Pod | Service)]
    refs = {picture.ref(item) for item in own}
    among = [item for item in candidates(picture, start.namespace) if item.ref in refs]
    for service in picture.in_namespace(Service, start.namespace) if among else ():
        selector = service.spec.selector
        if selector and not matching(selector, among) and nearest(selector, among, name=service.name, served=refs):
            yield picture.ref(service)


def _meant(picture: Snapshot, service: Service) -> tuple[Candidate, ...]:
    selector = service.spec.selector
    return matching(selector, candidates(picture, service.namespace)) if selector else ()


def _labelled(kind: type[Resource], namespace: str, selector: Selector) -> Part:
    return Part(kind.kind, namespace, labels=terms_of(selector))


def _owners(picture: Snapshot) -> Iterator[Part]:
    """Those of pods, ReplicaSets and Jobs that are not there: of some, as a Service may select the pods of many."""
    wanted: dict[Part, None] = {}
    items: list[Resource] = [*own_pods(picture), *picture.all(ReplicaSet), *picture.all(Job)]
    for item in items:
        owner = item.controller
        if owner is not None and owner.kind != "Node":
            wanted |= dict.fromkeys(_owner(picture, item, owner))
    return iter(tuple(wanted)[:MAX_OWNERS])


def _owner(picture: Snapshot, item: Resource, owner: OwnerReference) -> Iterator[Part]:
    part = Part(picture.kind_name(owner.api_version, owner.kind), item.namespace, owner.name)
    if part.kind not in KINDS:
        raise UnknownOwnerError(part.kind)
    if picture.get(KINDS[part.kind].type, part.namespace, part.name) is not None or is_known(picture, part):
        return
    name, dash, suffix = owner.name.rpartition("-")
    if owner.kind == ReplicaSet.kind and dash and suffix == item.metadata.labels.get(_HASH):
        above = Part(Deployment.kind, item.namespace, name)  # which names its ReplicaSets so
        if not is_known(picture, above):
            yield above
        if not is_known(picture, above) or picture.get(Deployment, item.namespace, name) is not None:
            return
    yield part


def is_examined(picture: Snapshot, service: Service) -> bool:
    """Whether all is known that it could fail by: its pods, whose they are, or whom it could have meant."""
    if not service.spec.selector:
        return service.spec.type != "ExternalName" and bool(picture.endpoint_slices(service))
    if not all(is_known(picture, part) for part in _around(picture, picture.ref(service))):
        return False
    pods = picture.pods_selected(service.namespace, service.spec.selector)
    return all(picture.find(picture.workload_of(pod)) is not None for pod in pods)


def own_pods(picture: Snapshot) -> tuple[Pod, ...]:
    """The pods that were asked for, by name or label; others are there to be compared with."""
    chosen = [part for part in picture.parts or () if part.kind == Pod.kind and (part.name or part.labels)]
    names = {part.name for part in chosen}
    selectors = [parse_label_selector(part.label_selector) for part in chosen if part.labels]
    return tuple(
        pod
        for pod in picture.all(Pod)
        if pod.name in names or any(selector.matches(pod.metadata.labels) for selector in selectors)
    )


def labels_of(picture: Snapshot, start: ResourceRef) -> Iterator[dict[str, str]]:
    """The labels that the target's pods have."""
    for item in workloads_of(picture, start):
        template = getattr(getattr(item, "spec", None), "template", None)
        if isinstance(item, Pod):
            yield item.metadata.labels
        elif template is not None:
            yield template.metadata.labels
