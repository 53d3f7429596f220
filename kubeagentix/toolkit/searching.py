"""Lines that match a pattern, with those around them, as `grep -C` shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kubeagentix.errors import UsageError, excerpt

LINE_MAX_CHARS = 4_000  # of a line, so much is searched and shown
# A repetition of a repetition may take longer than anybody waits.
_NESTED = re.compile(r"[+*}]\)[+*{]|[+*}]\?\)[+*{]")


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, whatever the case; one that is no regular expression is taken as it is written."""
    if len(pattern) > 500 or _NESTED.search(pattern):
        raise UsageError(f"the pattern {excerpt(pattern, 60)!r} is too complex", hint="take a plainer one")
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(pattern), re.IGNORECASE)


def matching(lines: Sequence[str], pattern: re.Pattern[str]) -> list[int]:
    """The indexes of the lines that match."""
    return [index for index, line in enumerate(lines) if pattern.search(line[:LINE_MAX_CHARS])]


def with_context(lines: Sequence[str], hits: Sequence[int], around: int) -> Iterator[tuple[int, str, bool]]:
    """(index, line, whether it is a hit) of the hits and the lines around them, each once, in order."""
    wanted = sorted({near for hit in hits for near in range(hit - around, hit + around + 1)} & set(range(len(lines))))
    found = set(hits)
    for index in wanted:
        yield index, lines[index][:LINE_MAX_CHARS], index in found
