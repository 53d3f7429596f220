"""Credentials that are known by the name before them: `password=…`, `"apiKey": "…"`, `--token …`, a block in YAML.

Names are found by a few letters that every such name holds; whether it is one is for `names` to say, and whether what
follows is a value or an ordinary word for `values`. Quotes may be escaped any number of times (JSON in JSON strings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from kubeagentix.recognition import values
from kubeagentix.recognition.literals import any_of
from kubeagentix.recognition.names import MAX_CHARS, Verdict, verdict

Span = tuple[int, int]

# Every name of a credential holds one of these.
HINTS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "cred",
    "auth",
    "cookie",
    "jwt",
    "sess",
    "psk",
    "otp",
    "pat",
    "bearer",
    "docker",
    "pw",
)
MAX_VALUE = 8_000  # characters of one value
MAX_BLOCK = 64_000  # characters of one YAML block
_COLOUR = r"(?:\x1b\[[\d;]*m)"
_NAME_BEFORE = re.compile(rf"[\w.\-]{{0,{MAX_CHARS}}}", re.ASCII)
_NAME_AFTER = re.compile(rf"[\w.\-]{{1,{MAX_CHARS}}}", re.ASCII)
_SPACED = re.compile(r"(?i)(api|access|private|secret|auth|signing|encryption|account|master|license) (key)(?![\w-])")
_QUOTE = r"\\*[\"'`]"
# Between a name and its value: a closing quote or bracket, colours, and one separator.
_BLANKS = r"[ \t\xa0\u2000-\u200a\u3000]"
_WIDE = "\uff1a\uff1d"  # a colon and an equals sign, as wide as Chinese letters
_SEPARATOR = re.compile(
    rf"(?P<close>{_QUOTE}|\])?{_COLOUR}*{_BLANKS}{{0,40}}(?P<mark>=>|:=|->|={{1,3}}|[:={_WIDE}]|%3[dDaA]|\\u003[dDaA])"
    rf"{_BLANKS}{{0,80}}{_COLOUR}*\[?(?:[bBrRuUfF]{{0,2}}(?P<quote>{_QUOTE}))?"
)
_NEXT = re.compile(
    rf"(?P<close>{_QUOTE})?(?:[ \t]{{1,8}}|[ \t]*,[ \t]*\n?[ \t]*|\r?\n[ \t]*-[ \t]+)(?P<quote>{_QUOTE})?"
)
_IN_WORDS = re.compile(rf"{_QUOTE}?[ \t]{{1,3}}(?:is|was|of|set to|equals|:|=)?[ \t]{{0,3}}(?P<quote>{_QUOTE})?")
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?\r?\n")
_PLAIN = re.compile(
    r"""(?:
        [^\s"'`,;&)\]}<>|\\]
      | [,;&)\]}'"`|<>] (?! [\s,;&)\]}'"`|<>] | $ | [\w.-]{1,60}\\?["']?[ ]?[=:] | \\ )  # a mark that ends nothing
      | \\ (?! ["'`nrtu\\] ) | \\ (?= \\[^"'`nrtu\\] )
    )+""",
    re.VERBOSE,
)
_CLOSED = re.compile(r"[ \t]*(?:[,;)}\]]|\r?\n|\Z)")  # after a quote that closes a value of many lines
_BEGINS_LINE = re.compile(r"[ \t]*(?:-[ \t]+)?[\"']?\Z")


def spans(text: str, lowered: str) -> Iterator[Span]:
    """Where values stand that have a credential's name before them. `lowered`: `text` in lower case, as long as it."""
    covered = 0
    for start, end, what in _named(text, lowered):
        if start >= covered:  # what is within a value is masked with it
            for span in _values(text, start, end, what):
                if text[span[0] - 1] not in "\"'`":  # a quote that is never closed may end at the next name's
                    covered = max(covered, span[1])
                yield span


def has_hint(lowered: str) -> bool:
    """Whether any name of a credential can be in it."""
    return _hints().search(lowered) is not None


@cache
def _hints() -> re.Pattern[str]:
    return any_of(HINTS)


def _named(text: str, lowered: str) -> Iterator[tuple[int, int, Verdict]]:
    """Every name of a credential, once, with what it stands for."""
    beyond = 0
    for hit in _hints().finditer(lowered):
        at = hit.start()
        if at < beyond:
            continue
        found = _NAME_BEFORE.match(text[max(0, at - MAX_CHARS) : at][::-1])
        start = at - (found.end() if found else 0)
        rest = _NAME_AFTER.match(text, at)
        end = rest.end() if rest else at
        beyond = end
        name = text[start:end]
        what = verdict(name)
        if not what and lowered.startswith("key", at):
            spaced = _SPACED.search(text, max(0, at - 12), at + 3)
            what = "perhaps" if spaced is not None else ""
        if what and not (name == "passwd" and text.endswith("/etc/", 0, start)):  # the file
            yield start, end, what


def _values(text: str, start: int, end: int, what: Verdict) -> Iterator[Span]:
    separator = _SEPARATOR.match(text, end)
    if separator is not None:
        yield from _after_separator(text, start, separator, what)
        return
    if text.startswith("-", start):
        following = _NEXT.match(text, end)
        if following is not None:
            yield from _argument(text, following, what)
        return
    in_words = _IN_WORDS.match(text, end)
    if in_words is not None and what == "surely":
        yield from _in_words(text, start, in_words)


def _after_separator(text: str, start: int, separator: re.Match[str], what: Verdict) -> Iterator[Span]:
    at, quote, mark = separator.end(), separator["quote"], separator["mark"]
    if quote:
        found = _quoted(text, at, quote)
        if values.is_credential(text[found[0] : found[1]], what):
            yield found
        return
    if mark in f":{_WIDE[0]}" and not separator["close"]:
        block = _BLOCK.match(text, at)
        if block is not None:
            yield from block_scalar(text, start, block.end())
            return
        yield from _after_colon(text, start, at, what)
        return
    plain = _PLAIN.match(text, at, at + MAX_VALUE)
    if plain is not None and values.is_credential(plain[0], what):
        yield plain.span()


def _after_colon(text: str, start: int, at: int, what: Verdict) -> Iterator[Span]:
    """In YAML and properties a line is a name and its value; elsewhere a colon may just as well go on in prose."""
    end = text.find("\n", at, at + MAX_VALUE)
    end = min(len(text), at + MAX_VALUE) if end < 0 else end
    line_start = _line_start(text, start)
    line = text[at:end].rstrip("\r ,").split(" #")[0].rstrip()
    is_line = _BEGINS_LINE.match(text, line_start, start) is not None
    plain = _PLAIN.match(text, at, at + MAX_VALUE)
    if plain is None:
        return
    value = plain[0]
    if is_line and what == "surely" and not values.is_ordinary(line) and (" " not in line or _is_passphrase(line)):
        yield at, at + len(line)
    elif values.is_telling(value) and values.is_credential(value, what):
        yield plain.span()


def _is_passphrase(line: str) -> bool:
    return len(line) <= 200 and not values.is_prose(line) and not values.is_ordinary(line.split(" ", 1)[0])


def _argument(text: str, following: re.Match[str], what: Verdict) -> Iterator[Span]:
    """The value of a flag, which is the next word or the next item of a list."""
    at, quote = following.end(), following["quote"]
    if quote:
        found = _quoted(text, at, quote)
    else:
        plain = _PLAIN.match(text, at, at + MAX_VALUE)
        if plain is None:
            return
        found = plain.span()
    value = text[found[0] : found[1]]
    if not value.startswith("-") and values.is_credential(value, what):
        yield found


def _in_words(text: str, start: int, in_words: re.Match[str]) -> Iterator[Span]:
    """`the password is hunter2`, `IDENTIFIED BY PASSWORD '…'`; words of a sentence are left alone."""
    at, quote = in_words.end(), in_words["quote"]
    if quote:
        found = _quoted(text, at, quote)
        is_password = "pass" in text[start : in_words.start()].lower()
        if is_password and values.is_credential(text[found[0] : found[1]], "surely") and found[1] - found[0] <= 200:
            yield found
        return
    plain = _PLAIN.match(text, at, at + MAX_VALUE)
    value = plain[0].rstrip(".:!?") if plain is not None else ""
    if plain is not None and _is_drawn(value):
        yield at, at + len(value)


def _is_drawn(value: str) -> bool:
    """Whether a word in a sentence can be nothing but a credential: digits or marks among letters."""
    inner = value.strip("()[]{}\"'`,;.:!?")
    has_letter, has_digit = re.search(r"[A-Za-z]", inner), re.search(r"\d", inner)
    return bool(
        len(inner) >= 6 and has_letter and has_digit and not values.is_ordinary(inner) and not _RELATED.match(inner)
    )


# Words with digits that stand after `token` or `password` in messages: versions, numbers of things, addresses, objects.
_RELATED = re.compile(
    r"(?i)(?:[\w.-]*[:/].*|v?\d+(?:\.\d+)+.*|\d+(?:ms|s|m|h|d|kb|mb|%)|oauth2?|utf-?8|sha\d+|rs\d+|hs\d+|base64|[a-z]+=.*)\Z"
)


def _quoted(text: str, at: int, quote: str) -> Span:
    """From an opening quote to its closing one, else to the end of the line. A text that was cut off has none."""
    limit = min(len(text), at + MAX_VALUE)
    line_end = text.find("\n", at, limit)
    line_end = limit if line_end < 0 else line_end
    end = at
    while (end := text.find(quote, end, limit)) >= 0:
        before = end - at - len(text[at:end].rstrip("\\"))
        if before == 0 or (len(quote) == 1 and before % 2 == 0):
            is_over = end <= line_end or _CLOSED.match(text, end + len(quote)) is not None
            return at, end if is_over else line_end
        end += len(quote)
    return at, line_end


def block_scalar(text: str, start: int, at: int) -> Iterator[Span]:
    """The lines of a YAML block, which are indented deeper than the name at `start` is."""
    line_start = _line_start(text, start)
    depth = _depth(text, line_start, start)
    if _BEGINS_LINE.match(text, line_start, start) is None:  # shown behind other words
        depth = _depth(text, at, at + MAX_CHARS) - 1
    limit = min(len(text), at + MAX_BLOCK)
    while at < limit:
        end = text.find("\n", at, limit)
        end = limit if end < 0 else end
        line = text[at:end]
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent <= depth:
            return
        if line.strip() and not values.PLACEHOLDER.fullmatch(line.strip()):
            yield at + indent, at + len(line.rstrip())
        at = end + 1


def _line_start(text: str, at: int) -> int:
    """Where the line of `at` begins, or as far back as names are told."""
    return text.rfind("\n", max(0, at - MAX_CHARS), at) + 1 or max(0, at - MAX_CHARS)


def _depth(text: str, line_start: int, start: int) -> int:
    return len(text[line_start:start]) - len(text[line_start:start].lstrip(" "))
