"""What must not leave the machine is masked here, for every path out: what a model reads, events, reports, files.

A credential is known by its form (a key's prefix, a JWT, a PEM block, a password in a URL), by the name it is set to
(`DB_PASSWORD=…`, `"apiKey": "…"`), or because it is one of ours; see `recognition`. Equal values get equal placeholders
within a run, so that a reader can still tell that two places hold the same, and a value that was recognised once is
masked wherever it stands from then on, also in base64 and percent-encoded. Masking happens at the exits, never before
an analysis.
"""

from __future__ import annotations

import base64
import dataclasses
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.recognition import values
from kubeagentix.recognition.names import verdict
from kubeagentix.recognition.spans import Span, found_in, visible

PLACEHOLDER = "[MASKED-{}]"
MAX_LEARNED = 500  # values that are looked for wherever they stand; each costs a search of every text
MAX_KEPT = 20_000  # short texts whose result is kept: objects repeat their labels and names
SHORT = 200  # characters of those
PASSES = 4  # over a text, until nothing new is found: a mask can bring a name and its value together
_DIGEST = re.compile(r"[a-z]-[0-9a-f]{10}")  # an id, as of a finding or of evidence, which is no value
_SEEN = re.compile(r"\[MASKED-(\d{1,6})\]")
_ARGUMENTS = ("args", "command", "cmd", "argv", "entrypoint", "arguments")  # lists whose items are words of one line
MAX_COUNT = 99_999  # a number above it, under the name of a credential, is one
_PLAIN = (bool, type(None), float, datetime)
T = TypeVar("T")


