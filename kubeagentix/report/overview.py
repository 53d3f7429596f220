"""Every hypothesis of a diagnosis in a line or two: what is broken at a glance, before any detail.

It takes the room that it is given: one line each with the title, one without it, or a few on a narrow terminal.
Names are never cut, for they are typed again; titles are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubeagentix.domain.diagnosis import Diagnosis, Severity
from kubeagentix.report import words
from kubeagentix.report.chain import findings_of
from kubeagentix.report.text import clean_line

MIN_TITLE_CHARS = 30  # less of a title says nothing
_INDENT, _GAP = "  ", "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the overview; `severity` stands at `start` to `end` of its text (nowhere: a heading or a rest)."""

    text: str
    severity: Severity | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    rank: str
    percent: str
    severity: Severity
    root: str
    reason: str
    title: str

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.rank, self.percent, self.severity.value, self.root, self.reason)


_HEAD = ("#", "sure", "severity", "root cause", "reason", "what is wrong")


def overview(diagnosis: Diagnosis, width: int) -> Iterator[Line]:
    """The lines of the overview, best hypothesis first; none is longer than `width` unless a name alone is."""
    entries = [_entry(diagnosis, rank) for rank in range(1, len(diagnosis.hypotheses) + 1)]
    widths = [max(map(len, column)) for column in zip(_HEAD, *(entry.cells for entry in entries), strict=False)]
    needed = len(_INDENT) + sum(widths) + len(_GAP) * (len(widths) - 1)
    if needed > width:
        yield from (line for entry in entries for line in _stacked(entry, widths, width))
        return
    room = width - needed - len(_GAP)
    has_titles = room >= MIN_TITLE_CHARS
    yield Line(text=_joined(_HEAD if has_titles else _HEAD[:-1], widths))
    for entry in entries:
        cells = (*entry.cells, clean_line(entry.title, room)) if has_titles else entry.cells
        yield _marked(entry, _joined(cells, widths), widths)


def _entry(diagnosis: Diagnosis, rank: int) -> _Entry:
    hypothesis = diagnosis.hypotheses[rank - 1]
    findings = findings_of(diagnosis, hypothesis)
    return _Entry(
        rank=str(rank),
        percent=words.percent(hypothesis.confidence),
        severity=words.severity_of(findings),
        root=clean_line(str(hypothesis.root), 300),
        reason=clean_line(findings[0].reason, 120) if findings else "",
        title=hypothesis.title.removeprefix(f"{hypothesis.root}: "),
    )


def _stacked(entry: _Entry, widths: Sequence[int], width: int) -> Iterator[Line]:
    """Two lines, who and below it what; three where even those are too long."""
    front = _joined((entry.rank, entry.percent, entry.severity.value), widths)
    if len(front) + len(_GAP) + widths[3] <= width:
        yield _marked(entry, f"{front}{_GAP}{entry.root}", widths)
        yield Line(text=f"{' ' * len(front)}{_GAP}{entry.reason}".rstrip())
        return
    rank = f"{entry.rank:>{widths[0]}} "
    yield Line(text=f"{rank}{entry.root}")
    lead = f"{' ' * len(rank)}{entry.percent:>{widths[1]}}{_GAP}"
    second, end = f"{lead}{entry.severity.value}", len(lead) + len(entry.severity.value)
    fits = end + len(_GAP) + len(entry.reason) <= width
    together = f"{second}{_GAP}{entry.reason}".rstrip() if fits else second
    yield Line(text=together, severity=entry.severity, start=len(lead), end=end)
    if not fits:
        yield Line(text=f"{' ' * len(rank)}{entry.reason}")


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.rjust(widths[column]) if column < 2 else cell.ljust(widths[column] if column < len(widths) else 0)
        for column, cell in enumerate(cells)
    ]
    return (_INDENT + _GAP.join(aligned)).rstrip()


def _marked(entry: _Entry, text: str, widths: Sequence[int]) -> Line:
    start = len(_INDENT) + widths[0] + widths[1] + 2 * len(_GAP)
    return Line(text=text, severity=entry.severity, start=start, end=start + len(entry.severity.value))
