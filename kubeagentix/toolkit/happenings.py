"""Events as lines: newest first, equal ones together, each to be cited."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.analysis.log_folding import template_of
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.redaction import masked_in_run
from kubeagentix.report.text import clean_line
from kubeagentix.toolkit.statuses import Said
from kubeagentix.toolkit.wording import age

MESSAGE_MAX_CHARS = 500
_UID = re.compile(r"_[a-z0-9-]+\([0-9a-f]{8}-[0-9a-f-]{27}\)")  # what a kubelet puts after a pod's name


@dataclass(slots=True, kw_only=True)
class _Group:
    event: Event  # the newest
    count: int
    objects: set[str]


def said_by_events(snapshot: Snapshot, events: Iterable[Event], now: datetime, *, with_object: bool) -> list[Said]:
    """One line per thing that happened, newest first: what was said alike of one kind's objects is one line."""
    groups: dict[tuple[str, ...], _Group] = {}
    for event in sorted(events, key=_seen, reverse=True):
        about = event.involved_object
        who = "" if with_object else about.name
        key = (
            event.type,
            event.reason,
            about.namespace,
            about.kind,
            who,
            template_of(_message(event).replace(about.name, "")),
        )
        group = groups.setdefault(key, _Group(event=event, count=0, objects=set()))
        group.count += event.times
        group.objects.add(about.name)
    return [_line(snapshot, group, now, with_object=with_object) for group in groups.values()]


def _message(event: Event) -> str:
    return clean_line(_UID.sub("", masked_in_run(event.message)), MESSAGE_MAX_CHARS)


def _seen(event: Event) -> float:
    return event.seen_at.timestamp() if event.seen_at else 0.0


def _line(snapshot: Snapshot, group: _Group, now: datetime, *, with_object: bool) -> Said:
    event, about = group.event, group.event.involved_object
    ref = snapshot.named(snapshot.kind_name(about.api_version, about.kind), about.namespace, about.name)
    evidence = event_evidence(ref, event)
    times = f" \u00d7{group.count}" if group.count > 1 else ""
    others = f" and {len(group.objects) - 1} more" if len(group.objects) > 1 else ""
    place = f"{about.namespace}/" if about.namespace else ""
    who = f" {about.kind} {place}{about.name}{others}:" if with_object else ""
    where = f" ({about.field_path})" if about.field_path and not with_object else ""
    when = f", {age(event.seen_at, now)} ago" if event.seen_at else ""
    return Said(text=f"{event.type} {event.reason}{times}{when}:{who} {_message(event)}{where}", evidence=evidence)


def event_evidence(ref: ResourceRef, event: Event) -> Evidence:
    """The evidence that an event is."""
    message = _message(event)
    return Evidence.of(
        ref, "event", f"{event.reason}: {message}", excerpt=message, locator=event.reason, observed_at=event.seen_at
    )
