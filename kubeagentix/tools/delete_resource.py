"""Deletes one object, by name and uid; never several at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.toolkit.changing import WHAT, changing, meant, path_of, write_tool

_PROPAGATION = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One deletion, of exactly the object that is there now."""
    found = await meant(arguments, context)
    dependents = arguments["dependents"]
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": found.ref.uid},
        "propagationPolicy": _PROPAGATION[dependents],
    }
    kept = ", but not what it owns" if dependents == "orphan" else ", with what it owns"
    change = Change(
        ref=found.ref,
        verb="delete",
        path=path_of(found.kind, found.raw, found.ref),
        resource=found.kind.plural,
        group=found.kind.group,
        body=json.dumps(options),
        summary=f"delete {found.ref}{kept}",
    )
    return [change]


plugin = write_tool(
    "delete_resource",
    "Deletes one object of any kind, such as a pod that its controller will replace. The user is asked each time.",
    {
        **WHAT,
        "dependents": {
            "type": "string",
            "enum": list(_PROPAGATION),
            "default": "background",
            "description": "What becomes of objects that it owns: deleted after it, deleted before it, or kept.",
        },
    },
    ("name",),
    prepare,
    rights=changing(None, "delete"),
)
