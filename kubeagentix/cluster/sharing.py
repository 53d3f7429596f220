"""Parts that objects of a list have in common are kept once: the replicas of an owner say nearly all of it alike.

Each pod is held against the first one of its owner, part by part, as a whole never matches: a token's volume has a name
of its own in every pod. Equal values cannot be told apart, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import force_setattr

from kubeagentix.domain.meta import Resource
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod

_OF_METADATA = ("labels", "owner_references", "namespace")
_OF_SPEC = ("tolerations", "topology_spread_constraints", "affinity", "security_context", "node_selector")
_OF_CONTAINER = (
    *("env", "resources", "ports", "readiness_probe", "liveness_probe", "startup_probe"),
    *("image", "command", "args", "env_from", "security_context"),
)


class SharedParts:
    """What was seen of a list so far. Its pages come one after another, from whichever thread."""

    def __init__(self) -> None:
        self._first: dict[str, Pod] = {}  # by their owner's uid

    def share(self, items: Sequence[Resource]) -> None:
        """Has these objects, which nobody has seen yet, refer to the same parts where theirs are equal."""
        if not items:
            return
        if isinstance(items[0], Pod):
            for pod in items:
                assert isinstance(pod, Pod)
                owner = pod.controller
                first = self._first.setdefault(owner.uid, pod) if owner is not None else pod
                if first is not pod:
                    _share_pod(pod, first)
        elif isinstance(items[0], Event):
            _share_events(items)


def _share_pod(pod: Pod, first: Pod) -> None:
    _share(pod.metadata, first.metadata, _OF_METADATA)
    _share(pod.spec, first.spec, _OF_SPEC)
    for container, other in zip(pod.spec.containers, first.spec.containers, strict=False):
        _share(container, other, _OF_CONTAINER)


def _share_events(events: Sequence[Resource]) -> None:
    """Events of one object follow each other, as their names begin with its name."""
    before: Event | None = None
    for event in events:
        assert isinstance(event, Event)
        if before is not None:
            if event.involved_object == before.involved_object:
                force_setattr(event, "involved_object", before.involved_object)
            if event.source == before.source:
                force_setattr(event, "source", before.source)
        before = event


def _share(one: msgspec.Struct, other: msgspec.Struct, fields: Sequence[str]) -> None:
    for field in fields:
        known = getattr(other, field)
        if known is not None and getattr(one, field) == known:
            force_setattr(one, field, known)
