"""The store: versions, copies, histories, ownership, logs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from kubeagentix.demo.store import HISTORY_MAX, Manifest, Store, TooOldError

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def _pod(name: str, namespace: str = "shop", **metadata: Any) -> Manifest:
    spec = {"containers": [{"name": "a", "image": "a"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


@pytest.fixture
def empty() -> Store:
    return Store(now=lambda: NOW)


def test_put_fills_in_identity_and_version(empty: Store) -> None:
    stored = empty.put(_pod("a"))
    metadata = stored["metadata"]
    assert metadata["uid"]
    assert metadata["creationTimestamp"] == "2026-01-15T12:00:00Z"
    assert metadata["generation"] == 1
    assert int(metadata["resourceVersion"]) == empty.revision


def test_put_keeps_given_identity_and_times(empty: Store) -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    stored = empty.put(_pod("a", uid="u-1", creationTimestamp=created, generation=7))
    assert stored["metadata"]["uid"] == "u-1"
    assert stored["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert stored["metadata"]["generation"] == 7


def test_replacing_keeps_uid_and_raises_generation_with_the_spec_only(empty: Store) -> None:
    first = empty.put(_pod("a"))
    relabelled = empty.put(_pod("a", labels={"x": "y"}))
    assert relabelled["metadata"]["uid"] == first["metadata"]["uid"]
    assert relabelled["metadata"]["generation"] == 1
    changed = empty.put({**relabelled, "spec": {"containers": []}})
    assert changed["metadata"]["generation"] == 2
    assert int(changed["metadata"]["resourceVersion"]) > int(relabelled["metadata"]["resourceVersion"])


def test_putting_the_same_again_is_no_write(empty: Store) -> None:
    first = empty.put(_pod("a"))
    assert empty.put(first) == first
    assert empty.put(_pod("a")) == first


def test_what_is_handed_in_and_out_is_a_copy(empty: Store) -> None:
    pod = _pod("a")
    stored = empty.put(pod)
    pod["spec"]["containers"].clear()
    stored["spec"]["containers"].clear()
    got = empty.get("Pod", "shop", "a")
    assert got is not None
    got["spec"]["containers"].clear()
    empty.list("Pod")[0]["spec"]["containers"].clear()
    kept = empty.get("Pod", "shop", "a")
    assert kept is not None
    assert len(kept["spec"]["containers"]) == 1


def test_list_is_ordered_and_by_namespace(empty: Store) -> None:
    for name, namespace in (("b", "z"), ("c", "a"), ("a", "z")):
        empty.put(_pod(name, namespace))
    assert [pod["metadata"]["name"] for pod in empty.list("Pod")] == ["c", "a", "b"]
    assert [pod["metadata"]["name"] for pod in empty.list("Pod", "z")] == ["a", "b"]


def test_unknown_kinds_are_refused(empty: Store) -> None:
    with pytest.raises(KeyError):
        empty.put({"apiVersion": "v1", "kind": "Gizmo", "metadata": {"name": "x"}})
    with pytest.raises(KeyError):
        empty.get("Gizmo", None, "x")


def test_cluster_scoped_objects_have_no_namespace(empty: Store) -> None:
    stored = empty.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "namespace": "odd"}})
    assert "namespace" not in stored["metadata"]
    assert empty.get("Node", "ignored", "n") is not None


def test_delete_takes_owned_objects_along(empty: Store) -> None:
    owner = empty.put(_pod("owner"))
    child = empty.put(_pod("child", ownerReferences=[{"uid": owner["metadata"]["uid"], "name": "owner"}]))
    empty.put(_pod("grandchild", ownerReferences=[{"uid": child["metadata"]["uid"], "name": "child"}]))
    empty.put(_pod("stranger"))
    removed = empty.delete("Pod", "shop", "owner")
    assert removed is not None
    assert removed["metadata"]["name"] == "owner"
    assert [pod["metadata"]["name"] for pod in empty.list("Pod")] == ["stranger"]
    assert empty.delete("Pod", "shop", "owner") is None


def test_deleting_a_namespace_empties_it(empty: Store) -> None:
    empty.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    empty.put(_pod("a"))
    empty.put(_pod("b", "other"))
    empty.delete("Namespace", None, "shop")
    assert [pod["metadata"]["name"] for pod in empty.list("Pod")] == ["b"]


def test_changes_since_tells_kind_by_kind_what_happened(empty: Store) -> None:
    kind = empty.catalog.named("Pod")
    start = empty.revision
    first = empty.put(_pod("a"))
    empty.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
    empty.put({**first, "spec": {}})
    empty.delete("Pod", "shop", "a")
    changes = empty.changes_since(kind, start)
    assert [change.type for change in changes] == ["ADDED", "MODIFIED", "DELETED"]
    assert changes[0].old is None
    assert changes[1].old is not None
    assert empty.changes_since(kind, changes[1].revision) == [changes[2]]


def test_history_is_bounded(empty: Store) -> None:
    kind, start = empty.catalog.named("Pod"), empty.revision
    for index in range(HISTORY_MAX + 1):
        empty.put(_pod("a", labels={"n": str(index)}))
    with pytest.raises(TooOldError):
        empty.changes_since(kind, start)
    recent = empty.changes_since(kind, empty.revision - 10)
    assert len(recent) == 10


def test_history_can_be_forgotten(empty: Store) -> None:
    start = empty.revision
    empty.forget_history()
    with pytest.raises(TooOldError):
        empty.changes_since(empty.catalog.named("Pod"), start)
    assert empty.changes_since(empty.catalog.named("Pod"), empty.revision) == []


def test_wakers_hear_of_every_write_until_taken_off(empty: Store) -> None:
    heard: list[int] = []
    stop = empty.add_waker(lambda: heard.append(empty.revision))
    empty.put(_pod("a"))
    empty.append_log("shop", "a", "a", "x")
    empty.delete("Pod", "shop", "a")
    stop()
    empty.put(_pod("b"))
    assert len(heard) == 3


def test_put_does_not_call_back_but_announce_does(empty: Store) -> None:
    heard: list[str] = []
    empty.on_change(lambda verb, old, new: heard.append(verb))
    stored = empty.put(_pod("a"))
    assert heard == []
    empty.announce("create", None, stored)
    assert heard == ["create"]


def test_logs_get_times_a_second_apart(empty: Store) -> None:
    empty.set_log("shop", "a", "main", ["one", "two"])
    assert empty.log("shop", "a", "main") == [(NOW - timedelta(seconds=1), "one"), (NOW, "two")]
    empty.set_log("shop", "a", "main", [("2026-01-15T11:00:00Z", "old")], previous=True)
    assert empty.log("shop", "a", "main", previous=True) == [(NOW - timedelta(hours=1), "old")]
    assert empty.log("shop", "a", "other") is None


def test_a_pods_logs_go_with_it(empty: Store) -> None:
    empty.put(_pod("a"))
    empty.set_log("shop", "a", "a", ["x"])
    empty.set_log("shop", "b", "a", ["y"])
    empty.delete("Pod", "shop", "a")
    assert empty.log("shop", "a", "a") is None
    assert empty.log("shop", "b", "a")


def test_a_definition_makes_its_kind_storable(empty: Store) -> None:
    names = {"kind": "Service", "plural": "services"}
    versions = [{"name": "v1", "served": True}, {"name": "v0", "served": False}]
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "services.serving.example.com"},
        "spec": {"group": "serving.example.com", "names": names, "scope": "Namespaced", "versions": versions},
    }
    empty.put(definition)
    empty.put({"apiVersion": "serving.example.com/v1", "kind": "Service", "metadata": {"name": "x"}})
    assert empty.list("Service") == []
    assert len(empty.list("Service.serving.example.com")) == 1
    with pytest.raises(KeyError):
        empty.put({"apiVersion": "serving.example.com/v0", "kind": "Service", "metadata": {"name": "x"}})
    empty.delete("CustomResourceDefinition", None, "services.serving.example.com")
    with pytest.raises(KeyError):
        empty.list("Service.serving.example.com")


def test_writers_in_many_threads_get_versions_of_their_own(empty: Store) -> None:
    def write(name: str) -> None:
        for index in range(50):
            empty.put(_pod(f"{name}-{index}"))

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = [pod["metadata"]["resourceVersion"] for pod in empty.list("Pod")]
    assert len(set(versions)) == 200


def test_loaded_objects_are_listed_but_no_watch_saw_them_come(empty: Store) -> None:
    pods = empty.catalog.named("Pod")
    empty.put(_pod("cart"))
    before = empty.revision
    empty.load([_pod(name, uid=name, creationTimestamp="2026-01-15T12:00:00Z") for name in ("web", "api")])
    assert [item["metadata"]["name"] for item in empty.list("Pod")] == ["api", "cart", "web"]
    assert empty.changes_since(pods, empty.revision) == []
    with pytest.raises(TooOldError):
        empty.changes_since(pods, before)


def test_pages_go_on_after_the_last_object(empty: Store) -> None:
    pods = empty.catalog.named("Pod")
    for namespace in ("shop", "store"):
        for name in ("a", "b", "c"):
            empty.put(_pod(name, namespace))
    page, left = empty.peek_page(pods, "shop", after=("shop", "a"), limit=1)
    assert ([item["metadata"]["name"] for item in page], left) == (["b"], 1)
    empty.delete("Pod", "shop", "c")
    assert empty.peek_page(pods, "shop", after=("shop", "b"), limit=1) == ([], 0)
    assert empty.peek_page(pods, after=("shop", "b"), limit=2)[1] == 1


def test_an_encoded_object_is_made_anew_when_it_was_written(empty: Store) -> None:
    pods = empty.catalog.named("Pod")

    def encoded() -> dict[str, Any]:
        stored = empty.peek(pods, "shop", "web")
        assert stored is not None
        assert empty.peek_encoded(pods, stored) is empty.peek_encoded(pods, stored)
        decoded: dict[str, Any] = msgspec.json.decode(empty.peek_encoded(pods, stored))
        return decoded

    empty.put(_pod("web"))
    assert "kind" not in encoded()
    empty.put(_pod("web", labels={"app": "web"}))
    assert encoded()["metadata"]["labels"] == {"app": "web"}
