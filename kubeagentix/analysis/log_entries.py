"""Cuts a log into entries: a line with all that belongs to it, from an indented line to the whole of a traceback.

Each runtime and server has its own way of writing over several lines; the rules here know where one begins and ends.
An entry carries the level its logger gave it, and what it says without times, frames and JSON.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from kubeagentix.analysis.log_lines import ERROR, HARMLESS, WARNING, abridged, level_of, plain, structured
from kubeagentix.analysis.signatures import TEXT_MAX_CHARS, recognise

_JSON_MAX_CHARS = 64 << 10  # of a line; cut off, it would be no JSON
_LINE_MAX_CHARS = 1000  # of any other
_HEAD_CHARS = 300  # within these a line has its level, and says whose account it is
_STACK_HEADS = ("goroutine ", "Current thread 0x")  # Go, and Python when the interpreter itself dies
_GO_HEADER_LINES = 8  # between "panic:" and "goroutine"
_MESSAGE_LINES = 8  # of an exception whose message goes over several lines
_PRETTY_JSON_LINES = 80
_MANY = 10_000

_FRAME = re.compile(r"^\s+(?:at |File \"|from |\.\.\. \d+ |\S+\.erl:\d+|\(\S+ [\d.]+\) )|^\t\S+\.go:\d+|^#\d+ ")
_CONTINUED = re.compile(
    r"^(?:\s+\S|Caused by:|Suppressed:|Stack trace:|#\d+ |note: run with|\}$|bootstrap check failure \[|>>> )"
    r"|^(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  "
)
_BELOW_A_BLANK = re.compile(r"^(?:Caused by:|Stack backtrace:|Location:)$")  # Rust's anyhow and eyre
_EXCEPTION_HEAD = re.compile(r"^(?:[a-z]\w*\.)+[A-Z][\w$]*(?:Exception|Error)\b|^Traceback |^\*\* \(")
_GO_FUNCTION = re.compile(r"^[\w./*()$-]+\S*(?:\(.*\))?$")
_GO_PLACE = re.compile(r"^\t\S+\.(?:go|s):\d+")
_UNCAUGHT = re.compile(
    r"^Exception in thread |\bUnhandled exception\b|\bUncaught \w|\bpanicked at\b|^terminate called"
    r"|UnhandledPromiseRejection|^(?:http: )?panic(?: serving \S+)?: |^fatal error: "
    r"|^runtime: goroutine stack exceeds|^Fatal Python error: "
    r"|^Unhandled rejection |^\*\*\* (?:stack smashing|buffer overflow) detected|^(?:free|malloc|realloc)\(\): "
    r"|^double free or corruption|^Runtime terminating during boot|^SIG(?:SEGV|ABRT|BUS|ILL|FPE): "
    r"|^\*\* \((?:\w+\.)*\w+(?:Error|Exception)?\) |: uncaught throw "
)
_SPRING_HEAD = "APPLICATION FAILED TO START"
_REDIS_CONFIG = re.compile(r"^\*\*\* FATAL CONFIG FILE ERROR")
_HOTSPOT = re.compile(r"^# (?:A fatal error has been detected by |There is insufficient memory for )")
_JSON_MESSAGE = re.compile(r"\s*\"(?i:message|msg|@m|@mt|event|error|err)\":")
_NPM = re.compile(r"npm (?:ERR!|error) ")
_DEEPER = re.compile(r"Caused by: \S|\s+what\(\):|\s*---> ")
_RUST_CAUSE = re.compile(r"^\s+(?:\d+: )?\S")
READS_AS_ERROR: Final = re.compile(
    rf"^{_SPRING_HEAD}(?:\n|$)|^npm (?:ERR!|error) |^# (?:A fatal error has been detected by |There is insufficient)"
    r"|^\*\*\* FATAL|^(?:[\w./-]+: )?(?i:fatal|error|exception|panic)\b\s*[:!\]]"
    r"|^(?i:error) (?:while|when|in|at|on|loading|reading|opening|connecting|starting|running|during|from|code)\b"
    r"|^[\w.$]*(?:Error|Exception)(?::|$)|^\S+: (?:.*: )?(?:command )?not found$|:in [`'].*: "
    r"|^(?:Segmentation fault|Aborted|Bus error|Illegal instruction|Killed)\b|\bcore dumped\b|^Assertion .*failed"
    r"|^(?i:fatal) \w+(?: \w+)*:|^\{\"init terminating in do_boot|^PHP (?:Fatal|Parse) error:  "
)
_NO_ERRORS = re.compile(r"(?i)\b(?:no|0|without) errors?\b|\berrors?\w*\b\W{0,3}(?:\b0\b|<nil>|null\b|none\b|false\b)")

# A line of an access log: what a client got wrong is no failure of the server's.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_METHOD = f"(?:{'|'.join(_METHODS)})"
_REQUEST_SERVED = re.compile(
    rf"\"{_METHOD} /\S*(?: HTTP/[\d.]+)?\" \d{{3}}\b|\bmethod=[\"']?{_METHOD}\b"
    rf"|^{_METHOD} /\S* (?:HTTP/[\d.]+ )?\d{{3}}\b|\b{_METHOD} /\S* -> \d{{3}}\b"
)
# nginx and Apache put the client's address into what they log of a request; a proxied one names its upstream.
_CLIENT_OF_A_SERVER = re.compile(r", client: \S+, server: (?![^\n]*\bupstream: )|\[client [\d.:a-fA-F]+\](?! AH01114)")
# A PostgreSQL server's account of one session; MySQL's of one connection. Source: PostgreSQL elog.c, postinit.c
_SESSION_OF_A_SERVER = re.compile(
    r"\[(?!1\])\d+\](?:-\d+)? (?:\S+@\S+ )?(?:ERROR:  |FATAL:  (?:password authentication failed|role \"|database \""
    r"|no pg_hba|sorry, too many|remaining connection slots|the database system is"
    r"|terminating connection|unsupported frontend))"
    r"|\[(?:Warning|Note)\] (?:\[[^\]]*\] )*(?:Access denied for user|Aborted connection)"
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry: the lines from `start` to before `end`. `level` is None where its logger says nothing."""

    start: int
    end: int
    text: str
    level: int | None
    is_traceback: bool
    is_structured: bool = False  # its lines are JSON, `text` is what they say

    @cached_property
    def signature(self) -> tuple[str, str] | None:
        """What it is known for: (signature's name, the thing named); None for what its logger calls harmless."""
        return None if self.level == HARMLESS else recognise(self.text)

    @property
    def is_error(self) -> bool:
        """Whether it tells of an error, known or not."""
        if self.level in (WARNING, HARMLESS) or _NO_ERRORS.search(self.text):
            return False
        return self.is_traceback or self.level == ERROR or READS_AS_ERROR.search(self.text) is not None


