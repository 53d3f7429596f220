"""The report on a terminal: the rows of the outline, coloured, wrapped at the terminal's width."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.console import Console
from rich.text import Text

from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.report.outline import Row, Tone, outline
from kubeagentix.report.wrapping import wrapped_row

_STYLES: dict[Tone, str] = {
    "plain": "",
    "heading": "bold",
    "critical": "bold red",
    "warning": "bold yellow",
    "info": "bold cyan",
    "good": "bold green",
    "muted": "dim",
    "quote": "dim",
    "command": "cyan",
}
MAX_PROSE_WIDTH = 140  # the eye loses the line in longer ones
_LABEL_STYLES = {"critical": "bold red", "warning": "bold yellow", "info": "bold cyan"}


def show(diagnosis: Diagnosis, *, is_verbose: bool = False, has_color: bool = True) -> None:
    """Prints the report on standard output."""
    show_rows(lambda width: outline(diagnosis, is_verbose=is_verbose, width=width), has_color=has_color)


def show_rows(rows: Callable[[int], Iterable[Row]], *, has_color: bool = True) -> None:
    """Prints the rows that are made for a terminal of that width."""
    console = Console(no_color=not has_color or None, highlight=False, emoji=False, markup=False)
    for row in rows(console.width):
        # What is too long for a line the terminal itself breaks: then it is still one line when it is copied.
        console.print(_rendered(row, min(console.width, MAX_PROSE_WIDTH)), soft_wrap=True)


def _rendered(row: Row, width: int) -> Text:
    # Text, never a plain str: square brackets in a log line are no markup.
    text = Text(wrapped_row(row, width), style=_STYLES[row.tone])
    if row.mark is not None:
        start, end, tone = row.mark
        text.stylize(_STYLES[tone], start, end)
    if row.label:
        text.stylize(_LABEL_STYLES.get(row.label, "not bold dim"), 2, 2 + len(row.label))
    return text
