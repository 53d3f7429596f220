"""One expression that finds any of many words; far faster than to try them one after the other at every letter.

Words that begin alike share their beginning, so that a letter rules out all that do not go on with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Finds where one of `words` stands: the shortest of those that begin there."""
    return re.compile(_branches(sorted(set(words))))


def _branches(words: list[str]) -> str:
    if "" in words:
        return ""
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(word[0], []).append(word[1:])
    branches = [re.escape(first) + _branches(rest) for first, rest in groups.items()]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
