"""Which of many names a mistyped one was meant to be."""

from __future__ import annotations

import heapq
import re
from bisect import bisect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import cached_property
from typing import TypeVar

T = TypeVar("T")

ALIKE = 0.6  # difflib's own measure of "close"
MAX_COMPARED = 100  # a full comparison is slow; of more names, only those that begin and end alike are compared
MANY = 400  # of so many even that is not looked at in each, but in those that are beside it in alphabetical order
_SEPARATOR = re.compile(r"[-._]")


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidate that `name` was most likely meant to be, or ""; case, and the order of words, cost nothing."""
    return Names(candidates).nearest(name)


class Names:
    """Names made ready to be searched, however many are looked for among them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._folded = {name.casefold(): name for name in sorted(names)}
        self._by_words: dict[tuple[str, ...], str] = {}
        for folded, name in self._folded.items():
            self._by_words.setdefault(_words(folded), name)

    def nearest(self, name: str) -> str:
        """The one that `name` was most likely meant to be, or ""; case, and the order of words, cost nothing."""
        wanted = name.casefold()
        swapped = self._by_words.get(_words(wanted), "")
        if swapped:
            return swapped
        compared = shortlist(self._at_either_end(wanted), lambda candidate: shared_ends(wanted, candidate))
        return next((self._folded[like] for like in get_close_matches(wanted, compared, n=1, cutoff=ALIKE)), "")

    def _at_either_end(self, wanted: str) -> list[str]:
        """Those that share most letters with `wanted` at the beginning, or at the end; all where they are not many."""
        if len(self._folded) <= MANY:
            return list(self._folded)
        ending = (name[::-1] for name in _around(wanted[::-1], self._backwards))
        return list(dict.fromkeys((*_around(wanted, self._forwards), *ending)))

    @cached_property
    def _forwards(self) -> list[str]:
        return sorted(self._folded)

    @cached_property
    def _backwards(self) -> list[str]:
        return sorted(name[::-1] for name in self._folded)


def _around(wanted: str, names: list[str]) -> list[str]:
    place = bisect(names, wanted)
    return names[max(0, place - MAX_COMPARED) : place + MAX_COMPARED]


def _words(name: str) -> tuple[str, ...]:
    return tuple(sorted(_SEPARATOR.split(name)))


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
