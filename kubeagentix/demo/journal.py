"""Events as the components of a control plane write them: one per message, counted, gone an hour after the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from kubeagentix.demo.store import Manifest
from kubeagentix.demo.world import World, digest, moment, stamp

EVENT_TTL = timedelta(hours=1)  # kube-apiserver's --event-ttl
SCHEDULER = "default-scheduler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What an event says. `first` and `last` bound the `count` times it was seen."""

    reason: str
    message: str
    component: str
    first: datetime
    last: datetime | None = None
    count: int = 1
    type: Literal["Normal", "Warning"] = "Normal"
    host: str = ""
    field_path: str = ""


def record(world: World, about: Mapping[str, Any], note: Note) -> None:
    """Write an event about an object; adds to the one of the same words, if it is there. Expired ones are not kept."""
    metadata = about["metadata"]
    last = min(note.last or note.first, world.now)
    if last < world.now - EVENT_TTL:
        return
    suffix = digest("/".join((metadata["uid"], note.reason, note.message, note.field_path)))[:16]
    name, namespace = f"{metadata['name']}.{suffix}", metadata.get("namespace") or "default"
    before = world.find("Event", namespace, name)
    first = moment(before["metadata"]["creationTimestamp"]) if before else min(note.first, last)
    count = note.count + _times(before)
    event: Manifest = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": stamp(first)},
        "involvedObject": _reference(about, note.field_path),
        "reason": note.reason,
        "message": note.message,
        "type": note.type,
        "reportingComponent": note.component,
        "reportingInstance": note.host,
    }
    if note.component == SCHEDULER:
        event |= _new_style_times(first, last, count)
    else:
        source = {"component": note.component} | ({"host": note.host} if note.host else {})
        event |= {
            "source": source,
            "count": count,
            "eventTime": None,
            "firstTimestamp": stamp(first),
            "lastTimestamp": stamp(last),
        }
    world.store.put(event)


def _new_style_times(first: datetime, last: datetime, count: int) -> Manifest:
    """The scheduler writes events.k8s.io events, which core/v1 shows with an eventTime and, repeated, a series."""
    times: Manifest = {
        "source": {},
        "action": "Scheduling",
        "eventTime": first.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "firstTimestamp": None,
        "lastTimestamp": None,
        "reportingInstance": f"{SCHEDULER}-cp-1",
    }
    if count > 1:
        times["series"] = {"count": count, "lastObservedTime": last.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    return times


def _times(before: Manifest | None) -> int:
    if before is None:
        return 0
    return int(before.get("count") or (before.get("series") or {}).get("count") or 1)


def _reference(about: Mapping[str, Any], field_path: str) -> Manifest:
    metadata = about["metadata"]
    reference = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    if metadata.get("namespace"):
        reference["namespace"] = metadata["namespace"]
    if field_path:
        reference["fieldPath"] = field_path
    return reference
