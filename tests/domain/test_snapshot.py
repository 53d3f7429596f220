"""The snapshot's questions: owners, selectors, events of that very object, and what absence means."""

from __future__ import annotations

import pickle
from dataclasses import fields

import pytest

from kubeagentix.domain.diagnosis import Gap, ResourceRef
from kubeagentix.domain.meta import LabelSelector, LabelSelectorRequirement
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap
from kubeagentix.domain.workloads import CronJob, DaemonSet, Deployment
from kubeagentix.testing import snapshot_of

OWNED = """
{kind: Deployment, metadata: {name: web}}
---
{kind: ReplicaSet, metadata: {name: web-1, ownerReferences: [{kind: Deployment, name: web, controller: true}]}}
---
kind: Pod
metadata:
  name: web-1-a
  uid: new
  labels: {app: web, tier: front}
  ownerReferences: [{kind: ReplicaSet, name: web-1, controller: true}]
---
{kind: Pod, metadata: {name: alone, labels: {app: web}}}
---
{kind: Pod, metadata: {name: foreign, ownerReferences: [{kind: Rollout, name: canary, controller: true}]}}
---
{kind: Pod, metadata: {name: mirror, ownerReferences: [{kind: Node, name: n1, controller: true}]}}
---
{kind: Node, metadata: {name: n1}}
"""


def event(name: str, uid: str, seen: str, kind: str = "Pod") -> str:
    about = f"{{kind: {kind}, namespace: default, name: web-1-a, uid: {uid}}}"
    return f"{{kind: Event, metadata: {{name: {name}}}, involvedObject: {about}, lastTimestamp: '{seen}'}}"


def workload(name: str) -> str:
    snapshot = snapshot_of(OWNED)
    pod = snapshot.get(Pod, "default", name)
    assert pod is not None
    return str(snapshot.workload_of(pod))


def test_the_workload_of_a_pod_is_its_topmost_controller() -> None:
    assert workload("web-1-a") == "Deployment default/web"


def test_a_bare_pod_and_a_mirror_of_a_static_one_are_their_own_workload() -> None:
    assert workload("alone") == "Pod default/alone"
    assert workload("mirror") == "Pod default/mirror"


def test_an_owner_outside_the_picture_is_named_from_the_reference() -> None:
    assert workload("foreign") == "Rollout default/canary"


def test_pods_are_grouped_by_workload() -> None:
    snapshot = snapshot_of(OWNED)
    deployment = snapshot.get(Deployment, "default", "web")
    assert deployment is not None
    assert [pod.name for pod in snapshot.pods_of(snapshot.ref(deployment))] == ["web-1-a"]


def test_a_selector_needs_every_pair_and_an_empty_one_selects_nothing() -> None:
    snapshot = snapshot_of(OWNED)
    assert {pod.name for pod in snapshot.pods_selected("default", {"app": "web"})} == {"web-1-a", "alone"}
    assert [pod.name for pod in snapshot.pods_selected("default", {"app": "web", "tier": "front"})] == ["web-1-a"]
    assert snapshot.pods_selected("default", {}) == ()
    assert snapshot.pods_selected("other", {"app": "web"}) == ()


def test_events_belong_to_that_very_object_newest_first() -> None:
    snapshot = snapshot_of(
        OWNED,
        event("old-one", "new", "2026-01-15T10:00:00Z"),
        event("new-one", "new", "2026-01-15T11:00:00Z"),
        event("of-a-namesake-before", "old", "2026-01-15T11:30:00Z"),
        event("of-another-kind", "new", "2026-01-15T11:30:00Z", kind="ReplicaSet"),
    )
    pod = snapshot.get(Pod, "default", "web-1-a")
    assert pod is not None
    assert [item.name for item in snapshot.events_for(pod)] == ["new-one", "old-one"]


def test_absence_is_a_fact_only_where_the_kind_was_read() -> None:
    assert snapshot_of(OWNED).was_read(ConfigMap, "default")
    assert not snapshot_of(OWNED, namespace="default").was_read(ConfigMap, "other")
    everywhere = Gap(what="configmaps", why="403", kind="ConfigMap")
    assert not snapshot_of(OWNED, gaps=(everywhere,)).was_read(ConfigMap, "default")
    elsewhere = Gap(what="configmaps", why="403", kind="ConfigMap", namespace="other")
    assert snapshot_of(OWNED, gaps=(elsewhere,)).was_read(ConfigMap, "default")
    assert not snapshot_of(OWNED, gaps=(elsewhere,)).was_read(ConfigMap, "other")
    assert not snapshot_of(OWNED, gaps=(elsewhere,)).was_read(ConfigMap)


