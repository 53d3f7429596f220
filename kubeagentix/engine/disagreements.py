"""Where a model's root cause is not the analyzers' first: both are shown, so that the reader can judge.

What a model means is taken from the objects behind the evidence that it cites and from the names it mentions, not from
its wording. It agrees where that meets the root of the analyzers' first hypothesis, or what that is seen by; unless it
is the root of another of their hypotheses. A model that cites nothing and names nothing cannot be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from kubeagentix.domain.answers import Answer
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis, ResourceRef

_NOTHING: Mapping[str, Evidence] = MappingProxyType({})
_MAX_QUOTED = 200
_HEALTHY = re.compile(
    r"(?i)\b(?:nothing (?:is |seems |appears )?(?:wrong|broken)|no (?:root cause|problems?|issues?|faults?)\b"
    r"|(?:is|are|all|everything(?: is)?|looks?) (?:healthy|fine|running normally))\b"
)
_TOKEN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def disagreements(answer: Answer, diagnosis: Diagnosis, known: Mapping[str, Evidence] = _NOTHING) -> tuple[str, ...]:
    """Sentences for the reader, none where both agree. `known` is evidence that tools read besides."""
    said = _quoted(answer.root_cause)
    own = _Meant.by(answer, diagnosis, known)
    if not diagnosis.hypotheses:
        is_healthy = _says_healthy(answer) or not (own.refs or own.cited)
        return () if is_healthy else (f"The model names a root cause ({said}); the analyzers found none.",)
    first = diagnosis.hypotheses[0]
    theirs = f"the analyzers' first hypothesis is {_told(first)}"
    if _says_healthy(answer):
        return (f"The model finds nothing wrong ({said}); {theirs}.",)
    if not (own.refs or own.cited) or own.is_root_of(first, diagnosis):
        return ()
    rival = next((item for item in diagnosis.hypotheses[1:] if own.is_root_of(item, diagnosis)), None)
    if rival is not None:
        rank = diagnosis.hypotheses.index(rival) + 1
        return (
            f"The model holds {_told(rival)} to be the root cause, which the analyzers rank number {rank}; {theirs}.",
        )
    if own.meets(first, diagnosis):
        return ()
    about = ", ".join(str(ref) for ref in sorted(own.refs)[:3])
    return (f"The model's root cause ({said}) is about {about}; {theirs}.",)


class _Meant:
    """The objects that a model's root cause is about, and the evidence that it cites for it."""

    def __init__(self, refs: Iterable[ResourceRef], cited: Iterable[str]) -> None:
        self.refs = frozenset(refs)
        self.cited = frozenset(cited)

    @classmethod
    def by(cls, answer: Answer, diagnosis: Diagnosis, known: Mapping[str, Evidence]) -> _Meant:
        evidence = {**known, **{item.id: item for finding in diagnosis.findings for item in finding.evidence}}
        cited = answer.hypotheses[0].evidence if answer.hypotheses else ()
        text = "\n".join((answer.root_cause, *(claim.title for claim in answer.hypotheses[:1])))
        refs = {ref for finding in diagnosis.findings for ref in (finding.ref, *finding.points_at)}
        refs |= {hypothesis.root for hypothesis in diagnosis.hypotheses} | {item.ref for item in evidence.values()}
        behind = (evidence[item].ref for item in cited if item in evidence)
        return cls((*behind, *_mentioned(text, refs)), (item for item in cited if item in evidence))

    def is_root_of(self, hypothesis: Hypothesis, diagnosis: Diagnosis) -> bool:
        """Whether it is about the hypothesis' root, or cites what the findings on that root rest on."""
        own = [finding for finding in _findings(hypothesis, diagnosis) if finding.ref == hypothesis.root]
        return hypothesis.root in self.refs or any(
            item.id in self.cited for finding in own for item in finding.evidence
        )

    def meets(self, hypothesis: Hypothesis, diagnosis: Diagnosis) -> bool:
        """Whether it is about anything that the hypothesis explains."""
        findings = _findings(hypothesis, diagnosis)
        refs = {finding.ref for finding in findings} | {item.ref for finding in findings for item in finding.evidence}
        return bool(refs & self.refs)


def _findings(hypothesis: Hypothesis, diagnosis: Diagnosis) -> list[Finding]:
    ids = set(hypothesis.findings)
    return [finding for finding in diagnosis.findings if finding.id in ids]


def _mentioned(text: str, refs: Iterable[ResourceRef]) -> list[ResourceRef]:
    """Those whose names stand in the text; of namesakes, those whose kind stands there too, if any does."""
    words = {word for token in _TOKEN.findall(text) for word in (token, token.rstrip("."))}
    kinds = {word.lower().removesuffix("s") for word in words}
    by_name: dict[str, list[ResourceRef]] = {}
    for ref in refs:
        if ref.name in words:
            by_name.setdefault(ref.name, []).append(ref)
    found: list[ResourceRef] = []
    for named in by_name.values():
        of_kind = [ref for ref in named if ref.kind.lower().removesuffix("s") in kinds]
        found += of_kind or named
    return found


def _says_healthy(answer: Answer) -> bool:
    return _HEALTHY.search(answer.root_cause) is not None and not any(claim.evidence for claim in answer.hypotheses)


def _told(hypothesis: Hypothesis) -> str:
    return f"\u201c{_quoted(hypothesis.title)}\u201d ({hypothesis.root}, {hypothesis.confidence:.0%})"


def _quoted(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _MAX_QUOTED else f"{text[: _MAX_QUOTED - 1]}\u2026"
