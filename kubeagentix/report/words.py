"""What is said about a diagnosis, in the same words everywhere: the headline, what was read, what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Gap, Hypothesis, Ignored, Remedy, Severity
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.report.chain import Node, findings_of
from kubeagentix.report.text import clean_line

EMOJI = {Severity.CRITICAL: "⛔", Severity.WARNING: "⚠️", Severity.INFO: "ℹ️"}  # noqa: RUF001  the sign is meant
MAX_HYPOTHESES = 25  # told in full; a cluster on fire has more, which are listed
MAX_READ_REMEDIES = 4  # more commands than this are a chore, not a next step
MAX_WRITE_REMEDIES = 3
_NUMBERS = re.compile(r"\d+")
_LOG_LENGTH = re.compile(r" --tail=\d+")


def headline(diagnosis: Diagnosis) -> str:
    """One sentence: what was found where; that nothing was found only as far as everything could be read."""
    place = clean_line(str(diagnosis.target), 200)
    count = len(diagnosis.hypotheses)
    if count:
        return f"{_number(count, 'root cause')} found in {place}"
    serious = [finding for finding in diagnosis.findings if finding.severity is not Severity.INFO]
    if serious:
        return f"{_number(len(serious), 'finding')} in {place}, but no root cause"
    known = [item for group in diagnosis.ignored for item in group.all if item.severity is not Severity.INFO]
    but = f" but for {_number(len(known), 'ignored finding')}" if known else ""
    if diagnosis.gaps:
        return f"Nothing wrong was seen in {place}{but}, but {_parts(len(diagnosis.gaps))} could not be read"
    return f"Nothing is wrong in {place}{but}"


def is_healthy(diagnosis: Diagnosis) -> bool:
    """Whether nothing of severity warning or more was found."""
    return not diagnosis.hypotheses and all(finding.severity is Severity.INFO for finding in diagnosis.findings)


def objects_read(diagnosis: Diagnosis, max_kinds: int = 1000) -> str:
    """How much the answer rests on: `Read 8 objects: Pod 5, Service 3`, or that nothing was read.

    More kinds than `max_kinds` are counted: `Read 790 objects of 27 kinds`.
    """
    counts = {kind: count for kind, count in diagnosis.counts.items() if count}
    if not counts:
        return "No object was read"
    if len(counts) > max_kinds:
        return f"Read {_number(sum(counts.values()), 'object')} of {len(counts)} kinds"
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return clean_line(f"Read {_number(sum(counts.values()), 'object')}: {kinds}")


def gaps_warning(diagnosis: Diagnosis) -> str:
    """What the gaps mean, or an empty text if there are none."""
    if not diagnosis.gaps:
        return ""
    return "These parts were not seen; whatever is wrong there is not in this diagnosis"


def gaps_in_short(gaps: Sequence[Gap]) -> list[str]:
    """The gaps in lines; those that differ in nothing but what was asked for share one.

    `pods, secrets and services in namespace shop: 403 Forbidden for user dev: ask for list on them`.
    """
    grouped: dict[tuple[str, str], list[Gap]] = {}
    for gap in gaps:
        grouped.setdefault(_shared(gap), []).append(gap)
    return [_gaps_line(*key, alike) for key, alike in grouped.items()]


def _shared(gap: Gap) -> tuple[str, str]:
    """(place, why) without the first word of what is missing, such as `pods`; it may be shared with others."""
    noun, _, place = clean_line(gap.what).partition(" ")
    return place, re.sub(rf"(?<!\w){re.escape(noun)}(?!\w)", "them", clean_line(gap.why))


def _gaps_line(place: str, why: str, gaps: Sequence[Gap]) -> str:
    if len(gaps) == 1:
        return f"{clean_line(gaps[0].what)}: {clean_line(gaps[0].why)}"
    nouns = [clean_line(gap.what).partition(" ")[0] for gap in gaps]
    listed = f"{', '.join(nouns[:-1])} and {nouns[-1]}"
    return f"{listed} {place}".rstrip() + f": {why}"


def findings_count(diagnosis: Diagnosis) -> str:
    """`5 findings: 3 critical, 2 warning`."""
    counts = Counter(finding.severity for finding in diagnosis.findings)
    parts = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    return f"{_number(len(diagnosis.findings), 'finding')}{': ' + parts if parts else ''}"


def ignored_count(diagnosis: Diagnosis) -> str:
    """`3 findings ignored by 2 rules, 1 of them as a symptom of an ignored one`; empty if nothing was ignored."""
    groups = [group for group in diagnosis.ignored if group.all]
    if not groups:
        return ""
    symptoms = sum(len(group.symptoms) for group in groups)
    count = sum(len(group.all) for group in groups)
    text = f"{_number(count, 'finding')} ignored by {_number(len(groups), 'rule')}"
    if not symptoms:
        return text
    what = "a symptom of an ignored one" if symptoms == 1 else "symptoms of ignored ones"
    return f"{text}, {symptoms} of them as {what}"


def ignored_by(group: Ignored) -> str:
    """`2 by reason=Lint/*, until 2026-12-31: not ours`; an annotation is named with its object."""
    until = f", until {group.rule.until}" if group.rule.until is not None else ""
    why = f": {clean_line(group.rule.why, 200)}" if group.rule.why else ""
    where = f" ({_source(group.rule)})" if group.rule.source.startswith("annotation") else ""
    return f"{len(group.all)} by {_rule(group.rule)}{where}{until}{why}"


def idle_rules(diagnosis: Diagnosis) -> list[str]:
    """The rules that should be looked at, each with what is the matter: expired ones, and those that met nothing."""
    lines = []
    for group in diagnosis.ignored:
        if group.is_expired:
            lines.append(f"{_rule(group.rule)} ({_source(group.rule)}) expired on {group.rule.until}")
        elif group.is_idle:
            lines.append(f"{_rule(group.rule)} ({_source(group.rule)}) ignores nothing here")
    return lines


def _rule(rule: IgnoreRule) -> str:
    return clean_line(str(rule), 200)


def _source(rule: IgnoreRule) -> str:
    return clean_line(rule.source, 200)


def named(item: Finding | Node) -> str:
    """A finding's title, with its object in front unless the title names it already."""
    title = clean_line(item.title, 300)
    return title if item.ref.name and item.ref.name in title else f"{clean_line(str(item.ref), 200)}: {title}"