def test_a_cycle_of_owners_ends() -> None:
    loop = """
{kind: CronJob, metadata: {name: a, ownerReferences: [{kind: CronJob, name: b, controller: true}]}}
---
{kind: CronJob, metadata: {name: b, ownerReferences: [{kind: CronJob, name: a, controller: true}]}}
"""
    snapshot = snapshot_of(loop)
    first = snapshot.get(CronJob, "default", "a")
    assert first is not None
    assert snapshot.workload_of(first).kind == "CronJob"


def test_a_neighbour_joins_the_picture_without_doubling_what_both_hold() -> None:
    pod = "{kind: Pod, metadata: {name: p, namespace: %s}}"
    node = "{kind: Node, metadata: {name: n1}}"
    both = snapshot_of(pod % "a", node, namespace="a").joined(snapshot_of(pod % "b", node, namespace="b"))
    assert [(item.kind, item.namespace) for kind in both.objects.values() for item in kind] == [
        ("Pod", "a"),
        ("Pod", "b"),
        ("Node", ""),
    ]
    assert both.was_read(ConfigMap, "b")
    assert not both.was_read(ConfigMap, "c")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (LabelSelector(match_labels={"app": "web"}), ["web-1-a", "alone"]),
        (LabelSelector(match_labels={"app": "web", "tier": "front"}), ["web-1-a"]),
        (LabelSelector(match_labels={"app": "nobody"}), []),
        (LabelSelector(), ["web-1-a", "alone", "foreign", "mirror"]),
        (
            LabelSelector(
                match_labels={"app": "web"},
                match_expressions=(LabelSelectorRequirement(key="tier", operator="DoesNotExist"),),
            ),
            ["alone"],
        ),
    ],
)
def test_a_label_selector_takes_pods_of_its_namespace(selector: LabelSelector, expected: list[str]) -> None:
    snapshot = snapshot_of(
        OWNED, "{kind: Pod, metadata: {name: far, namespace: other, labels: {app: web, tier: front}}}"
    )
    assert [pod.name for pod in snapshot.pods_matching("default", selector)] == expected


def test_what_is_derived_from_a_picture_is_computed_once_for_each_question() -> None:
    asked: list[str] = []

    def count(snapshot: Snapshot, namespace: str) -> int:
        asked.append(namespace)
        return len(snapshot.in_namespace(Pod, namespace))

    snapshot = snapshot_of(OWNED)
    assert [snapshot.derived(count, name) for name in ("default", "other", "default")] == [4, 0, 4]
    assert asked == ["default", "other"]
    assert snapshot.joined(snapshot_of(OWNED)).derived(count, "default") == 4
    assert asked == ["default", "other", "default"]


def test_a_snapshot_in_words_is_short() -> None:
    snapshot = snapshot_of(OWNED, gaps=[Gap(what="secrets", why="403 Forbidden", kind="Secret")])
    assert repr(snapshot) == "<Snapshot of test, all namespaces, objects: 7, gaps: 1>"


HASHED = """
kind: Pod
metadata:
  name: web-5f6-a
  labels: {app: web, pod-template-hash: 5f6}
  ownerReferences: [{kind: ReplicaSet, name: web-5f6, controller: true}]
"""
NO_SETS = Gap(what="replicasets", why="403 Forbidden", kind="ReplicaSet")
NO_DEPLOYMENTS = Gap(what="deployments", why="403 Forbidden", kind="Deployment")


@pytest.mark.parametrize(
    ("manifests", "gaps", "expected"),
    [
        (["{kind: Deployment, metadata: {name: web}}"], [NO_SETS], "Deployment default/web"),
        ([], [NO_SETS, NO_DEPLOYMENTS], "Deployment default/web"),
        ([], [NO_SETS], "ReplicaSet default/web-5f6"),  # the Deployment is gone, and left its set behind
        (["{kind: Deployment, metadata: {name: web}}"], [], "ReplicaSet default/web-5f6"),  # the set is gone
    ],
)
def test_the_deployment_behind_a_set_that_could_not_be_read(
    manifests: list[str], gaps: list[Gap], expected: str
) -> None:
    snapshot = snapshot_of(HASHED, *manifests, gaps=gaps)
    assert [str(ref) for ref in snapshot.pods_by_workload] == [expected]


