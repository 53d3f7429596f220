"""All of them together: where in a text credentials stand, in order and without overlaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from kubeagentix.recognition import addresses, documents, encoded, places, tokens, values
from kubeagentix.recognition.literals import any_of

Span = tuple[int, int]

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_SHORT = 2000  # characters up to which one look for all marks is faster than one for each
_REACH = 16  # characters of a placeholder
MAX_DEPTH = 2  # of base64 in base64


def found_in(text: str, known: Iterable[str] = (), depth: int = 0, also: Sequence[Span] = ()) -> list[Span]:
    """The spans of `text` that hold a credential, or one of the texts in `known`, and `also`; placeholders are none."""
    if len(text) < values.LEAST_CHARS:
        return []
    found = [span for span in (*_all(text, known, depth), *also) if span[0] < span[1]]
    return _without_placeholders(text, _merged(found)) if found else []


def _all(text: str, known: Iterable[str], depth: int) -> Iterator[Span]:
    known = tuple(known)
    for item in known:
        at = text.find(item)
        while at >= 0:
            yield at, at + len(item)
            at = text.find(item, at + len(item))
    lowered = lower(text)
    if len(text) >= _SHORT or _marks().search(lowered) is not None:
        yield from tokens.spans(text)
        if places.has_hint(lowered):
            yield from places.spans(text, lowered)
            yield from documents.spans(text, lowered)
        yield from addresses.spans(text, lowered)
    if depth < MAX_DEPTH:
        yield from encoded.spans(text, lambda inner: bool(found_in(inner, known, depth + 1)))


@cache
def _marks() -> re.Pattern[str]:
    """Whatever the others look for first, in lower case: most texts hold none of it."""
    return any_of((*map(str.lower, tokens.marks()), *places.HINTS, *addresses.words()))


def visible(text: str) -> str:
    """`text` without characters that take no room: between the letters of a name they would hide it."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def lower(text: str) -> str:
    """`text` in lower case and of the same length, which one letter of Unicode would change."""
    return text.lower() if text.isascii() else text.replace("\u0130", "I").lower()


def _merged(found: list[Span]) -> list[Span]:
    found.sort()
    merged = [found[0]]
    for start, end in found[1:]:
        if start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without_placeholders(text: str, found: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for start, end in found:
        at = start
        for match in values.PLACEHOLDER.finditer(text, max(0, start - _REACH), min(len(text), end + _REACH)):
            if match.start() < end and match.end() > start:
                kept.append((at, match.start()))
                at = match.end()
        kept.append((at, end))
    return [span for span in kept if span[0] < span[1] and _is_anything(text[span[0] : span[1]])]


def _is_anything(value: str) -> bool:
    return sum(map(str.isalnum, value)) >= values.LEAST_CHARS or len(value) >= 6
