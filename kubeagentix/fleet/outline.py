"""The answer of a sweep in rows, as a terminal, a pipe and a notebook show it: incidents, then what was not seen."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kubeagentix.domain.diagnosis import OUTSIDE, Severity
from kubeagentix.fleet.incidents import Affected, Incident
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.fleet.words import count, named
from kubeagentix.report.outline import WIDTH, Row, Tone
from kubeagentix.report.text import clean_block, clean_line
from kubeagentix.report.wrapping import wrapped

if TYPE_CHECKING:
    from kubeagentix.fleet.diagnosis import FleetDiagnosis

DETAILED = 5  # incidents that are told with why and what to do, unless all is asked for
LISTED = 40  # lines of the overview
_KUBECTL = re.compile(r"(?:^|[|;&(]\s*)kubectl ", re.MULTILINE)


def told(found: FleetDiagnosis, *, is_verbose: bool = False) -> str:
    """All of it, wrapped at a fixed width."""
    return wrapped(outline(found, is_verbose=is_verbose), WIDTH)


def headline(found: FleetDiagnosis) -> str:
    """`200 clusters: 12 incidents in 37 of them, 3 could not be asked`."""
    total, unread, absent = len(found.reports), len(found.unread), len(found.absent)
    hit = {name for incident in found.incidents for name in incident.clusters}
    if hit:
        parts = [f"{count(len(found.incidents), 'incident')} in {len(hit)} of them"]
    elif found.read:
        parts = ["nothing wrong was seen"]
    elif unread == total:
        parts, unread = ["it could not be asked" if total == 1 else "none of them could be asked"], 0
    else:
        parts = ["nothing was read"]
    parts += [f"{unread} could not be asked"] if unread else []
    parts += [f"{absent} without the namespace"] if absent else []
    early = "" if found.is_complete else " (broken off)"
    return f"{count(total, 'cluster')}: {', '.join(parts)}{early}"


def outline(found: FleetDiagnosis, *, is_verbose: bool = False) -> Iterator[Row]:
    """The rows of the whole report."""
    tone: Tone = "good" if found.is_healthy else "heading" if found.incidents else "warning"
    yield Row(text=headline(found), tone=tone)
    if found.incidents:
        yield Row(text="")
        yield from _overview(found.incidents if is_verbose else found.incidents[:LISTED])
        if not is_verbose and len(found.incidents) > LISTED:
            yield Row(text=f"  … and {len(found.incidents) - LISTED} more (all: --verbose)", tone="muted")
    for rank, incident in enumerate(found.incidents if is_verbose else found.incidents[:DETAILED], start=1):
        yield Row(text="")
        yield from _incident(incident, rank)
    yield from _unseen(found, is_verbose=is_verbose)
    yield from _closing(found)


def _overview(incidents: Sequence[Incident]) -> Iterator[Row]:
    cells = [(str(rank), item.severity.value, str(len(item.clusters))) for rank, item in enumerate(incidents, start=1)]
    widths = [max(map(len, column)) for column in zip(("#", "severity", "clusters"), *cells, strict=True)]
    yield Row(text=f"  {'#':>{widths[0]}}  {'severity':<{widths[1]}}  clusters  incident", tone="muted", is_fixed=True)
    for (rank, severity, clusters), item in zip(cells, incidents, strict=True):
        front = f"  {rank:>{widths[0]}}  "
        rest = f"  {clusters:>8}  {clean_line(item.title, 200)}"
        end = len(front) + len(severity)
        text = f"{front}{severity:<{widths[1]}}{rest}"
        yield Row(text=text, is_fixed=True, mark=(len(front), end, item.severity.value))


def _incident(incident: Incident, rank: int) -> Iterator[Row]:
    example = incident.example
    title = f"{rank}. {clean_line(incident.title, 300)}  [{incident.severity}, {incident.spread}]"
    yield Row(text=title, tone=incident.severity.value)
    yield Row(label="clusters", text=clean_line(named(incident.clusters)))
    yield Row(label="such as", text=clean_line(f"{example.cluster}: {example.root.root}: {example.root.title}"))
    if example.root.summary and example.root.summary != example.root.title:
        yield Row(label="why", text=clean_line(example.root.summary, 1200))
    for place, (title, command) in enumerate(steps(example)):
        yield Row(label="" if place else "do", text=f"{title}:")
        lines = "\n".join(f"  {line}" for line in command.split("\n"))
        yield Row(label="", text=lines, tone="command", is_fixed=True)


def steps(example: Affected) -> Iterator[tuple[str, str]]:
    """What to do in the example's cluster, each with its command, which says of which cluster it is."""
    where = _where(example)
    for step in example.root.steps:
        command = _KUBECTL.sub(lambda found: f"{found[0]}{where}", clean_block(step.command, max_lines=10))
        mark = " (changes the cluster)" if step.is_change else ""
        yield f"{clean_line(step.title, 200)}{mark}", command
    if example.root.root.kind not in OUTSIDE:
        yield "All that is known of it", look(example)


