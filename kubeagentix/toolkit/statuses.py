"""What an object's status says, a line each with the evidence to cite it by: conditions, containers, counts, phases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.report.text import clean_line
from kubeagentix.toolkit.wording import age, cited, parse_time

# Conditions whose good value is False. Source: staging/src/k8s.io/api/core/v1/types.go and others
_GOOD_IF_FALSE = (
    *("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "ReplicaFailure", "Failed", "Stalled"),
    *("ScalingLimited", "DisruptionTarget", "FailureTarget", "NonStructuralSchema", "Terminating"),
)
_COUNTS = (
    *("replicas", "readyReplicas", "updatedReplicas", "availableReplicas", "unavailableReplicas"),
    *("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberUnavailable", "numberMisscheduled"),
    *("active", "succeeded", "failed", "currentReplicas", "desiredReplicas", "disruptionsAllowed", "currentHealthy"),
)
_MESSAGE_MAX_CHARS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One line, with its evidence if it is worth citing."""

    text: str
    evidence: Evidence | None = None

    def __str__(self) -> str:
        return f"{self.text}{cited(self.evidence)}"


def evidence_in(lines: Sequence[Said]) -> tuple[Evidence, ...]:
    """The evidence of lines, each once."""
    return tuple({item.evidence.id: item.evidence for item in lines if item.evidence is not None}.values())


def said_by_status(ref: ResourceRef, raw: Mapping[str, Any], now: datetime) -> list[Said]:
    """The lines of an object's `status`."""
    status = raw.get("status") or {}
    if not isinstance(status, Mapping):
        return []
    return [
        *_phase(ref, status),
        *_counts(ref, raw, status),
        *_conditions(ref, status, now),
        *(_containers(ref, status, now) if ref.kind == "Pod" else ()),
    ]


def _phase(ref: ResourceRef, status: Mapping[str, Any]) -> Iterator[Said]:
    phase = status.get("phase")
    if phase:
        why = ": ".join(str(status[key]) for key in ("reason", "message") if status.get(key))
        text = clean_line(f"phase {phase}{f' ({why})' if why else ''}", _MESSAGE_MAX_CHARS)
        yield Said(text=text, evidence=Evidence.of(ref, "status", f"{ref}: {text}", locator="status.phase"))


def _counts(ref: ResourceRef, raw: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Said]:
    found = [f"{key} {status[key]}" for key in _COUNTS if isinstance(status.get(key), int)]
    spec = raw.get("spec") or {}
    wanted = spec.get("replicas") if isinstance(spec, Mapping) else None
    if isinstance(wanted, int) and (found or wanted):
        found = [f"wanted {wanted}", *(found or ["none of them there"])]
    if found:
        text = ", ".join(found)
        yield Said(text=text, evidence=Evidence.of(ref, "status", f"{ref}: {text}", locator="status"))


def _conditions(ref: ResourceRef, status: Mapping[str, Any], now: datetime) -> Iterator[Said]:
    conditions = status.get("conditions")
    for item in conditions if isinstance(conditions, list) else ():
        name, value = str(item.get("type", "")), str(item.get("status", ""))
        since = age(str(item.get("lastTransitionTime") or ""), now)
        why = ": ".join(str(item[key]) for key in ("reason", "message") if item.get(key))
        is_good = value == ("False" if name in _GOOD_IF_FALSE else "True")
        said = clean_line(f"{name}={value}{f' {why}' if why and not is_good else ''}", _MESSAGE_MAX_CHARS)
        evidence = Evidence.of(
            ref,
            "status",
            f"{ref}: {said}",
            locator=f"status.conditions[{name}]",
            observed_at=parse_time(str(item.get("lastTransitionTime") or "")),
        )
        yield Said(text=f"{said}{f' (for {since})' if since else ''}", evidence=None if is_good else evidence)


def _containers(ref: ResourceRef, status: Mapping[str, Any], now: datetime) -> Iterator[Said]:
    for field, what in (("initContainerStatuses", "init container"), ("containerStatuses", "container")):
        for item in status.get(field) or ():
            yield from said_of_container(ref, item, f"{what} {item.get('name')}", f"status.{field}", now)


def said_of_container(
    ref: ResourceRef, item: Mapping[str, Any], what: str, field: str, now: datetime
) -> Iterator[Said]:
    """The lines of one entry of `containerStatuses`."""
    state, before = item.get("state") or {}, item.get("lastState") or {}
    restarts = int(item.get("restartCount") or 0)
    words = _state_in_words(state)
    ready = "ready" if item.get("ready") else "not ready"
    said = clean_line(f"{what}: {words}, {ready}, restarts {restarts}", _MESSAGE_MAX_CHARS)
    ended_well = (state.get("terminated") or {}).get("exitCode") == 0
    is_good = (item.get("ready") and "running" in state) or ended_well
    locator = f"{field}[{item.get('name')}].state"
    evidence = None if is_good and not restarts else Evidence.of(ref, "status", f"{ref}: {said}", locator=locator)
    yield Said(text=f"{said}{_since(state, now)}", evidence=evidence)
    if before:
        last = clean_line(f"{what} before: {_state_in_words(before)}", _MESSAGE_MAX_CHARS)
        locator = f"{field}[{item.get('name')}].lastState"
        at = parse_time(str((before.get("terminated") or {}).get("finishedAt") or ""))
        evidence = Evidence.of(ref, "status", f"{ref}: {last}", locator=locator, observed_at=at)
        yield Said(text=f"{last}{_since(before, now)}", evidence=evidence)


def _state_in_words(state: Mapping[str, Any]) -> str:
    waiting, ended = state.get("waiting"), state.get("terminated")
    if isinstance(waiting, Mapping):
        return f"waiting {waiting.get('reason', '')}{_with(waiting.get('message'))}".strip()
    if isinstance(ended, Mapping):
        signal = f" signal {ended['signal']}" if ended.get("signal") else ""
        reason = f" {ended['reason']}" if ended.get("reason") else ""
        return f"ended{reason} exit code {ended.get('exitCode', 0)}{signal}{_with(ended.get('message'))}"
    return "running" if "running" in state else "no state yet"


def _with(message: Any) -> str:
    return f" ({clean_line(str(message), 300)})" if message else ""


def _since(state: Mapping[str, Any], now: datetime) -> str:
    running, ended = state.get("running") or {}, state.get("terminated") or {}
    if running.get("startedAt"):
        return f", started {age(running['startedAt'], now)} ago"
    return f", {age(ended['finishedAt'], now)} ago" if ended.get("finishedAt") else ""
