"""The revisions of a workload, newest first, with what changed from one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.rights import rights_on
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.domain.workloads import ReplicaSet
from kubeagentix.errors import UsageError
from kubeagentix.report.text import clean_line
from kubeagentix.toolkit.differences import differences
from kubeagentix.toolkit.kinds import KIND, kind_of
from kubeagentix.toolkit.objects import LOOKED_THROUGH, REVISIONS_RIGHT, Found, find_object, finding, list_objects
from kubeagentix.toolkit.places import NAMESPACE, live, namespace_of, now_of
from kubeagentix.toolkit.pruning import pruned, without_defaults
from kubeagentix.toolkit.statuses import Said, evidence_in
from kubeagentix.toolkit.wording import age, parse_time

_REVISION = "deployment.kubernetes.io/revision"
_CAUSE = "kubernetes.io/change-cause"
_HASHES = ("pod-template-hash", "controller-revision-hash")
MAX_CHANGES = 20
MAX_REVISIONS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revision:
    """One revision: its number, when it was made, its pods, its pod template."""

    number: int
    ref: ResourceRef
    made_at: str
    template: Mapping[str, Any]
    pods: str = ""
    cause: str = ""


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """A line per revision, and one per change."""
    namespace = namespace_of(arguments, context)
    found = await find_object(context, arguments.get("kind", ""), arguments["name"], namespace)
    if found.ref.kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        hint = "name a Deployment, StatefulSet or DaemonSet, as in deploy/web"
        raise UsageError(f"{found.ref} has no revisions", hint=hint)
    revisions = sorted(await _revisions(context, found), key=lambda item: -item.number)
    if not revisions:
        return ToolOutput(text=f"{found.ref} has no revisions yet", data=[])
    now = now_of(context)
    lines: list[Said] = []
    for place, item in enumerate(revisions[:MAX_REVISIONS]):
        before = revisions[place + 1] if place + 1 < len(revisions) else None
        lines += _lines(found.ref, item, before, age(item.made_at, now))
    left = len(revisions) - MAX_REVISIONS
    more = [f"({left} older ones)"] if left > 0 else []
    return ToolOutput(
        text="\n".join([f"{found.ref}, revisions newest first:", *(str(line) for line in lines), *more]),
        evidence=evidence_in(lines),
        data=[{"revision": item.number, "made_at": item.made_at, "pods": item.pods} for item in revisions],
    )


async def _revisions(context: ToolContext, found: Found) -> list[_Revision]:
    if found.ref.kind == "Deployment" and isinstance(context.source, Snapshot):
        return [_of_replica_set(found, raw) for raw in _owned_in_picture(context.source, found.ref)]
    what = f"the revisions of {found.ref}"
    word, make = (
        ("replicasets", _of_replica_set) if found.ref.kind == "Deployment" else ("controllerrevisions", _of_revision)
    )
    kind = await kind_of(context, word) if not isinstance(context.source, Snapshot) else None
    cluster = live(context, what)
    assert kind is not None
    items = await list_objects(cluster, kind, found.ref.namespace)
    return [make(found, item) for item in items if _is_owned(item, found.ref.uid)]


def _owned_in_picture(snapshot: Snapshot, ref: ResourceRef) -> Iterator[Mapping[str, Any]]:
    import msgspec  # noqa: PLC0415  only for saved pictures

    for item in snapshot.children(ReplicaSet, ref):
        yield msgspec.json.decode(msgspec.json.encode(item))


def _is_owned(item: Mapping[str, Any], uid: str) -> bool:
    owners = (item.get("metadata") or {}).get("ownerReferences") or ()
    return any(owner.get("uid") == uid for owner in owners)


def _of_replica_set(found: Found, raw: Mapping[str, Any]) -> _Revision:
    metadata, spec, status = raw.get("metadata") or {}, raw.get("spec") or {}, raw.get("status") or {}
    annotations = metadata.get("annotations") or {}
    ready, wanted = status.get("readyReplicas", 0), spec.get("replicas", 1)
    number = str(annotations.get(_REVISION, "0"))
    return _Revision(
        number=int(number) if number.isdigit() else 0,
        ref=ResourceRef(
            cluster=found.ref.cluster,
            kind=ReplicaSet.kind,
            namespace=found.ref.namespace,
            name=metadata.get("name", ""),
        ),
        made_at=str(metadata.get("creationTimestamp") or ""),
        template=spec.get("template") or {},
        pods=f"{ready}/{wanted} ready" if wanted or status.get("replicas") else "no pods",
        cause=str(annotations.get(_CAUSE, "")),
    )


def _of_revision(found: Found, raw: Mapping[str, Any]) -> _Revision:
    metadata = raw.get("metadata") or {}
    spec = (raw.get("data") or {}).get("spec") or {}
    return _Revision(
        number=int(raw.get("revision") or 0),
        ref=ResourceRef(
            cluster=found.ref.cluster,
            kind="ControllerRevision",
            namespace=found.ref.namespace,
            name=metadata.get("name", ""),
        ),
        made_at=str(metadata.get("creationTimestamp") or ""),
        template=spec.get("template") or {},
        cause=str((metadata.get("annotations") or {}).get(_CAUSE, "")),
    )


def _lines(workload: ResourceRef, item: _Revision, before: _Revision | None, made: str) -> Iterator[Said]:
    images = ", ".join(_images(item.template))
    parts = [
        f"made {made} ago" if made else "",
        item.pods,
        f"images {images}",
        f"cause: {item.cause}" if item.cause else "",
    ]
    yield Said(text=f"revision {item.number} ({item.ref.name}): {', '.join(filter(None, parts))}")
    if before is None:
        return
    changes = list(differences(_comparable(before.template), _comparable(item.template)))
    for path, old, new in changes[:MAX_CHANGES]:
        said = f"{path}: {_value(old)} → {_value(new)}"
        evidence = Evidence.of(
            workload,
            "spec",
            f"revision {item.number} changed {said}",
            locator=f"metadata.annotations[{_REVISION}]",
            observed_at=parse_time(item.made_at),
        )
        yield Said(text=f"  {said}", evidence=evidence)
    if len(changes) > MAX_CHANGES:
        yield Said(text=f"  ({len(changes) - MAX_CHANGES} more changes)")
    if not changes:
        yield Said(text="  (no change of the pod template is seen)")


def _images(template: Mapping[str, Any]) -> list[str]:
    spec = template.get("spec") or {}
    return [str(item.get("image")) for item in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))]


def _comparable(template: Mapping[str, Any]) -> dict[str, Any]:
    tidy: dict[str, Any] = without_defaults(pruned(template))
    labels = (tidy.get("metadata") or {}).get("labels")
    if isinstance(labels, dict):
        tidy["metadata"]["labels"] = {key: value for key, value in labels.items() if key not in _HASHES}
    return tidy


def _value(value: Any) -> str:
    return "(not set)" if value is None else clean_line(str(value), 200)


plugin = ToolPlugin(
    spec=ToolSpec(
        name="rollout_history",
        description=(
            "Shows the revisions of a Deployment, StatefulSet or DaemonSet, newest first, and what each changed in the "
            "pod template: images, environment, probes, resources. Most failures follow a change."
        ),
        parameters={
            "type": "object",
            "properties": {
                "kind": KIND,
                "name": {"type": "string", "description": "The workload's name, or kind/name such as deploy/web."},
                "namespace": NAMESPACE,
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=(*finding(LOOKED_THROUGH), *rights_on((KINDS[ReplicaSet.kind],), "list"), REVISIONS_RIGHT),
)
