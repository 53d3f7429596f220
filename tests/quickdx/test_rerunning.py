"""Quick Dx after changes comes to what a whole Quick Dx of the same picture comes to, whatever has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeagentix import registry
from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.live_objects import LiveObjects, ObjectChange
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.demo.running import start_demo
from kubeagentix.domain.diagnosis import Gap, Target
from kubeagentix.domain.meta import OwnerReference, Resource
from kubeagentix.domain.nodes import Node, PodMetrics
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx import rerunning
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.quickdx.carrying import INDEXES
from kubeagentix.quickdx.cells import Cells
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.noted import TIME, view_of
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.quickdx.rerunning import TICK, Rerunning

Key = tuple[str, str, str]


@cache
def everything() -> Snapshot:
    """A picture of the demo cluster with all scenarios, its objects in the order in which a watch holds them."""

    async def read() -> Snapshot:
        demo = await start_demo()
        try:
            with TemporaryDirectory() as folder:
                path = demo.write_kubeconfig(Path(folder) / "kubeconfig")
                with connect(kubeconfig=path) as cluster:
                    return await cluster.read_snapshot()
        finally:
            await demo.close()

    snapshot = asyncio.run(read())
    return replace(snapshot, objects=held(snapshot).take()[0])


def held(snapshot: Snapshot) -> LiveObjects:
    objects = LiveObjects()
    for kind, items in snapshot.objects.items():
        objects.fill(kind, items)
    return objects


class Changing:
    """A picture that is changed, and the answers to it."""

    def __init__(self, target: Target = Target()) -> None:  # noqa: B008  immutable
        self.target = target
        self.objects = held(everything())
        self.objects.take()
        self.snapshot = everything()
        self.rerunning = Rerunning(target, include_lint=False, ignore=())
        self.answer()

    def put(self, key: Key, resource: Resource | None) -> None:
        self.objects.put(*key, resource)

    def answer(self, changes: Sequence[ObjectChange] = ()) -> Diagnosis:
        return self.rerunning.diagnose(self.snapshot, changes)

    def after(self) -> Diagnosis:
        objects, changes = self.objects.take()
        self.snapshot = replace(self.snapshot, objects=objects)
        return self.answer(changes)

    def is_exact(self) -> None:
        found = self.after()
        seen = self.rerunning.snapshot
        assert seen is not None
        fresh = Snapshot(**{name: getattr(seen, name) for name in Snapshot.__dataclass_fields__})
        for name in INDEXES:
            assert getattr(seen, name) == getattr(fresh, name), name
        assert told(found) == told(diagnose_snapshot(fresh, self.target))


def told(diagnosis: Diagnosis) -> Mapping[str, Any]:
    return {
        "hypotheses": diagnosis.hypotheses,
        "findings": diagnosis.findings,
        "gaps": diagnosis.gaps,
        "counts": diagnosis.counts,
    }


def keys() -> list[Key]:
    return [(kind, item.namespace, item.name) for kind, items in everything().objects.items() for item in items]


def find(snapshot: Snapshot, key: Key) -> Resource | None:
    return next((item for item in snapshot.objects[key[0]] if (item.namespace, item.name) == key[1:]), None)


def without_status(resource: Resource) -> Resource:
    if "status" not in resource.__struct_fields__:
        return resource
    return msgspec.structs.replace(resource, status=type(resource.status)())  # type: ignore[attr-defined]


def relabelled(resource: Resource) -> Resource:
    return msgspec.structs.replace(resource, metadata=msgspec.structs.replace(resource.metadata, labels={"a": "b"}))


def finished(resource: Resource) -> Resource:
    moment = everything().taken_at - timedelta(hours=1)
    metadata = msgspec.structs.replace(resource.metadata, deletion_timestamp=moment)
    return msgspec.structs.replace(resource, metadata=metadata)


def annotated(resource: Resource) -> Resource:
    annotations = {**resource.metadata.annotations, "example.com/changed": "1"}
    return msgspec.structs.replace(
        resource, metadata=msgspec.structs.replace(resource.metadata, annotations=annotations)
    )


def moved(resource: Resource) -> Resource:
    metadata = msgspec.structs.replace(resource.metadata, name=f"{resource.name}-2", uid="another")
    return msgspec.structs.replace(resource, metadata=metadata)


ALTERED = {
    "without status": without_status,
    "relabelled": relabelled,
    "annotated": annotated,
    "being deleted": finished,
    "gone": lambda _: None,
    "as it was": lambda resource: resource,
    "another like it": moved,
}
STEP = st.tuples(st.sampled_from(range(100_000)), st.sampled_from(sorted(ALTERED)))


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(STEP, min_size=1, max_size=8), min_size=1, max_size=3))
def test_after_any_changes_it_is_the_answer_of_a_whole_run(rounds: list[list[tuple[int, str]]]) -> None:
    changing, known = Changing(), keys()
    for steps in rounds:
        for number, name in steps:
            key = known[number % len(known)]
            original = find(everything(), key)
            assert original is not None
            altered = ALTERED[name](original)
            where = (key[0], altered.namespace, altered.name) if altered is not None else key
            changing.put(where, altered)
        changing.is_exact()


@pytest.mark.parametrize("kind", ["Pod", "Node", "Service", "Event"])
def test_a_whole_kind_may_vanish_and_come_back(kind: str) -> None:
    changing = Changing()
    for items in (everything().objects[kind],):
        for item in items:
            changing.put((kind, item.namespace, item.name), None)
        changing.is_exact()
        for item in items:
            changing.put((kind, item.namespace, item.name), item)
    changing.is_exact()


PARTED = sorted(item.id for item in registry.analyzers().values() if item.scope != "cluster")


@pytest.mark.parametrize("plugin", PARTED)
def test_an_analyzer_that_runs_on_parts_finds_what_it_finds_in_the_whole(plugin: str) -> None:
    snapshot, analyzer = everything(), registry.analyzers()[plugin]
    cells = snapshot.derived(Cells)
    parts = [
        (namespace, place)
        for namespace in cells.namespaces
        for place in (cells.places(namespace) if analyzer.scope == "workload" else ("",))
    ]
    found = [item for part in parts for item in analyzer.analyze(view_of(snapshot, part))]
    assert sorted(map(repr, found)) == sorted(map(repr, analyzer.analyze(snapshot)))


@pytest.mark.parametrize("plugin", sorted(registry.analyzers()))
def test_a_view_of_all_shows_what_the_picture_shows(plugin: str) -> None:
    analyzer = registry.analyzers()[plugin]
    assert list(analyzer.analyze(view_of(everything(), None))) == list(analyzer.analyze(everything()))


def test_only_what_has_changed_is_run_again() -> None:
    changing = Changing()
    cells = everything().derived(Cells)
    count = sum(len(cells.places(namespace)) for namespace in cells.namespaces)
    assert changing.rerunning.counts.parts == count
    changing.answer()
    assert (changing.rerunning.counts.parts, changing.rerunning.counts.analyzers) == (0, 0)
    pod = next(pod for pod in everything().all(Pod) if pod.namespace == "edge")
    changing.put((Pod.kind, pod.namespace, pod.name), without_status(pod))
    changing.is_exact()
    assert 1 <= changing.rerunning.counts.parts < count / 4
    node = everything().all(Node)[0]
    changing.put((Node.kind, "", node.name), without_status(node))
    changing.is_exact()
    assert changing.rerunning.counts.parts < count
    for there in (moved(node), None):  # one that comes, and goes again
        changing.put((Node.kind, "", f"{node.name}-2"), there)
        changing.is_exact()
        assert changing.rerunning.counts.parts < count / 2


def test_a_kind_that_is_not_refreshed_moves_only_what_rests_on_it() -> None:
    changing = Changing()
    count = changing.rerunning.counts.parts
    gap = Gap(what="changes of certificates", why="not refreshed", kind="PersistentVolumeClaim")
    for gaps in ((gap,), ()):
        changing.snapshot = replace(changing.snapshot, gaps=gaps)
        changing.is_exact()
        assert 0 < changing.rerunning.counts.parts < count / 2


def test_where_only_what_was_looked_up_has_changed_only_who_did_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    changing, ran = Changing(), set[str]()

    def noting(view: Snapshot, analyzers: Sequence[AnalyzerPlugin]) -> Any:
        ran.update(item.id for item in analyzers if item.scope == "workload" and view.all(Pod))
        return analyze(view, analyzers)

    monkeypatch.setattr(rerunning, "analyze", noting)
    for item in everything().all(PodMetrics):
        metrics = msgspec.structs.replace(item, containers=())
        changing.put((PodMetrics.kind, item.namespace, item.name), metrics)
    changing.is_exact()
    assert "usage" in ran
    assert ran.isdisjoint({"crashes", "images", "deployments", "probes"})


def test_what_rests_on_the_time_is_run_again_at_a_tick_only() -> None:
    changing = Changing()
    taken_at = changing.snapshot.taken_at
    changing.snapshot = replace(changing.snapshot, taken_at=taken_at + timedelta(seconds=1))
    changing.is_exact()
    assert changing.rerunning.snapshot is not None
    assert changing.rerunning.snapshot.taken_at == taken_at
    assert changing.rerunning.counts.parts == 0
    changing.snapshot = replace(changing.snapshot, taken_at=taken_at + TICK)
    changing.is_exact()
    assert changing.rerunning.snapshot.taken_at == taken_at + TICK
    assert changing.rerunning.counts.parts > 0


def test_a_pod_that_a_node_owns_is_found_among_what_it_owns() -> None:
    changing = Changing()
    node = everything().all(Node)[0]
    pod = next(pod for pod in everything().all(Pod) if pod.namespace == "portal")
    owner = OwnerReference(kind="Node", name=node.name, uid=node.metadata.uid, api_version="v1", controller=True)
    metadata = msgspec.structs.replace(pod.metadata, owner_references=(owner,))
    mirror = msgspec.structs.replace(pod, metadata=metadata)
    for now in (mirror, without_status(mirror), pod, None):
        changing.put((Pod.kind, pod.namespace, pod.name), now)
        changing.is_exact()


def test_nothing_grows_however_often_an_object_changes() -> None:
    changing = Changing()
    pod = next(pod for pod in everything().all(Pod) if pod.namespace == "portal")
    sizes = set()
    for count in range(6):
        changing.put((Pod.kind, pod.namespace, pod.name), relabelled(pod) if count % 2 else without_status(pod))
        changing.after()
        assert changing.rerunning.snapshot is not None
        held = changing.rerunning.snapshot.__dict__
        sizes.add((len(held["_refs"]), len(held["_workloads"]), len(held["_derivations"])))
    assert len(sizes) <= 2  # one for each of the two states


def test_what_is_well_does_not_rest_on_the_time() -> None:
    for plugin in PARTED:
        view = view_of(everything(), ("portal", "portal"))
        assert view.all(Pod)
        assert list(registry.analyzers()[plugin].analyze(view)) == []
        assert (TIME in view.notes) is False, plugin


def test_a_log_that_is_read_later_has_its_namespace_looked_at_again() -> None:
    changing = Changing()
    changing.snapshot = replace(changing.snapshot, logs=())
    changing.is_exact()
    changing.snapshot = replace(changing.snapshot, logs=everything().logs)
    changing.is_exact()


def test_a_kind_that_cannot_be_read_any_more_changes_what_may_be_concluded() -> None:
    changing = Changing()
    changing.objects.drop("Secret")
    changing.is_exact()


def test_a_target_is_narrowed_down_to_as_ever() -> None:
    changing = Changing(Target(namespace="edge", kind="Deployment", name="limiter"))
    for pod in everything().in_namespace(Pod, "edge"):
        changing.put((Pod.kind, pod.namespace, pod.name), None)
    changing.is_exact()
