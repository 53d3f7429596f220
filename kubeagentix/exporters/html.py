"""A self-contained HTML fragment for a notebook: inline styles only, no script, nothing remote.

Colours come from the page (`currentColor`, JupyterLab's variables with see-through fallbacks), so it reads in light
and dark. An untrusted notebook loses the drawing and a code-hosting site all styles: nothing is said by them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from kubeagentix.contracts import ExporterPlugin
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis, Remedy, Severity
from kubeagentix.report import views, words
from kubeagentix.report.chain import Chain, chain_of, findings_of
from kubeagentix.report.drawing import draw
from kubeagentix.report.text import NO_FORMULAS, clean_block, clean_line

EVIDENCE_SHOWN = 4  # per hypothesis, before the rest unfolds
MAX_EVIDENCE = 12  # with the rest; all of it is in the JSON
FEW_HYPOTHESES = 5  # of as many the first is unfolded; of more none, so that all are seen at a glance
MAX_TABLE_ROWS = 200

LINE = "var(--jp-border-color2,rgba(128,128,128,.45))"
ACCENTS = {
    Severity.CRITICAL: "var(--jp-error-color1,crimson)",
    Severity.WARNING: "var(--jp-warn-color1,orange)",
    Severity.INFO: "var(--jp-info-color1,steelblue)",
}
FOLD = "cursor:pointer;padding:.35em 0"
MUTED = "opacity:.75"
HEAD = "margin:.9em 0 .2em;font-weight:bold"
LIST = "margin:.2em 0;padding-left:1.4em"
CELL = "text-align:left;vertical-align:top;padding:.2em .5em"
PRE = (
    "background:rgba(128,128,128,.14);color:inherit;padding:.3em .7em;margin:.2em 0 .5em;border-radius:4px;"
    "white-space:pre-wrap;word-break:normal;font-family:var(--jp-code-font-family,monospace)"
)
_DRAWN = "margin:.4em 0;padding:0;background:none;overflow-x:auto"
ROOT = (
    "font-family:var(--jp-content-font-family,system-ui,sans-serif);line-height:1.45;text-align:left;"
    "overflow-wrap:break-word"
)


def export(diagnosis: Diagnosis) -> str:
    """The report as one `<div>`."""
    return f'<div class="{NO_FORMULAS}" style="{ROOT}">\n' + "\n".join(_parts(diagnosis)) + "\n</div>\n"


def _parts(diagnosis: Diagnosis) -> Iterator[str]:
    cluster = f" (cluster {escaped(diagnosis.cluster, 200)})" if diagnosis.cluster else ""
    yield f"<p><strong>{_sign(diagnosis)} {escaped(words.headline(diagnosis))}</strong>{cluster}</p>"
    yield from _view(diagnosis)
    is_short = len(diagnosis.hypotheses) <= FEW_HYPOTHESES
    for rank, hypothesis in enumerate(diagnosis.hypotheses[: words.MAX_HYPOTHESES], start=1):
        yield from _hypothesis(diagnosis, hypothesis, rank, is_open=is_short and rank == 1)
    yield from _further(diagnosis)
    yield from _gaps(diagnosis)
    yield from _table(diagnosis)
    yield from _ignored(diagnosis)
    yield from (f"<p>{escaped(note)}</p>" for note in diagnosis.notes)
    yield f'<p style="{MUTED}"><small>{escaped(words.objects_read(diagnosis), 2000)}.</small></p>'


def _view(diagnosis: Diagnosis) -> Iterator[str]:
    """What a model says, apart from what the analyzers say."""
    rows = views.view_rows(diagnosis)
    if rows:
        yield f'<p style="{HEAD}">{escaped(views.speaker(diagnosis))} says</p><ul style="{LIST}">'
        yield from (f"<li>{label}: {escaped(text, 1200)}</li>" for label, text in rows)
        yield "</ul>"


def _sign(diagnosis: Diagnosis) -> str:
    if words.is_healthy(diagnosis):
        return "❔" if diagnosis.gaps else "✅"
    return words.EMOJI[words.severity_of(diagnosis.findings)]


def _hypothesis(diagnosis: Diagnosis, hypothesis: Hypothesis, rank: int, *, is_open: bool) -> Iterator[str]:
    findings = findings_of(diagnosis, hypothesis)
    severity = words.severity_of(findings)
    frame = f"border-bottom:1px solid {LINE};border-left:3px solid {ACCENTS[severity]};padding:0 .3em 0 .8em"
    yield f'<details{" open" if is_open else ""} style="{frame}">'
    yield (
        f'<summary style="{FOLD}"><strong>{rank}. {words.EMOJI[severity]} {escaped(hypothesis.title)}</strong> '
        f'<small style="{MUTED}">— {severity.value}, {words.percent(hypothesis.confidence)}, '
        f"{escaped(str(hypothesis.root), 200)}</small></summary>"
    )
    reason = f" ({code(findings[0].reason)})" if findings else ""
    yield f'<p style="margin:.3em 0">Root cause: {code(str(hypothesis.root))}{reason}</p>'
    if hypothesis.summary and hypothesis.summary != hypothesis.title:
        yield f'<p style="margin:.3em 0 .6em">{escaped(hypothesis.summary, 1200)}</p>'
    yield from _chain(chain_of(diagnosis, hypothesis))
    yield from _evidence(words.evidence_of(findings))
    yield from _remedies(words.remedies_of(diagnosis, hypothesis))
    yield from _confidence(hypothesis)
    yield "</details>"


def _further(diagnosis: Diagnosis) -> Iterator[str]:
    rest = diagnosis.hypotheses[words.MAX_HYPOTHESES :]
    if not rest:
        return
    yield f'<details><summary style="{FOLD}">{len(rest)} more root causes</summary><ul style="{LIST}">'
    yield from (
        f"<li>{escaped(words.about(hypothesis))}: {words.percent(hypothesis.confidence)}</li>" for hypothesis in rest
    )
    yield "</ul></details>"


def _chain(chain: Chain) -> Iterator[str]:
    if len(chain.nodes) < 2:
        return
    # A <pre>, because whoever takes the drawing out leaves its words, in lines then.
    yield f'<pre style="{_DRAWN}">{draw(chain)}</pre>'
    yield f'<details><summary style="{FOLD}">Cause chain as text</summary><ul style="{LIST}">'
    for node, depth in chain.walk():
        arrow = "→ " * depth
        yield f"<li>{arrow}{words.EMOJI[node.severity]} {escaped(words.named(node))}</li>"
    yield "</ul></details>"
    if chain.hidden:
        yield f'<p style="margin:.2em 0">… and {chain.hidden} more findings that follow from it, in the table below</p>'


def _evidence(pieces: Sequence[Evidence]) -> Iterator[str]:
    if not pieces:
        return
    first = words.telling(pieces)[:EVIDENCE_SHOWN]
    rest = [piece for piece in pieces if piece not in first]
    yield f'<p style="{HEAD}">Evidence</p><ul style="{LIST}">'
    yield from map(_piece, first)
    yield "</ul>"
    if rest:
        further = rest[: MAX_EVIDENCE - len(first)]
        yield f'<details><summary style="{FOLD}">{len(rest)} more pieces of evidence</summary><ul style="{LIST}">'
        yield from map(_piece, further)
        yield "</ul>"
        if len(further) < len(rest):
            yield f"<p>… and {len(rest) - len(further)} more, in the JSON</p>"
        yield "</details>"


def _piece(piece: Evidence) -> str:
    """What it says, where that was read, and the words themselves where they say more."""
    locator = f", {code(piece.locator)}" if piece.locator else ""
    excerpt = clean_block(piece.excerpt)
    is_new = excerpt and clean_line(piece.excerpt) not in clean_line(piece.summary)
    quote = f'<pre style="{PRE}">{escape(excerpt)}</pre>' if is_new else ""
    source = f'<small style="{MUTED}">({piece.source} of {code(str(piece.ref))}{locator})</small>'
    return f"<li>{escaped(piece.summary)} {source}{quote}</li>"


def _remedies(remedies: Sequence[Remedy]) -> Iterator[str]:
    if not remedies:
        return
    yield f'<p style="{HEAD}">What to do</p><ul style="{LIST}">'
    for remedy in remedies:
        mark = "" if remedy.effect == "read" else "⚠️ <em>changes the cluster:</em> "
        why = f" ({escaped(remedy.why)})" if remedy.why else ""
        command = f'<pre style="{PRE}">{escape(clean_block(remedy.command))}</pre>'
        yield f"<li>{mark}{escaped(remedy.title)}{why}{command}</li>"
    yield "</ul>"


def _confidence(hypothesis: Hypothesis) -> Iterator[str]:
    if not hypothesis.breakdown:
        return
    percent = words.percent(hypothesis.confidence)
    yield f'<details><summary style="{FOLD}">Why {percent}</summary><ul style="{LIST}">'
    yield from (f"<li>{term.value:+.2f} {escaped(term.label)}</li>" for term in hypothesis.breakdown)
    yield "</ul></details>"


def _table(diagnosis: Diagnosis) -> Iterator[str]:
    if not diagnosis.findings:
        return
    findings = words.worst_first(diagnosis.findings)
    is_open = "" if diagnosis.hypotheses else " open"
    yield f'<details{is_open}><summary style="{FOLD}">{words.findings_count(diagnosis)}</summary>'
    yield '<div style="overflow-x:auto"><table style="border-collapse:collapse"><thead><tr>'
    heads = ("Severity", "Object", "Reason", "Finding", "Cause")
    yield "".join(f'<th style="{CELL}">{head}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    yield from (_row(finding) for finding in findings[:MAX_TABLE_ROWS])
    yield "</tbody></table></div>"
    if len(findings) > MAX_TABLE_ROWS:
        yield f"<p>… and {len(findings) - MAX_TABLE_ROWS} more, in the JSON</p>"
    yield "</details>"


def _row(finding: Finding) -> str:
    cells = (str(finding.ref), finding.reason, finding.title, finding.cause)
    severity = f"{words.EMOJI[finding.severity]} {finding.severity.value}"
    filled = "".join(f'<td style="{CELL}">{escaped(cell, 300)}</td>' for cell in cells)
    return f'<tr><td style="{CELL};white-space:nowrap">{severity}</td>{filled}</tr>'


def _ignored(diagnosis: Diagnosis) -> Iterator[str]:
    groups = [group for group in diagnosis.ignored if group.all]
    if groups:
        yield f'<details><summary style="{FOLD}">{words.ignored_count(diagnosis)}</summary><ul style="{LIST}">'
        for group in groups:
            findings = "".join(map(_ignored_finding, group.all[:MAX_TABLE_ROWS]))
            yield f'<li>{escaped(words.ignored_by(group))}<ul style="{LIST}">{findings}</ul></li>'
        yield "</ul></details>"
    yield from (f'<p style="margin:.2em 0">⚠️ {escaped(line)}</p>' for line in words.idle_rules(diagnosis))


def _ignored_finding(finding: Finding) -> str:
    return f"<li>{words.EMOJI[finding.severity]} {escaped(words.named(finding))} ({code(finding.reason)})</li>"


def _gaps(diagnosis: Diagnosis) -> Iterator[str]:
    if not diagnosis.gaps:
        return
    yield f'<p style="{HEAD}">❔ Not seen</p><p style="margin:.2em 0">{words.gaps_warning(diagnosis)}:</p>'
    yield f'<ul style="{LIST}">'
    yield from (f"<li>{escaped(line)}</li>" for line in words.gaps_in_short(diagnosis.gaps))
    yield "</ul>"


def escaped(text: str, max_chars: int = 600) -> str:
    """Foreign text on one line, none of which is markup."""
    return escape(clean_line(text, max_chars))


def code(text: str) -> str:
    """Foreign text on one line as code."""
    return f"<code>{escaped(text, 300)}</code>"


plugin = ExporterPlugin(id="html", title="HTML fragment", media_type="text/html", export=export)
