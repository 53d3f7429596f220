"""What tools that change the cluster share: how they are offered, and requests in the words of the API.

Such a tool only prepares. Its handler, which a caller without an engine would take, changes nothing: it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.kubectl_changes import check_kind
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.changes import Change
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.resources import Kind
from kubeagentix.domain.rights import Right
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import ApprovalError, UsageError
from kubeagentix.toolkit.kinds import KIND
from kubeagentix.toolkit.objects import LOOKED_THROUGH, Found, find_object, finding
from kubeagentix.toolkit.places import live, namespace_of

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
WHAT: Mapping[str, Any] = {
    "kind": KIND,
    "name": {"type": "string", "description": "The object's name, or kind/name such as deploy/web."},
    "namespace": {"type": "string", "description": "Its namespace. Left out: the one the conversation is about."},
}

Prepare = Callable[[Mapping[str, Any], ToolContext], Awaitable[Sequence[Change]]]


def write_tool(
    name: str,
    description: str,
    properties: Mapping[str, Any],
    required: Sequence[str],
    prepare: Prepare,
    *,
    rights: Sequence[Right],
) -> ToolPlugin:
    """A tool that changes the cluster by what `prepare` says, once a person has approved it."""

    async def refuse(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        raise ApprovalError(f"{name} changes the cluster: it runs only where a person can be asked")

    schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
    spec = ToolSpec(name=name, description=description, parameters=schema, effect="write")
    return ToolPlugin(spec=spec, handler=refuse, prepare=prepare, rights=tuple(rights))


def changing(kinds: Iterable[str] | None, *verbs: str, subresource: str = "") -> tuple[Right, ...]:
    """What finding objects of these kinds (None: of any), and doing `verbs` to those that may be changed, asks for.

    One that is named without its kind is looked for among the usual ones.
    """
    named = None if kinds is None else (*LOOKED_THROUGH, *kinds)
    done = [right for right in finding(kinds, *verbs) if right.verbs == verbs and _may_be_changed(right)]
    if subresource:
        done = [replace(right, resource=f"{right.resource}/{subresource}") for right in done]
    return (*finding(named), *done)


def _may_be_changed(right: Right) -> bool:
    """Whether the policy lets a model do that to objects of a kind; else nobody needs the right to it."""
    try:
        check_kind(right.resource, is_delete="delete" in right.verbs)
    except UsageError:
        return False
    return True


async def meant(arguments: Mapping[str, Any], context: ToolContext) -> Found:
    """The one object that the arguments name, as it is in the cluster now. Raises as `find_object`, and UsageError."""
    live(context, "changing something")
    return await find_object(context, arguments.get("kind", ""), arguments["name"], namespace_of(arguments, context))


def require_kind(found: Found, *kinds: str) -> None:
    """Raises UsageError unless the object is of one of these kinds."""
    if found.ref.kind not in kinds:
        raise UsageError(f"{found.ref} is none of {', '.join(kinds)}", hint="name one, as in deploy/web")


def patch_of(
    found: Found,
    patch: Any,
    summary: str,
    *,
    media_type: str = STRATEGIC,
    subresource: str = "",
) -> Change:
    """A patch of this very object: one that has taken its name meanwhile is not met."""
    if media_type == JSON_PATCH:
        patch = [{"op": "test", "path": "/metadata/uid", "value": found.ref.uid}, *patch]
    else:
        patch = {**patch, "metadata": {**(patch.get("metadata") or {}), "uid": found.ref.uid}}
    return Change(
        ref=found.ref,
        verb="patch",
        path=path_of(found.kind, found.raw, found.ref) + (f"/{subresource}" if subresource else ""),
        resource=found.kind.plural,
        group=found.kind.group,
        subresource=subresource,
        body=json.dumps(patch),
        media_type=media_type,
        summary=summary,
    )


def path_of(kind: Kind, raw: Mapping[str, Any], ref: ResourceRef) -> str:
    """Where an object is in the API, in the version that it is written in."""
    version = str(raw.get("apiVersion") or kind.versions[0]).rpartition("/")[2]
    return f"{list_path(kind, version, ref.namespace or None)}/{ref.name}"