def test_a_pod_that_matches_one_pair_of_a_selector_but_not_the_other_is_not_selected() -> None:
    labels = {"both": "{app: web, tier: front}", "one": "{app: web, tier: back}", "other": "{app: api, tier: front}"}
    snapshot = snapshot_of(
        *(f"{{kind: Pod, metadata: {{name: {name}, labels: {pairs}}}}}" for name, pairs in labels.items())
    )
    assert [pod.name for pod in snapshot.pods_selected("default", {"app": "web", "tier": "front"})] == ["both"]


OWNED_BY_CUSTOM = """
{apiVersion: apps/v1, kind: Deployment, metadata: {name: hello-1, namespace: shop, ownerReferences: [{apiVersion: serving.knative.dev/v1, kind: Revision, name: hello-1, controller: true}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: hello-1-x, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: hello-1, controller: true}]}}
---
{apiVersion: serving.knative.dev/v1, kind: Revision, metadata: {name: hello-1, namespace: shop, ownerReferences: [{apiVersion: serving.knative.dev/v1, kind: Service, name: hello, controller: true}]}}
---
{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: hello, namespace: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: hello, namespace: shop}}
"""  # noqa: E501  one object a line


def test_a_pod_belongs_to_the_custom_resource_on_top_and_not_to_a_namesake() -> None:
    snapshot = snapshot_of(OWNED_BY_CUSTOM)
    (pod,) = snapshot.all(Pod)
    top = snapshot.workload_of(pod)
    assert str(top) == "Service.serving.knative.dev shop/hello"
    assert [item.name for item in snapshot.owned[top.key]] == ["hello-1"]
    assert [service.kind for service in snapshot.all(Service)] == ["Service"]
    assert snapshot.pods_of(top) == (pod,)


def test_what_a_custom_resource_of_the_whole_cluster_owns_keeps_its_own_place() -> None:
    owner = "{apiVersion: operator.example.io/v1, kind: Installation, name: default, controller: true}"
    snapshot = snapshot_of(
        f"{{kind: DaemonSet, metadata: {{name: agent, namespace: net, ownerReferences: [{owner}]}}}}",
        "{apiVersion: operator.example.io/v1, kind: Installation, metadata: {name: default}}",
    )
    (daemon_set,) = snapshot.all(DaemonSet)
    (installation,) = snapshot.custom_resources
    assert snapshot.workload_of(daemon_set) == snapshot.ref(daemon_set)
    assert snapshot.children(DaemonSet, snapshot.ref(installation)) == (daemon_set,)


def test_events_about_a_custom_resource_are_not_its_namesakes() -> None:
    about = "{apiVersion: serving.knative.dev/v1, kind: Service, namespace: shop, name: hello}"
    snapshot = snapshot_of(OWNED_BY_CUSTOM, f"{{kind: Event, metadata: {{name: e}}, involvedObject: {about}}}")
    (core,) = snapshot.all(Service)
    (knative,) = [item for item in snapshot.custom_resources if item.name == "hello"]
    assert (len(snapshot.events_for(core)), len(snapshot.events_for(knative))) == (0, 1)


def test_an_object_is_lacking_only_where_all_of_its_kind_were_read() -> None:
    db = ResourceRef(kind="Service", namespace="infra", name="db")
    assert snapshot_of().lacks(db)
    assert not snapshot_of("{kind: Service, metadata: {name: db, namespace: infra}}").lacks(db)
    assert not snapshot_of(namespace="shop").lacks(db)
    assert not snapshot_of(gaps=[Gap(what="services", why="403", kind="Service")]).lacks(db)
    assert not snapshot_of().lacks(ResourceRef(kind="Host", name="db.example.com"))


def test_a_copy_in_another_process_holds_the_picture_and_builds_its_own_indexes() -> None:
    snapshot = snapshot_of(OWNED)
    [pod] = (pod for pod in snapshot.all(Pod) if pod.name == "web-1-a")
    workload = snapshot.workload_of(pod)
    copy = pickle.loads(pickle.dumps(snapshot))
    assert vars(copy).keys() == {item.name for item in fields(Snapshot)}
    [again] = (pod for pod in copy.all(Pod) if pod.name == "web-1-a")
    assert copy.workload_of(again) == workload
    assert copy.ref(again).uid == "new"


def test_the_namespaces_that_have_a_name_are_told_once_and_in_order() -> None:
    service = "{{kind: Service, metadata: {{name: db, namespace: {}}}}}"
    snapshot = snapshot_of("\n---\n".join(service.format(place) for place in ("shop", "bank", "shop")))
    assert snapshot.namespaces_with(Service, "db") == ("bank", "shop")
    assert snapshot.namespaces_with(Service, "dc") == ()
