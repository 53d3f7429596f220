"""Whether a custom resource says of itself that something is wrong: its conditions, phase or health, read with care.

Conditions follow conventions, not a schema. Those that sum an object up (Ready, Available …) are bad when False, those
that name a fault (Degraded, Stalled, …Failed) when True; all others may be anything in an object that is well. What
is at work is given time, what is suspended, finished or switched off is left alone.
Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.domain.extensions import CustomCondition, CustomResource
from kubeagentix.domain.meta import Resource, condition
from kubeagentix.domain.snapshot import MAX_OWNER_DEPTH, Snapshot

FAILURE_GRACE_S = 60.0  # the controller says that it failed, though it may try again
WAITING_GRACE_S = 300.0  # it says only that something is not there yet
WORKING_GRACE_S = 1800.0  # it says that it is at work: clouds need this long for a database or a cluster
FIRST_YEAR = 2000
RUN_S = 3600.0  # a run that failed longer ago than that is history
# Conditions that sum an object up, the most telling first. Without the first ones it does not work at all.
_SUMMARIES = (
    "Ready",
    "Available",
    "Healthy",
    "Programmed",
    "Accepted",
    "Established",
    "Installed",
    "Deployed",
    "Serving",
)
_UPKEEP = ("Synced", "Reconciled", "Released", "Valid", "Succeeded")
# Of the whole names, the last three are VerticalPodAutoscalers' and OLM's OperatorGroups'.
_FAULT = re.compile(
    r"^(Stalled|Failing|NotReady|ErrorOccurred|ConfigUnsupported|MultipleOperatorGroup|OperatorGroupServiceAccount)$"
    r"|(Degraded|Failed|Failure|Error|Unhealthy)$"
)
_CALM = re.compile(
    r"paused|suspend|hibernat|scaled ?to ?zero|notraffic|inactive|disabled|standby|superseded|completed|succeeded"
    r"|finished|not ?applicable|not ?required|deleting|terminating|cancell?ed|copied|user ?specified",
    re.IGNORECASE,
)
_WORKING = re.compile(
    r"progress|creating|provisioning|reconciling|waiting|initiali[sz]ing|deploying|issuing|installing|upgrading|updating"
    r"|pending|starting|scaling|unknown|inflight|running|building|queued|new",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"fail|error|not ?found|does ?n[o']t exist|invalid|denied|forbidden|refused|cannot|can't|unable|missing"
    r"|unauthori[sz]ed|timed? ?out|exceeded|conflict|no such|unhealthy|back-?off|crash|expired|not valid|unsupported",
    re.IGNORECASE,
)
_BAD_PHASE = re.compile(
    r"^(failed|error|errored|failure|degraded|unhealthy|rejected|invalid|broken|stalled|red|missing)$|(Failed|Error)$",
    re.IGNORECASE,
)
_UNCONNECTED = "TRANSIENT_FAILURE"  # gRPC's word for a server that does not answer, however long
_CONNECTION = "connectionState.lastObservedState"
_ENDED_WELL = ("succeeded", "completed", "complete", "finished", "done")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is wrong, as the object itself says it. `field` is where it says so, `word` what it calls it."""

    reason: str
    word: str
    message: str
    field: str
    severity: Severity
    since: datetime | None
    is_failed: bool  # the controller tells of a failure, not only of something that is not there yet


def state_of(snapshot: Snapshot, resource: CustomResource) -> State | None:
    """What is wrong with a custom resource by its own account; None if nothing is, or it may yet come right."""
    return snapshot.derived(_state_of, snapshot.ref(resource))


def _state_of(snapshot: Snapshot, ref: object) -> State | None:
    resource = snapshot.find(ref)  # type: ignore[arg-type]
    assert isinstance(resource, CustomResource)
    if resource.metadata.deletion_timestamp is not None or is_calm(resource):
        return None
    if not _is_well(resource) and _has_well_owner(snapshot, resource):
        return None
    for item in (*_bad_summaries(resource), *_faults(resource)):
        found = _from_condition(snapshot, resource, item)
        if found is not None:
            return found
    return None if _is_well(resource) else _from_phase(snapshot, resource)


def is_calm(resource: CustomResource) -> bool:
    """Whether an object is suspended, switched off or has ended well, so that nothing is expected of it."""
    status = resource.status
    if resource.spec.is_suspended or status.phase.lower() in _ENDED_WELL or status.health == "Suspended":
        return True
    if _BAD_PHASE.search(status.phase):  # a run that has ended, and badly
        return False
    return any(
        item.status == "True" and item.type in ("Paused", "Suspended", "Succeeded", "Complete", "Completed")
        for item in status.conditions
    )


def _is_well(resource: CustomResource) -> bool:
    summaries = [item for item in resource.status.conditions if item.type in _SUMMARIES]
    return bool(summaries) and all(item.status == "True" for item in summaries)


