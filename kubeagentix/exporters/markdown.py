"""Markdown that reads well on code-hosting sites: a Mermaid graph per cause chain, evidence quoted, commands to paste.

Everything that came from a cluster is hostile until escaped: it must not become HTML (a notebook would run it), an
image (which would be fetched), a link, a formula, a table cell's end or the end of a code fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kubeagentix.contracts import ExporterPlugin
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis, Remedy
from kubeagentix.report import views, words
from kubeagentix.report.chain import Chain, chain_of, findings_of
from kubeagentix.report.text import clean_block, clean_line

MAX_EVIDENCE = 6  # per hypothesis; all of it is in the JSON
FEW_HYPOTHESES = 5  # more of them get an overview
MAX_TABLE_ROWS = 200

# Entities, not backslashes, for what a formula or a table would still see behind a backslash.
_REPLACED = (
    {char: f"&#{ord(char)};" for char in '\\<>"[]|$`~!'}
    | {char: f"\\{char}" for char in "*_#"}
    | {"&": "&amp;", "://": "&#58;//", "www.": "www&#46;"}
)
_SPECIAL = re.compile("|".join(re.escape(text) for text in _REPLACED))
_MERMAID_SAFE = re.compile(r"[^\w ./:,()=+-]")


def export(diagnosis: Diagnosis) -> str:
    """The report as one Markdown document."""
    return "\n".join(_lines(diagnosis)).rstrip("\n") + "\n"


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    cluster = f" of cluster {escaped(diagnosis.cluster)}" if diagnosis.cluster else ""
    yield from (f"## Quick Dx: {escaped(str(diagnosis.target))}{cluster}", "")
    yield from (f"**{_sign(diagnosis)} {escaped(words.headline(diagnosis))}.**", "")
    yield from _view(diagnosis)
    yield from _overview(diagnosis)
    for rank, hypothesis in enumerate(diagnosis.hypotheses[: words.MAX_HYPOTHESES], start=1):
        yield from _hypothesis(diagnosis, hypothesis, rank)
    yield from _further(diagnosis)
    yield from _table(diagnosis)
    yield from _ignored(diagnosis)
    yield from _gaps(diagnosis)
    yield from (f"{escaped(words.objects_read(diagnosis), 2000)}.", "")
    yield from (f"- {escaped(note)}" for note in diagnosis.notes)


def _sign(diagnosis: Diagnosis) -> str:
    if words.is_healthy(diagnosis):
        return "❔" if diagnosis.gaps else "✅"
    return words.EMOJI[words.severity_of(diagnosis.findings)]


def _view(diagnosis: Diagnosis) -> Iterator[str]:
    """What a model says, apart from what the analyzers say."""
    rows = views.view_rows(diagnosis)
    if rows:
        yield from (f"### {escaped(views.speaker(diagnosis))} says", "")
        yield from (f"- {label}: {escaped(text, 1200)}" for label, text in rows)
        yield ""


def _overview(diagnosis: Diagnosis) -> Iterator[str]:
    """All root causes at a glance, where they are too many to be found by leafing."""
    if len(diagnosis.hypotheses) <= FEW_HYPOTHESES:
        return
    yield "| # | Confidence | Severity | Root cause | Reason |"
    yield "|--:|--:|---|---|---|"
    for rank, hypothesis in enumerate(diagnosis.hypotheses[:MAX_TABLE_ROWS], start=1):
        findings = findings_of(diagnosis, hypothesis)
        severity = words.severity_of(findings)
        reason = escaped(findings[0].reason, 300) if findings else ""
        percent = words.percent(hypothesis.confidence).replace(" ", "&nbsp;")
        root = escaped(str(hypothesis.root), 300)
        yield f"| {rank} | {percent} | {words.EMOJI[severity]}&nbsp;{severity.value} | {root} | {reason} |"
    yield ""


def _hypothesis(diagnosis: Diagnosis, hypothesis: Hypothesis, rank: int) -> Iterator[str]:
    findings = findings_of(diagnosis, hypothesis)
    severity = words.severity_of(findings)
    yield from (f"### {rank}. {words.EMOJI[severity]} {escaped(hypothesis.title)}", "")
    reason = f", {code(findings[0].reason)}" if findings else ""
    yield f"- Root cause: {code(str(hypothesis.root))}{reason}, {severity.value}"
    confidence = words.percent(hypothesis.confidence)
    breakdown = f" = {escaped(words.terms(hypothesis))}" if hypothesis.breakdown else ""
    yield from (f"- Confidence: **{confidence}**{breakdown}", "")
    if hypothesis.summary and hypothesis.summary != hypothesis.title:
        yield from (escaped(hypothesis.summary, 1200), "")
    yield from _mermaid(chain_of(diagnosis, hypothesis))
    yield from _evidence(words.evidence_of(findings))
    yield from _remedies(words.remedies_of(diagnosis, hypothesis))


def _further(diagnosis: Diagnosis) -> Iterator[str]:
    rest = diagnosis.hypotheses[words.MAX_HYPOTHESES :]
    if not rest:
        return
    yield from (f"### {len(rest)} more root causes", "")
    yield from (f"- {escaped(words.about(hypothesis))}: {words.percent(hypothesis.confidence)}" for hypothesis in rest)
    yield ""


def _mermaid(chain: Chain) -> Iterator[str]:
    if len(chain.nodes) < 2:
        return
    yield from ("```mermaid", "graph LR")
    for place, node in enumerate(chain.nodes):
        label = f"{words.EMOJI[node.severity]} {_mermaid_text(str(node.ref), 80)}"
        reason = f"<br/>{_mermaid_text(node.reason, 60)}" if node.reason else ""
        yield f'  f{place}["{label}{reason}"]'
    yield from (f"  f{cause} --> f{effect}" for cause, effect in chain.edges)
    yield from ("```", "")
    if chain.hidden:
        yield from (f"… and {chain.hidden} more findings that follow from it, in the table below.", "")


def _mermaid_text(text: str, max_chars: int) -> str:
    return _MERMAID_SAFE.sub(lambda match: f"#{ord(match[0])};", clean_line(text, max_chars))


def _evidence(pieces: Sequence[Evidence]) -> Iterator[str]:
    if not pieces:
        return
    yield from ("**Evidence**", "")
    shown = words.telling(pieces)[:MAX_EVIDENCE]
    for piece in shown:
        locator = f", {code(piece.locator)}" if piece.locator else ""
        yield from (f"{piece.source.capitalize()} of {code(str(piece.ref))}{locator}: {escaped(piece.summary)}", "")
        excerpt = clean_block(piece.excerpt)
        if excerpt and clean_line(piece.excerpt) not in clean_line(piece.summary):
            yield from fenced("text", excerpt)
    if len(pieces) > len(shown):
        yield from (f"… and {len(pieces) - len(shown)} more pieces of evidence, in the JSON", "")


def _remedies(remedies: Sequence[Remedy]) -> Iterator[str]:
    if not remedies:
        return
    yield from ("**What to do**", "")
    for remedy in remedies:
        mark = "" if remedy.effect == "read" else "⚠️ *changes the cluster:* "
        why = f" ({escaped(remedy.why)})" if remedy.why else ""
        yield from (f"{mark}{escaped(remedy.title)}{why}:", "")
        yield from fenced("bash", clean_block(remedy.command))


def _table(diagnosis: Diagnosis) -> Iterator[str]:
    if not diagnosis.findings:
        return
    yield from (f"### {words.findings_count(diagnosis)}", "")
    yield "| Severity | Object | Reason | Finding | Cause |"
    yield "|---|---|---|---|---|"
    findings = words.worst_first(diagnosis.findings)
    yield from (_row(finding) for finding in findings[:MAX_TABLE_ROWS])
    yield ""
    if len(findings) > MAX_TABLE_ROWS:
        yield from (f"… and {len(findings) - MAX_TABLE_ROWS} more, in the JSON", "")


def _row(finding: Finding) -> str:
    cells = (str(finding.ref), finding.reason, finding.title, finding.cause)
    severity = f"{words.EMOJI[finding.severity]} {finding.severity.value}"
    return f"| {severity} | " + " | ".join(escaped(cell, 300) for cell in cells) + " |"


def _ignored(diagnosis: Diagnosis) -> Iterator[str]:
    groups = [group for group in diagnosis.ignored if group.all]
    idle = words.idle_rules(diagnosis)
    if groups or idle:
        yield from ("### Ignored", "")
    if groups:
        yield from (f"{words.ignored_count(diagnosis)}:", "")
    for group in groups:
        yield f"- {escaped(words.ignored_by(group))}"
        for finding in group.all[:MAX_TABLE_ROWS]:
            yield f"  - {words.EMOJI[finding.severity]} {escaped(words.named(finding))} ({code(finding.reason)})"
    yield from (f"- {escaped(line)}" for line in idle)
    if groups or idle:
        yield ""


def _gaps(diagnosis: Diagnosis) -> Iterator[str]:
    if not diagnosis.gaps:
        return
    yield from ("### Not seen", "", f"{words.gaps_warning(diagnosis)}:", "")
    yield from (f"- {escaped(line)}" for line in words.gaps_in_short(diagnosis.gaps))
    yield ""


def escaped(text: str, max_chars: int = 600) -> str:
    """Foreign text on one line, none of which is markup."""
    return _SPECIAL.sub(lambda match: _REPLACED[match[0]], clean_line(text, max_chars))


def code(text: str) -> str:
    """Foreign text on one line as code."""
    line = clean_line(text, 300)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    if longest == 0:
        return f"`{line}`"
    return f"{'`' * (longest + 1)} {line} {'`' * (longest + 1)}"


def fenced(language: str, text: str) -> Iterator[str]:
    """Foreign text of several lines as a block of code, which it cannot end."""
    # At the left edge: notebooks do not see an indented fence when they look for formulas.
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", text, fence, "")


plugin = ExporterPlugin(id="markdown", title="Markdown with Mermaid", media_type="text/markdown", export=export)
