"""Findings in one call, for analyzers written in a notebook cell: what is not said is filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Resource
from kubeagentix.errors import UsageError, excerpt

About = Resource | ResourceRef
_READING = re.compile(r"\s*kubectl (get|describe|logs|top|explain|events|auth can-i|diff|rollout (status|history))\b")


def finding(
    about: About,
    reason: str,
    title: str,
    *,
    severity: Severity | str = Severity.WARNING,
    cause: str = "",
    field: str = "",
    evidence: str | Evidence | Iterable[str | Evidence] = (),
    remedies: str | Remedy | Iterable[str | Remedy] = (),
    points_at: About | Iterable[About] = (),
    explains: About | Iterable[About] = (),
    is_symptom: bool = False,
    confidence: float = 0.9,
    since: datetime | None = None,
) -> Finding:
    """A Finding about an object of the snapshot (or a ResourceRef to one); the run puts the analyzer's id to it.

    `evidence` are texts or Evidence, the title itself if there are none, read from `field` (such as
    `spec.replicas`). `remedies` are commands or Remedy; kubectl's reading verbs count as reading, all else changes
    the cluster. `points_at` and `explains` take objects, too. Raises UsageError.
    """
    ref = _ref(about)
    return Finding.of(
        analyzer="",
        reason=_text(reason, "reason"),
        ref=ref,
        title=_text(title, "title"),
        severity=_severity(severity),
        confidence=_confidence(confidence),
        cause=cause or title,
        evidence=tuple(_evidence(item, ref, field) for item in _several(evidence)) or (_evidence(title, ref, field),),
        remedies=tuple(map(_remedy, _several(remedies))),
        points_at=tuple(map(_ref, _several(points_at))),
        explains=tuple(map(_ref, _several(explains))),
        is_symptom=is_symptom,
        since=since,
    )


def _several(given: object) -> Iterable[object]:
    is_one = isinstance(given, str | Evidence | Remedy | Resource | ResourceRef) or not isinstance(given, Iterable)
    return (given,) if is_one else given  # type: ignore[return-value]


def _ref(about: object) -> ResourceRef:
    if isinstance(about, ResourceRef):
        return about
    if isinstance(about, Resource):
        return ResourceRef(kind=about.kind, namespace=about.namespace, name=about.name, uid=about.metadata.uid)
    what = f"a finding is about an object of the snapshot or a ResourceRef, not {type(about).__name__}"
    raise UsageError(what, hint="as in for pod in snapshot.all(kx.resources.Pod)")


def _text(value: object, name: str) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise UsageError(f"the {name} of a finding is {excerpt(repr(value), 60)}", hint="it must be a text, not empty")


def _severity(value: object) -> Severity:
    try:
        return Severity(value)  # type: ignore[arg-type]
    except ValueError:
        hint = f"it must be one of {', '.join(Severity)}"
        raise UsageError(f"the severity of a finding is {excerpt(repr(value), 60)}", hint=hint) from None


def _confidence(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise UsageError(f"the confidence of a finding is {excerpt(repr(value), 60)}", hint="it must be from 0 to 1")


def _evidence(given: object, ref: ResourceRef, field: str) -> Evidence:
    if isinstance(given, Evidence):
        return given
    return Evidence.of(ref, "status" if field.startswith("status") else "spec", _text(given, "evidence"), locator=field)


def _remedy(given: object) -> Remedy:
    if isinstance(given, Remedy):
        return given
    command = _text(given, "remedy")
    is_reading = _READING.match(command) is not None
    return Remedy(title="Look" if is_reading else "Mend it", command=command, effect="read" if is_reading else "write")
