"""Applies a manifest by server-side apply: what is there is changed, what is not is created, object by object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.manifests import objects_in
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.errors import ApiError, UsageError, excerpt
from kubeagentix.toolkit.changing import APPLY, WHAT, changing, write_tool
from kubeagentix.toolkit.kinds import kind_of
from kubeagentix.toolkit.places import checked_name, live, one_namespace


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One apply per object, in the order of the manifest."""
    cluster = live(context, "applying a manifest")
    return [await _change(cluster, item, arguments, context) for item in objects_in(arguments["manifest"])]


async def _change(
    cluster: Cluster, document: Mapping[str, Any], arguments: Mapping[str, Any], context: ToolContext
) -> Change:
    group, _, version = str(document.get("apiVersion") or "").rpartition("/")
    if not version:
        raise UsageError(f"a {excerpt(document['kind'], 60)} of the manifest has no apiVersion")
    kind = await kind_of(context, f"{document['kind']}.{group}" if group else document["kind"])
    metadata = {**document["metadata"]}
    name = checked_name(str(metadata["name"]))
    namespace = ""
    if kind.is_namespaced:
        namespace = checked_name(str(metadata.get("namespace") or one_namespace(arguments, context)))
    path = f"{list_path(kind, checked_name(version), namespace or None)}/{name}"
    uid = await _uid(cluster, path)
    metadata |= {"namespace": namespace} if namespace else {}
    metadata |= {"uid": uid} if uid else {}
    body = {**{key: value for key, value in document.items() if key != "status"}, "metadata": metadata}
    ref = ResourceRef(cluster=cluster.context, kind=kind.name, namespace=namespace, name=name, uid=uid)
    is_forced = arguments["force"]
    return Change(
        ref=ref,
        verb="patch",
        path=path,
        resource=kind.plural,
        group=kind.group,
        body=json.dumps(body),
        media_type=APPLY,
        params=(("force", "true"),) if is_forced else (),
        summary=f"{'apply' if uid else 'create'} {ref}{', taking over fields of others' if is_forced else ''}",
    )


async def _uid(cluster: Cluster, path: str) -> str:
    try:
        return str((await cluster.get_json(path))["metadata"]["uid"])
    except ApiError as error:
        if error.status == 404:
            return ""
        raise


plugin = write_tool(
    "apply_manifest",
    "Applies a manifest (YAML, one or more objects) by server-side apply: creates what is not there, changes what is. "
    "The user is asked about each object. Secrets and RBAC are not changed.",
    {
        "manifest": {"type": "string", "description": "The manifest, as for kubectl apply -f."},
        "namespace": WHAT["namespace"],
        "force": {
            "type": "boolean",
            "default": False,
            "description": "true: takes over fields that others manage, after a conflict that names them.",
        },
    },
    ("manifest",),
    prepare,
    rights=changing(None, "get", "patch", "create"),
)