def entries_of(lines: Sequence[str]) -> list[Entry]:
    """The entries of a log, in its order; blank lines belong to none."""
    bare = [_bare(line) for line in lines]
    entries: list[Entry] = []
    start = 0
    while start < len(bare):
        end = _end_of_entry(lines, bare, start)
        if bare[start].strip():
            entries.append(_entry(lines, bare, start, end))
        start = end
    return entries


def _bare(line: str) -> str:
    text = plain(line[:_JSON_MAX_CHARS] + line[_JSON_MAX_CHARS:][-_LINE_MAX_CHARS:])
    return text if text.startswith("{") else abridged(text, _LINE_MAX_CHARS)


def guilty_line(lines: Sequence[str], entry: Entry) -> int:
    """The index of the line of `entry` that says what went wrong."""
    indexes = [index for index in range(entry.start, entry.end) if lines[index].strip()]
    if entry.signature is not None and not _REDIS_CONFIG.match(plain(lines[entry.start])):
        known = {index: recognise(_bare(lines[index])) for index in indexes if not _FRAME.match(lines[index])}
        exact = (index for index, found in known.items() if found == entry.signature)
        rough = (index for index, found in known.items() if found is not None)
        found = next(exact, next(rough, None))
        if found is not None:
            return found
    return _line_by_form([plain(lines[index]) for index in indexes], indexes)


