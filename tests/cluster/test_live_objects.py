from __future__ import annotations

import threading

from kubeagentix.cluster.live_objects import LiveObjects
from kubeagentix.domain.meta import Metadata
from kubeagentix.domain.pods import Pod, PodStatus


def pod(name: str, namespace: str = "shop", *, phase: str = "Running", version: str = "1") -> Pod:
    metadata = Metadata(name=name, namespace=namespace, resource_version=version)
    return Pod(metadata=metadata, status=PodStatus(phase=phase))


def put(objects: LiveObjects, item: Pod) -> None:
    objects.put("Pod", item.namespace, item.name, item)


def test_objects_come_by_namespace_and_name() -> None:
    objects = LiveObjects()
    objects.fill("Pod", [pod("b"), pod("a", "web"), pod("a")])
    held, changes = objects.take()
    assert [(item.namespace, item.name) for item in held["Pod"]] == [("shop", "a"), ("shop", "b"), ("web", "a")]
    assert {change.key for change in changes} == {("Pod", "shop", "a"), ("Pod", "shop", "b"), ("Pod", "web", "a")}


def test_a_picture_does_not_change_afterwards_and_shares_what_has_not() -> None:
    objects = LiveObjects()
    objects.fill("Pod", [pod("a"), pod("b")])
    objects.fill("Node", [])
    before, _ = objects.take()
    put(objects, pod("a", phase="Failed", version="2"))
    after, changes = objects.take()
    assert [item.status.phase for item in before["Pod"] if isinstance(item, Pod)] == ["Running", "Running"]
    assert [item.status.phase for item in after["Pod"] if isinstance(item, Pod)] == ["Failed", "Running"]
    assert after["Pod"][1] is before["Pod"][1]
    assert after["Node"] is before["Node"]
    assert [(change.key, change.old, change.new) for change in changes] == [
        (("Pod", "shop", "a"), before["Pod"][0], after["Pod"][0])
    ]


def test_a_kind_without_objects_is_there_and_one_that_is_not_read_is_not() -> None:
    objects = LiveObjects()
    objects.fill("Pod", [])
    assert objects.take()[0] == {"Pod": ()}
    objects.drop("Pod")
    assert objects.take()[0] == {}


def test_a_list_takes_away_what_it_covers_and_does_not_hold() -> None:
    objects = LiveObjects()
    objects.fill("Pod", [pod("a"), pod("b"), pod("c", "web")])
    objects.take()
    objects.fill("Pod", [pod("b")], lambda item: item.namespace == "shop")
    held, changes = objects.take()
    assert [item.name for item in held["Pod"]] == ["b", "c"]
    assert [(change.key[2], change.new) for change in changes] == [("a", None)]


def test_a_write_that_changes_nothing_that_is_kept_is_no_change() -> None:
    told: list[int] = []
    objects = LiveObjects(lambda: told.append(1))
    objects.fill("Pod", [pod("a")])
    objects.take()
    put(objects, pod("a", version="2"))
    objects.put("Pod", "shop", "nobody", None)
    assert objects.take()[1] == ()
    assert len(told) == 1


def test_it_is_told_once_until_it_is_taken() -> None:
    told: list[int] = []
    objects = LiveObjects(lambda: told.append(1))
    for version in range(5):
        put(objects, pod("a", phase=f"phase-{version}"))
    assert len(told) == 1
    assert len(objects.take()[1]) == 1
    put(objects, pod("a", phase="other"))
    assert len(told) == 2


def test_what_came_and_went_in_between_is_told_as_a_change_from_nothing_to_nothing() -> None:
    objects = LiveObjects()
    put(objects, pod("a"))
    objects.put("Pod", "shop", "a", None)
    held, changes = objects.take()
    assert held["Pod"] == ()
    assert [(change.old, change.new) for change in changes] == [(None, None)]


def test_many_threads_may_write_while_pictures_are_taken() -> None:
    objects = LiveObjects()

    def write(namespace: str) -> None:
        for number in range(300):
            put(objects, pod(f"p{number}", namespace))

    threads = [threading.Thread(target=write, args=(f"ns-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in threads):
        seen += len(objects.take()[1])
    held, rest = objects.take()
    assert len(held["Pod"]) == 1200
    assert seen + len(rest) == 1200
