"""One object or many, as JSON, from a live cluster or from a saved picture (which holds fewer fields)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.kubeconfig import nearest
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.resources import KINDS, Kind, find_kind
from kubeagentix.domain.rights import CUSTOM_RESOURCES, Right, rights_on
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import ApiError, NotFoundError, UsageError, excerpt
from kubeagentix.redaction import masked_in_run
from kubeagentix.toolkit.kinds import kind_of, split_name
from kubeagentix.toolkit.places import checked_name, cluster_name, picture, require_namespace

NAMES_COMPARED = 500  # of so many objects the nearest name is told
# Kinds that a bare name may mean, the likeliest first.
LOOKED_THROUGH = ("Deployment", "Pod", "StatefulSet", "DaemonSet", "Service", "Job", "CronJob", "Ingress")


REVISIONS_RIGHT = Right(resource="controllerrevisions", verbs=("list",), group="apps")  # not among KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object: its kind, a reference to it, and its JSON. `is_partial`: a picture keeps only some of its fields."""

    kind: Kind
    ref: ResourceRef
    raw: Mapping[str, Any]
    is_partial: bool = False


def finding(kinds: Iterable[str] | None = None, *verbs: str) -> tuple[Right, ...]:
    """What finding objects of these kinds (None: of any) asks for, or what listing them does.

    To find one is to get it, or to list its kind: to look into every namespace, or for the nearest name.
    """
    verbs = verbs or ("get", "list")
    meant = [find_kind(name) for name in (KINDS if kinds is None else dict.fromkeys(kinds))]
    found = rights_on([kind for kind in meant if kind is not None], *verbs)
    anything = (Right(resource=CUSTOM_RESOURCES, verbs=verbs),) if kinds is None else ()
    return (*found, *anything, Right(resource="namespaces", verbs=("get",)))


async def find_object(context: ToolContext, kind_word: str, name: str, namespace: str | None) -> Found:
    """The object of that kind and name (`deploy/web` in either), in a namespace or (None) wherever there is one.

    Without a kind the usual ones are looked through. Raises NotFoundError with the nearest names, UsageError where
    several are meant.
    """
    kind_word, name = split_name(kind_word, name)
    checked_name(name)
    words = (kind_word,) if kind_word else LOOKED_THROUGH
    kinds = [await kind_of(context, word) for word in words]
    for kind in kinds:
        found = await _find(context, kind, name, namespace)
        if found is not None:
            return found
    raise await _not_found(context, kinds[0] if kind_word else None, name, namespace)


async def _find(context: ToolContext, kind: Kind, name: str, namespace: str | None) -> Found | None:
    if isinstance(context.source, Snapshot):
        return _in_picture(context.source, kind, name, namespace)
    if namespace is None and kind.is_namespaced:
        return await _anywhere(context.source, kind, name)
    raw = await _get(context.source, kind, name, namespace)
    return _found(context.source.context, kind, raw) if raw is not None else None


async def _get(cluster: Cluster, kind: Kind, name: str, namespace: str | None) -> Mapping[str, Any] | None:
    for version in kind.versions:
        place = checked_name(namespace) if namespace is not None else None
        path = f"{list_path(kind, version, place)}/{name}"
        try:
            raw: Mapping[str, Any] = await cluster.get_json(path)
        except ApiError as error:
            if error.status != 404:
                raise
        else:
            return raw
    return None


async def _anywhere(cluster: Cluster, kind: Kind, name: str) -> Found | None:
    items = await list_objects(cluster, kind, None, {"fieldSelector": f"metadata.name={name}"})
    if len(items) > 1:
        places = ", ".join(sorted(str(item["metadata"].get("namespace")) for item in items)[:6])
        hint = f"name one of these in `namespace`: {places}"
        raise UsageError(f"{kind.name} {name} exists in several namespaces", hint=hint)
    return _found(cluster.context, kind, items[0]) if items else None


