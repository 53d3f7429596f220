"""Reads JSON that a model wrote into prose, also where it is damaged, in one pass over the text.

A reader of its own rather than a repair library: those make something of any text, and some of them go over it again
and again. This one takes what models really write (comments, trailing and missing commas, single and typographic
quotes, quotes within quotes, bare words, Python's literals, an end that is missing), says whether it met any of that,
and moves on by at least a character at every step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 50  # an answer has five; deeper is no answer

_FENCE_LINE = re.compile(r"^[ \t>]*(?:```|~~~)[^\n]*$", re.MULTILINE)
_BEGIN = re.compile(r"\{(?=[\s\ufeff\u200b]*(?:[\"'\u201c\u201d\u2018\u2019}#]|[A-Za-z_]\w{0,40}\s*:|//|/\*|\Z))")
_SPACE = re.compile(r"[ \t\r\n]+")
_COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*(?:.*?\*/|.*\Z)|[\s\ufeff\u200b]+", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s,}\]]|\Z)")
_BARE_KEY = re.compile(r"[^\s:,{}\[\]][^:,{}\[\]\n]*")
_BARE = re.compile(r"[^,}\]\n]+")
_AFTER_WORD = re.compile(r"\s(?://|#|/\*)")
_ENDS_STRING = re.compile(r"\s*(?:[,:}\]#]|//|/\*|\Z)|[ \t\r]*\n\s*[\"'\u201c\u2018]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_DOUBLE, _SINGLE = "\u201c\u201d\u201e\u201f", "\u2018\u2019\u201a\u201b"
_CLOSERS = {'"': '"', "'": "'"} | dict.fromkeys(_DOUBLE, f'{_DOUBLE}"') | dict.fromkeys(_SINGLE, f"{_SINGLE}'")
_PLAIN = {closers: re.compile(rf"[^\\{closers}]*") for closers in set(_CLOSERS.values())}
_WORDS = {"true": True, "false": False, "null": None}
_FOREIGN_WORDS = {"True": True, "False": False, "None": None, "undefined": None, "NaN": None}
_CONTROL = re.compile(r"[\x00-\x1f]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object that stands in a text. `is_damaged`: it is no JSON as it stands."""

    value: dict[str, Any]
    is_damaged: bool


def objects_in(text: str) -> tuple[FoundObject, ...]:
    """Every object that stands in a text, in order; none goes over the line of a code fence."""
    return tuple(item for part in _FENCE_LINE.split(text) for item in _objects(part))


def read_value(text: str) -> Any:
    """What a text reads as that ought to be JSON as a whole; None where that is nothing."""
    return _Reader(text, 0).read()


def _objects(text: str) -> Iterator[FoundObject]:
    at = 0
    while match := _BEGIN.search(text, at):
        reader = _Reader(text, match.start())
        value = reader.read()
        at = max(reader.at, match.end())
        if isinstance(value, dict):
            yield FoundObject(value, reader.is_damaged)


class _TooDeepError(Exception):
    """No answer is as deep as this."""


