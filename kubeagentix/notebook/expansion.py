"""`{{name}}` in what is typed after a magic: a variable of the notebook, and nothing else that has braces.

A name, attributes of it and constant indexes, as in `{{dx.hypotheses[0].root.name}}`; never a call. What is no Python
name in double braces (a go-template's `{{.metadata.name}}`, Helm's `{{ include "x" . }}`), jsonpath and `$HOME` stay as
they are, and so does what has a backslash before its braces.
"""

from __future__ import annotations

import ast
import keyword
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from typing import Any

from kubeagentix.errors import UsageError, excerpt
from kubeagentix.options import nearest

_PLACE = re.compile(r"(?<!\$)(\\?)\{\{([^{}\n]+)\}\}")  # `${{ … }}` belongs to a pipeline
_BEGINNING = re.compile(r"[^\W\d]\w*+(?!\s+[.(])")  # how a variable begins, and no go-template's `range .items`
_BLOCK = re.compile(r"\{\{-?\s*(?:range|if|with|define|block)\b")  # what a go-template's {{end}} ends
_MARK = re.compile("\ue000(\\d+)\ue001")  # stands for a place while the quoting is read
_NUMBERS = (int, float)


def expanded(text: str, user_ns: Mapping[str, Any]) -> str:
    """`text` with the values of the variables that it names in double braces. Raises UsageError for one unknown."""

    def replace(place: re.Match[str]) -> str:
        expression = _variable_in(place, text)
        if expression is None:
            return place[0]
        return place[0][1:] if place[1] else _text(_value(expression, place[0], user_ns), place[0])

    return _PLACE.sub(replace, text)


def words_of(text: str, user_ns: Mapping[str, Any]) -> list[str]:
    """The words of a line as a shell would split it, `#` comments left out. A variable's value never becomes two words.

    Raises UsageError, and ValueError for a quotation that is not closed.
    """
    places: list[Callable[[bool], str]] = []

    def mark(place: re.Match[str]) -> str:
        expression = _variable_in(place, text)
        if expression is None:
            return place[0]
        if place[1]:
            places.append(lambda _: place[0][1:])
        else:
            places.append(lambda is_first: _as_word(expression, place[0], user_ns, is_first=is_first))
        return f"\ue000{len(places) - 1}\ue001"

    marked = _PLACE.sub(mark, text.translate({0xE000: None, 0xE001: None}))
    return [
        _MARK.sub(lambda found: places[int(found[1])](found.start() == 0), word)
        for word in shlex.split(marked, comments=True)
    ]


def _variable_in(place: re.Match[str], text: str) -> ast.expr | None:
    """The Python in these braces if it is about a variable; None for what belongs to somebody else."""
    inner = place[2].strip()
    is_end = inner == "end" and _BLOCK.search(text, 0, place.start())
    if is_end or keyword.iskeyword(inner) or not _BEGINNING.match(inner):
        return None
    try:
        return ast.parse(inner, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _as_word(expression: ast.expr, spelled: str, user_ns: Mapping[str, Any], *, is_first: bool) -> str:
    value = _value(expression, spelled, user_ns)
    if value is None or (isinstance(value, Collection) and not isinstance(value, str | bytes)):
        what = "None" if value is None else f"a {type(value).__name__}"
        raise UsageError(f"{excerpt(spelled, 60)} is {what}, where one word is meant", hint="name a text or a number")
    word = _text(value, spelled)
    if is_first and word.startswith("-") and not isinstance(value, _NUMBERS):
        raise UsageError(
            f"{excerpt(spelled, 60)} is {excerpt(word, 60)!r}, which begins like an option",
            hint="options are typed out, not taken from variables",
        )
    return word


def _text(value: Any, spelled: str) -> str:
    try:
        return str(value)
    except Exception as error:  # the code behind it is anybody's
        message = f"{excerpt(spelled, 60)} has no text: its str() raises {type(error).__name__}"
        raise UsageError(message, hint="name a text or a number") from error


def _value(expression: ast.expr, spelled: str, user_ns: Mapping[str, Any]) -> Any:
    match expression:
        case ast.Name(id=name):
            if name not in user_ns:
                hint = nearest(name, (known for known in user_ns if not known.startswith("_")))
                raise UsageError(
                    f"there is no variable {excerpt(name, 60)!r} for {excerpt(spelled, 60)}",
                    hint=hint or rf"set it in a cell before, or write \{spelled} for the braces themselves",
                )
            return user_ns[name]
        case ast.Attribute(value=owner, attr=name):
            return _read(spelled, _value(owner, spelled, user_ns), name, getattr, dir)
        case ast.Subscript(value=owner, slice=index) if (key := _constant(index)) is not None:
            return _read(spelled, _value(owner, spelled, user_ns), key, lambda of, at: of[at], _keys)
    raise UsageError(
        f"{excerpt(spelled, 60)} is more than a variable",
        hint=r"names, attributes and constant indexes are looked up, nothing is called; \{{ stands for the braces",
    )


def _constant(index: ast.expr) -> str | int | None:
    match index:
        case ast.Constant(value=str() | int() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
    return None


def _read(
    spelled: str, owner: Any, key: str | int, read: Callable[[Any, Any], Any], names: Callable[[Any], list[str]]
) -> Any:
    try:
        return read(owner, key)
    except Exception as error:  # the code behind an attribute is anybody's
        message = f"{excerpt(spelled, 60)} cannot be read: a {type(owner).__name__} has no {excerpt(repr(key), 60)}"
        if not isinstance(error, AttributeError | LookupError):
            message = f"{excerpt(spelled, 60)} cannot be read: {excerpt(str(error) or type(error).__name__)}"
        public = [name for name in names(owner) if not name.startswith("_")]
        raise UsageError(message, hint=nearest(str(key), public) or "see what it has in a cell") from error


def _keys(owner: Any) -> list[str]:
    return [key for key in owner if isinstance(key, str)] if isinstance(owner, Mapping) else []
