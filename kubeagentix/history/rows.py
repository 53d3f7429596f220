"""From what a run reports to rows: masked, encoded, and pieces of text that follow each other in one row.

A piece may end in the middle of a credential, of which half would not be recognised. So text is masked as a whole, as
far as it has come, from where it began, and its last word is held back until it is complete.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from kubeagentix.domain import codec
from kubeagentix.domain.events import Notice, RunEvent, RunRecord, TextDelta, ThinkingDelta
from kubeagentix.errors import excerpt
from kubeagentix.history.store import EventRow
from kubeagentix.redaction import Redactor

SEGMENT_CHARS = 8_000  # of text in one row; it is masked and written again as it grows
MOST_SEGMENTS = 4  # as much more of it where there is no blank line to end a row at
MAX_WORD_CHARS = 4_000  # what is longer without a blank is no credential; it is not waited for


def payload(value: Any, redactor: Redactor) -> str:
    """A value of the domain as JSON, masked once more after it has become plain: it may hold anybody's objects."""
    return codec.written(redactor.value(codec.encode(value)))


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
        if length < SEGMENT_CHARS or not self._tail.endswith(
            "\n\n" if length < MOST_SEGMENTS * SEGMENT_CHARS else ("\n", " ")
        ):
            return False
        return "PRIVATE KEY" not in "".join(self._pieces)

    def row(self, redactor: Redactor, *, is_whole: bool) -> EventRow | None:
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
            payload=payload(self._kind(text=text), redactor),
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

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
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
            row = self._segment.row(self._redactor, is_whole=False)
            if row is not None:
                yield row

    def _ended(self) -> Iterator[EventRow]:
        segment, self._segment = self._segment, None
        row = segment.row(self._redactor, is_whole=True) if segment is not None else None
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
            return payload(event, self._redactor)
        except (TypeError, ValueError, RecursionError) as error:  # a tool of one's own may give anything as its data
            why = f"this {event.kind} could not be stored: {type(error).__name__}: {excerpt(str(error), 100)}"
            return codec.dumps(Notice(code="not_stored", message=why))
