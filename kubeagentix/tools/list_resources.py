"""A table of the objects of one kind, with kubectl's columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.label_selectors import parse_label_selector
from kubeagentix.domain.resources import Kind
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import UsageError
from kubeagentix.toolkit.columns import Listing, list_live, list_picture
from kubeagentix.toolkit.kinds import KIND, kind_of
from kubeagentix.toolkit.objects import finding
from kubeagentix.toolkit.places import NAMESPACE, cluster_name, namespace_of, picture, require_namespace
from kubeagentix.toolkit.statuses import Said, evidence_in

MAX_CITED = 40
_AGO = re.compile(r" \([^)]* ago\)")  # in the RESTARTS column


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """The table, and what of it is not in order as lines to cite."""
    kind = await kind_of(context, arguments["kind"].partition("/")[0])
    namespace = namespace_of(arguments, context) if kind.is_namespaced else None
    listing = await _listing(context, kind, namespace, arguments)
    if not listing.rows:
        await require_namespace(context, namespace)
        place = f" in namespace {namespace}" if namespace is not None else ""
        selected = " that match" if arguments["label_selector"] or arguments["field_selector"] else ""
        return ToolOutput(text=f"there are no {kind.plural}{place}{selected}", data=[])
    notes = _notes(context, kind, listing)
    more = f"\n(the first {len(listing.rows)} are shown; narrow it down, or raise limit)" if listing.is_cut else ""
    tail = "".join(f"\n{line}" for line in notes)
    header = [title.lower() for title in listing.header]
    return ToolOutput(
        text=f"{listing.text}{more}{tail}",
        short=f"{listing.summary(kind.name)}{more}{tail}",
        evidence=evidence_in(notes),
        data=[dict(zip(header, row, strict=True)) for row in listing.rows],
    )


async def _listing(context: ToolContext, kind: Kind, namespace: str | None, arguments: Mapping[str, Any]) -> Listing:
    labels, fields = arguments["label_selector"], arguments["field_selector"]
    if isinstance(context.source, Cluster):
        params: dict[str, str | int] = {"limit": arguments["limit"]}
        params |= {"labelSelector": labels} if labels else {}
        params |= {"fieldSelector": fields} if fields else {}
        return await list_live(context.source, kind, namespace, params, is_wide=arguments["wide"])
    if fields:
        raise UsageError("field_selector needs a live cluster, and this is a saved snapshot", hint="leave it out")
    selector = parse_label_selector(labels)
    snapshot = await picture(context, namespace)
    return list_picture(
        snapshot, kind, namespace, lambda item: selector.matches(item.metadata.labels), arguments["limit"]
    )


def _notes(context: ToolContext, kind: Kind, listing: Listing) -> list[Said]:
    """A line for each object whose row tells of trouble."""
    found: list[Said] = []
    for row, (namespace, name) in zip(listing.rows, listing.places, strict=True):
        if listing.is_fine(row) or len(found) == MAX_CITED:
            continue
        ref = ResourceRef(cluster=cluster_name(context), kind=kind.name, namespace=namespace, name=name)
        cells = dict(zip(listing.header, row, strict=True))
        told = [f"{key.lower()} {_AGO.sub('', cells[key])}" for key in _TOLD if cells.get(key)]
        said = f"{ref}: {', '.join(told)}"
        found.append(Said(text=said, evidence=Evidence.of(ref, "status", said, locator="status")))
    return found


_TOLD = ("STATUS", "PHASE", "READY", "COMPLETIONS", "RESTARTS")

plugin = ToolPlugin(
    spec=ToolSpec(
        name="list_resources",
        description=(
            "Lists the objects of one kind as a table like `kubectl get`, in one namespace or in all. Works for every "
            "kind, custom ones too."
        ),
        parameters={
            "type": "object",
            "properties": {
                "kind": KIND,
                "namespace": NAMESPACE,
                "label_selector": {
                    "type": "string",
                    "default": "",
                    "description": "Only objects with these labels, such as app=web,tier!=db.",
                },
                "field_selector": {
                    "type": "string",
                    "default": "",
                    "description": "Only objects with these fields, such as spec.nodeName=worker-1.",
                },
                "wide": {"type": "boolean", "default": False, "description": "More columns, such as a pod's node."},
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000,
                    "default": 200,
                    "description": "How many objects at most.",
                },
            },
            "required": ["kind"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=finding(None, "list"),
)
