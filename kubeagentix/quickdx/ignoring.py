"""Takes known findings out of an answer, by rules and by annotations, and keeps count of them.

It happens after correlation, so that an ignored cause is still a cause. Whoever ignores a cause ignores its
consequences: a symptom of which every cause is ignored goes with them, and never becomes a root cause itself. Whoever
ignores a symptom ignores that alone: its cause stays, and what follows from the symptom then follows from the cause.
A rule that names an object counts for findings on it, on what it controls, and on those that fail for want of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from kubeagentix.domain.diagnosis import Finding, Hypothesis, Ignored, ResourceRef
from kubeagentix.domain.ignoring import IgnoreRule, annotated_rule
from kubeagentix.domain.label_selectors import parse_label_selector
from kubeagentix.domain.meta import LabelSelector, Metadata
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import PodTemplate
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import CronJob
from kubeagentix.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How much was looked at: a rule that could not be about any of it is not idle."""

    namespace: str | None
    place: ResourceRef | None
    include_lint: bool

    def covers(self, rule: IgnoreRule) -> bool:
        """Whether all that the rule may be about was looked at."""
        words = (*rule.reason, *rule.analyzer)
        is_for_lint = any(word.casefold().startswith("lint") for word in words)
        named = {*rule.namespace, *(pattern.split("/")[1] for pattern in rule.object)}
        is_here = self.namespace is None or named == {self.namespace}
        return is_here and self.place is None and (self.include_lint or not is_for_lint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is left, with its causes among what is left; what was ignored, by rule; what could not be followed."""

    findings: tuple[Finding, ...]
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


def ignore(
    snapshot: Snapshot,
    findings: Sequence[Finding],
    hypotheses: Sequence[Hypothesis],
    rules: Sequence[IgnoreRule],
    scope: Scope,
) -> Outcome:
    """Ignores correlated `findings` by `rules` and by annotations; of several rules the first takes a finding.

    Every one of `rules` is in the outcome, with or without findings; an annotation only where a finding meets it.
    """
    now, matcher = snapshot.taken_at, _Matcher(snapshot, hypotheses)
    notes: list[str] = []
    taken: dict[str, IgnoreRule] = {}
    met: dict[IgnoreRule, None] = {}
    for finding in findings:
        for rule in (*rules, *_annotations(snapshot, matcher.places(finding), notes)):
            if matcher.matches(rule, finding):
                met[rule] = None
                if not rule.is_expired(now):
                    taken.setdefault(finding.id, rule)
    hiding = _Hiding(findings, taken)
    return Outcome(
        findings=tuple(hiding.without_hidden_causes(item) for item in findings if not hiding.is_hidden(item.id)),
        ignored=tuple(
            Ignored(
                rule=rule,
                findings=tuple(item for item in findings if taken.get(item.id) == rule),
                symptoms=tuple(item for item in findings if item.id not in taken and hiding.rule_behind(item) == rule),
                is_expired=rule.is_expired(now),
                is_idle=rule not in met and not rule.is_expired(now) and scope.covers(rule),
            )
            for rule in dict.fromkeys((*rules, *met))
        ),
        notes=tuple(dict.fromkeys(notes)),
    )


class _Hiding:
    """Which findings go, once those of `taken` are ignored, and what explains the others."""

    def __init__(self, findings: Iterable[Finding], taken: Mapping[str, IgnoreRule]) -> None:
        self._causes = {finding.id: finding.caused_by for finding in findings}
        self._taken = taken
        self._left: dict[str, tuple[str, ...]] = {}

    def is_hidden(self, key: str) -> bool:
        """Whether a finding is ignored, or follows from ignored ones only."""
        return key in self._taken or bool(self._causes[key] and not self._left_of(key))

    def without_hidden_causes(self, finding: Finding) -> Finding:
        """The finding with the nearest causes that are not hidden."""
        left = self._left_of(finding.id)
        return finding if left == finding.caused_by else replace(finding, caused_by=left)

    def rule_behind(self, finding: Finding) -> IgnoreRule | None:
        """The rule that hides a finding, by itself or through its nearest ignored cause; None if it is not hidden."""
        pending = [finding.id] if self.is_hidden(finding.id) else []
        for key in pending:
            if key in self._taken:
                return self._taken[key]
            pending += self._causes[key]
        return None

    def _left_of(self, key: str) -> tuple[str, ...]:
        if key not in self._left:
            self._left[key] = tuple(dict.fromkeys(self._behind(key)))
        return self._left[key]

    def _behind(self, key: str) -> Iterator[str]:
        for cause in self._causes[key]:
            if cause in self._taken:
                yield from self._left_of(cause)
            elif not self.is_hidden(cause):
                yield cause


class _Matcher:
    """Whether a rule is about a finding; what is looked up for one rule serves the next."""

    def __init__(self, snapshot: Snapshot, hypotheses: Sequence[Hypothesis]) -> None:
        self._snapshot = snapshot
        self._blamed = {key: item.root for item in hypotheses for key in item.findings}
        self._places: dict[str, tuple[ResourceRef, ...]] = {}
        self._selectors: dict[str, LabelSelector] = {}

    def places(self, finding: Finding) -> tuple[ResourceRef, ...]:
        """The objects a finding is about: its own, its workload, and the one blamed for a cause on several."""
        if finding.id not in self._places:
            found = self._snapshot.find(finding.ref)
            places = [finding.ref, self._snapshot.workload_of(found) if found is not None else finding.ref]
            if not finding.caused_by and finding.id in self._blamed:
                places.append(self._blamed[finding.id])
            self._places[finding.id] = tuple(dict.fromkeys(places))
        return self._places[finding.id]

    def matches(self, rule: IgnoreRule, finding: Finding) -> bool:
        """Whether everything that the rule names holds of the finding."""
        return (
            (not rule.reason or _has_reason(finding.reason, rule.reason))
            and (not rule.analyzer or _is_like(finding.analyzer, rule.analyzer))
            and any(_is_about(rule, place) for place in self.places(finding))
            and (not rule.labels or self._selects(rule.labels, finding))
        )

    def _selects(self, text: str, finding: Finding) -> bool:
        selector = self._selectors.setdefault(text, parse_label_selector(text))
        labels: dict[str, str] = {}
        for metadata in (item for place in reversed(self.places(finding)) for item in _metadata(self._snapshot, place)):
            labels |= metadata.labels
        return selector.matches(labels)


def _is_about(rule: IgnoreRule, place: ResourceRef) -> bool:
    namespace = place.name if place.kind == Namespace.kind else place.namespace
    return (not rule.object or _is_like("/".join(place.key), rule.object)) and (
        not rule.namespace or _is_like(namespace, rule.namespace)
    )


def _has_reason(reason: str, patterns: Iterable[str]) -> bool:
    """Whether a reason, or its part before the slash, is like one of `patterns`."""
    return any(_is_like(word, patterns) for word in (reason, reason.partition("/")[0]))


def _is_like(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text.casefold(), pattern.casefold()) for pattern in patterns)


def _metadata(snapshot: Snapshot, place: ResourceRef) -> Iterator[Metadata]:
    """What an object says of its pods, then what it says of itself, which counts more."""
    found = snapshot.find(place)
    spec = found.spec.job_template.spec if isinstance(found, CronJob) else getattr(found, "spec", None)
    template = getattr(spec, "template", None)
    if isinstance(template, PodTemplate):
        yield template.metadata
    if found is not None:
        yield found.metadata


def _annotations(snapshot: Snapshot, places: Sequence[ResourceRef], notes: list[str]) -> Iterator[IgnoreRule]:
    """The rules on `places` and their namespaces; what cannot be read is told in `notes` and not followed."""
    homes = [snapshot.named(Namespace.kind, "", place.namespace) for place in places if place.namespace]
    for carrier in dict.fromkeys((*places, *homes)):
        for metadata in _metadata(snapshot, carrier):
            try:
                rule = annotated_rule(metadata.annotations, str(carrier))
            except UsageError as error:
                notes.append(f"An annotation is not followed: {error}")
            else:
                if rule is not None:
                    yield rule
