"""Keeps new pods from a node, or lets them on it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.rights import rights_on
from kubeagentix.toolkit.changing import meant, patch_of, write_tool
from kubeagentix.toolkit.objects import finding


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One patch of the node."""
    found = await meant({"kind": "node", "name": arguments["node"].removeprefix("node/")}, context)
    schedulable = arguments["schedulable"]
    summary = f"{'uncordon' if schedulable else 'cordon'} {found.ref}"
    return [patch_of(found, {"spec": {"unschedulable": None if schedulable else True}}, summary)]


plugin = write_tool(
    "cordon_node",
    "Marks a node as one that takes no new pods (cordon), or as one that does again (uncordon). Pods that run on it "
    "stay. The user is asked first.",
    {
        "node": {"type": "string", "description": "The node's name."},
        "schedulable": {
            "type": "boolean",
            "default": False,
            "description": "true: it takes new pods again; false: it takes none.",
        },
    },
    ("node",),
    prepare,
    rights=(*finding(("Node",)), *rights_on((KINDS["Node"],), "patch")),
)
