"""Create, update, patch and delete, with the checks, versions and preconditions of an API server."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from kubeagentix.demo import admission
from kubeagentix.demo.answers import json_answer
from kubeagentix.demo.api_errors import (
    StatusError,
    already_exists,
    bad_request,
    conflict,
    method_not_allowed,
    success,
)
from kubeagentix.demo.calls import Call, check_type, parse_json_or_yaml
from kubeagentix.demo.kinds import ServedKind
from kubeagentix.demo.patches import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, apply_patch
from kubeagentix.demo.reads import as_core_event, find, object_answer, selection, stored_kind
from kubeagentix.demo.store import Manifest, Store, plain_copy, rfc3339
from kubeagentix.demo.writers import manager_of, stamped

# The server answers a deletion of these with the object, of others with a Status (ReturnDeletedObject).
_RETURNED_WHEN_DELETED = frozenset(
    {"Pod", "PodTemplate", "ServiceAccount", "ResourceQuota", "PersistentVolume", "PersistentVolumeClaim", "Namespace"}
)


def create(store: Store, call: Call) -> web.Response:
    """POST to a collection. Raises StatusError 400, 403, 404, 409, 422."""
    if call.name:
        raise method_not_allowed()
    obj = call.manifest()
    check_type(call.served, obj)
    return object_answer(store, call, insert(store, call, obj), 201)


def insert(store: Store, call: Call, obj: Manifest) -> Manifest:
    """Store a new object; returns it as stored."""
    kind = stored_kind(store, call.served)
    obj = as_core_event(obj) if kind != call.served else obj
    admission.name_if_generated(obj)
    _match_namespace(call, obj)
    name = obj["metadata"].get("name", "")
    if kind.is_namespaced:
        admission.check_namespace(store, kind, call.namespace, name)
    obj["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in _SERVER_FIELDS}
    if "status" in kind.subresources:
        obj.pop("status", None)
    admission.set_defaults(kind, obj, store)
    admission.set_initial_status(kind, obj)
    admission.validate(kind, obj)
    if store.peek(kind, call.namespace, name) is not None:
        raise already_exists(kind, name)
    return _keep(store, call, None, stamped(obj, manager_of(call), store.now()))


_SERVER_FIELDS = frozenset({"uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "managedFields"})


def update(store: Store, call: Call) -> web.Response:
    """PUT of an object. Raises StatusError 400, 404, 409, 422."""
    if not call.name:
        raise method_not_allowed()
    obj = call.manifest()
    check_type(call.served, obj)
    obj = as_core_event(obj) if stored_kind(store, call.served) != call.served else obj
    sent_name = obj.setdefault("metadata", {}).setdefault("name", call.name)
    if sent_name != call.name:
        message = f"the name of the object ({sent_name}) does not match the name on the URL ({call.name})"
        raise bad_request(message)
    return object_answer(store, call, replace_object(store, call, find(store, call), obj))


def patch(store: Store, call: Call) -> web.Response:
    """PATCH of an object; an apply patch creates what is missing. Raises StatusError 400, 404, 409, 415, 422."""
    if not call.name:
        raise method_not_allowed()
    change = read_patch(call)
    kind = stored_kind(store, call.served)
    old = store.peek(kind, call.namespace, call.name)
    if old is None and call.media_type == APPLY_PATCH:
        check_type(call.served, change)
        change.setdefault("metadata", {}).setdefault("name", call.name)
        return object_answer(store, call, insert(store, call, change), 201)
    old = find(store, call)
    new = plain_copy(apply_patch(call.media_type, old, change))
    if not isinstance(new, dict) or new.get("metadata", {}).get("name") != call.name:
        raise bad_request("the name of the object does not match the name on the URL")
    return object_answer(store, call, replace_object(store, call, old, new))


def read_patch(call: Call) -> Any:
    """The body of a PATCH. Raises StatusError 400 or 415."""
    known = {JSON_PATCH, MERGE_PATCH, APPLY_PATCH, *(() if call.served.is_custom else (STRATEGIC_PATCH,))}
    if call.media_type not in known:
        raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    return parse_json_or_yaml(call.body, call.served.kind)


def replace_object(store: Store, call: Call, old: Manifest, new: Manifest) -> Manifest:
    """Store `new` in place of `old`; through `status` only the status changes, otherwise all but the status."""
    kind = stored_kind(store, call.served)
    _match_namespace(call, new)
    metadata = new["metadata"]
    if metadata.get("resourceVersion", "") not in ("", old["metadata"]["resourceVersion"]):
        raise conflict(kind, call.name)
    if metadata.get("uid", "") not in ("", old["metadata"]["uid"]):
        raise conflict(kind, call.name, _uid_mismatch(metadata["uid"], old["metadata"]["uid"]))
    if call.subresource == "status":
        new = {**plain_copy(old), "status": new.get("status") or {}}
    else:
        new = _with_server_fields(kind, old, new)
        admission.set_defaults(kind, new, store)
        admission.validate(kind, new)
        _check_immutable(kind, old, new)
        if new != old:
            new = stamped(new, manager_of(call), store.now())
    return _keep(store, call, old, new)


def _with_server_fields(kind: ServedKind, old: Manifest, new: Manifest) -> Manifest:
    kept = {key: old["metadata"][key] for key in (*_SERVER_FIELDS, "deletionTimestamp") if key in old["metadata"]}
    new = {**new, "metadata": {**new["metadata"], **kept}}
    if "status" in kind.subresources:
        new.pop("status", None)
        if "status" in old:
            new["status"] = plain_copy(old["status"])
    return new


def _check_immutable(kind: ServedKind, old: Manifest, new: Manifest) -> None:
    if kind.kind in ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet") and not kind.is_custom:
        selector = new["spec"].get("selector")
        if selector != old["spec"].get("selector"):
            raise admission.unchangeable(kind, new["metadata"]["name"], "spec.selector", selector)
    if kind.kind in ("ConfigMap", "Secret") and old.get("immutable") and new.get("data") != old.get("data"):
        raise admission.unchangeable(kind, new["metadata"]["name"], "data", "when `immutable` is set")


def _match_namespace(call: Call, obj: Manifest) -> None:
    if not call.served.is_namespaced:
        obj["metadata"].pop("namespace", None)
        return
    if obj["metadata"].setdefault("namespace", call.namespace) != call.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _keep(store: Store, call: Call, old: Manifest | None, new: Manifest) -> Manifest:
    """Store and announce `new`, unless it is a dry run; without finalizers left, what was being deleted goes."""
    if call.is_dry_run:
        return store.preview(new)
    metadata = new["metadata"]
    if old is not None and metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
        store.put(new)
        take(store, stored_kind(store, call.served), call.namespace, call.name)
        return new
    stored = store.put(new)
    if old is None or stored["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
        store.announce("create" if old is None else "update", old, stored)
        return store.peek(stored_kind(store, call.served), call.namespace, metadata["name"]) or stored
    return stored


def delete(store: Store, call: Call) -> web.Response:
    """DELETE of an object. Raises StatusError 404, or 409 for a failed precondition."""
    kind, obj = stored_kind(store, call.served), find(store, call)
    options = _delete_options(call)
    uid = (options.get("preconditions") or {}).get("uid", "")
    if uid not in ("", obj["metadata"]["uid"]):
        raise conflict(kind, call.name, _uid_mismatch(uid, obj["metadata"]["uid"]))
    is_orphaning = options.get("propagationPolicy") == "Orphan" or options.get("orphanDependents") is True
    last = remove_object(store, call, obj, cascade=not is_orphaning)
    if kind.kind in _RETURNED_WHEN_DELETED or last["metadata"].get("finalizers"):
        return object_answer(store, call, last)
    details = {"name": call.name, "group": kind.group, "kind": kind.plural, "uid": obj["metadata"]["uid"]}
    return json_answer(success(**{key: value for key, value in details.items() if value}))


def remove_object(store: Store, call: Call, obj: Manifest, *, cascade: bool = True) -> Manifest:
    """Delete one object, or mark it deleted while finalizers hold it; returns its last state."""
    kind = stored_kind(store, call.served)
    last: Manifest = plain_copy(obj)
    metadata = last["metadata"]
    metadata.setdefault("deletionTimestamp", rfc3339(store.now()))
    if kind.kind == "Pod":
        metadata["deletionGracePeriodSeconds"] = (obj.get("spec") or {}).get("terminationGracePeriodSeconds", 30)
    if call.is_dry_run:
        return last
    if metadata.get("finalizers"):
        last = store.put(last)
        if last["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            store.announce("update", obj, last)
        return last
    take(store, kind, metadata.get("namespace"), metadata["name"], cascade=cascade)
    return last


def take(store: Store, kind: ServedKind, namespace: str | None, name: str, *, cascade: bool = True) -> None:
    """Remove an object with its dependents from the store, and announce that it went."""
    removed = store.remove(kind, namespace, name, cascade=cascade)
    if removed:
        store.announce("delete", removed[0], None)


def delete_collection(store: Store, call: Call) -> web.Response:
    """DELETE of all objects that a call selects; answers with the list of them."""
    kind, matches = call.served, selection(call)
    chosen = [obj for obj in store.peek_all(stored_kind(store, kind), call.namespace) if matches(obj)]
    for obj in chosen:
        remove_object(store, call, obj)
    metadata = {"resourceVersion": str(store.revision)}
    return json_answer(
        {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": chosen}
    )


def _delete_options(call: Call) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "propagationPolicy" in call.query:
        options["propagationPolicy"] = call.query["propagationPolicy"]
    if call.body:
        options |= call.manifest()
    return options


def _uid_mismatch(wanted: str, found: str) -> str:
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