class Redactor:
    """Masks credentials. `known` are values that are masked wherever they stand; one Redactor serves one run."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._places: dict[str, str] = {}
        self._last = 0
        self._lock = threading.Lock()  # a run and its history mask at the same time; no two values get one placeholder
        self._known: list[str] = []  # what is looked for, the longest first
        self._variants: dict[str, str] = {}  # of a known value in another encoding -> the value
        self._kept: dict[str, str] = {}
        for value in known:
            if len(value) > values.LEAST_CHARS:
                self._learn(value)

    def __reduce__(self) -> tuple[type[Redactor], tuple[()]]:
        return Redactor, ()  # a copy knows nothing: what was masked is not to be pickled along

    def __repr__(self) -> str:
        return f"<Redactor: {self.count} values>"

    @property
    def count(self) -> int:
        """How many different values were masked."""
        return len(self._places)

    def text(self, text: str, also: Sequence[Span] = ()) -> str:
        """`text` with placeholders where credentials stood, and in the spans that are known to hold one.

        All are told from the text as it came: what hides a name would hide that the value beside it is one.
        """
        if len(text) < values.LEAST_CHARS or self._is_id(text):
            return text
        if also:
            return self._until_stable("".join(self._replaced(text, found_in(text, self._known, also=also))))
        kept = self._kept.get(text)
        if kept is not None:
            return text if kept == text else kept  # an equal text that is another object would count as changed
        known = self._known
        masked = self._masked(text)
        if len(text) <= SHORT and self._known is known:  # else another thread learned
            if len(self._kept) >= MAX_KEPT:  # what is masked again and again will be there again
                self._kept.clear()
            self._kept[text] = masked
        return masked

    def _is_id(self, text: str) -> bool:
        is_digest = text[1] == "-" and _DIGEST.fullmatch(text) is not None
        return is_digest and not any(item in text for item in self._known)

    def _masked(self, text: str) -> str:
        if "[MASKED-" in text:
            self._last = max((self._last, *(int(match[1]) for match in _SEEN.finditer(text))))
        shown = visible(text)
        masked = self._until_stable(shown)
        return masked if masked != shown else text

    def _until_stable(self, text: str) -> str:
        for _ in range(PASSES):
            found = found_in(text, self._known)
            if not found:
                break
            text = "".join(self._replaced(text, found))
        return text

    def _replaced(self, text: str, found: Iterable[Span]) -> Iterator[str]:
        at = 0
        for start, end in found:
            yield text[at:start]
            yield self._placeholder(text[start:end])
            at = end
        yield text[at:]

    def _placeholder(self, value: str) -> str:
        value = self._variants.get(value, value)
        with self._lock:
            if value not in self._places:
                self._last += 1
                self._places[value] = PLACEHOLDER.format(self._last)
                if values.is_worth_learning(value):
                    self._learn(value)
            return self._places[value]

    def _learn(self, value: str) -> None:
        """From now on `value` is masked wherever it stands, as it is and in the encodings that it travels in."""
        if value in self._variants or len(self._known) >= 5 * MAX_LEARNED:
            return
        self._variants.update({item: value for item in _encodings(value) if item not in self._variants})
        self._known = sorted(self._variants, key=len, reverse=True)
        self._kept.clear()

    def lines(self, lines: Sequence[str], joint: str = "\n") -> tuple[str, ...]:
        """Texts that belong together (lines of a log, words of a command), masked as one; as many come out as go in."""
        whole = joint.join(lines)
        found = found_in(whole, self._known)
        if not found:
            return tuple(lines)
        masked, at, place = [], 0, 0
        for line in lines:
            end = at + len(line)
            while place and found[place - 1][1] > at:
                place -= 1
            inside: list[Span] = []
            while place < len(found) and found[place][0] < end:
                if found[place][1] > at:
                    inside.append((max(found[place][0], at) - at, min(found[place][1], end) - at))
                place += 1
            masked.append(self.text("".join(self._replaced(line, [span for span in inside if span[0] < span[1]]))))
            at = end + len(joint)
        return tuple(masked)

    def value(self, value: T, name: str = "") -> T:
        """The same with every text in it masked: JSON-like values, dataclasses, msgspec Structs; `name`: what it is.

        What needs no masking comes back as it is, the very same object. References to objects stay as they are.
        """
        return self._value(value, name)  # type: ignore[no-any-return]

    def _value(self, value: Any, name: str) -> Any:
        kind = type(value)
        if kind is str:
            return self._named(value, name)
        if kind in _PLAIN:
            return value
        if kind is int:
            return self._named(str(value), name) if abs(value) > MAX_COUNT and verdict(name) == "surely" else value
        if kind is tuple or kind is list:
            return self._sequence(value, name) if value else value
        if isinstance(value, Mapping):
            return self._mapping(value) if value else value
        names = _fields_of(kind)
        return self._record(value, names) if names else value

    def _named(self, text: str, name: str) -> str:
        if name and values.is_credential(text, verdict(name)) and not values.PLACEHOLDER.search(text):
            return self._placeholder(text)
        return self.text(text)

    def _mapping(self, value: Mapping[Any, Any]) -> Mapping[Any, Any]:
        is_secret = value.get("kind") == "Secret"
        pair = _pair_of(value)
        new = {}
        for key, item in value.items():
            if is_secret and key in ("data", "stringData") and isinstance(item, Mapping):
                new[key] = {inner: self._whole(text) for inner, text in item.items()}
            else:
                label = value[pair[0]] if pair is not None and key == pair[1] else str(key)
                new[self._value(key, "")] = self._value(item, label)
        is_same = len(new) == len(value) and all(key in value and item is value[key] for key, item in new.items())
        return value if is_same else new

    def _whole(self, value: Any) -> Any:
        if not isinstance(value, str) or not value or values.PLACEHOLDER.fullmatch(value):
            return value
        return self._placeholder(value)

    def _sequence(self, value: list[Any] | tuple[Any, ...], name: str) -> Any:
        together: Sequence[Any] = value
        if len(value) > 1 and type(value[0]) is str and all(type(item) is str for item in value):
            is_line = name in _ARGUMENTS or (
                name != "lines" and any(item.startswith("-") and " " not in item for item in value)
            )
            together = self.lines(value, " " if is_line else "\n")
        new = [self._value(item, name) for item in together]
        if all(left is right for left, right in zip(new, value, strict=True)):
            return value
        return new if type(value) is list else tuple(new)

    def _record(self, value: Any, names: tuple[str, ...]) -> Any:
        changed = {}
        label = value.name if "value" in names and "name" in names else ""
        for name in names:
            old = getattr(value, name)
            new = self._value(old, label if name == "value" and label else name)
            if new is not old:
                changed[name] = new
        if not changed:
            return value
        return _replaced(value, changed)


_fields: dict[type, tuple[str, ...]] = {}


def _fields_of(kind: type) -> tuple[str, ...]:
    """What of a dataclass or a msgspec Struct is masked; nothing of a reference, which has to find its object."""
    if kind not in _fields:
        _fields[kind] = _looked_up(kind)
    return _fields[kind]


def _looked_up(kind: type) -> tuple[str, ...]:
    if issubclass(kind, ResourceRef):
        return ()
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind) if field.init)
    return tuple(getattr(kind, "__struct_fields__", ()))


def _replaced(value: Any, changed: Mapping[str, Any]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **changed)
    import msgspec  # noqa: PLC0415  only where its Structs are at hand, which nobody needs for a text

    return msgspec.structs.replace(value, **changed)


def _pair_of(value: Mapping[Any, Any]) -> tuple[Any, Any] | None:
    """The keys of a name and of its value, where a mapping is such a pair, as the variables of a container are."""
    if len(value) > 6:
        return None
    lowered = {key.lower(): key for key in value if isinstance(key, str)}
    name = next((lowered[key] for key in ("name", "key") if key in lowered), None)
    content = lowered.get("value")
    return (name, content) if name is not None and content is not None and isinstance(value[name], str) else None


def _encodings(value: str) -> Iterator[str]:
    """`value` as it is, in base64 (also with a newline at its end, as `echo` writes it), and percent-encoded."""
    yield value
    raw = value.encode(errors="surrogatepass")
    for code in (base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.b64encode(raw + b"\n")):
        text = code.decode()
        yield text
        if len(text.rstrip("=")) >= 8:
            yield text.rstrip("=")
    for text in (quote(value, safe="", errors="replace"), quote_plus(value, errors="replace")):
        if text != value:
            yield text


_current: ContextVar[Redactor | None] = ContextVar("redactor", default=None)


@contextmanager
def using(redactor: Redactor) -> Iterator[Redactor]:
    """What is masked within is masked by `redactor`, so that a run has one set of placeholders."""
    token = _current.set(redactor)
    try:
        yield redactor
    finally:
        _current.reset(token)


def current() -> Redactor:
    """The Redactor of the run that this is part of, else a new one."""
    return _current.get() or Redactor()


def current_of_run() -> Redactor | None:
    """The Redactor of the run that this is part of, if it is part of one."""
    return _current.get()


def masked_in_run(value: T, name: str = "") -> T:
    """`value` as a tool of a run reads it, before words are made of it: a table or YAML text hides what was what.

    Outside of a run it stays as it is.
    """
    redactor = _current.get()
    return value if redactor is None else redactor.value(value, name)
