"""From what a run reports to rows: masked, encoded, and pieces of text that follow each other in one row.

A piece may end in the middle of a credential, of which half would not be recognised. So text is masked as a whole, as
far as it has come, from where it began, and its last word is held back until it is complete.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kubeagentix.domain import codec
from kubeagentix.domain.events import Notice, RunEvent, RunRecord, TextDelta, ThinkingDelta
from kubeagentix.errors import excerpt
from kubeagentix.history.store import EventRow

Mask = Callable[[str], str]
SEGMENT_CHARS = 32_000  # of text in one row; it is masked and written again as it grows
MAX_WORD_CHARS = 4_000  # what is longer without a blank is no credential; it is not waited for
REMEMBERED_CHARS = 200  # longer texts seldom come twice
REMEMBERED = 20_000
NAMED_CHARS = 300  # of a credential that is known by its name
PROBE = "Zq7x-hunter2"  # stands for a value that would be masked wherever its name says so


class Masking:
    """Masks plain data, every text in it, a value also by the name that it is set to. Serves one run."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._texts: dict[str, str] = {}
        self._names: dict[str, bool] = {}

    def text(self, text: str) -> str:
        """A text with placeholders; most of them are short and come again and again."""
        if len(text) > REMEMBERED_CHARS:
            return self._mask(text)
        found = self._texts.get(text)
        if found is None:
            if len(self._texts) > REMEMBERED:
                self._texts.clear()
            found = self._texts[text] = self._mask(text)
        return found

    def payload(self, value: Any) -> str:
        """A value of the domain as masked JSON."""
        return codec.written(self.plain(codec.encode(value)))

    def plain(self, plain: Any) -> Any:
        """The same for lists, dicts and what is in them."""
        if isinstance(plain, str):
            return self.text(plain)
        if isinstance(plain, list):
            return [self.plain(item) for item in plain]
        if isinstance(plain, dict):
            return {self.text(key): self._named(key, value) for key, value in plain.items()}
        return plain

    def _named(self, name: str, value: Any) -> Any:
        if not isinstance(value, str) or not self._tells(name):
            return self.plain(value)
        before, quoted = f'{name}="', json.dumps(value[:NAMED_CHARS], ensure_ascii=False)
        found = self._mask(f"{name}={quoted}")
        is_masked = found.startswith(before) and found != f"{name}={quoted}"
        return found[len(before) : -1] if is_masked else self.text(value)

    def _tells(self, name: str) -> bool:
        """Whether what is set to that name is a credential."""
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = PROBE not in self._mask(f'{name}="{PROBE}"')
        return found


class Segment:
    """Pieces of text (or of thinking) that came one after the other, as one event."""

    def __init__(self, record: RunRecord) -> None:
        self._first = record
        self._kind = _piece_of(record)
        self._pieces: list[str] = []
        self._ends: list[int] = []  # where each piece ends
        self._last = record.seq - 1
        self._tail = ""
        self.add(record)

    def takes(self, record: RunRecord) -> bool:
        """Whether the event is a further piece of the same."""
        return type(record.event) is self._kind and record.seq == self._last + 1

    def add(self, record: RunRecord) -> None:
        """A further piece."""
        text = record.event.text if isinstance(record.event, TextDelta | ThinkingDelta) else ""
        self._pieces.append(text)
        self._ends.append(len(text) + (self._ends[-1] if self._ends else 0))
        self._tail = (self._tail + text)[-2:]
        self._last = record.seq

    @property
    def is_full(self) -> bool:
        """Whether further text goes into a row of its own: not within a key of several lines, or a pair of lines."""
        length = self._ends[-1]
        if length < SEGMENT_CHARS or not self._tail.endswith("\n\n" if length < 8 * SEGMENT_CHARS else ("\n", " ")):
            return False
        return "PRIVATE KEY" not in "".join(self._pieces)

    def row(self, masking: Masking, *, is_whole: bool) -> EventRow | None:
        """Its row so far; unless it is whole, without a last word that may go on. None if nothing is left."""
        text, count = "".join(self._pieces), len(self._pieces)
        if not is_whole:
            count = bisect_right(self._ends, _end_of_words(text))
            text = text[: self._ends[count - 1]] if count else ""
        if not count:
            return None
        return EventRow(
            run_id=self._first.run_id,
            seq=self._first.seq,
            last_seq=self._first.seq + count - 1,
            at=self._first.at.timestamp(),
            kind=self._first.event.kind,
            payload=masking.payload(self._kind(text=text)),
        )


def _piece_of(record: RunRecord) -> type[TextDelta] | type[ThinkingDelta]:
    return ThinkingDelta if isinstance(record.event, ThinkingDelta) else TextDelta


def _end_of_words(text: str) -> int:
    """Where the last word begins that may not be complete yet."""
    tail = text[-MAX_WORD_CHARS:]
    words = tail.rsplit(None, 1)
    if not words or tail[-1:].isspace():
        return len(text)
    return len(text) - len(words[-1]) if len(words[-1]) < MAX_WORD_CHARS else len(text)


class Rows:
    """The rows of one run, from its records as they come."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._segment: Segment | None = None

    def of(self, records: Iterable[RunRecord]) -> Iterator[EventRow]:
        """The rows that these records add or change."""
        for record in records:
            segment = self._segment
            if segment is not None and segment.takes(record):
                segment.add(record)
            elif isinstance(record.event, TextDelta | ThinkingDelta):
                yield from self._ended()
                self._segment = Segment(record)
            else:
                yield from self._ended()
                yield self._row(record)
            if self._segment is not None and self._segment.is_full:
                yield from self._ended()
        if self._segment is not None:
            row = self._segment.row(self._masking, is_whole=False)
            if row is not None:
                yield row

    def _ended(self) -> Iterator[EventRow]:
        segment, self._segment = self._segment, None
        row = segment.row(self._masking, is_whole=True) if segment is not None else None
        if row is not None:
            yield row

    def _row(self, record: RunRecord) -> EventRow:
        return EventRow(
            run_id=record.run_id,
            seq=record.seq,
            last_seq=record.seq,
            at=record.at.timestamp(),
            kind=record.event.kind,
            payload=self._payload(record.event),
        )

    def _payload(self, event: RunEvent) -> str:
        try:
            return self._masking.payload(event)
        except (TypeError, ValueError, RecursionError) as error:  # a tool of one's own may give anything as its data
            why = f"this {event.kind} could not be stored: {type(error).__name__}: {excerpt(str(error), 100)}"
            return codec.dumps(Notice(code="not_stored", message=why))
