"""Evidence ids in what a model says: one that was never issued is marked where it stands, also while text arrives.

A log can spell an id, and a model can repeat it; whoever reads the answer must not take it for something that was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

ID = re.compile(r"(?<![\w-])e-[0-9a-f]{10}(?![\w-])")  # an evidence id, see domain.diagnosis.digest
NOT_ISSUED = " (no such evidence)"
_BEGUN = re.compile(r"(?<![\w-])e(?:-[0-9a-f]{0,10})?\Z")


def marked(text: str, issued: Collection[str], note: str = NOT_ISSUED, *, begin: int = 0) -> str:
    """`text` from `begin` on, with a note after each evidence id in it that was not issued."""
    pieces: list[str] = []
    if "e-" in text:
        for match in ID.finditer(text, begin):
            if match[0] not in issued:
                pieces += (text[begin : match.end()], note)
                begin = match.end()
    return "".join([*pieces, text[begin:]])


def unknown(text: str, issued: Collection[str]) -> list[str]:
    """The ids in a text that were not issued, once each."""
    return [item for item in dict.fromkeys(ID.findall(text)) if item not in issued]


class CitationMarker:
    """Marks ids in a text that comes in pieces; `issued` gives those that exist by now."""

    def __init__(self, issued: Callable[[], Collection[str]]) -> None:
        self._issued = issued
        self._before = ""  # the last character that was passed on
        self._held = ""  # what may be the beginning of an id

    def feed(self, text: str) -> str:
        """What is certain now that `text` has arrived."""
        joined = f"{self._before}{self._held}{text}"
        begun = _BEGUN.search(joined, len(self._before))
        at = begun.start() if begun else len(joined)
        self._held = joined[at:]
        return self._passed(joined[:at])

    def finish(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return self._passed(f"{self._before}{held}")

    def _passed(self, text: str) -> str:
        begin, self._before = len(self._before), text[-1:]
        return marked(text, self._issued() if "e-" in text else (), begin=begin)
