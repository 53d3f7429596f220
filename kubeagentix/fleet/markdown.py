"""The answer of a sweep as Markdown; what came from clusters is escaped as in the report on one cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kubeagentix.exporters.markdown import code, escaped, fenced
from kubeagentix.fleet import outline
from kubeagentix.fleet.incidents import Incident
from kubeagentix.fleet.words import named
from kubeagentix.report.words import EMOJI

if TYPE_CHECKING:
    from kubeagentix.fleet.diagnosis import FleetDiagnosis

MAX_ROWS = 200


def export(found: FleetDiagnosis) -> str:
    """The report as one document."""
    return "\n".join(_lines(found)).rstrip("\n") + "\n"


def _lines(found: FleetDiagnosis) -> Iterator[str]:
    sign = EMOJI[found.incidents[0].severity] if found.incidents else "✅" if found.is_healthy else "❔"
    yield from ("## Quick Dx of a fleet", "", f"**{sign} {escaped(outline.headline(found))}.**", "")
    if found.incidents:
        yield from ("| # | Severity | Clusters | Incident |", "|--:|---|--:|---|")
        yield from (_row(rank, item) for rank, item in enumerate(found.incidents[:MAX_ROWS], start=1))
        yield ""
        if len(found.incidents) > MAX_ROWS:
            yield from (f"… and {len(found.incidents) - MAX_ROWS} more, in the JSON", "")
    for rank, item in enumerate(found.incidents[: outline.DETAILED], start=1):
        yield from _incident(rank, item)
    lines = outline.unseen(found)
    if lines:
        yield from ("### Not seen", "")
        yield from (f"- {escaped(line)}" for line in lines[:MAX_ROWS])
        yield ""
    yield from (f"- {escaped(line)}" for line in outline.notes(found))


def _row(rank: int, item: Incident) -> str:
    severity = f"{EMOJI[item.severity]}&nbsp;{item.severity.value}"
    return f"| {rank} | {severity} | {len(item.clusters)} of {item.of} | {escaped(item.title, 300)} |"


def _incident(rank: int, item: Incident) -> Iterator[str]:
    example = item.example
    yield from (f"### {rank}. {EMOJI[item.severity]} {escaped(item.title)}", "")
    yield f"- On {item.spread}: {escaped(named(item.clusters))}"
    yield f"- Such as {code(example.cluster)}: {code(str(example.root.root))}: {escaped(example.root.title)}"
    yield ""
    if example.root.summary and example.root.summary != example.root.title:
        yield from (escaped(example.root.summary, 1200), "")
    for title, command in outline.steps(example):
        yield from (f"{escaped(title)}:", "")
        yield from fenced("bash", command)
