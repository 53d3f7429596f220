"""Root causes, ranked: findings that nothing explains become hypotheses, with what they explain beneath them.

Findings on one object are one hypothesis. Findings on several objects that blame one and the same further object
(a Secret that three workloads need) are one hypothesis too, whose root is that object. The confidence is a sum
whose terms are shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from kubeagentix.domain.diagnosis import Finding, Hypothesis, ResourceRef, Severity, Term, digest
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.changes import LOCATORS, began, change_of
from kubeagentix.quickdx.correlate import WITHOUT_REASON, primary

# A confidence starts at the analyzer's own: about 0.95 where the API says the reason in so many words, 0.9 where it
# was decoded from a message, 0.8 read from a log, 0.7 inferred from several objects, 0.6 and less for symptoms.
# What agrees with it takes away a share of the doubt that is left, so that certainty is approached, never reached.
SECOND_SOURCE = 0.10  # of the doubt: each further kind of evidence (status, event, log …) that agrees
EXPLAINED = 0.05  # of the doubt: each finding that the cause accounts for …
MAX_EXPLAINED = 0.20  # … up to this share, as many symptoms of one fault are no independent witnesses
ONLY_A_SYMPTOM = -0.15  # something is wrong, but why was not found: with a symptom's 0.6, less than even odds
UNSEEN = -0.10  # the object it blames could not be read, so it may be well
MIN_CONFIDENCE, MAX_CONFIDENCE = 0.05, 0.99  # nothing is impossible, nothing certain, whatever an analyzer claims
CHANGED = 0.15  # of the doubt: something that it rests on was changed shortly before
RECENT = (timedelta(hours=1), timedelta(days=1))  # what began within the first is told before the second, then the rest


@dataclass(frozen=True, slots=True)
class _Incident:
    root: ResourceRef
    roots: tuple[Finding, ...]
    symptoms: tuple[Finding, ...]

    @property
    def all(self) -> tuple[Finding, ...]:
        return (*self.roots, *self.symptoms)


def rank(snapshot: Snapshot, findings: Sequence[Finding]) -> tuple[Hypothesis, ...]:
    """The hypotheses of correlated findings, best first: by severity, by recency, by reach, by confidence."""
    incidents = _incidents(snapshot, findings)
    hypotheses = [(incident, _hypothesis(snapshot, incident)) for incident in incidents]
    hypotheses.sort(key=lambda pair: _order(snapshot, *pair))
    return tuple(hypothesis for _, hypothesis in hypotheses)


def _incidents(snapshot: Snapshot, findings: Sequence[Finding]) -> list[_Incident]:
    serious = [finding for finding in findings if finding.severity is not Severity.INFO]
    effects: dict[str, list[Finding]] = defaultdict(list)
    for finding in serious:
        for cause in finding.caused_by:
            effects[cause].append(finding)
    roots = [finding for finding in serious if not finding.caused_by]
    groups = _groups(snapshot, roots)
    return [_Incident(root, tuple(group), _explained_by(group, effects)) for root, group in groups.items() if group]


def _groups(snapshot: Snapshot, roots: Sequence[Finding]) -> dict[ResourceRef, list[Finding]]:
    """Root findings by the object at fault: the one that most blame (the nearest of such), or else their own.

    An object that exists is blamed by several only if all say the same of it: of two clients, one may be refused by
    a Service and the other not know its password.
    """
    blamed: dict[tuple[ResourceRef, str], set[ResourceRef]] = defaultdict(set)
    for finding in roots:
        for ref in finding.points_at:
            blamed[_blame(snapshot, ref, finding)].add(finding.ref)
    groups: dict[ResourceRef, list[Finding]] = defaultdict(list)
    for finding in roots:
        most = max(finding.points_at, key=lambda ref: len(blamed[_blame(snapshot, ref, finding)]), default=None)
        is_shared = most is not None and len(blamed[_blame(snapshot, most, finding)]) > 1
        groups[most if is_shared and most is not None else finding.ref].append(finding)
    for group in groups.values():
        first = primary(group)
        group.sort(key=lambda item: item is not first)
    return groups


def _blame(snapshot: Snapshot, ref: ResourceRef, finding: Finding) -> tuple[ResourceRef, str]:
    return (ref, finding.reason if snapshot.find(ref) is not None else "")


def _explained_by(roots: Sequence[Finding], effects: Mapping[str, Sequence[Finding]]) -> tuple[Finding, ...]:
    """What `roots` cause, directly or not, nearest first."""
    found: dict[str, Finding] = {}
    level = list(roots)
    while level:
        level = [effect for cause in level for effect in effects.get(cause.id, ()) if effect.id not in found]
        found.update({effect.id: effect for effect in level})
    for root in roots:
        found.pop(root.id, None)
    return tuple(found.values())


def _hypothesis(snapshot: Snapshot, incident: _Incident) -> Hypothesis:
    first = incident.roots[0]
    terms = _terms(snapshot, incident)
    return Hypothesis(
        id=digest("h", *incident.root.key, first.reason),
        title=_title(snapshot, incident),
        summary=_summary(incident),
        confidence=round(sum(term.value for term in terms), 3),
        root=incident.root,
        findings=tuple(finding.id for finding in incident.all),
        breakdown=terms,
    )


def _title(snapshot: Snapshot, incident: _Incident) -> str:
    first = incident.roots[0]
    if incident.root == first.ref:
        return first.title
    count = len({finding.ref for finding in incident.roots})
    if snapshot.lacks(incident.root):
        return f"{incident.root} does not exist, and {count} objects fail for want of it ({first.reason})"
    return f"{count} objects fail on {incident.root}: {first.title}"


def _summary(incident: _Incident) -> str:
    text = incident.roots[0].cause
    own = {finding.ref for finding in incident.roots}
    sufferers = sorted({str(finding.ref) for finding in incident.all if finding.ref != incident.root})
    if sufferers and (len(own) > 1 or incident.symptoms):
        shown = ", ".join(sufferers[:5]) + (f" and {len(sufferers) - 5} more" if len(sufferers) > 5 else "")
        text = f"{text.rstrip('.')}. Affected: {shown}."
    return text


def _terms(snapshot: Snapshot, incident: _Incident) -> tuple[Term, ...]:
    first = incident.roots[0]
    evidence = [item for finding in incident.roots for item in finding.evidence if item.locator not in LOCATORS]
    sources = sorted({item.source for item in evidence})
    terms = [Term(label=f"{first.analyzer}: {first.reason}", value=first.confidence)]
    if first.is_symptom:  # whatever agrees agrees that something is wrong, not why
        terms.append(Term(label="only the symptom was found", value=ONLY_A_SYMPTOM))
    else:
        if first.reason not in WITHOUT_REASON:
            terms += _agreement(first, sources, len(incident.symptoms))
        change = next(filter(None, map(change_of, incident.roots)), None)
        if change is not None:
            doubt = max(0.0, 1.0 - first.confidence)
            terms.append(Term(label=f"{change.ref.kind} {change.ref.name} was changed before", value=CHANGED * doubt))
    if any(_is_unseen(snapshot, ref) for ref in first.points_at):
        terms.append(Term(label="what it blames could not be read", value=UNSEEN))
    terms = [Term(label=term.label, value=round(term.value, 3)) for term in terms]
    total = sum(term.value for term in terms)
    bounded = min(MAX_CONFIDENCE, max(MIN_CONFIDENCE, total))
    if abs(bounded - total) > 1e-9:
        terms.append(Term(label="bounded", value=round(bounded - total, 3)))
    return tuple(terms)


def _agreement(first: Finding, sources: Sequence[str], symptoms: int) -> Iterator[Term]:
    doubt = max(0.0, 1.0 - first.confidence)
    if len(sources) > 1:
        yield Term(label=f"{' and '.join(sources)} agree", value=SECOND_SOURCE * doubt * (len(sources) - 1))
    if symptoms:
        more = f"explains {symptoms} more finding{'s' if symptoms > 1 else ''}"
        yield Term(label=more, value=min(MAX_EXPLAINED, EXPLAINED * symptoms) * doubt)


def _is_unseen(snapshot: Snapshot, ref: ResourceRef) -> bool:
    return ref.kind in KINDS and snapshot.find(ref) is None and not snapshot.lacks(ref)


def _order(snapshot: Snapshot, incident: _Incident, hypothesis: Hypothesis) -> tuple[int, bool, int, int, float, str]:
    worst = max(finding.severity.rank for finding in incident.all)
    affected = len({finding.ref for finding in incident.all})
    age = _age_class(snapshot, incident)
    return (-worst, incident.roots[0].is_symptom, age, -affected, -hypothesis.confidence, hypothesis.id)


def _age_class(snapshot: Snapshot, incident: _Incident) -> int:
    """0 for what began, or was changed, within the hour, 1 within the day, 2 for what is older or of unknown age."""
    moments = [began(snapshot, finding) for finding in incident.roots]
    moments += [change.observed_at for change in map(change_of, incident.roots) if change is not None]
    newest = max((moment for moment in moments if moment is not None), default=None)
    if newest is None:
        return len(RECENT)
    age = snapshot.taken_at - newest
    return next((index for index, limit in enumerate(RECENT) if age < limit), len(RECENT))
