"""What a diagnosis is made of: evidence, findings, hypotheses, gaps.

The idea: nothing is claimed without evidence. A Finding is one fact that an analyzer established, with the
pieces of Evidence it read; a Hypothesis is a root cause with the chain of findings that it explains. Ids are
digests of content, so two runs over the same cluster agree on them and can be compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Literal

from kubeagentix.domain.answers import Answer, Attempt
from kubeagentix.domain.ignoring import IgnoreRule


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ResourceRef:
    """Names one object, which may or may not exist. `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str = ""
    name: str
    cluster: str = field(default="", compare=False)
    uid: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def key(self) -> tuple[str, str, str]:
        """(kind, namespace, name), what equality and indexes go by."""
        return (self.kind, self.namespace, self.name)


# Kinds of references to what is not in the cluster: the other end of a connection, and where images come from. They
# name what several workloads blame; there is nothing of that kind to read.
HOST, REGISTRY = "Host", "Registry"
OUTSIDE = (HOST, REGISTRY)


class Severity(StrEnum):
    """How bad a finding is. `critical`: something does not work. `warning`: it will or may not. `info`: lint."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """2 for critical, 1 for warning, 0 for info."""
        return {Severity.CRITICAL: 2, Severity.WARNING: 1, Severity.INFO: 0}[self]


EvidenceSource = Literal["status", "event", "log", "metric", "spec"]
Effect = Literal["read", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was read. `locator` says where: a field path, an event's reason, a log's container."""

    id: str
    ref: ResourceRef
    source: EvidenceSource
    summary: str
    excerpt: str = ""
    locator: str = ""
    observed_at: datetime | None = None

    @classmethod
    def of(
        cls,
        ref: ResourceRef,
        source: EvidenceSource,
        summary: str,
        *,
        excerpt: str = "",
        locator: str = "",
        observed_at: datetime | None = None,
    ) -> Evidence:
        """An Evidence whose id is a digest of what it says and where."""
        return cls(
            id=digest("e", *ref.key, source, locator, summary),
            ref=ref,
            source=source,
            summary=summary,
            excerpt=excerpt,
            locator=locator,
            observed_at=observed_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What to do: one command that can be pasted, what it does to the cluster, and why."""

    title: str
    command: str
    effect: Effect
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact about one object.

    `reason` is a stable identifier, spelled as Kubernetes spells it, refined after a slash. `points_at` names the
    objects whose own failure would explain this finding, nearest first; the correlation looks for findings
    there. `is_symptom` marks a finding that says that something is wrong but not why (a Deployment short of
    replicas, a pod not ready), so that any other finding on the same object is held to be its cause. `explains`
    is the reverse of `points_at`: objects whose symptoms and failed connections this finding accounts for (a
    NetworkPolicy and the clients it cuts off).
    """

    id: str
    analyzer: str
    reason: str
    ref: ResourceRef
    title: str
    severity: Severity
    confidence: float
    cause: str
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    caused_by: tuple[str, ...] = ()
    points_at: tuple[ResourceRef, ...] = ()
    explains: tuple[ResourceRef, ...] = ()
    is_symptom: bool = False
    since: datetime | None = None

    @classmethod
    def of(
        cls,
        *,
        analyzer: str,
        reason: str,
        ref: ResourceRef,
        title: str,
        severity: Severity,
        confidence: float,
        cause: str,
        evidence: tuple[Evidence, ...],
        remedies: tuple[Remedy, ...] = (),
        points_at: tuple[ResourceRef, ...] = (),
        explains: tuple[ResourceRef, ...] = (),
        is_symptom: bool = False,
        since: datetime | None = None,
        detail: str = "",
    ) -> Finding:
        """A Finding whose id is a digest of analyzer, reason, object and `detail` (such as a container's name)."""
        return cls(
            id=digest("f", analyzer, reason, *ref.key, detail),
            analyzer=analyzer,
            reason=reason,
            ref=ref,
            title=title,
            severity=severity,
            confidence=confidence,
            cause=cause,
            evidence=evidence,
            remedies=remedies,
            points_at=points_at,
            explains=explains,
            is_symptom=is_symptom,
            since=since,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One term of a confidence: what it stands for, and what it adds (or takes away)."""

    label: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """A root cause. `findings` are ids, the root's own first, then its symptoms from near to far.

    `confidence` runs from 0 to 1 and is the sum of `breakdown`.
    """

    id: str
    title: str
    summary: str
    confidence: float
    root: ResourceRef
    findings: tuple[str, ...]
    breakdown: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gap:
    """Something that could not be read, and why. Silence about it is not health.

    `kind` is the resource kind that is missing from the picture, `namespace` where (empty: everywhere).
    """

    what: str
    why: str
    kind: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """What one rule took out of an answer: `findings` that it is about, and `symptoms` that follow from those alone.

    `is_expired`: it takes out nothing any more. `is_idle`: it could have been about something here, and was not.
    """

    rule: IgnoreRule
    findings: tuple[Finding, ...] = ()
    symptoms: tuple[Finding, ...] = ()
    is_expired: bool = False
    is_idle: bool = False

    @property
    def all(self) -> tuple[Finding, ...]:
        """Everything that this rule took out."""
        return (*self.findings, *self.symptoms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was asked about: a namespace (None: all of them) and perhaps one object in it."""

    namespace: str | None = None
    kind: str = ""
    name: str = ""

    def __str__(self) -> str:
        place = f"namespace {self.namespace}" if self.namespace is not None else "all namespaces"
        named = f"{self.kind}/{self.name}" if self.kind else self.name
        return f"{named} in {place}" if self.name else place


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The answer: hypotheses ranked best first, all findings but the ignored, and what could not be seen."""

    id: str
    target: Target
    cluster: str
    hypotheses: tuple[Hypothesis, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    ignored: tuple[Ignored, ...] = ()  # by rule; also rules that are expired, and rules that met nothing
    mode: Literal["rules", "agentic"] = "rules"
    provider: str = "rules"
    model: str = ""
    answer: Answer | None = None  # what a model concludes, beside the analyzers' hypotheses
    attempts: tuple[Attempt, ...] = ()  # who was asked for it
    notes: tuple[str, ...] = ()
    usage: dict[str, int] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)  # seconds per stage
    counts: dict[str, int] = field(default_factory=dict)  # objects read, per kind
    started_at: datetime
    finished_at: datetime

    def finding(self, finding_id: str) -> Finding:
        """The finding of that id; KeyError if there is none."""
        return self._by_id[finding_id]

    def known(self, finding_ids: Iterable[str]) -> tuple[Finding, ...]:
        """The findings of these ids, in that order, each once; ids that it does not hold are passed over."""
        return tuple(self._by_id[key] for key in dict.fromkeys(finding_ids) if key in self._by_id)

    @cached_property
    def _by_id(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in self.findings}


def digest(prefix: str, *parts: str) -> str:
    """A short stable id: `prefix-` and ten hexadecimal digits of a digest of `parts`."""
    text = "\x1f".join(parts).encode(errors="surrogatepass")
    return f"{prefix}-{hashlib.blake2s(text, digest_size=5).hexdigest()}"
