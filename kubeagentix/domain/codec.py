"""Values of this package as plain JSON, and back: what is stored today can be read by later versions, and earlier ones.

Dataclasses become objects of their fields, without those that have their default. A member of a union carries its
`kind` (events) or `part` (of a message). Fields that a reader does not know are passed over, fields that are not there
get their default; what lacks a needed one, or is of another shape, raises CodecError. Secrets are never encoded.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
import typing
from collections.abc import Hashable, Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union

from kubeagentix.domain.events import RunEvent
from kubeagentix.domain.messages import Part, Text, Thinking, ToolCall, ToolResult
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.errors import KubeAgentiXError

VERSION = 1  # of the form; a change that an older reader would misread makes it 2
T = TypeVar("T")

_PARTS: dict[str, type[Any]] = {"text": Text, "thinking": Thinking, "call": ToolCall, "result": ToolResult}
_PART_NAMES = {kind: name for name, kind in _PARTS.items()}
_LONE = re.compile(r"[\ud800-\udfff]")  # half characters, which no encoding takes


class CodecError(ValueError):
    """Something stored that this version cannot read."""


def dumps(value: Any) -> str:
    """A value of the domain as one line of JSON."""
    return written(encode(value))


def written(plain: Any) -> str:
    """What `encode` gave as one line of JSON that any encoding takes."""
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return _LONE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def loads(kind: type[T], text: str) -> T:
    """The value of that class that `dumps` wrote. Raises CodecError."""
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise CodecError(f"no JSON: {error}") from error
    return typing.cast("T", decode(kind, plain))


def loads_event(text: str) -> RunEvent:
    """The event that `dumps` wrote. Raises CodecError, also for a kind that this version does not know."""
    return loads(typing.cast("type[RunEvent]", RunEvent), text)


def encode(value: Any) -> Any:
    """The same as lists, dicts, texts and numbers. What JSON has no word for becomes text; a Secret never does."""
    if isinstance(value, Secret | Credential):
        raise TypeError("a credential is not stored")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _encoded(value)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    is_plain = value is None or (isinstance(value, bool | int | str | float) and not isinstance(value, Enum))
    is_number = not isinstance(value, float) or math.isfinite(value)
    return value if is_plain and is_number else str(value)


def _encoded(value: Any) -> dict[str, Any]:
    tag = _PART_NAMES.get(type(value))
    found: dict[str, Any] = {"part": tag} if tag else {}
    for name, default, is_tag in _written(typing.cast("Hashable", type(value))):
        item = getattr(value, name)
        if is_tag or default is dataclasses.MISSING or item != default:
            found[name] = encode(item)
    return found


@cache
def _written(kind: Hashable) -> tuple[tuple[str, Any, bool], ...]:
    """The fields of a class: name, default, and whether it tells members of a union apart."""
    hints, literal = _hints(kind), typing.get_origin(Literal["x"])
    fields = dataclasses.fields(typing.cast("type[Any]", kind))
    return tuple((item.name, _default(item), typing.get_origin(hints[item.name]) is literal) for item in fields)


def _default(item: dataclasses.Field[Any]) -> Any:
    return item.default_factory() if item.default_factory is not dataclasses.MISSING else item.default


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@cache
def _events() -> dict[str, type[Any]]:
    return {_hints(kind)["kind"].__args__[0]: kind for kind in typing.get_args(RunEvent)}


def decode(kind: Any, plain: Any) -> Any:
    """The value of a class (or of a union of them) that `plain` stands for. Raises CodecError."""
    try:
        return _decoded(kind, plain)
    except CodecError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError, KubeAgentiXError) as error:
        raise CodecError(f"{type(error).__name__}: {error}") from error


def _decoded(hint: Any, plain: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _member(hint, plain)
    if origin is tuple:
        return _tuple(typing.get_args(hint), plain)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        item = typing.get_args(hint)[1]
        return {str(key): _decoded(item, value) for key, value in dict(plain).items()}
    if origin is Literal or hint is Any:
        return plain
    if dataclasses.is_dataclass(hint):
        return _dataclass(typing.cast("type[Any]", hint), plain)
    return _scalar(hint, plain)


def _scalar(hint: Any, plain: Any) -> Any:
    if hint in (datetime, date) or (isinstance(hint, type) and issubclass(hint, Enum)):
        return hint.fromisoformat(plain) if hint in (datetime, date) else hint(plain)
    if hint is float and isinstance(plain, int | str) and not isinstance(plain, bool):
        return float(plain)  # text: what is no number to JSON, such as inf
    if not isinstance(plain, hint):
        raise CodecError(f"{type(plain).__name__} instead of {hint.__name__}")
    return plain


def _tuple(items: tuple[Any, ...], plain: Any) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise CodecError(f"{type(plain).__name__} instead of a list")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decoded(items[0], item) for item in plain)
    return tuple(_decoded(hint, item) for hint, item in zip(items, plain, strict=True))


def _dataclass(kind: type[Any], plain: Any) -> Any:
    if not isinstance(plain, Mapping):
        raise CodecError(f"{type(plain).__name__} instead of {kind.__name__}")
    hints = _hints(typing.cast("Hashable", kind))
    known = {item.name for item in dataclasses.fields(kind) if item.init}
    return kind(**{name: _decoded(hints[name], value) for name, value in plain.items() if name in known})


def _member(hint: Any, plain: Any) -> Any:
    tag, known = ("part", _PARTS) if hint == Part else ("kind", _events() if hint == RunEvent else {})
    if known:
        name = plain.get(tag) if isinstance(plain, Mapping) else None
        if name not in known:
            raise CodecError(f"an unknown {tag}: {name}")
        return _dataclass(known[name], plain)
    members = typing.get_args(hint)
    if plain is None:
        return None
    if set(members) == {date, datetime, type(None)}:
        return (date if len(plain) == len("2026-01-01") else datetime).fromisoformat(plain)
    return _decoded(next(item for item in members if item is not type(None)), plain)
