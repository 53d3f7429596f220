"""The answer of a sweep as an HTML fragment for a notebook, in the style of the report on one cluster.

Incidents at a glance, the worst unfolded, what was not seen, and a line for each cluster. No script, nothing remote.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from kubeagentix.domain.diagnosis import Severity
from kubeagentix.exporters.html import ACCENTS, CELL, FOLD, HEAD, LINE, LIST, MUTED, PRE, ROOT, code, escaped
from kubeagentix.fleet import outline
from kubeagentix.fleet.incidents import Incident
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.fleet.words import count, named
from kubeagentix.report.text import NO_FORMULAS
from kubeagentix.report.words import EMOJI

if TYPE_CHECKING:
    from kubeagentix.fleet.diagnosis import FleetDiagnosis

MAX_ROWS = 200
FEW_INCIDENTS = 5  # of as many the first is unfolded; of more none, so that all are seen at a glance
_NUMBER = CELL.replace("text-align:left", "text-align:right")


def export(found: FleetDiagnosis) -> str:
    """The report as one `<div>`."""
    return f'<div class="{NO_FORMULAS}" style="{ROOT}">\n' + "\n".join(_parts(found)) + "\n</div>\n"


def _parts(found: FleetDiagnosis) -> Iterator[str]:
    sign = EMOJI[found.incidents[0].severity] if found.incidents else "✅" if found.is_healthy else "❔"
    yield f"<p><strong>{sign} {escaped(outline.headline(found))}</strong></p>"
    is_short = len(found.incidents) <= FEW_INCIDENTS
    for rank, item in enumerate(found.incidents[:MAX_ROWS], start=1):
        yield from _incident(rank, item, is_open=is_short and rank == 1)
    if len(found.incidents) > MAX_ROWS:
        yield f"<p>… and {len(found.incidents) - MAX_ROWS} more, in the JSON</p>"
    yield from _unseen(found)
    yield from _clusters(found)
    yield from (f"<p>{escaped(line)}</p>" for line in outline.notes(found))
    yield f'<p style="{MUTED}"><small>{escaped(outline.total(found), 2000)}</small></p>'


def _incident(rank: int, item: Incident, *, is_open: bool) -> Iterator[str]:
    example = item.example
    frame = f"border-bottom:1px solid {LINE};border-left:3px solid {ACCENTS[item.severity]};padding:0 .3em 0 .8em"
    yield f'<details{" open" if is_open else ""} style="{frame}">'
    yield (
        f'<summary style="{FOLD}"><strong>{rank}. {EMOJI[item.severity]} {escaped(item.title)}</strong> '
        f'<small style="{MUTED}">— {item.severity.value}, {item.spread}</small></summary>'
    )
    yield f'<p style="margin:.3em 0">On {escaped(named(item.clusters), 2000)}</p>'
    where = f"{code(example.cluster)}: {code(str(example.root.root))}: {escaped(example.root.title)}"
    yield f'<p style="margin:.3em 0">Such as {where}</p>'
    if example.root.summary and example.root.summary != example.root.title:
        yield f'<p style="margin:.3em 0 .6em">{escaped(example.root.summary, 1200)}</p>'
    yield f'<ul style="{LIST}">'
    for title, command in outline.steps(example):
        yield f'<li>{escaped(title)}<pre style="{PRE}">{escape(command)}</pre></li>'
    yield "</ul></details>"


def _unseen(found: FleetDiagnosis) -> Iterator[str]:
    lines = outline.unseen(found)
    if not lines:
        return
    yield f'<p style="{HEAD}">❔ Not seen</p>'
    yield '<p style="margin:.2em 0">Whatever is wrong there is not in this answer:</p>'
    yield f'<ul style="{LIST}">'
    yield from (f"<li>{escaped(line)}</li>" for line in lines[:MAX_ROWS])
    yield "</ul>"


def _clusters(found: FleetDiagnosis) -> Iterator[str]:
    yield f'<details><summary style="{FOLD}">{count(len(found.reports), "cluster")}</summary>'
    yield '<div style="overflow-x:auto"><table style="border-collapse:collapse"><thead><tr>'
    kinds = [severity.value for severity in Severity]
    yield "".join(f'<th style="{CELL}">{head}</th>' for head in ("Cluster", "State", *kinds, "not seen", "seconds"))
    yield "</tr></thead><tbody>"
    yield from (_row(report) for report in found.reports[:MAX_ROWS])
    yield "</tbody></table></div>"
    if len(found.reports) > MAX_ROWS:
        yield f"<p>… and {len(found.reports) - MAX_ROWS} more, in the JSON</p>"
    yield "</details>"


def _row(report: ClusterReport) -> str:
    state = escaped(report.why, 300) if report.why else "healthy" if report.is_healthy else "read"
    numbers = [report.severities.get(severity.value, 0) for severity in Severity]
    told = [*numbers, len(report.gaps)] if report.is_read else ["?"] * (len(numbers) + 1)
    cells = "".join(f'<td style="{_NUMBER}">{number}</td>' for number in (*told, f"{report.seconds:.1f}"))
    return f'<tr><td style="{CELL}">{escaped(report.name, 200)}</td><td style="{CELL}">{state}</td>{cells}</tr>'
