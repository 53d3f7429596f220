"""The tags with which a model without native tool calls asks for tools, and what may begin one.

    <function_calls><invoke name="pod_logs"><parameter name="tail">20</parameter></invoke></function_calls>

Any tag may have a namespace prefix, such as `antml:`. A tag is short, stands on one line, and holds no `<`, `>` or
backquote of its own, so that a few characters tell what is none.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

CALLS, INVOKE, PARAMETER, RESULTS = "function_calls", "invoke", "parameter", "function_results"
MAX_CHARS = 256  # more than any tag has

_WORDS = (CALLS, INVOKE, PARAMETER, RESULTS)
_PREFIX = r"(?:[A-Za-z][A-Za-z0-9_.-]{0,30}:)?"
_ATTRIBUTES = r"[ \t][^<>`\n]{0,160}"
_TAG = re.compile(rf"<(/?){_PREFIX}({'|'.join(_WORDS)})({_ATTRIBUTES})?>")
_BEGUN_WORD = "|".join(sorted({word[:size] for word in _WORDS for size in range(1, len(word) + 1)}, reverse=True))
_BEGUN = re.compile(
    rf"</?(?:[A-Za-z][A-Za-z0-9_.-]{{0,30}}|{_PREFIX}(?:{_BEGUN_WORD})?|{_PREFIX}(?:{'|'.join(_WORDS)}){_ATTRIBUTES})?\Z"
)
_NAME = re.compile(r"[ \t]name[ \t]*=[ \t]*(?:\"([^\"]*)\"|'([^']*)')")
_ENTITY = re.compile(r"&(lt|gt|amp|quot);")
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


@dataclass(frozen=True, slots=True)
class Tag:
    """One whole tag, from `start` to `end` of a text. `name` is its attribute of that name."""

    word: str
    is_closing: bool
    name: str
    is_empty: bool  # it closes itself: <invoke name="x"/>
    start: int
    end: int

    @property
    def begins_call(self) -> bool:
        """Whether it opens a call, of which it has the name."""
        return self.word == INVOKE and not self.is_closing and bool(self.name)

    @property
    def begins_value(self) -> bool:
        """Whether what follows is a parameter's value, of which it has the name."""
        return self.word == PARAMETER and not self.is_closing and not self.is_empty and bool(self.name)

    def closes(self, word: str) -> bool:
        """Whether it is the closing tag of that word."""
        return self.is_closing and self.word == word

    def opens(self, word: str) -> bool:
        """Whether it is an opening tag of that word."""
        return not self.is_closing and self.word == word


def tag_at(text: str, at: int) -> Tag | None:
    """The tag that stands there whole."""
    match = _TAG.match(text, at)
    return _tag(match) if match else None


def tags_in(text: str) -> list[Tag]:
    """All whole tags, in order."""
    return [_tag(match) for match in _TAG.finditer(text)]


def may_begin(text: str, at: int) -> bool:
    """Whether the rest of `text` from there is the beginning of a tag, and no more than that."""
    return _BEGUN.match(text, at) is not None


def _tag(match: re.Match[str]) -> Tag:
    attributes = match[3] or ""
    name = _NAME.search(attributes)
    return Tag(
        word=match[2],
        is_closing=bool(match[1]),
        name=(name[1] or name[2] or "").strip() if name else "",
        is_empty=attributes.endswith("/"),
        start=match.start(),
        end=match.end(),
    )


def value_of(text: str) -> Any:
    """What a parameter's text stands for: a JSON number, truth value, null, list or object; else the text itself.

    One line break at each end, where models put the tags on lines of their own, is none of the value.
    """
    text = _ENTITY.sub(lambda match: _ENTITIES[match[1]], text)
    text = text.removeprefix("\r").removeprefix("\n").removesuffix("\n").removesuffix("\r")
    bare = text.strip()
    if not bare or bare[0] not in "-0123456789tfn[{":
        return text
    try:
        value = json.loads(bare, parse_constant=_no_json, parse_float=_finite)
    except (ValueError, RecursionError):
        return text
    return value


def escaped(text: str) -> str:
    """`text` with its `&`, `<` and `>` as entities, so that nothing in it is a tag."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quoted(text: str) -> str:
    """`text` as the value of an attribute, in quotes."""
    return f'"{escaped(text).replace(chr(34), "&quot;")}"'


def _no_json(text: str) -> float:
    raise ValueError(text)  # NaN and Infinity are Python's own


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value
