"""Takes a workload back to an earlier revision of its pod template, as `kubectl rollout undo` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.toolkit.changing import JSON_PATCH, WHAT, changing, meant, patch_of, require_kind, write_tool
from kubeagentix.toolkit.kinds import kind_of
from kubeagentix.toolkit.objects import REVISIONS_RIGHT, Found, finding, list_objects
from kubeagentix.toolkit.places import live

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One patch of the pod template. Source: staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go."""
    found = await meant(arguments, context)
    require_kind(found, *_KINDS)
    if (found.raw.get("spec") or {}).get("paused"):
        raise UsageError(f"{found.ref} is paused, so that nothing can be undone", hint="resume it first")
    revisions = await _revisions(context, found)
    number = _wanted(found, revisions, arguments["revision"])
    summary = f"take {found.ref} back to revision {number}"
    raw = revisions[number]
    if found.ref.kind != "Deployment":
        return [patch_of(found, raw.get("data") or {}, summary)]  # a revision is kept as the patch that leads to it
    template = (raw.get("spec") or {}).get("template") or {}
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != _HASH}
    operation = {
        "op": "replace",
        "path": "/spec/template",
        "value": {**template, "metadata": {**metadata, "labels": labels}},
    }
    return [patch_of(found, [operation], summary, media_type=JSON_PATCH)]


async def _revisions(context: ToolContext, found: Found) -> dict[int, Mapping[str, Any]]:
    """What holds each revision, by number."""
    is_deployment = found.ref.kind == "Deployment"
    kind = await kind_of(context, "replicasets" if is_deployment else "controllerrevisions")
    items = await list_objects(live(context, "undoing a rollout"), kind, found.ref.namespace)
    owned = [item for item in items if _is_owned(item, found.ref.uid)]
    return {_number(item, is_deployment=is_deployment): item for item in owned}


def _number(item: Mapping[str, Any], *, is_deployment: bool) -> int:
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    told = str(annotations.get(_REVISION, "") if is_deployment else item.get("revision", ""))
    return int(told) if told.isdigit() else 0


def _is_owned(item: Mapping[str, Any], uid: str) -> bool:
    owners = (item.get("metadata") or {}).get("ownerReferences") or ()
    return any(owner.get("uid") == uid for owner in owners)


def _wanted(found: Found, revisions: Mapping[int, Any], number: int) -> int:
    """The revision that is meant: the one before the last where none is named. Raises NotFoundError."""
    known = sorted(revisions, reverse=True)
    if not number and len(known) > 1:
        return known[1]
    if number in revisions:
        return number
    what = f"{found.ref} has no revision {number}" if number else f"{found.ref} has no earlier revision"
    raise NotFoundError(what, hint=f"there is {', '.join(map(str, known)) or 'none'}; rollout_history tells more")


plugin = write_tool(
    "undo_rollout",
    "Takes a Deployment, StatefulSet or DaemonSet back to an earlier revision of its pod template; rollout_history "
    "shows them. The user is asked first.",
    {
        **WHAT,
        "revision": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "The number of the revision; 0: the one before the current one.",
        },
    },
    ("name",),
    prepare,
    rights=(*changing(_KINDS, "patch"), *finding(("ReplicaSet",), "list"), REVISIONS_RIGHT),
)
