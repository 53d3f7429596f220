"""Patches, as kubectl sends them."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.demo.api_errors import StatusError
from kubeagentix.demo.patches import json_patch, merge_patch, strategic_patch

POD: dict[str, Any] = {
    "metadata": {"finalizers": ["a"]},
    "spec": {
        "containers": [{"name": "app", "image": "app:1", "env": [{"name": "A", "value": "1"}]}, {"name": "side"}],
        "volumes": [{"name": "data", "emptyDir": {}}],
        "tolerations": [{"key": "x"}],
    },
}


def test_merge_patch_removes_nulls_and_replaces_lists() -> None:
    assert merge_patch({"a": 1, "b": {"c": 1, "d": 2}, "e": [1, 2]}, {"a": None, "b": {"c": 3}, "e": [9]}) == {
        "b": {"c": 3, "d": 2},
        "e": [9],
    }


def test_strategic_patch_merges_lists_by_their_key() -> None:
    patched = strategic_patch(POD, {"spec": {"containers": [{"name": "app", "image": "app:2"}, {"name": "new"}]}})
    assert [container["name"] for container in patched["spec"]["containers"]] == ["app", "side", "new"]
    assert patched["spec"]["containers"][0] == {**POD["spec"]["containers"][0], "image": "app:2"}
    assert POD["spec"]["containers"][0]["image"] == "app:1"


def test_strategic_patch_obeys_its_directives() -> None:
    dropped = strategic_patch(POD, {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}})
    assert [container["name"] for container in dropped["spec"]["containers"]] == ["app"]
    replaced = strategic_patch(POD, {"spec": {"containers": [{"$patch": "replace"}, {"name": "only"}]}})
    assert replaced["spec"]["containers"] == [{"name": "only"}]
    ordered = strategic_patch(
        POD,
        {
            "spec": {
                "$setElementOrder/containers": [{"name": "side"}, {"name": "app"}],
                "containers": [{"name": "side", "image": "s"}],
            }
        },
    )
    assert [container["name"] for container in ordered["spec"]["containers"]] == ["side", "app"]
    retained = strategic_patch({"type": "A", "a": {}}, {"$retainKeys": ["type"], "type": "B"})
    assert retained == {"type": "B"}
    assert strategic_patch({"a": 1}, {"$patch": "replace", "b": 2}) == {"b": 2}
    assert strategic_patch({"a": {"b": 1}}, {"a": {"$patch": "delete"}}) == {}


def test_strategic_patch_of_other_lists() -> None:
    patched = strategic_patch(
        POD, {"metadata": {"finalizers": ["b"]}, "spec": {"tolerations": [{"key": "y"}], "volumes": None}}
    )
    assert patched["metadata"]["finalizers"] == ["a", "b"]
    assert patched["spec"]["tolerations"] == [{"key": "y"}]
    assert "volumes" not in patched["spec"]
    removed = strategic_patch(POD, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}})
    assert removed["metadata"]["finalizers"] == []


def test_container_ports_and_service_ports_have_different_keys() -> None:
    service = {"ports": [{"port": 80, "name": "http"}]}
    assert strategic_patch(service, {"ports": [{"port": 80, "targetPort": 8080}]})["ports"] == [
        {"port": 80, "name": "http", "targetPort": 8080}
    ]
    container = {"ports": [{"containerPort": 80}]}
    assert len(strategic_patch(container, {"ports": [{"containerPort": 81}]})["ports"]) == 2


def test_json_patch_operations() -> None:
    document = {"a": {"b": [1, 2]}, "c/d": 3}
    patched = json_patch(
        document,
        [
            {"op": "test", "path": "/c~1d", "value": 3},
            {"op": "add", "path": "/a/b/1", "value": 9},
            {"op": "add", "path": "/a/b/-", "value": 7},
            {"op": "remove", "path": "/a/b/0"},
            {"op": "replace", "path": "/c~1d", "value": 4},
            {"op": "copy", "from": "/c~1d", "path": "/e"},
            {"op": "move", "from": "/e", "path": "/f"},
        ],
    )
    assert patched == {"a": {"b": [9, 2, 7]}, "c/d": 4, "f": 4}
    assert document == {"a": {"b": [1, 2]}, "c/d": 3}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/nope"},
        {"op": "replace", "path": "/nope", "value": 1},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/b/9", "value": 1},
        {"op": "frobnicate", "path": "/a"},
        {"op": "add", "path": "/x/y", "value": 1},
    ],
)
def test_json_patches_that_cannot_be_applied_are_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(StatusError) as caught:
        json_patch({"a": 1, "b": []}, [operation])
    assert caught.value.code == 422
