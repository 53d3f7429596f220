"""The patches an API server understands: JSON patch, merge patch, strategic merge patch, apply.

Apply (server-side) is treated as a strategic merge that creates what is missing; field ownership is not tracked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubeagentix.demo.api_errors import bad_request, unprocessable
from kubeagentix.demo.store import plain_copy

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

# Lists merged by a key of their items: the `patchMergeKey` tags of k8s.io/api, by field name. Where a name is used
# with and without a key, the first of several keys that the items carry is taken.
_MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "env": ("name",),
    "ports": ("containerPort", "port"),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "taints": ("key",),
    "addresses": ("type",),
    "podIPs": ("ip",),
    "hostIPs": ("ip",),
    "webhooks": ("name",),
}
_MERGED_PRIMITIVES = frozenset({"finalizers", "podCIDRs"})


def apply_patch(media_type: str, target: Any, patch: Any) -> Any:
    """`target` patched, as a new object. Raises StatusError if the patch cannot be applied."""
    if media_type == JSON_PATCH:
        return json_patch(target, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    return merge_patch(target, patch) if media_type == MERGE_PATCH else strategic_patch(target, patch)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return plain_copy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902. Raises StatusError 422 where a path is missing or a test fails."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document = {"": plain_copy(target)}
    try:
        for operation in operations:
            _OPERATIONS[operation["op"]](document, operation)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise unprocessable() from error
    return document[""]


def _pointer(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]


def _parent(document: Any, path: str) -> tuple[Any, Any]:
    *parents, last = _pointer(path)
    node = document
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node, last


def _lookup(document: Any, path: str) -> Any:
    node, last = _parent(document, path)
    return node[int(last)] if isinstance(node, list) else node[last]


def _add(document: Any, operation: dict[str, Any]) -> None:
    node, last = _parent(document, operation["path"])
    value = plain_copy(operation["value"])
    if not isinstance(node, list):
        node[last] = value
    elif last == "-":
        node.append(value)
    elif 0 <= int(last) <= len(node):
        node.insert(int(last), value)
    else:
        raise IndexError(last)


def _remove(document: Any, operation: dict[str, Any]) -> None:
    node, last = _parent(document, operation["path"])
    del node[int(last) if isinstance(node, list) else last]


def _replace(document: Any, operation: dict[str, Any]) -> None:
    _lookup(document, operation["path"])
    node, last = _parent(document, operation["path"])
    node[int(last) if isinstance(node, list) else last] = plain_copy(operation["value"])


def _copy(document: Any, operation: dict[str, Any]) -> None:
    _add(document, {"path": operation["path"], "value": _lookup(document, operation["from"])})


def _move(document: Any, operation: dict[str, Any]) -> None:
    value = _lookup(document, operation["from"])
    _remove(document, {"path": operation["from"]})
    _add(document, {"path": operation["path"], "value": value})


def _test(document: Any, operation: dict[str, Any]) -> None:
    if _lookup(document, operation["path"]) != operation["value"]:
        raise ValueError(operation["path"])


_OPERATIONS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "copy": _copy,
    "move": _move,
    "test": _test,
}


def strategic_patch(target: Any, patch: dict[str, Any]) -> Any:
    """A strategic merge patch: as a merge patch, but lists of known names merge by key; `$patch` and its kin obeyed."""
    if patch.get("$patch") == "replace":
        return {key: plain_copy(value) for key, value in patch.items() if key != "$patch"}
    merged = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(merged, key, value, patch)
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            merged[field] = [item for item in merged.get(field) or () if item not in value]
    return merged


def _merge_field(merged: dict[str, Any], key: str, value: Any, patch: dict[str, Any]) -> None:
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        if value.get("$patch") == "delete":
            merged.pop(key, None)
        else:
            merged[key] = strategic_patch(merged.get(key), value)
    elif isinstance(value, list):
        merged[key] = _merge_list(key, merged.get(key) or [], value, patch.get(f"$setElementOrder/{key}"))
    else:
        merged[key] = value


def _merge_list(field: str, target: list[Any], patch: list[Any], order: list[Any] | None) -> list[Any]:
    merge_key = _merge_key(field, [*target, *patch])
    if merge_key is None:
        if field in _MERGED_PRIMITIVES:
            return [*target, *(item for item in patch if item not in target)]
        return plain_copy([item for item in patch if not (isinstance(item, dict) and "$patch" in item)])  # type: ignore[no-any-return]
    items = {item.get(merge_key): item for item in target}
    if {"$patch": "replace"} in patch:
        items = {}
    for change in patch:
        identity = change.get(merge_key)
        if change.get("$patch") == "delete":
            items.pop(identity, None)
        elif identity is not None:
            items[identity] = strategic_patch(items.get(identity), change)
    return list(_ordered(items, merge_key, order).values())


def _merge_key(field: str, items: list[Any]) -> str | None:
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    keys = _MERGE_KEYS.get(field, ())
    return next((key for key in keys if any(key in item for item in items)), None)


def _ordered(items: dict[Any, Any], merge_key: str, order: list[Any] | None) -> dict[Any, Any]:
    if not order:
        return items
    rank = {item.get(merge_key): index for index, item in enumerate(order)}
    return dict(sorted(items.items(), key=lambda item: rank.get(item[0], len(rank))))