def _has_well_owner(snapshot: Snapshot, resource: CustomResource) -> bool:
    """Whether it is one of the attempts, or a former or idle part, of an object that is well or switched off."""
    current: Resource = resource
    for _ in range(MAX_OWNER_DEPTH):
        owner = current.controller
        if owner is None:
            return False
        name = snapshot.kind_name(owner.api_version, owner.kind)
        above = snapshot.find(snapshot.named(name, resource.namespace, owner.name))
        if not isinstance(above, CustomResource):
            return False
        if _is_well(above) or is_calm(above):
            return True
        current = above
    return False


def _bad_summaries(resource: CustomResource) -> list[CustomCondition]:
    found = [condition(resource.status.conditions, name) for name in (*_SUMMARIES, *_UPKEEP)]
    return [item for item in found if isinstance(item, CustomCondition) and item.status in ("False", "Unknown")]


def _faults(resource: CustomResource) -> list[CustomCondition]:
    """Conditions that name a fault; those of Argo CD have no status and are there only while they hold."""
    return [item for item in resource.status.conditions if _FAULT.search(item.type) and item.status in ("True", "")]


def _from_condition(snapshot: Snapshot, resource: CustomResource, item: CustomCondition) -> State | None:
    if item.severity.lower() == "info" or _CALM.search(item.reason):
        return None
    is_unknown = item.status == "Unknown"
    if is_unknown and item.type not in _SUMMARIES:
        return None
    since = item.last_transition_time or item.last_update_time or resource.metadata.creation_timestamp
    is_working = is_unknown or (bool(_WORKING.search(item.reason)) and not _FAILED.search(item.reason))
    is_failed = not is_working and bool(_FAILED.search(f"{item.reason} {item.message}"))
    if since is not None and since.year < FIRST_YEAR:  # what a definition fills in until some controller looks
        return None
    if not is_failed and _serves_meanwhile(resource, item):
        return None
    if is_working and _FAILED.search(item.message):
        grace_s = WAITING_GRACE_S
    else:
        grace_s = FAILURE_GRACE_S if is_failed else WORKING_GRACE_S if is_working else WAITING_GRACE_S
    if not _is_past(snapshot, resource, since, grace_s):
        return None
    is_fault = bool(_FAULT.search(item.type)) and item.type not in (*_SUMMARIES, *_UPKEEP)
    word = item.type if is_fault else f"Not{item.type}"
    return State(
        reason=f"{word}/{item.reason}" if item.reason and item.reason != item.type else word,
        word=item.type if is_fault else f"not {item.type}",
        message=item.message or resource.status.message,
        field=f"status.conditions[{item.type}]",
        severity=_severity(snapshot, resource, item, since, is_unknown=is_unknown),
        since=since,
        is_failed=is_failed,
    )


def _serves_meanwhile(resource: CustomResource, item: CustomCondition) -> bool:
    """Whether an object is available all the same while it is changed, as a Rollout is in the midst of its steps."""
    holds = {other.type for other in resource.status.conditions if other.status == "True"}
    return bool(holds & {"Ready", "Available"} - {item.type}) and bool(holds & {"Progressing", "Reconciling"})


def _severity(
    snapshot: Snapshot, resource: CustomResource, item: CustomCondition, since: datetime | None, *, is_unknown: bool
) -> Severity:
    if item.type == "Succeeded" or resource.status.finished_at is not None:
        return _of_a_run(snapshot, resource.status.finished_at or since)
    serves = {other.type for other in resource.status.conditions if other.status == "True"} & {"Ready", "Available"}
    is_down = item.type in _SUMMARIES and not is_unknown and not serves
    return Severity.CRITICAL if is_down else Severity.WARNING


def _of_a_run(snapshot: Snapshot, ended: datetime | None) -> Severity:
    is_recent = ended is not None and snapshot.taken_at - ended < timedelta(seconds=RUN_S)
    return Severity.WARNING if is_recent else Severity.INFO


def _from_phase(snapshot: Snapshot, resource: CustomResource) -> State | None:
    status = resource.status
    field, word = next(
        (
            (field, word)
            for field, word in (("phase", status.phase), ("health", status.health), (_CONNECTION, status.connection))
            if word == _UNCONNECTED or (word and _BAD_PHASE.search(word))
        ),
        ("", ""),
    )
    since = max(
        (item.last_transition_time for item in status.conditions if item.last_transition_time is not None),
        default=resource.metadata.creation_timestamp,
    )
    if not word or _CALM.search(status.reason) or not _is_past(snapshot, resource, since, FAILURE_GRACE_S):
        return None
    is_run = status.finished_at is not None
    is_partly = word == _UNCONNECTED  # what it has brought before works on
    return State(
        reason=f"{word}/{status.reason}" if status.reason and " " not in status.reason else word,
        word=word,
        message=status.message or (status.reason if " " in status.reason else ""),
        field=f"status.{field}",
        severity=_of_a_run(snapshot, status.finished_at)
        if is_run
        else Severity.WARNING
        if is_partly
        else Severity.CRITICAL,
        since=status.finished_at or since,
        is_failed=True,
    )


def _is_past(snapshot: Snapshot, resource: CustomResource, since: datetime | None, grace_s: float) -> bool:
    moments = (since, resource.metadata.creation_timestamp)
    return all(is_older_than(moment, grace_s, snapshot.taken_at) for moment in moments)