def _found(cluster: str, kind: Kind, raw: Mapping[str, Any]) -> Found:
    metadata = raw.get("metadata") or {}
    ref = ResourceRef(
        cluster=cluster,
        kind=kind.name,
        namespace=metadata.get("namespace", ""),
        name=metadata.get("name", ""),
        uid=metadata.get("uid", ""),
    )
    return Found(kind=kind, ref=ref, raw=_masked(kind, {**_type_of(kind), **raw}))


def _type_of(kind: Kind) -> dict[str, str]:
    group_version = f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0]
    return {"apiVersion": group_version, "kind": kind.name.partition(".")[0]}


def _in_picture(snapshot: Snapshot, kind: Kind, name: str, namespace: str | None) -> Found | None:
    items = [
        item
        for item in snapshot.objects.get(kind.name, ())
        if item.name == name and (not item.namespace or namespace in (None, item.namespace))
    ]
    if len(items) > 1:
        places = ", ".join(sorted(item.namespace for item in items)[:6])
        hint = f"name one of these in `namespace`: {places}"
        raise UsageError(f"{kind.name} {name} exists in several namespaces", hint=hint)
    if not items:
        return None
    raw = {**_type_of(kind), **msgspec.json.decode(msgspec.json.encode(items[0]))}
    return Found(kind=kind, ref=snapshot.ref(items[0]), raw=_masked(kind, raw), is_partial=True)


def _masked(kind: Kind, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without credentials; of a Secret the size of each value is told, and no value (see `pruning`)."""
    return raw if kind.name == "Secret" else masked_in_run(raw)


async def list_objects(
    cluster: Cluster, kind: Kind, namespace: str | None, params: Mapping[str, str | int] | None = None
) -> list[Mapping[str, Any]]:
    """The objects of a kind as JSON. Raises ClusterError and its kin."""
    document = await list_document(cluster, kind, namespace, params)
    return document.get("items") or []


async def list_document(
    cluster: Cluster,
    kind: Kind,
    namespace: str | None,
    params: Mapping[str, str | int] | None = None,
    *,
    accept: str = "application/json",
) -> Any:
    """The server's answer to a list of a kind, in the first version that it serves. Raises ClusterError and its kin."""
    place = checked_name(namespace) if namespace is not None else None
    for version in kind.versions[:-1]:
        try:
            return await cluster.get_json(list_path(kind, version, place), params, accept=accept)
        except ApiError as error:
            if error.status != 404:
                raise
    return await cluster.get_json(list_path(kind, kind.versions[-1], place), params, accept=accept)


async def names_of(context: ToolContext, kind: Kind, namespace: str | None) -> list[str]:
    """The names of objects of a kind, as many as are worth comparing."""
    if isinstance(context.source, Snapshot):
        items = context.source.objects.get(kind.name, ())
        return [item.name for item in items if namespace is None or item.namespace in ("", namespace)]
    found = await list_objects(context.source, kind, namespace, {"limit": NAMES_COMPARED})
    return [str(item["metadata"]["name"]) for item in found]


async def _not_found(context: ToolContext, kind: Kind | None, name: str, namespace: str | None) -> NotFoundError:
    if kind is None or kind.is_namespaced:
        await require_namespace(context, namespace)
    place = f"in namespace {namespace}" if namespace is not None else f"in {cluster_name(context) or 'the cluster'}"
    if isinstance(context.source, Snapshot):
        await picture(context, namespace)
        gap = next((gap for gap in context.source.gaps if kind is not None and gap.kind == kind.name), None)
        if gap is not None:
            return NotFoundError(f"cannot look for {kind.name if kind else ''} {name}: {gap.what}: {gap.why}")
    if kind is None:
        hint = "say which kind it is, as in deploy/web; list_resources shows names"
        return NotFoundError(f"there is no workload or Service {excerpt(name, 80)!r} {place}", hint=hint)
    names = await names_of(context, kind, namespace)
    where = place if kind.is_namespaced else "in the cluster"
    return NotFoundError(
        f"there is no {kind.name} {excerpt(name, 80)!r} {where}", hint=nearest(name, names, of=kind.plural)
    )
