"""Repeated entries of a log as one: how often something was said, and when for the first and the last time.

Two entries are the same when they differ only in what a program fills in: numbers, times and durations, addresses,
hexadecimal and generated ids. One pass over the log, each line looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.analysis.log_entries import Entry
from kubeagentix.domain.snapshot import ContainerLog

_TEMPLATE_CHARS = 400  # what comes after is alike where these are
_VARYING = re.compile(
    r"0x[0-9a-fA-F]+"
    r"|\b(?=[a-f]{0,40}\d)[0-9a-f]{6,64}(?:-[0-9a-f]{4,12}){0,4}\b"  # digests and UUIDs
    r"|(?<=-)(?:[bcdf-hj-np-tv-z2456789]{8,10}-)?[bcdf-hj-np-tv-z2456789]{5}\b"  # suffixes that Kubernetes generates
    r"|(?<![A-Za-z_])\d+(?:[-.,:/T]\d+){0,12}(?:ns|us|µs|ms|s|m|h|Z|%|[KMGT]i?B?)?(?![A-Za-z])"
)
_PLACEHOLDER = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """How often an entry occurs in a log, and when first and last (None where the times are not known)."""

    count: int
    first_at: datetime | None
    last_at: datetime | None

    def __str__(self) -> str:
        """Such as `(37 times, 10:02:11 to 10:05:40)`, with a multiplication sign; "" for what was said once."""
        if self.count < 2:
            return ""
        if self.first_at is None or self.last_at is None:
            return f"(\u00d7{self.count})"
        form = "%H:%M:%S" if self.first_at.date() == self.last_at.date() else "%Y-%m-%d %H:%M:%S"
        return f"(\u00d7{self.count}, {self.first_at:{form}} to {self.last_at:{form}})"


def template_of(text: str) -> str:
    """`text` with a placeholder for each thing that varies from one occurrence to the next."""
    return _VARYING.sub(_PLACEHOLDER, text[:_TEMPLATE_CHARS])


def fold(log: ContainerLog, entries: Iterable[Entry]) -> dict[str, Repetition]:
    """The entries of a log by template, in the order of their first occurrence."""
    counts: dict[str, tuple[int, int, int]] = {}  # template → (count, first line, last line)
    for entry in entries:
        template = template_of(entry.text)
        count, first, _ = counts.get(template, (0, entry.start, 0))
        counts[template] = (count + 1, first, entry.start)
    return {
        template: Repetition(count=count, first_at=log.time_of(first), last_at=log.time_of(last))
        for template, (count, first, last) in counts.items()
    }
