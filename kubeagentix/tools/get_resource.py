"""One object as YAML, without bookkeeping; a Secret's values are sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.toolkit.kinds import KIND
from kubeagentix.toolkit.objects import find_object, finding
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, now_of
from kubeagentix.toolkit.pruning import pruned, without_defaults
from kubeagentix.toolkit.statuses import evidence_in, said_by_status
from kubeagentix.toolkit.wording import yaml_text


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """The YAML, and what of its status can be cited."""
    found = await find_object(context, arguments.get("kind", ""), arguments["name"], namespace_of(arguments, context))
    obj = pruned(found.raw)
    status = [line for line in said_by_status(found.ref, obj, now_of(context)) if line.evidence is not None]
    notes = ["# a saved snapshot: only the fields that it keeps"] if found.is_partial else []
    notes += [f"# {line}" for line in status]
    tail = "".join(f"\n{note}" for note in notes)
    return ToolOutput(
        text=yaml_text(obj) + tail,
        short=yaml_text(without_defaults(obj)) + tail,
        evidence=evidence_in(status),
        data=obj,
    )


plugin = ToolPlugin(
    spec=ToolSpec(
        name="get_resource",
        description=(
            "Shows one object of any kind as YAML, without managedFields and the like. Secret values are never shown, "
            "only their sizes. describe_resource is shorter and adds events and relations."
        ),
        parameters={
            "type": "object",
            "properties": {
                "kind": KIND,
                "name": {"type": "string", "description": "The object's name, or kind/name such as deploy/web."},
                "namespace": NAMESPACE,
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=finding(),
)