def look(example: Affected) -> str:
    """The command that diagnoses the example alone."""
    ref = example.root.root
    place = ("-n", ref.namespace) if ref.namespace else ()
    words = shlex.join(("kubeagentix", "dx", f"{ref.kind}/{ref.name}", *place))
    return f"{clean_line(words, 400)} {_where(example)}".rstrip()


def _where(example: Affected) -> str:
    """The options that lead to its cluster, each followed by a blank; a name may be anything."""
    words = (word if word.isprintable() else clean_line(word, 400) for word in example.where)
    return "".join(f"{shlex.quote(word)} " for word in words)


def _unseen(found: FleetDiagnosis, *, is_verbose: bool) -> Iterator[Row]:
    lines = unseen(found)
    if not lines:
        return
    yield Row(text="")
    yield Row(text="These were not seen; whatever is wrong there is not in this answer:", tone="warning")
    shown = lines if is_verbose else lines[:LISTED]
    yield from (Row(label="not seen", text=line) for line in shown)
    if len(shown) < len(lines):
        yield Row(label="", text=f"… and {len(lines) - len(shown)} more (all: --verbose)", tone="muted")


def unseen(found: FleetDiagnosis) -> list[str]:
    """What could not be read, in lines: whole clusters first, then parts; those for the same reason share one."""
    whole = _together((_without_host(report), report.name) for report in found.unread)
    parts = _together((f"{gap.what}: {gap.why}", report.name) for report in found.read for gap in report.gaps)
    return [*(f"{who}: {why}" for why, who in whole), *(f"{why} (in {who})" for why, who in parts)]


def _without_host(report: ClusterReport) -> str:
    host = urlsplit(report.server).netloc
    return re.sub(rf"(?:https?://)?{re.escape(host)}", "its server", report.why) if host else report.why


def _together(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(why, the names of all that it holds for), the most frequent first."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for why, name in pairs:
        grouped[clean_line(why)].append(name)
    ranked = sorted(grouped.items(), key=lambda item: -len(item[1]))
    return [(why, clean_line(named(dict.fromkeys(names)))) for why, names in ranked]


def notes(found: FleetDiagnosis) -> list[str]:
    """Lines about the sweep itself, and which clusters answered and do not have what was asked for."""
    absent = (f"{who}: {why}" for why, who in _together((report.why, report.name) for report in found.absent))
    return [*absent, *found.notices]


def _closing(found: FleetDiagnosis) -> Iterator[Row]:
    yield Row(text="")
    yield from (Row(label="note", text=clean_line(line)) for line in notes(found))
    yield Row(text=total(found), tone="muted")


def total(found: FleetDiagnosis) -> str:
    """`12 findings: 3 critical, 9 info. Read 366 objects of 3 clusters in 11.9 s.`."""
    objects = sum(sum(report.counts.values()) for report in found.read)
    kinds = ((severity, found.severity_count(severity)) for severity in Severity)
    parts = ", ".join(f"{number} {severity}" for severity, number in kinds if number)
    findings = sum(len(report.rows) for report in found.read)
    told = f"{count(findings, 'finding')}{f': {parts}' if parts else ''}"
    seconds = (found.finished_at - found.started_at).total_seconds()
    read = f"Read {count(objects, 'object')} of {count(len(found.read), 'cluster')} in {seconds:.1f} s"
    return f"{told}. {read}."
