"""One object in short: what is set in it, what its status says, what it belongs to and needs, and its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.toolkit.columns import pod_ready, pod_state, restarts_of
from kubeagentix.toolkit.happenings import said_by_events
from kubeagentix.toolkit.kinds import KIND
from kubeagentix.toolkit.objects import Found, find_object, finding
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, not_read, now_of, picture
from kubeagentix.toolkit.pruning import pruned, without_defaults
from kubeagentix.toolkit.relations import relations
from kubeagentix.toolkit.statuses import Said, evidence_in, said_by_status
from kubeagentix.toolkit.wording import age, count_of, yaml_text

PODS_SHOWN = 10
EVENTS_SHOWN = 15
NORMAL_BESIDE_WARNINGS = 3
# What of the whole cluster has a part in an object that is in no namespace.
_NEEDED = {
    "Node": ("Node", "Pod"),
    "PersistentVolume": ("PersistentVolume", "PersistentVolumeClaim", "Pod", "StorageClass"),
    "StorageClass": ("PersistentVolumeClaim", "StorageClass"),
}
_WITHOUT_NAMESPACE = "default"  # where events about what is in no namespace are kept
_TOLD_APART = ("apiVersion", "kind", "metadata", "status")


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """The object's parts, one after the other."""
    found = await find_object(context, arguments.get("kind", ""), arguments["name"], namespace_of(arguments, context))
    snapshot, around = await _pictures(context, found)
    now = now_of(context)
    obj = without_defaults(pruned(found.raw))
    status = said_by_status(found.ref, obj, now)
    pods = _pods(around, found.ref)
    events = _kept(said_by_events(snapshot, _events(snapshot, found.ref, around), now, with_object=bool(pods)))
    related = relations(around, found.ref, without=("manages", "runs") if pods else ())
    head = _head(found, obj, age((found.raw.get("metadata") or {}).get("creationTimestamp"), now))
    spec = yaml_text({key: value for key, value in obj.items() if key not in _TOLD_APART and value != {}})
    tail = [
        *_section("status", status),
        *_section("pods", pods),
        *_section("relations", related),
        *not_read(around),
        *_section("events", events or (["none"] if status else [])),
    ]
    return ToolOutput(
        text="\n".join([*head, *([spec] if spec != "{}" else []), *tail]),
        short="\n".join([*head, *tail]),
        evidence=evidence_in([*status, *pods, *events]),
        data={"object": obj, "relations": related, "events": [str(line) for line in events]},
    )


async def _pictures(context: ToolContext, found: Found) -> tuple[Snapshot, Snapshot]:
    """(where the object's events are, where what it is related to is)."""
    if found.ref.namespace:
        snapshot = await picture(context, found.ref.namespace)
        return snapshot, snapshot
    around = await picture(context, None, _NEEDED.get(found.kind.name, (found.kind.name,)))
    return await _events_without_namespace(context, around), around


async def _events_without_namespace(context: ToolContext, around: Snapshot) -> Snapshot:
    if isinstance(context.source, Snapshot):
        return around
    return await picture(context, _WITHOUT_NAMESPACE, ("Event",))


def _head(found: Found, obj: Mapping[str, Any], made: str) -> list[str]:
    metadata = obj.get("metadata") or {}
    lines = [f"{found.ref}{f', made {made} ago' if made else ''}"]
    if found.is_partial:
        lines.append("(from a saved snapshot: only the fields that it keeps)")
    for field in ("labels", "annotations", "finalizers", "deletionTimestamp"):
        value = metadata.get(field)
        if isinstance(value, Mapping):
            value = ", ".join(f"{key}={text}" for key, text in value.items())
        if value:
            lines.append(f"{field}: {', '.join(value) if isinstance(value, list) else value}")
    return lines


def _section(title: str, lines: Iterable[Said | str]) -> list[str]:
    shown = [f"- {line}" for line in lines]
    return [f"{title}:", *shown] if shown else []


def _pods(snapshot: Snapshot, ref: ResourceRef) -> list[Said]:
    """The pods of a workload or on a node, those in trouble first."""
    if ref.kind == "Node":
        pods = [pod for pod in snapshot.all(Pod) if pod.spec.node_name == ref.name]
    else:
        pods = [pod for pod in snapshot.pods_of(ref) if snapshot.ref(pod) != ref]
    pods = [pod for pod in pods if not pod.is_finished or pod.status.phase == "Failed"]
    pods.sort(key=lambda pod: (pod.is_ready, -restarts_of(pod), pod.name))
    lines = [_pod_line(snapshot, ref, pod) for pod in pods[:PODS_SHOWN]]
    left = len(pods) - len(lines)
    return [*lines, Said(text=f"({count_of(left, 'more pod')})")] if left > 0 else lines


def _pod_line(snapshot: Snapshot, ref: ResourceRef, pod: Pod) -> Said:
    place = f"{pod.namespace}/" if pod.namespace != ref.namespace else ""
    said = f"{pod_state(pod)}, ready {pod_ready(pod)}, restarts {restarts_of(pod)}"
    on = f", on {pod.spec.node_name}" if pod.spec.node_name and ref.kind != "Node" else ""
    own = snapshot.ref(pod)
    evidence = Evidence.of(own, "status", f"{own}: {said}", locator="status") if not pod.is_ready else None
    return Said(text=f"{place}{pod.name}: {said}{on}", evidence=evidence)


def _events(snapshot: Snapshot, ref: ResourceRef, around: Snapshot) -> Iterable[Any]:
    """The events about an object, and about what it controls."""
    own = [ref, *(around.ref(item) for item in around.owned.get(ref.key, ()))]
    own += [around.ref(pod) for pod in around.pods_of(ref)]
    return [event for one in dict.fromkeys(own) for event in snapshot.events_for(one)]


def _kept(events: list[Said]) -> list[Said]:
    """The newest warnings, and fewer of what happens to every pod."""
    normal = [line for line in events if line.text.startswith("Normal ")]
    warnings = len(events) - len(normal)
    dropped = set(normal[NORMAL_BESIDE_WARNINGS:]) if warnings else set()
    return [line for line in events if line not in dropped][:EVENTS_SHOWN]


plugin = ToolPlugin(
    spec=ToolSpec(
        name="describe_resource",
        description=(
            "Describes one object of any kind: its settings, status and conditions, its pods, what it needs and what "
            "needs it, and the events of it and its pods. Start here to find out why something does not work."
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
    rights=(*finding(), *rights()),
)
