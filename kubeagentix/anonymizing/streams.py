"""Puts names back into a text that comes in pieces, however a placeholder is cut, and holds back as little as it can.

What is held is the end of a text that may be the beginning of a placeholder: `…in depl`, and not `…in delp`.
"""

from __future__ import annotations

import re

from kubeagentix.anonymizing.placeholders import DOMAIN_END, TYPES, Placeholders

_LONGEST = 64  # more than any placeholder has


def _beginning(word: str, rest: str) -> str:
    """A pattern for every beginning of `word`, and for all of it with `rest`."""
    pattern = rest
    for char in reversed(word):
        pattern = f"{re.escape(char)}(?:{pattern})?"
    return pattern


_NUMBER_AND_END = "[0-9]+(?:" + _beginning(DOMAIN_END, "") + ")?"
_OPEN = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(
        [
            *(f"(?i:{_beginning(f'{kind}-k', '[0-9]+')})" for kind in TYPES if kind != "domain"),
            f"(?i:{_beginning('domain-k', _NUMBER_AND_END)})",
            *(_beginning(f"{kind}_K".upper(), "[0-9]+") for kind in TYPES),
            r"[0-9][0-9a-f.:]{0,40}",  # an address
        ]
    )
    + r")\Z"
)


class Restoring:
    """One text under way."""

    def __init__(self, names: Placeholders) -> None:
        self._names = names
        self._before = ""  # what the last piece ended with, as far as it matters
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be told now."""
        text = self._held + piece
        seen = self._before + text
        found = _OPEN.search(seen, max(len(self._before), len(seen) - _LONGEST))
        return self._tell(text, found.start() - len(self._before) if found else len(text))

    def finish(self) -> str:
        """What was held back; nothing more comes."""
        return self._tell(self._held, len(self._held))

    def _tell(self, text: str, length: int) -> str:
        told, self._held = text[:length], text[length:]
        if not told:
            return ""
        restored = self._names.restore(self._before + told)[len(self._before) :]
        last = told[-1]
        self._before = "é" if last.isalnum() else last  # a letter that begins no placeholder
        return restored
