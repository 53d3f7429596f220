"""Changes that matter to nobody are told from those that do, by what analyzers really look at."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, ValuesView
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from kubeagentix import registry
from kubeagentix.analysis.limit_defaults import _ANNOTATION
from kubeagentix.analysis.present_pods import _INDEX
from kubeagentix.analysis.templates import _MIRROR
from kubeagentix.analyzers.deployments import REVISION
from kubeagentix.analyzers.jobs import DEFAULT_CONTAINER
from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.domain.meta import Resource, Writer
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment
from kubeagentix.quickdx.mattering import QUIET, is_heartbeat, is_read, matters
from tests.quickdx.test_rerunning import everything

ALL = "(all of them)"


class Watched(dict[str, str]):
    """Annotations that write down what is looked up in them."""

    seen: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.seen.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.seen.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.seen.add(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self.seen.add(ALL)
        return super().__iter__()

    def items(self) -> ItemsView[str, str]:  # type: ignore[override]
        self.seen.add(ALL)
        return super().items()

    def values(self) -> ValuesView[str]:  # type: ignore[override]
        self.seen.add(ALL)
        return super().values()


def with_metadata(resource: Any, **changed: Any) -> Any:
    return msgspec.structs.replace(resource, metadata=msgspec.structs.replace(resource.metadata, **changed))


def changed(old: Resource, new: Resource) -> ObjectChange:
    return ObjectChange((old.kind, old.namespace, old.name), old, new)


def first(kind: type[Resource]) -> Any:
    return everything().all(kind)[0]


def test_analyzers_look_at_no_other_annotation_of_pods_workloads_and_nodes() -> None:
    whole = everything()
    objects = {
        kind: tuple(with_metadata(item, annotations=Watched(item.metadata.annotations)) for item in items)
        if kind in QUIET
        else items
        for kind, items in whole.objects.items()
    }
    watched = Snapshot(taken_at=whole.taken_at, objects=objects, logs=whole.logs)
    Watched.seen.clear()
    for analyzer in registry.analyzers().values():
        assert list(analyzer.analyze(watched)) is not None
    assert Watched.seen
    assert [key for key in Watched.seen if not is_read(key)] == []


@pytest.mark.parametrize("kind", [Pod, Deployment, Node])
def test_an_annotation_of_somebody_else_does_not_matter_and_one_of_kubernetes_does(kind: type[Resource]) -> None:
    old = first(kind)
    noted = {**old.metadata.annotations, "example.com/checked-at": "12:00"}
    assert not matters(changed(old, with_metadata(old, annotations=noted, resource_version="9")))
    noted = {**old.metadata.annotations, "deployment.kubernetes.io/revision": "99"}
    assert matters(changed(old, with_metadata(old, annotations=noted)))


@pytest.mark.parametrize("key", [REVISION, DEFAULT_CONTAINER, _ANNOTATION, _INDEX, _MIRROR])
def test_what_analyzers_look_up_seldom_counts_as_read(key: str) -> None:
    assert is_read(key)


def test_who_wrote_matters_where_it_was_a_person() -> None:
    made = everything().taken_at - timedelta(days=2)
    old = with_metadata(first(Deployment), creation_timestamp=made)
    later = made + timedelta(days=1)
    status = Writer(manager="kube-controller-manager", subresource="status", time=later)
    assert not matters(changed(old, with_metadata(old, managed_fields=(status,))))
    edit = Writer(manager="kubectl-edit", time=later)
    assert matters(changed(old, with_metadata(old, managed_fields=(edit,))))


def test_what_comes_and_goes_and_any_status_matters() -> None:
    pod = first(Pod)
    key = (Pod.kind, pod.namespace, pod.name)
    assert matters(ObjectChange(key, None, pod))
    assert matters(ObjectChange(key, pod, None))
    assert matters(changed(pod, msgspec.structs.replace(pod, status=type(pod.status)())))


def test_a_heartbeat_is_a_heartbeat_only_if_nothing_else_has_changed() -> None:
    node: Node = first(Node)
    ready = node.status.conditions[-1]
    assert ready.last_heartbeat_time is not None
    later = msgspec.structs.replace(ready, last_heartbeat_time=ready.last_heartbeat_time + timedelta(seconds=40))
    beating = msgspec.structs.replace(
        node, status=msgspec.structs.replace(node.status, conditions=(*node.status.conditions[:-1], later))
    )
    assert is_heartbeat(changed(node, beating))
    assert matters(changed(node, beating))
    closed = msgspec.structs.replace(beating, spec=msgspec.structs.replace(node.spec, unschedulable=True))
    assert not is_heartbeat(changed(node, closed))
    assert not is_heartbeat(changed(first(Pod), first(Pod)))