def _line_by_form(held: Sequence[str], indexes: Sequence[int]) -> int:
    """Where the form of an error keeps its message. `held` are the lines at `indexes`, none of them blank."""
    pairs = list(zip(itertools.pairwise(held), indexes[1:], strict=True))
    places: list[int] = []
    if "Traceback (most" in held[0]:
        places = [index for line, index in zip(held[1:], indexes[1:], strict=True) if not line[:1].isspace()]
    elif held[0].endswith(":") and "panicked at" in held[0]:
        places = list(indexes[1:])
    elif held[0] == _SPRING_HEAD:
        places = [index for (before, _), index in pairs if before == "Description:"]
    elif held[0] == "{":
        places = [index for (_, line), index in pairs if _JSON_MESSAGE.match(line)]
    elif _REDIS_CONFIG.match(held[0]):
        places = [index for (_, line), index in pairs if line.startswith(">>> ")]
    else:
        places = [index for (before, _), index in pairs if _BELOW_A_BLANK.match(before)]
        # Java's innermost cause comes last; C++ tells the exception's text under its type.
        places += [index for (_, line), index in reversed(pairs) if _DEEPER.match(line)]
    return next(iter(places), indexes[0])


def _end_of_entry(lines: Sequence[str], bare: Sequence[str], start: int) -> int:
    head = bare[start]
    if "Traceback (most recent call last):" in head:
        return _end_of_python(bare, start)
    goroutine = _go_stack(lines, bare, start)
    if goroutine is not None:
        return _end_where(bare, goroutine, _begins_anew)
    npm = _NPM.match(head)
    if npm is not None:
        return _end_where(bare, start + 1, lambda line: not line.startswith(npm[0].rstrip()))
    for begins, ends, at_most in _BLOCKS:
        if begins(head):
            end = _end_where(bare, start + 1, ends, at_most)
            return end + 1 if end < len(bare) and bare[end] == "}" else end
    return _end_of_continued(lines, bare, start)


def _go_stack(lines: Sequence[str], bare: Sequence[str], start: int) -> int | None:
    """Where the stack of a Go program begins under its panic, or under the fatal line of a logger; None for others."""
    near = range(start + 1, min(start + _GO_HEADER_LINES, len(bare)))
    stack = next((index for index in near if bare[index].startswith(_STACK_HEADS)), None)
    if stack is None or _UNCAUGHT.search(bare[start][:_HEAD_CHARS]):
        return stack
    return stack if stack == start + 1 and level_of(lines[start]) == ERROR else None


def _end_of_continued(lines: Sequence[str], bare: Sequence[str], start: int) -> int:
    end, head = start + 1, bare[start]
    if head.endswith(":") and "panicked at" in head:
        end = min(end + 1, len(bare))  # Rust writes the message under the place
    elif end < len(bare) and _EXCEPTION_HEAD.match(bare[end]) and level_of(lines[start]) == ERROR:
        # log4j and logging write the exception itself under the line
        end = _end_of_python(bare, end) if bare[end].startswith("Traceback") else end + 1
    while end < len(bare):
        if _CONTINUED.match(bare[end]):
            end += 1
        elif _is_go_frame(bare, end) or _is_cause_below_blank(bare, end):
            end += 2
        else:
            break
    return end


def _is_cause_below_blank(lines: Sequence[str], index: int) -> bool:
    is_blank = not lines[index].strip() and index + 1 < len(lines)
    return is_blank and _BELOW_A_BLANK.match(lines[index + 1]) is not None