def about(hypothesis: Hypothesis) -> str:
    """A hypothesis in one line: its title, with its root in front unless the title names it already."""
    title, name = clean_line(hypothesis.title, 300), hypothesis.root.name
    return title if name and name in title else f"{clean_line(str(hypothesis.root), 200)}: {title}"


def percent(confidence: float) -> str:
    """0.917 → `92 %`."""
    return f"{min(max(confidence, 0.0), 1.0) * 100:.0f} %"


def terms(hypothesis: Hypothesis) -> str:
    """The breakdown of a confidence: `0.70 reason, +0.20 log line, -0.05 gaps`."""
    return ", ".join(
        f"{term.value:.2f} {clean_line(term.label, 120)}"
        if place == 0
        else f"{term.value:+.2f} {clean_line(term.label, 120)}"
        for place, term in enumerate(hypothesis.breakdown)
    )


def severity_of(findings: Iterable[Finding]) -> Severity:
    """The worst severity among `findings`; `info` if there are none."""
    return max((finding.severity for finding in findings), key=lambda severity: severity.rank, default=Severity.INFO)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by severity, then by object."""
    return sorted(findings, key=lambda finding: (-finding.severity.rank, finding.ref.key, finding.reason))


def evidence_of(findings: Sequence[Finding]) -> list[Evidence]:
    """The evidence of `findings`, in their order, each piece once."""
    return list({item.id: item for finding in findings for item in finding.evidence}.values())


def telling(pieces: Sequence[Evidence]) -> list[Evidence]:
    """`pieces` without those that say of another replica what one before has said: same place, same words."""
    said: dict[tuple[str, str, str], Evidence] = {}
    for piece in pieces:
        said.setdefault((piece.source, piece.locator, _NUMBERS.sub("#", piece.summary)), piece)
    return list(said.values())


def remedies_of(diagnosis: Diagnosis, hypothesis: Hypothesis) -> list[Remedy]:
    """What to do about a hypothesis: commands that only read first, then those that change the cluster; a few each.

    Only the causes are changed, never a symptom, which goes away with them.
    """
    findings = findings_of(diagnosis, hypothesis)
    known = {finding.id for finding in findings}
    causes = [finding for finding in findings if known.isdisjoint(finding.caused_by)] or findings
    reads = [item for finding in (*causes, *findings) for item in finding.remedies if item.effect == "read"]
    writes = [item for finding in causes for item in finding.remedies if item.effect != "read"]
    return [*_unique(reads)[:MAX_READ_REMEDIES], *_unique(writes)[:MAX_WRITE_REMEDIES]]


def _unique(remedies: Iterable[Remedy]) -> list[Remedy]:
    by_command: dict[str, Remedy] = {}
    for remedy in remedies:
        # A second look at the same log is no second step, however many lines of it.
        by_command.setdefault(_LOG_LENGTH.sub("", remedy.command), remedy)
    return list(by_command.values())


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"
