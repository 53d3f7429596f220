"""The events of a picture by their reason: nearly all tell of ordinary starts, so nobody has to go through them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from kubeagentix.domain.nodes import Event
from kubeagentix.domain.snapshot import Snapshot


def events_by_reason(snapshot: Snapshot) -> Mapping[str, Sequence[Event]]:
    """All events by reason, each group in the server's order."""
    return snapshot.derived(_by_reason)


def warnings(snapshot: Snapshot) -> Sequence[Event]:
    """The events that are warnings, in the server's order."""
    return snapshot.derived(_warnings)


def _by_reason(snapshot: Snapshot) -> Mapping[str, Sequence[Event]]:
    groups: dict[str, list[Event]] = defaultdict(list)
    for event in snapshot.all(Event):
        groups[event.reason].append(event)
    return groups


def _warnings(snapshot: Snapshot) -> Sequence[Event]:
    return [event for event in snapshot.all(Event) if event.type == "Warning"]
