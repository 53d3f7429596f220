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

_LINE = "var(--jp-border-color2,rgba(128,128,128,.45))"
_ACCENTS = {
    Severity.CRITICAL: "var(--jp-error-color1,crimson)",
    Severity.WARNING: "var(--jp-warn-color1,orange)",
    Severity.INFO: "var(--jp-info-color1,steelblue)",
}
_FOLD = "cursor:pointer;padding:.35em 0"
_MUTED = "opacity:.75"
_HEAD = "margin:.9em 0 .2em;font-weight:bold"
_LIST = "margin:.2em 0;padding-left:1.4em"
_CELL = "text-align:left;vertical-align:top;padding:.2em .5em"
_PRE = (
    "background:rgba(128,128,128,.14);color:inherit;padding:.3em .7em;margin:.2em 0 .5em;border-radius:4px;"
    "white-space:pre-wrap;word-break:normal;font-family:var(--jp-code-font-family,monospace)"
)
_DRAWN = "margin:.4em 0;padding:0;background:none;overflow-x:auto"
_ROOT = (
    "font-family:var(--jp-content-font-family,system-ui,sans-serif);line-height:1.45;text-align:left;"
    "overflow-wrap:break-word"
)


def export(diagnosis: Diagnosis) -> str:
    """The report as one `<div>`."""
    return f'<div class="{NO_FORMULAS}" style="{_ROOT}">\n' + "\n".join(_parts(diagnosis)) + "\n</div>\n"


def _parts(diagnosis: Diagnosis) -> Iterator[str]:
    cluster = f" (cluster {_text(diagnosis.cluster, 200)})" if diagnosis.cluster else ""
    yield f"<p><strong>{_sign(diagnosis)} {_text(words.headline(diagnosis))}</strong>{cluster}</p>"
    yield from _view(diagnosis)
    is_short = len(diagnosis.hypotheses) <= FEW_HYPOTHESES
    for rank, hypothesis in enumerate(diagnosis.hypotheses[: words.MAX_HYPOTHESES], start=1):
        yield from _hypothesis(diagnosis, hypothesis, rank, is_open=is_short and rank == 1)
    yield from _further(diagnosis)
    yield from _gaps(diagnosis)
    yield from _table(diagnosis)
    yield from _ignored(diagnosis)
    yield from (f"<p>{_text(note)}</p>" for note in diagnosis.notes)
    yield f'<p style="{_MUTED}"><small>{_text(words.objects_read(diagnosis), 2000)}.</small></p>'


def _view(diagnosis: Diagnosis) -> Iterator[str]:
    """What a model says, apart from what the analyzers say."""
    rows = views.view_rows(diagnosis)
    if rows:
        yield f'<p style="{_HEAD}">{_text(views.speaker(diagnosis))} says</p><ul style="{_LIST}">'
        yield from (f"<li>{label}: {_text(text, 1200)}</li>" for label, text in rows)
        yield "</ul>"


def _sign(diagnosis: Diagnosis) -> str:
    if words.is_healthy(diagnosis):
        return "❔" if diagnosis.gaps else "✅"
    return words.EMOJI[words.severity_of(diagnosis.findings)]


def _hypothesis(diagnosis: Diagnosis, hypothesis: Hypothesis, rank: int, *, is_open: bool) -> Iterator[str]:
    findings = findings_of(diagnosis, hypothesis)
    severity = words.severity_of(findings)
    frame = f"border-bottom:1px solid {_LINE};border-left:3px solid {_ACCENTS[severity]};padding:0 .3em 0 .8em"
    yield f'<details{" open" if is_open else ""} style="{frame}">'
    yield (
        f'<summary style="{_FOLD}"><strong>{rank}. {words.EMOJI[severity]} {_text(hypothesis.title)}</strong> '
        f'<small style="{_MUTED}">— {severity.value}, {words.percent(hypothesis.confidence)}, '
        f"{_text(str(hypothesis.root), 200)}</small></summary>"
    )
    reason = f" ({_code(findings[0].reason)})" if findings else ""
    yield f'<p style="margin:.3em 0">Root cause: {_code(str(hypothesis.root))}{reason}</p>'
    if hypothesis.summary and hypothesis.summary != hypothesis.title:
        yield f'<p style="margin:.3em 0 .6em">{_text(hypothesis.summary, 1200)}</p>'
    yield from _chain(chain_of(diagnosis, hypothesis))
    yield from _evidence(words.evidence_of(findings))
    yield from _remedies(words.remedies_of(diagnosis, hypothesis))
    yield from _confidence(hypothesis)
    yield "</details>"


def _further(diagnosis: Diagnosis) -> Iterator[str]:
    rest = diagnosis.hypotheses[words.MAX_HYPOTHESES :]
    if not rest:
        return
    yield f'<details><summary style="{_FOLD}">{len(rest)} more root causes</summary><ul style="{_LIST}">'
    yield from (
        f"<li>{_text(words.about(hypothesis))}: {words.percent(hypothesis.confidence)}</li>" for hypothesis in rest
    )
    yield "</ul></details>"


def _chain(chain: Chain) -> Iterator[str]:
    if len(chain.nodes) < 2:
        return
    # A <pre>, because whoever takes the drawing out leaves its words, in lines then.
    yield f'<pre style="{_DRAWN}">{draw(chain)}</pre>'
    yield f'<details><summary style="{_FOLD}">Cause chain as text</summary><ul style="{_LIST}">'
    for node, depth in chain.walk():
        arrow = "→ " * depth
        yield f"<li>{arrow}{words.EMOJI[node.severity]} {_text(words.named(node))}</li>"
    yield "</ul></details>"
    if chain.hidden:
        yield f'<p style="margin:.2em 0">… and {chain.hidden} more findings that follow from it, in the table below</p>'


