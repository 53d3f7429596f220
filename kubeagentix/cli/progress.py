"""Progress on standard error: a line that moves on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kubeagentix.domain.events import Listener, ProgressEvent, StageChanged, silent
from kubeagentix.report.text import clean_line


@contextmanager
def progress(first: str = "connecting") -> Iterator[Listener]:
    """A listener for the block, which begins with `first`; what it drew is gone afterwards."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # noqa: PLC0415  not needed for help, pipes and machines
    from rich.markup import escape  # noqa: PLC0415  the same

    with Console(stderr=True).status(first) as status:

        def listen(event: ProgressEvent) -> None:
            status.update(escape(describe(event)))

        yield listen


def describe(event: ProgressEvent) -> str:
    """An event in a few words: `collect 7/29: pods`."""
    if isinstance(event, StageChanged):
        count = f" {event.done}/{event.total}" if event.total > 1 else ""
        return clean_line(f"{event.stage}{count}{': ' + event.detail if event.detail else ''}", 100)
    return clean_line(event.message, 100)
