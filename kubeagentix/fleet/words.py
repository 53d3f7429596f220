"""Words that all reports on a fleet are put in."""

from __future__ import annotations

from collections.abc import Iterable

NAMED = 6  # that are named before the rest is counted


def named(names: Iterable[str]) -> str:
    """`a, b, c and 12 more`."""
    known = list(names)
    if len(known) <= NAMED + 1:
        return ", ".join(known)
    return f"{', '.join(known[:NAMED])} and {len(known) - NAMED} more"


def count(number: int, noun: str) -> str:
    """`1 cluster`, `2 clusters`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
