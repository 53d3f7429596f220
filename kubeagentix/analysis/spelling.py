"""Which of many names a mistyped one was meant to be."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")

ALIKE = 0.6  # difflib's own measure of "close"
MAX_COMPARED = 100  # a full comparison is slow; of more names, only those that begin and end alike are compared


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidate that `name` was most likely meant to be, or ""; case, and the order of words, cost nothing."""
    wanted, folded = name.casefold(), {candidate.casefold(): candidate for candidate in sorted(candidates)}
    swapped = next((folded[other] for other in folded if _words(other) == _words(wanted)), "")
    if swapped:
        return swapped
    compared = shortlist(list(folded), lambda candidate: shared_ends(wanted, candidate))
    return next((folded[like] for like in get_close_matches(wanted, compared, n=1, cutoff=ALIKE)), "")


def _words(name: str) -> list[str]:
    return sorted(re.split(r"[-._]", name))


def shortlist(items: list[T], likeness: Callable[[T], int]) -> list[T]:
    """Of many `items`, those of the greatest `likeness`, a rough and quick measure; all of a few."""
    return items if len(items) <= MAX_COMPARED else heapq.nlargest(MAX_COMPARED, items, key=likeness)


def shared_ends(left: str, right: str) -> int:
    """How many letters two words share at their beginning and at their end."""
    most = min(len(left), len(right))
    start = 0
    while start < most and left[start] == right[start]:
        start += 1
    end = 0
    while end < most - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return start + end
