"""Sets how many replicas a workload has, through its `scale` subresource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.toolkit.changing import MERGE, WHAT, changing, meant, patch_of, require_kind, write_tool

_KINDS = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One patch of the scale."""
    found = await meant(arguments, context)
    require_kind(found, *_KINDS)
    wanted, now = arguments["replicas"], (found.raw.get("spec") or {}).get("replicas", 1)
    summary = f"scale {found.ref} from {now} to {wanted} replicas"
    return [patch_of(found, {"spec": {"replicas": wanted}}, summary, media_type=MERGE, subresource="scale")]


plugin = write_tool(
    "scale_workload",
    "Sets the number of replicas of a Deployment, StatefulSet, ReplicaSet or ReplicationController. The user is asked "
    "first. An autoscaler of it would set the number back.",
    {
        **WHAT,
        "replicas": {"type": "integer", "minimum": 0, "description": "How many replicas it is to have."},
    },
    ("name", "replicas"),
    prepare,
    rights=changing(_KINDS, "get", "patch", subresource="scale"),
)
