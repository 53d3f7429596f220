"""Progress on standard error: a line that moves on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kubeagentix.domain.events import Listener, Notice, PartialFindings, ProgressEvent, StageChanged, silent
from kubeagentix.report.text import clean_line

STAYING = ("history",)  # codes of Notices that are about more than the moment
MAX_TOLD, MAX_CHARS = 8, 100  # of what is found while the rest is read


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
        where, so_far = first, ""

        def listen(event: ProgressEvent) -> None:
            nonlocal where, so_far
            if isinstance(event, PartialFindings):
                so_far = f"\n{told(event)}"
            else:
                where = describe(event)
            status.update(escape(where + so_far))

        yield listen


def describe(event: StageChanged | Notice) -> str:
    """An event in a few words: `collect 7/29: 143 pods`."""
    if isinstance(event, StageChanged):
        count = f" {event.done}/{event.total}" if event.total > 1 else ""
        items = f"{event.items} " if event.items else ""
        return clean_line(f"{event.stage}{count}{': ' + items + event.detail if event.detail else ''}", 100)
    return clean_line(event.message, 100)


def told(event: PartialFindings) -> str:
    """What is sure so far, a line for each of the worst: `warning Pod shop/web-1: is not ready`."""
    lines = [
        clean_line(f"{item.severity.value} {item.ref}: {item.title}", MAX_CHARS) for item in event.findings[:MAX_TOLD]
    ]
    more = len(event.findings) + event.more - len(lines)
    return "\n".join([*lines, f"… and {more} more so far"] if more else lines)
