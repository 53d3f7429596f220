"""What happened to pods that are there no more: their events outlive them, by an hour as a rule.

A Job deletes its pods when it gives up on them (at its deadline always, at its backoff limit with restartPolicy
OnFailure), and their last states and logs go with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import JOB_LABEL

_POD = re.compile(r"^(?:Created|Deleted) pod: (\S+)$")  # pkg/controller/controller_utils.go
_PULL = ("Failed to pull image", "Error: ErrImagePull", "Error: ImagePullBackOff", "Back-off pulling image")
_RESTART = "Back-off restarting failed container"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTrouble:
    """The most telling event of a pod that is gone, what the trouble is called, and in words that follow "it"."""

    pod: ResourceRef
    event: Event
    reason: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """Which events tell of a trouble, and whether containers had come to run by then (None: whether or not)."""

    reason: str
    words: str
    tells: Callable[[Event], bool]
    has_started: bool | None = None


def _is(*reasons: str) -> Callable[[Event], bool]:
    return lambda event: event.reason in reasons


# The first that fits is told: what comes later in a pod's life had the earlier behind it.
_SIGNS = (
    _Sign(
        reason="ImagePullBackOff",
        words="could not get its image",
        tells=lambda event: event.message.startswith(_PULL),
        has_started=False,
    ),
    _Sign(
        reason="FailedMount",
        words="could not mount its volumes",
        tells=_is("FailedMount", "FailedAttachVolume"),
        has_started=False,
    ),
    _Sign(
        reason="FailedCreatePodSandBox",
        words="got no sandbox",
        tells=_is("FailedCreatePodSandBox"),
        has_started=False,
    ),
    _Sign(
        reason="CreateContainerError",
        words="could not start its container",
        tells=_is("Failed"),
        has_started=False,
    ),
    _Sign(reason="Unschedulable", words="found no node to run on", tells=_is("FailedScheduling"), has_started=False),
    _Sign(reason="Evicted", words="was evicted", tells=_is("Evicted")),
    _Sign(
        reason="CrashLoopBackOff",
        words="failed and was restarted again and again",
        tells=lambda event: event.reason == "BackOff" and event.message.startswith(_RESTART),
    ),
    _Sign(reason="Unhealthy", words="failed its probes", tells=_is("Unhealthy")),
)


def last_trouble(snapshot: Snapshot, owner: ResourceRef) -> LastTrouble | None:
    """What the events say of the newest pod that a Job made and that is gone; None if pods are left, or no events."""
    found = snapshot.find(owner)
    own = {JOB_LABEL: owner.name}
    if found is None or snapshot.children(Pod, owner) or not snapshot.was_read(Pod, owner.namespace, selector=own):
        return None
    names = (match[1] for event in snapshot.events_for(found) if (match := _POD.match(event.message)))
    for name in dict.fromkeys(names):
        pod = snapshot.named("Pod", owner.namespace, name)
        trouble = _judge(pod, snapshot.events_for(pod))
        if trouble is not None:
            return trouble
    return None


def _judge(pod: ResourceRef, events: tuple[Event, ...]) -> LastTrouble | None:
    reasons = {event.reason for event in events}
    for sign in _SIGNS:
        if sign.has_started is not None and sign.has_started != ("Started" in reasons):
            continue
        if sign.reason == "Unschedulable" and "Scheduled" in reasons:
            continue
        told = [event for event in events if sign.tells(event)]
        if told:
            longest = max(told, key=lambda event: len(event.message))
            return LastTrouble(pod=pod, event=longest, reason=sign.reason, words=sign.words)
    return None
