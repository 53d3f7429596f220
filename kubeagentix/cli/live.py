"""The table of `kubeagentix watch` on a terminal: what is broken now, and below it what was new and gone of late."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kubeagentix.domain.diagnosis import Diagnosis, Finding
from kubeagentix.quickdx.watching import Update
from kubeagentix.report.text import clean_line

STYLES = {"critical": "bold red", "warning": "bold yellow", "info": "bold cyan"}
MAX_CHARS = 300
MAX_LATEST = 8  # of what was new and gone


@contextmanager
def live_table(*, has_color: bool) -> Iterator[Callable[[Update], None]]:
    """What draws an update, for the block; the last one stays on the terminal."""
    console = Console(no_color=not has_color or None, highlight=False, emoji=False, markup=False)
    latest: deque[Text] = deque(maxlen=MAX_LATEST)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        is_first = True

        def show(update: Update) -> None:
            nonlocal is_first
            if not is_first:
                latest.extendleft(_latest(update))
            is_first = False
            live.update(_picture(update.diagnosis, latest, console.height), refresh=True)

        yield show


def _picture(diagnosis: Diagnosis, latest: deque[Text], height: int) -> RenderableType:
    room = max(3, height - len(latest) - 6)
    rows = diagnosis.findings[:room]
    table = Table(box=None, padding=(0, 1), expand=True)
    for name in ("SEVERITY", "OBJECT", "REASON"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    table.add_column("WHAT", no_wrap=True, overflow="ellipsis", ratio=1)
    for finding in rows:
        severity = finding.severity.value
        cells = (str(finding.ref), finding.reason, finding.title)
        table.add_row(Text(severity, STYLES[severity]), *(Text(clean_line(cell, MAX_CHARS)) for cell in cells))
    return Group(_head(diagnosis, len(rows)), table, *latest)


def _head(diagnosis: Diagnosis, shown: int) -> Text:
    causes, found, gaps = len(diagnosis.hypotheses), len(diagnosis.findings), len(diagnosis.gaps)
    more = f", the worst {shown} shown" if found > shown else ""
    unread = f", {gaps} not read: {diagnosis.gaps[0].what}" if gaps else ""
    at = f"{diagnosis.finished_at.astimezone():%H:%M:%S}"
    line = f"{at} {diagnosis.target} (cluster {diagnosis.cluster}): {causes} causes, {found} findings{more}{unread}"
    return Text(clean_line(line, MAX_CHARS), style="bold")


def _latest(update: Update) -> list[Text]:
    at = f"{update.diagnosis.finished_at.astimezone():%H:%M:%S}"
    gone = [_line(at, "gone", finding, "green") for finding in update.difference.gone]
    return [*gone, *(_line(at, "new", finding, "red") for finding in update.difference.new)][-MAX_LATEST:]


def _line(at: str, word: str, finding: Finding, style: str) -> Text:
    text = clean_line(f"{at} {word:<4} {finding.ref}: {finding.title}", MAX_CHARS)
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
