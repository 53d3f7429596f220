"""Events of a namespace or of one object, newest first, equal ones together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.toolkit.happenings import said_by_events
from kubeagentix.toolkit.kinds import KIND
from kubeagentix.toolkit.objects import find_object, finding
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, now_of, picture
from kubeagentix.toolkit.statuses import evidence_in
from kubeagentix.toolkit.wording import count_of

SHORT_LINES = 20


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """A line per thing that happened."""
    namespace = namespace_of(arguments, context)
    if arguments.get("name"):
        found = await find_object(context, arguments.get("kind", ""), arguments["name"], namespace)
        place = found.ref.namespace or "default"  # where events about cluster-scoped objects are kept
        snapshot = await picture(context, place, (Event.kind,))
        events = snapshot.events_for(found.ref)
        about = str(found.ref)
    else:
        snapshot = await picture(context, namespace, (Event.kind,))
        events = snapshot.all(Event) if namespace is None else snapshot.in_namespace(Event, namespace)
        about = f"namespace {namespace}" if namespace is not None else "all namespaces"
    wanted = [event for event in events if arguments["type"] in ("all", event.type)]
    lines = said_by_events(snapshot, wanted, now_of(context), with_object=not arguments.get("name"))
    shown = lines[: arguments["limit"]]
    if not shown:
        gap = next((item for item in snapshot.gaps if item.kind == Event.kind), None)
        kept = "the cluster keeps events for an hour or so"
        return ToolOutput(text=f"{gap.what}: {gap.why}" if gap else f"no events of {about}; {kept}", data=[])
    more = f"\n({count_of(len(lines) - len(shown), 'older line')} left out)" if len(lines) > len(shown) else ""
    evidence = evidence_in(shown)
    data = [
        {"id": item.id, "object": str(item.ref), "reason": item.locator, "message": item.excerpt} for item in evidence
    ]
    return ToolOutput(
        text="\n".join(str(line) for line in shown) + more,
        short="\n".join(str(line) for line in shown[:SHORT_LINES]),
        evidence=evidence,
        data=data,
    )


plugin = ToolPlugin(
    spec=ToolSpec(
        name="get_events",
        description=(
            "Shows Kubernetes events, newest first, of one object (give kind and name) or of a whole namespace. "
            "Warnings say why pods are not scheduled, mounted, pulled, started or ready."
        ),
        parameters={
            "type": "object",
            "properties": {
                "namespace": NAMESPACE,
                "kind": KIND,
                "name": {"type": "string", "description": "One object's name, or kind/name such as pod/web-0."},
                "type": {
                    "type": "string",
                    "enum": ["all", "Warning", "Normal"],
                    "default": "all",
                    "description": "Only events of that type.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 500,
                    "default": 60,
                    "description": "How many lines at most.",
                },
            },
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=(*finding(), *rights((Event.kind,))),
)