def _evidence(pieces: Sequence[Evidence]) -> Iterator[str]:
    if not pieces:
        return
    first = words.telling(pieces)[:EVIDENCE_SHOWN]
    rest = [piece for piece in pieces if piece not in first]
    yield f'<p style="{_HEAD}">Evidence</p><ul style="{_LIST}">'
    yield from map(_piece, first)
    yield "</ul>"
    if rest:
        further = rest[: MAX_EVIDENCE - len(first)]
        yield f'<details><summary style="{_FOLD}">{len(rest)} more pieces of evidence</summary><ul style="{_LIST}">'
        yield from map(_piece, further)
        yield "</ul>"
        if len(further) < len(rest):
            yield f"<p>… and {len(rest) - len(further)} more, in the JSON</p>"
        yield "</details>"


def _piece(piece: Evidence) -> str:
    """What it says, where that was read, and the words themselves where they say more."""
    locator = f", {_code(piece.locator)}" if piece.locator else ""
    excerpt = clean_block(piece.excerpt)
    is_new = excerpt and clean_line(piece.excerpt) not in clean_line(piece.summary)
    quote = f'<pre style="{_PRE}">{escape(excerpt)}</pre>' if is_new else ""
    source = f'<small style="{_MUTED}">({piece.source} of {_code(str(piece.ref))}{locator})</small>'
    return f"<li>{_text(piece.summary)} {source}{quote}</li>"


def _remedies(remedies: Sequence[Remedy]) -> Iterator[str]:
    if not remedies:
        return
    yield f'<p style="{_HEAD}">What to do</p><ul style="{_LIST}">'
    for remedy in remedies:
        mark = "" if remedy.effect == "read" else "⚠️ <em>changes the cluster:</em> "
        why = f" ({_text(remedy.why)})" if remedy.why else ""
        command = f'<pre style="{_PRE}">{escape(clean_block(remedy.command))}</pre>'
        yield f"<li>{mark}{_text(remedy.title)}{why}{command}</li>"
    yield "</ul>"


def _confidence(hypothesis: Hypothesis) -> Iterator[str]:
    if not hypothesis.breakdown:
        return
    percent = words.percent(hypothesis.confidence)
    yield f'<details><summary style="{_FOLD}">Why {percent}</summary><ul style="{_LIST}">'
    yield from (f"<li>{term.value:+.2f} {_text(term.label)}</li>" for term in hypothesis.breakdown)
    yield "</ul></details>"


def _table(diagnosis: Diagnosis) -> Iterator[str]:
    if not diagnosis.findings:
        return
    findings = words.worst_first(diagnosis.findings)
    is_open = "" if diagnosis.hypotheses else " open"
    yield f'<details{is_open}><summary style="{_FOLD}">{words.findings_count(diagnosis)}</summary>'
    yield '<div style="overflow-x:auto"><table style="border-collapse:collapse"><thead><tr>'
    heads = ("Severity", "Object", "Reason", "Finding", "Cause")
    yield "".join(f'<th style="{_CELL}">{head}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    yield from (_row(finding) for finding in findings[:MAX_TABLE_ROWS])
    yield "</tbody></table></div>"
    if len(findings) > MAX_TABLE_ROWS:
        yield f"<p>… and {len(findings) - MAX_TABLE_ROWS} more, in the JSON</p>"
    yield "</details>"


def _row(finding: Finding) -> str:
    cells = (str(finding.ref), finding.reason, finding.title, finding.cause)
    severity = f"{words.EMOJI[finding.severity]} {finding.severity.value}"
    filled = "".join(f'<td style="{_CELL}">{_text(cell, 300)}</td>' for cell in cells)
    return f'<tr><td style="{_CELL};white-space:nowrap">{severity}</td>{filled}</tr>'


def _ignored(diagnosis: Diagnosis) -> Iterator[str]:
    groups = [group for group in diagnosis.ignored if group.all]
    if groups:
        yield f'<details><summary style="{_FOLD}">{words.ignored_count(diagnosis)}</summary><ul style="{_LIST}">'
        for group in groups:
            findings = "".join(map(_ignored_finding, group.all[:MAX_TABLE_ROWS]))
            yield f'<li>{_text(words.ignored_by(group))}<ul style="{_LIST}">{findings}</ul></li>'
        yield "</ul></details>"
    yield from (f'<p style="margin:.2em 0">⚠️ {_text(line)}</p>' for line in words.idle_rules(diagnosis))


def _ignored_finding(finding: Finding) -> str:
    return f"<li>{words.EMOJI[finding.severity]} {_text(words.named(finding))} ({_code(finding.reason)})</li>"


def _gaps(diagnosis: Diagnosis) -> Iterator[str]:
    if not diagnosis.gaps:
        return
    yield f'<p style="{_HEAD}">❔ Not seen</p><p style="margin:.2em 0">{words.gaps_warning(diagnosis)}:</p>'
    yield f'<ul style="{_LIST}">'
    yield from (f"<li>{_text(line)}</li>" for line in words.gaps_in_short(diagnosis.gaps))
    yield "</ul>"


def _text(text: str, max_chars: int = 600) -> str:
    return escape(clean_line(text, max_chars))


def _code(text: str) -> str:
    return f"<code>{_text(text, 300)}</code>"


plugin = ExporterPlugin(id="html", title="HTML fragment", media_type="text/html", export=export)