class _Reader:
    """Reads one value from `at` on."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.is_damaged = False
        self._is_cut = False  # the text ended within a string or a word
        self._open: list[str] = []  # the brackets around

    def read(self) -> Any:
        """The value; None where it is too deep to be meant.

        Of what breaks off at the end, only the text that belongs to a key is kept.
        """
        self._skip()
        try:
            return self._value()
        except _TooDeepError:
            self.is_damaged = True
            return None

    def _is_end(self) -> bool:
        return self.at >= len(self.text)

    def _next(self) -> str:
        """The next character, "" at the end."""
        self._skip()
        return self.text[self.at : self.at + 1]

    def _skip(self) -> None:
        while True:
            match = _SPACE.match(self.text, self.at)
            if match is None:
                match = _COMMENT.match(self.text, self.at)
                self.is_damaged = self.is_damaged or match is not None
            if match is None:
                return
            self.at = match.end()

    def _value(self) -> Any:
        mark = self.text[self.at : self.at + 1]
        if mark in ("{", "["):
            return self._container(mark)
        if mark in _CLOSERS:
            return self._string(mark)
        match = _NUMBER.match(self.text, self.at)
        if match and len(match[0]) < 400:
            self.at = match.end()
            self._is_cut = self._is_end()
            return float(match[0]) if set(match[0]) & set(".eE") else int(match[0])
        return self._bare()

    def _container(self, mark: str) -> Any:
        if len(self._open) >= MAX_DEPTH:
            raise _TooDeepError
        self.at += 1
        self._open.append(mark)
        value: Any = self._object() if mark == "{" else self._array()
        self._open.pop()
        return value

    def _object(self) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for mark in self._entries("}"):
            key = self._string(mark) if mark in _CLOSERS else self._bare_key()
            if self._next() != ":":
                self.is_damaged = True
                continue
            self.at += 1
            following = self._next()
            if following in ("", "}", ","):
                self.is_damaged = True
                continue
            read = self._value()
            if not self._is_cut or following in _CLOSERS or following in "{[":
                value[key] = read
        return value

    def _array(self) -> list[Any]:
        """What breaks off in a list is left out: half an id is none, and half a command may be another."""
        items: list[Any] = []
        for _ in self._entries("]"):
            item = self._value()
            if not self._is_cut or isinstance(item, dict | list):
                items.append(item)
        return items

    def _entries(self, closer: str) -> Iterator[str]:
        """The first character of each entry, up to and over the bracket that closes; commas are seen to here."""
        is_comma_due = has_comma = False
        while mark := self._next():
            if mark == closer:
                self.is_damaged = self.is_damaged or has_comma
                self.at += 1
                return
            if mark in "}]":
                self.is_damaged = True
                if {"}": "{", "]": "["}[mark] in self._open:
                    return  # it closes what is further out: this one was left open
                self.at += 1
            elif mark == ",":
                self.is_damaged = self.is_damaged or not is_comma_due
                is_comma_due, has_comma = False, True
                self.at += 1
            else:
                self.is_damaged = self.is_damaged or is_comma_due
                before = self.at
                yield mark
                if self.at == before:  # nothing that could be read
                    self.is_damaged = True
                    self.at += 1
                is_comma_due, has_comma = True, False
        self.is_damaged = True

    def _bare_key(self) -> str:
        self.is_damaged = True
        match = _BARE_KEY.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0].strip()

    def _bare(self) -> Any:
        match = _BARE.match(self.text, self.at)
        word = _AFTER_WORD.split(match[0], maxsplit=1)[0].strip() if match else ""
        self.at = match.end() if match else self.at
        self._is_cut = self._is_end()
        if word in _WORDS:
            return _WORDS[word]
        self.is_damaged = True
        return _FOREIGN_WORDS.get(word, word)

    def _string(self, mark: str) -> str:
        """A string, up to a closing quote that something follows which may follow a string."""
        self.is_damaged = self.is_damaged or mark != '"'
        closers = _CLOSERS[mark]
        self.at += 1
        pieces: list[str] = []
        while True:
            plain = _PLAIN[closers].match(self.text, self.at)
            pieces.append(plain[0] if plain else "")
            self.at += len(pieces[-1])
            self.is_damaged = self.is_damaged or _CONTROL.search(pieces[-1]) is not None
            if self._is_end():
                self.is_damaged = self._is_cut = True
                break
            if self.text[self.at] == "\\":
                pieces.append(self._escape())
                continue
            self.at += 1
            if _ENDS_STRING.match(self.text, self.at):
                break
            self.is_damaged = True
            pieces.append(self.text[self.at - 1])
        return _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), "".join(pieces))

    def _escape(self) -> str:
        match = _ESCAPE.match(self.text, self.at)
        if match is None:
            self.at += 1
            return ""
        self.at = match.end()
        if match[1]:
            return chr(int(match[1], 16))
        self.is_damaged = self.is_damaged or match[2] not in _ESCAPES
        return _ESCAPES.get(match[2], match[2])
