"""Reads out of a container's log why the container failed: the last error before its end, and what it names.

The idea: the log is cut into entries, and the search goes from the end upwards. A signature counts only where the
entry is not marked as harmless; a known signature close above a general "giving up" is the better answer; an error
after which the work went well, or went on for minutes, is not the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

from kubeagentix.analysis.log_entries import Entry, entries_of, guilty_line
from kubeagentix.analysis.log_folding import Repetition, fold, template_of
from kubeagentix.analysis.log_lines import ERROR, HARMLESS, WARNING, plain
from kubeagentix.analysis.signatures import CONNECTION_TIMEOUT
from kubeagentix.domain.snapshot import ContainerLog

PANIC: Final = "Panic"  # the program ended by an error that nothing caught
EXCERPT_LINES: Final = 12
GUILTY_MARK: Final = "> "  # before the line of an excerpt that says what went wrong
_LINE_MAX_CHARS = 400  # of an excerpt; the API server's refusals in a JSON log take as many
_TAIL_ENTRIES = 40  # what is further above the end did not end the program
_NEAR_ENTRIES = 12  # "giving up" this far below a known error is about that error
_NEAR_PANIC_ENTRIES = 3  # a traceback has its own cause, unless the error stands right above it
_CONTEXT_ENTRIES = 2  # shown before an error, and after it
_CONTEXT_SEARCH = 20  # entries looked through for them, where the same few are said again and again
_WORKS_AGAIN_AFTER = timedelta(minutes=2)  # of ordinary lines: longer than programs take to give up
_WORKS_AGAIN_ENTRIES = 5

# What programs say when what failed has come about after all, and what they say while they still try.
_SUCCEEDED = re.compile(
    r"(?i)(?<!not )(?<!never )(?<!dis)\b(?:re)?connected(?: successfully)?(?: to\b|[.!]?$| after )"
    r"|\bconnection (?:to \S+ )?(?:was |has been |is )?(?:re-?)?(?:established|restored|successful|accepted)\b"
    r"|\bsuccessfully (?:re-?)?(?:connected|established|authenticated|acquired|joined|subscribed)\b"
    r"|\b(?:is (?:up|available|reachable|ready|healthy) (?:again|now)|back online|recovered)\b"
    r"|\b(?:succeeded|success|ok) after \d+ (?:retries|retry|attempts?|tries)\b|\bretry succeeded\b"
)
_STILL_TRYING = re.compile(
    r"(?i)\b(?:re-?try(?:ing)?|retries|attempt|waiting|wait for|sleeping|back(?:ing)?[ -]?off|(?:re)?connecting)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFailure:
    """The last error of a log. `signature` is "" when its wording is not known; `subject` is what it names.

    `line` is what the line at fault says: of JSON, its message and error, else the line itself without its time.
    `line_number` counts from 1 within the lines that were read; `excerpt` holds at most 12 lines around it, repeated
    ones folded, the guilty one marked. `count` is how often it was said, `first_at` and `last_at` when (None where
    the times of the lines are not known).
    """

    signature: str
    subject: str
    line_number: int
    line: str
    excerpt: tuple[str, ...]
    count: int = 1
    first_at: datetime | None = None
    last_at: datetime | None = None


def read_failure(log: ContainerLog | Sequence[str]) -> LoggedFailure | None:
    """The last error in a log (or in lines of text), or None if nothing in it reads like one."""
    if not isinstance(log, ContainerLog):
        return _read(ContainerLog(namespace="", pod="", container="", is_previous=False, lines=tuple(log)))
    found = _readings.get(log)
    if found is None:
        found = _readings[log] = (_read(log),)
    return found[0]


# Several analyzers ask after one log, and the collector before them; what was read goes when the log does.
_readings: WeakKeyDictionary[ContainerLog, tuple[LoggedFailure | None]] = WeakKeyDictionary()


def _read(log: ContainerLog) -> LoggedFailure | None:
    entries = entries_of(log.lines)
    at = _guilty_entry(log, entries[-_TAIL_ENTRIES:])
    return _failure(log, entries, at + max(0, len(entries) - _TAIL_ENTRIES)) if at is not None else None


def _guilty_entry(log: ContainerLog, entries: Sequence[Entry]) -> int | None:
    def is_known(entry: Entry) -> bool:
        return entry.signature is not None and entry.level in (None, ERROR)

    known = _unless_it_passed(log, entries, _last(entries, is_known))
    if known is not None and entries[known].signature == (CONNECTION_TIMEOUT, ""):
        known = _before_giving_up(entries, known)
    warned = _last(entries, lambda entry: entry.signature is not None and entry.level == WARNING)
    warned = _unless_it_passed(log, entries, warned)
    other = _unless_it_passed(log, entries, _last(entries, lambda entry: entry.is_error))
    if other is not None and not _explains(entries, known, other):
        known = warned if _explains(entries, warned, other) and not entries[other].is_traceback else other
    return known if known is not None else warned


def _unless_it_passed(log: ContainerLog, entries: Sequence[Entry], index: int | None) -> int | None:
    """`index`, or None where what follows it shows that the work went on: it succeeded, or minutes went by."""
    if index is None or entries[index].is_traceback:
        return index
    after = [entry for entry in entries[index + 1 :] if entry.signature is None and not entry.is_error]
    if any(entry.level in (None, HARMLESS) and _SUCCEEDED.search(entry.text) for entry in after):
        return None
    ordinary = [entry for entry in after if entry.level != WARNING and not _STILL_TRYING.search(entry.text)]
    failed_at = log.time_of(entries[index].start)
    if failed_at is None or len(ordinary) < _WORKS_AGAIN_ENTRIES:
        return index
    went_on_until = log.time_of(ordinary[-1].start)
    return None if went_on_until is not None and went_on_until - failed_at > _WORKS_AGAIN_AFTER else index


def _before_giving_up(entries: Sequence[Entry], timeout: int) -> int:
    """What a wait for something unnamed was in vain for: a known error closely above, or else the timeout itself."""
    above = entries[max(0, timeout - _NEAR_ENTRIES) : timeout]
    unnamed = (None, (CONNECTION_TIMEOUT, ""))  # another timeout tells no more than this one
    found = _last(above, lambda entry: entry.signature not in unnamed and entry.level == ERROR)
    return timeout if found is None else timeout - len(above) + found


def _last(entries: Sequence[Entry], holds: Callable[[Entry], bool]) -> int | None:
    return next((index for index in range(len(entries) - 1, -1, -1) if holds(entries[index])), None)


def _explains(entries: Sequence[Entry], known: int | None, other: int) -> bool:
    # An error further up is another story, the nearer the more surely the same one.
    near = _NEAR_PANIC_ENTRIES if entries[other].is_traceback else _NEAR_ENTRIES
    return known is not None and other - known <= near


def _failure(log: ContainerLog, entries: Sequence[Entry], at: int) -> LoggedFailure:
    entry, repetitions = entries[at], fold(log, entries)
    guilty = guilty_line(log.lines, entry)
    signature, subject = entry.signature or (PANIC if entry.is_traceback else "", "")
    repetition = repetitions[template_of(entry.text)]
    return LoggedFailure(
        signature=signature,
        subject=subject,
        line_number=guilty + 1,
        line=_said(entry, log.lines[guilty])[:_LINE_MAX_CHARS],
        excerpt=_excerpt(log, entries, at, guilty, repetitions),
        count=repetition.count,
        first_at=repetition.first_at,
        last_at=log.time_of(guilty),
    )


def _said(entry: Entry, line: str) -> str:
    # Of JSON only what it says; the whole line is in the excerpt.
    return " ".join(entry.text.split()) if entry.is_structured and entry.text else plain(line).strip()


def _excerpt(
    log: ContainerLog, entries: Sequence[Entry], at: int, guilty: int, repetitions: Mapping[str, Repetition]
) -> tuple[str, ...]:
    """The error itself, and what was said before and after it, each thing once."""
    seen = {template_of(entries[at].text)}
    above = _context(entries[max(0, at - _CONTEXT_SEARCH) : at][::-1], seen)[::-1]
    below = _context(entries[at + 1 : at + 1 + _CONTEXT_SEARCH], seen)
    own = _lines_shown(entries[at], guilty, EXCERPT_LINES - len(above) - len(below))
    said = {entry.start: str(repetitions[template_of(entry.text)]) for entry in (*above, *below)}
    said[guilty] = str(repetitions[template_of(entries[at].text)])
    indexes = (*(entry.start for entry in above), *own, *(entry.start for entry in below))
    if len(indexes) == 1:
        return (f"{log.lines[guilty][:_LINE_MAX_CHARS]} {said[guilty]}".rstrip(),)
    return tuple(_shown(log, index, guilty, said) for index in indexes)


def _shown(log: ContainerLog, index: int | None, guilty: int, said: Mapping[int, str]) -> str:
    if index is None:
        return "  …"
    mark = GUILTY_MARK if index == guilty else " " * len(GUILTY_MARK)
    return f"{mark}{log.lines[index][:_LINE_MAX_CHARS]} {said.get(index, '')}".rstrip()


def _context(entries: Sequence[Entry], seen: set[str]) -> list[Entry]:
    """The first of `entries` that say something not in `seen`, which they are added to."""
    found: list[Entry] = []
    for entry in entries:
        template = template_of(entry.text)
        if template not in seen and len(found) < _CONTEXT_ENTRIES:
            seen.add(template)
            found.append(entry)
    return found


def _lines_shown(entry: Entry, guilty: int, at_most: int) -> list[int | None]:
    """The lines of an entry to show: all, or its head, what is around the guilty one, and its end; None for a gap."""
    if entry.end - entry.start <= at_most:
        return list(range(entry.start, entry.end))
    wanted = {entry.start, guilty, *range(guilty - 1, guilty + 2), entry.end - 1}
    chosen = sorted(index for index in wanted if entry.start <= index < entry.end)
    shown: list[int | None] = []
    for index in chosen:
        if shown and index != (shown[-1] or 0) + 1:
            shown.append(None)
        shown.append(index)
    return shown