def _is_go_frame(lines: Sequence[str], index: int) -> bool:
    # zap writes the stack of an error under it: a function, then its place
    is_pair = index + 1 < len(lines) and _GO_PLACE.match(lines[index + 1]) is not None
    return is_pair and _GO_FUNCTION.match(lines[index]) is not None


def _begins_anew(line: str) -> bool:
    return level_of(line) is not None or line.startswith("{")


def _end_of_python(lines: Sequence[str], start: int) -> int:
    end = min(_end_where(lines, start + 1, lambda line: bool(line) and not line[0].isspace()) + 1, len(lines))
    limit = end + _MESSAGE_LINES
    while end < len(lines):
        if re.match(r"(?:During handling of the above|The above exception was)", lines[end]):
            nested = next((i for i in range(end, min(end + 4, len(lines))) if lines[i].startswith("Traceback")), None)
            return _end_of_python(lines, nested) if nested is not None else end + 1
        is_message = end < limit and not _begins_anew(lines[end])
        if not is_message and lines[end].strip():
            break
        end += 1
    return end


# Blocks that end by a rule of their own: (how the first line reads, how the line after the last reads, lines at most).
_BLOCKS: tuple[tuple[Callable[[str], object], Callable[[str], bool], int], ...] = (
    (lambda line: line == _SPRING_HEAD, lambda line: line == "Action:", _MANY),
    (lambda line: line == "{", lambda line: not line.startswith((" ", "\t")), _PRETTY_JSON_LINES),
    (_REDIS_CONFIG.match, lambda line: not line.strip(), 3),
    (_HOTSPOT.match, lambda line: not line.startswith("#"), _MANY),
)


def _end_where(lines: Sequence[str], start: int, ends: Callable[[str], bool], at_most: int = _MANY) -> int:
    limit = min(len(lines), start + at_most)
    return next((index for index in range(start, limit) if ends(lines[index])), limit)


def _entry(lines: Sequence[str], bare: Sequence[str], start: int, end: int) -> Entry:
    held = bare[start:end]
    head = held[0]
    decoded = structured(" ".join(held) if head == "{" else head) if head.startswith("{") else None
    if decoded is not None:
        (level, text), is_traceback = decoded, False
    else:
        level, text = level_of(lines[start]), _told(held)
        is_traceback = _is_traceback(held)
    text = abridged(text, TEXT_MAX_CHARS)
    if _is_about_a_client(lines[start], text):
        return Entry(start=start, end=end, text=text, level=HARMLESS, is_traceback=False)
    return Entry(
        start=start,
        end=end,
        text=text,
        level=level,
        is_traceback=is_traceback,
        is_structured=decoded is not None,
    )


def _told(held: Sequence[str]) -> str:
    """What the lines of an entry say, without frames and the stack, which comes last."""
    has_source = any('  File "' in line for line in held[1:])
    told = itertools.takewhile(lambda line: not line.startswith(_STACK_HEADS), held)
    return "\n".join(line for line in told if _is_telling(line, has_source=has_source)).replace('\\"', '"')


def _is_traceback(held: Sequence[str]) -> bool:
    if _UNCAUGHT.search(held[0][:_HEAD_CHARS]) or "Traceback (most" in held[0]:
        return True
    return any(_FRAME.match(line) or line.startswith("Traceback (most") for line in held[1:])


def _is_about_a_client(line: str, text: str) -> bool:
    names_method = any(method in text for method in _METHODS)
    is_served = (names_method and _REQUEST_SERVED.search(text)) or _CLIENT_OF_A_SERVER.search(text)
    return bool(is_served) or _SESSION_OF_A_SERVER.search(line[:_HEAD_CHARS]) is not None


def _is_telling(line: str, *, has_source: bool) -> bool:
    # Python quotes source code, which may hold any word; only what shows an absent variable is kept of it.
    if "os.environ" in line or "getenv" in line:
        return True
    return not (_FRAME.match(line) or (has_source and re.match(r"\s{4}", line)))
