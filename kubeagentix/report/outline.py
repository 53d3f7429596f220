"""A diagnosis as rows of a plain report: what the text exporter wraps and the terminal colours.

A row has a short label on the left and a text beside it, and a tone that says what the text is. Many hypotheses
are told in two steps: all of them in an overview, then the first few in detail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis
from kubeagentix.report import views, words
from kubeagentix.report.chain import Chain, chain_of, findings_of
from kubeagentix.report.overview import overview
from kubeagentix.report.text import clean_block, clean_line

Tone = Literal["plain", "heading", "critical", "warning", "info", "good", "muted", "quote", "command"]
WIDTH = 110  # what a notebook's output area and a code-hosting site show without a scroll bar
LABEL_WIDTH = 12
FEW_HYPOTHESES = 5  # as many are told in full; of more, all in the overview and the first DETAILED in full
DETAILED = 3
EVIDENCE_SHOWN = 3  # per hypothesis, unless everything is asked for
EXCERPT_LINES = 3
GUILTY_MARK = "> "  # before the line of a log's excerpt that says what went wrong
EXCERPT_CHARS = 200  # of one line
KINDS_NAMED = 6
GAPS_SHOWN = 8  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. Without a label (None) it starts at the left edge; with an empty one it continues the row above.

    `is_fixed`: to be shown as it is, never wrapped. `mark` is a part of the text with a tone of its own.
    """

    label: str | None = None
    text: str
    tone: Tone = "plain"
    is_fixed: bool = False
    mark: tuple[int, int, Tone] | None = None


def outline(diagnosis: Diagnosis, *, is_verbose: bool = False, width: int = WIDTH) -> Iterator[Row]:
    """The rows of a whole report; `is_verbose` tells every hypothesis and finding with all its evidence."""
    healthy = words.is_healthy(diagnosis)
    tone: Tone = "good" if healthy and not diagnosis.gaps else "warning" if healthy else "heading"
    cluster = f" (cluster {clean_line(diagnosis.cluster, 200)})" if diagnosis.cluster else ""
    yield Row(text=words.headline(diagnosis) + cluster, tone=tone)
    is_long = len(diagnosis.hypotheses) > FEW_HYPOTHESES
    if is_long:
        yield Row(text="")
        yield from _overview(diagnosis, width)
    if is_long and not is_verbose:
        yield Row(text="")
        yield Row(
            text=f"The first {DETAILED} in detail (another: KIND/NAME -n NAMESPACE; all: --verbose)", tone="heading"
        )
    shown = diagnosis.hypotheses[:DETAILED] if is_long and not is_verbose else diagnosis.hypotheses
    for rank, hypothesis in enumerate(shown, start=1):
        yield Row(text="")
        yield from _hypothesis(diagnosis, hypothesis, rank, is_verbose=is_verbose)
    yield from _view(diagnosis)
    yield from _loose_findings(diagnosis, is_verbose=is_verbose)
    yield from _closing(diagnosis, is_verbose=is_verbose)


def _view(diagnosis: Diagnosis) -> Iterator[Row]:
    """What a model says, apart from what the analyzers say."""
    rows = views.view_rows(diagnosis)
    if not rows:
        return
    yield Row(text="")
    yield Row(text=clean_line(f"{views.speaker(diagnosis)} says"), tone="heading")
    last = ""
    for label, text in rows:
        tone: Tone = "warning" if label == "disagrees" else "plain"
        yield Row(label="" if label == last else label, text=clean_line(text, 1200), tone=tone)
        last = label


def _overview(diagnosis: Diagnosis, width: int) -> Iterator[Row]:
    for line in overview(diagnosis, width):
        if line.severity is not None:
            yield Row(text=line.text, is_fixed=True, mark=(line.start, line.end, line.severity.value))
        else:
            yield Row(text=line.text, is_fixed=True, tone="muted")


def _hypothesis(diagnosis: Diagnosis, hypothesis: Hypothesis, rank: int, *, is_verbose: bool) -> Iterator[Row]:
    findings = findings_of(diagnosis, hypothesis)
    severity = words.severity_of(findings)
    confidence = words.percent(hypothesis.confidence)
    yield Row(text=f"{rank}. {clean_line(hypothesis.title)}  [{confidence}, {severity}]", tone=severity.value)
    reason = f" ({clean_line(findings[0].reason, 120)})" if findings else ""
    yield Row(label="root", text=clean_line(str(hypothesis.root), 300) + reason)
    if hypothesis.summary and hypothesis.summary != hypothesis.title:
        yield Row(label="why", text=clean_line(hypothesis.summary, 1200))
    yield from _chain(chain_of(diagnosis, hypothesis, max_nodes=1000 if is_verbose else 6))
    if is_verbose and hypothesis.breakdown:
        yield Row(label="confidence", text=words.terms(hypothesis), tone="muted")
    yield from _evidence(findings, is_verbose=is_verbose)
    yield from _remedies(diagnosis, hypothesis)


def _chain(chain: Chain) -> Iterator[Row]:
    """What follows from the root, which the heading has named already."""
    steps = list(chain.walk())[1:]
    for place, (node, depth) in enumerate(steps):
        arrow = "  " * (depth - 2) + "└ " if depth > 1 else ""
        yield Row(label="" if place else "leads to", text=f"{arrow}{words.named(node)}")
    if chain.hidden:
        yield Row(
            label="" if steps else "leads to", text=f"… and {chain.hidden} more that follow from it", tone="muted"
        )


