"""Get and list: selectors, pages, and events in the shape of events.k8s.io/v1."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from kubeagentix.demo.answers import Form, accepted_form, json_answer, metadata_only
from kubeagentix.demo.api_errors import bad_request, expired, not_found
from kubeagentix.demo.calls import Call
from kubeagentix.demo.kinds import ServedKind
from kubeagentix.demo.selectors import Predicate, parse_field_selector, parse_label_selector
from kubeagentix.demo.store import Manifest, Store, TooOldError
from kubeagentix.demo.tables import table_of

_EVENTS_GROUP = "events.k8s.io"


def get(store: Store, call: Call) -> web.Response:
    """One object. Raises StatusError 404."""
    return object_answer(store, call, find(store, call))


def find(store: Store, call: Call) -> Manifest:
    """The stored object that a call names, not to be changed. Raises StatusError 404."""
    obj = store.peek(stored_kind(store, call.served), call.namespace, call.name)
    if obj is None:
        raise not_found(call.served, call.name)
    return obj


def object_answer(store: Store, call: Call, obj: Manifest, status: int = 200) -> web.Response:
    """`obj` in the form the call accepts."""
    kind = call.served
    obj = as_served(kind, obj)
    body: Mapping[str, Any] = obj
    match accepted_form(call.headers.get("Accept", "")):
        case Form.TABLE:
            revision = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            body = table_of(kind, [obj], revision, call.query.get("includeObject", "Metadata"), store.now())
        case Form.METADATA:
            body = metadata_only(obj)
    return json_answer(body, status, accept_encoding=call.headers.get("Accept-Encoding", ""))


def list_objects(store: Store, call: Call) -> web.Response:
    """A page of a list. Raises StatusError 400 for a bad selector or token, 410 for an expired token."""
    kind = call.served
    form = accepted_form(call.headers.get("Accept", ""))
    page, metadata = _page(store, call)
    body: dict[str, Any]
    match form:
        case Form.TABLE:
            body = table_of(kind, page, metadata, call.query.get("includeObject", "Metadata"), store.now())
        case Form.METADATA:
            items = [metadata_only(obj) for obj in page]
            body = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
            body |= {"metadata": metadata, "items": items}
        case _:
            body = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata}
            body["items"] = [_list_item(store, kind, obj) for obj in page]
    return json_answer(body, accept_encoding=call.headers.get("Accept-Encoding", ""))


def selection(call: Call) -> Predicate:
    """What a call's selectors, and the namespace and name in its URL, let through. Raises StatusError 400."""
    fields = parse_field_selector(call.query.get("fieldSelector", ""), call.served)
    labels = parse_label_selector(call.query.get("labelSelector", ""))
    place = {"name": call.name, "namespace": call.namespace if call.served.is_namespaced else ""}
    wanted = {key: value for key, value in place.items() if value}
    return lambda obj: all(obj["metadata"].get(key) == wanted[key] for key in wanted) and labels(obj) and fields(obj)


def stored_kind(store: Store, kind: ServedKind) -> ServedKind:
    """The kind under which the store keeps `kind`: events are kept once, in core/v1."""
    return store.catalog.named("Event") if kind.group == _EVENTS_GROUP else kind


def as_served(kind: ServedKind, obj: Manifest) -> Manifest:
    """`obj` in the API version asked for."""
    if kind.group == _EVENTS_GROUP:
        return _as_new_event(obj)
    if kind.is_custom and obj["apiVersion"] != kind.api_version:
        return {**obj, "apiVersion": kind.api_version}
    return obj


def _list_item(store: Store, kind: ServedKind, obj: Manifest) -> Manifest | msgspec.Raw:
    """Items of built-in lists do not say their kind; those of custom resources and metrics do not need to either."""
    if kind.is_custom:
        return obj
    if kind.group == _EVENTS_GROUP:  # made for this answer
        return {key: obj[key] for key in obj if key not in ("kind", "apiVersion")}
    return store.peek_encoded(kind, obj)


def _key(obj: Mapping[str, Any]) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _page(store: Store, call: Call) -> tuple[Sequence[Manifest], dict[str, Any]]:
    """The objects of a page as they are served, and the metadata of its list."""
    kind, limit, matches = call.served, max(call.integer("limit") or 0, 0), selection(call)
    is_selected = bool(call.query.get("fieldSelector") or call.query.get("labelSelector"))
    is_filtered = is_selected or bool(call.name)
    revision, start = _continue_from(store, call)
    found, remaining = store.peek_page(
        stored_kind(store, kind), call.namespace, after=start, limit=0 if is_filtered else limit
    )
    page = [as_served(kind, obj) for obj in found]
    if is_filtered:
        page = [obj for obj in page if matches(obj)]
        if limit:
            page, remaining = page[:limit], len(page[limit:])
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if remaining:
        namespace, name = _key(page[-1])
        token = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{namespace}/{name}\0"}
        metadata["continue"] = base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")
        if not is_selected:
            metadata["remainingItemCount"] = remaining
    return page, metadata


def _continue_from(store: Store, call: Call) -> tuple[int, tuple[str, str]]:
    token = call.query.get("continue", "")
    if not token:
        return store.revision, ("", "")
    try:
        start = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, (namespace, _, name) = int(start["rv"]), start["start"].rstrip("\0").partition("/")
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    try:
        store.changes_since(stored_kind(store, call.served), revision)
    except TooOldError:
        raise expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter."
        ) from None
    return revision, (namespace, name)


_NEW_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "count": "deprecatedCount",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "source": "deprecatedSource",
}
_OLD_EVENT_NAMES = {new: old for old, new in _NEW_EVENT_NAMES.items()}


def _as_new_event(event: Manifest) -> Manifest:
    renamed = {_NEW_EVENT_NAMES.get(key, key): value for key, value in event.items()}
    if not renamed.get("reportingController"):
        renamed["reportingController"] = (event.get("source") or {}).get("component", "")
    if not renamed.get("eventTime"):  # null on a real server too, but some clients' models refuse that
        renamed["eventTime"] = event.get("firstTimestamp") or event["metadata"]["creationTimestamp"]
    return {**renamed, "apiVersion": f"{_EVENTS_GROUP}/v1"}


def as_core_event(event: Manifest) -> Manifest:
    """An event of events.k8s.io/v1 as the store keeps it."""
    return {**{_OLD_EVENT_NAMES.get(key, key): value for key, value in event.items()}, "apiVersion": "v1"}
