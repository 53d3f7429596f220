"""Progress on standard error: a line that moves on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kubeagentix.domain.events import Listener, Notice, ProgressEvent, StageChanged, silent
from kubeagentix.report.text import clean_line

STAYING = ("history",)  # codes of Notices that are about more than the moment


@contextmanager
def progress(first: str = "connecting") -> Iterator[Listener]:
    """A listener for the block, which begins with `first`; what it drew is gone afterwards, but for what is to stay."""
    staying: list[str] = []
    try:
        with _drawn(first) as draw:

            def listen(event: ProgressEvent) -> None:
                if isinstance(event, Notice) and event.code in STAYING:
                    staying.append(event.message)
                draw(event)

            yield listen
    finally:
        sys.stderr.writelines(f"{clean_line(line, 300)}\n" for line in staying)


@contextmanager
def _drawn(first: str) -> Iterator[Listener]:
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