def _evidence(findings: tuple[Finding, ...], *, is_verbose: bool) -> Iterator[Row]:
    pieces = words.evidence_of(findings)
    shown = pieces if is_verbose else words.telling(pieces)[:EVIDENCE_SHOWN]
    for place, piece in enumerate(shown):
        yield Row(label="" if place else "evidence", text=evidence_line(piece))
        quoted = piece.excerpt if is_verbose else _from_guilty(piece)
        excerpt = clean_block(quoted, max_lines=40 if is_verbose else EXCERPT_LINES)
        if excerpt and clean_line(piece.excerpt) not in clean_line(piece.summary):
            lines = excerpt.split("\n")
            yield from (Row(label="", text=f"  │ {_cut(line)}", tone="quote", is_fixed=True) for line in lines)
    if len(shown) < len(pieces):
        yield Row(label="", text=f"… and {len(pieces) - len(shown)} more pieces of evidence", tone="muted")


def _from_guilty(piece: Evidence) -> str:
    """An excerpt from where the marked line of a log is among the few that are shown."""
    lines = piece.excerpt.split("\n")
    marked = (
        next((at for at, line in enumerate(lines) if line.startswith(GUILTY_MARK)), 0) if piece.source == "log" else 0
    )
    return "\n".join(lines[max(0, marked + 1 - EXCERPT_LINES) :])


def _cut(line: str) -> str:
    return line if len(line) <= EXCERPT_CHARS else f"{line[:EXCERPT_CHARS]}…"


def evidence_line(piece: Evidence) -> str:
    """`event Pod shop/web-1 (Failed): manifest unknown`."""
    locator = f" ({clean_line(piece.locator, 120)})" if piece.locator else ""
    return f"{piece.source} of {clean_line(str(piece.ref), 200)}{locator}: {clean_line(piece.summary)}"


def _remedies(diagnosis: Diagnosis, hypothesis: Hypothesis) -> Iterator[Row]:
    for place, remedy in enumerate(words.remedies_of(diagnosis, hypothesis)):
        mark = "" if remedy.effect == "read" else " (changes the cluster)"
        yield Row(label="" if place else "do", text=f"{clean_line(remedy.title, 200)}{mark}:")
        command = "\n".join(f"  {line}" for line in clean_block(remedy.command, max_lines=10).split("\n"))
        yield Row(label="", text=command, tone="command", is_fixed=True)


def _loose_findings(diagnosis: Diagnosis, *, is_verbose: bool) -> Iterator[Row]:
    explained = {key for hypothesis in diagnosis.hypotheses for key in hypothesis.findings}
    loose = [finding for finding in words.worst_first(diagnosis.findings) if finding.id not in explained]
    if not loose:
        return
    yield Row(text="")
    yield Row(text="Other findings" if diagnosis.hypotheses else "Findings", tone="heading")
    for finding in loose:
        yield Row(label=finding.severity.value, text=f"{words.named(finding)} ({clean_line(finding.reason, 120)})")
        if is_verbose:
            yield Row(label="", text=clean_line(finding.cause), tone="muted")
            yield from _evidence((finding,), is_verbose=True)


def _ignored(diagnosis: Diagnosis, *, is_verbose: bool) -> Iterator[Row]:
    """What was ignored, counted by rule, and the rules that are out of date."""
    groups = [group for group in diagnosis.ignored if group.all]
    if groups:
        yield Row(text="")
        more = "" if is_verbose else " (which: --verbose; show them: --no-ignore)"
        yield Row(text=f"{words.ignored_count(diagnosis)}{more}:", tone="heading")
    for group in groups:
        yield Row(label="ignored", text=words.ignored_by(group), tone="muted")
        for finding in group.all if is_verbose else ():
            text = f"  {finding.severity}: {words.named(finding)} ({clean_line(finding.reason, 120)})"
            yield Row(label="", text=text, tone="muted")
    idle = words.idle_rules(diagnosis)
    if idle and not groups:
        yield Row(text="")
    yield from (Row(label="rule", text=line, tone="warning") for line in idle)


def _closing(diagnosis: Diagnosis, *, is_verbose: bool) -> Iterator[Row]:
    yield from _ignored(diagnosis, is_verbose=is_verbose)
    if diagnosis.gaps:
        yield Row(text="")
        yield Row(text=words.gaps_warning(diagnosis) + ":", tone="warning")
        gaps = words.gaps_in_short(diagnosis.gaps)
        shown = gaps if is_verbose else gaps[:GAPS_SHOWN]
        yield from (Row(label="not seen", text=line) for line in shown)
        if len(shown) < len(gaps):
            yield Row(label="", text=f"… and {len(gaps) - len(shown)} more (all: --verbose)", tone="muted")
    yield Row(text="")
    yield from (Row(text=clean_line(note), tone="muted") for note in diagnosis.notes)
    read = words.objects_read(diagnosis, max_kinds=1000 if is_verbose else KINDS_NAMED)
    yield Row(text=f"{words.findings_count(diagnosis)}. {read}.", tone="muted")
    if is_verbose and diagnosis.timings:
        times = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in diagnosis.timings.items())
        yield Row(label="time", text=times, tone="muted")
