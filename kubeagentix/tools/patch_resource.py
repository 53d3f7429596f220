"""Patches one object of any kind: strategically, by merge, or by JSON patch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import Change
from kubeagentix.domain.extensions import CustomResource
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.toolkit.changing import JSON_PATCH, MERGE, STRATEGIC, WHAT, changing, meant, patch_of, write_tool

_TYPES = {"strategic": STRATEGIC, "merge": MERGE, "json": JSON_PATCH}
MAX_CHARS = 100_000  # of a patch


async def prepare(arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Change]:
    """One patch."""
    kind = arguments["type"]
    patch = _parsed(arguments["patch"], list if kind == "json" else dict)
    found = await meant(arguments, context)
    if kind == "strategic" and issubclass(found.kind.type, CustomResource):
        kind = "merge"  # an API server knows no other way with kinds that are defined at run time
    summary = f"patch {found.ref} ({kind})"
    return [patch_of(found, patch, summary, media_type=_TYPES[kind])]


def _parsed(text: str, shape: type) -> Any:
    wanted = "a list of operations" if shape is list else "an object"
    if len(text) > MAX_CHARS:
        raise UsageError(f"the patch is longer than {MAX_CHARS:,} characters", hint="make several of it")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the patch is no JSON: {excerpt(str(error), 120)}", hint=f"it is {wanted}") from error
    if not isinstance(found, shape) or not found:
        raise UsageError(f"the patch is not {wanted}", hint='as in {"spec":{"paused":true}}; type=json takes a list')
    return found


plugin = write_tool(
    "patch_resource",
    "Patches one object of any kind: an image, resources, environment, labels, a Service's selector and so on. The "
    "user is asked first. Secrets and RBAC are not changed. Leave masked values as they are.",
    {
        **WHAT,
        "patch": {
            "type": "string",
            "description": 'The patch as JSON, such as {"spec":{"template":{"spec":{"containers":[…]}}}}.',
        },
        "type": {
            "type": "string",
            "enum": list(_TYPES),
            "default": "strategic",
            "description": "strategic merges lists by name; merge replaces them; json takes a list of operations.",
        },
    },
    ("name", "patch"),
    prepare,
    rights=changing(None, "patch"),
)
