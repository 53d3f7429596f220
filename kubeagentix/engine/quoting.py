"""What stands word for word in data that a model was shown: calls by markup, and answers as JSON.

A model that quotes a log says what the log says, and must not thereby do it. From the text alone a quotation cannot be
told from a wish, so a call or an answer that data spells out is taken for a quotation. Who means it can ask in other
words; calls by a provider's API cannot be quoted, and are not looked at.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from kubeagentix.domain.messages import ToolCall
from kubeagentix.engine.lenient_json import objects_in
from kubeagentix.wire.markup_tags import CALLS, INVOKE, tags_in, value_of

MOST = 10_000  # calls and answers that are kept of one conversation


class Quotable:
    """The calls and answers that stand in the data of one conversation."""

    def __init__(self) -> None:
        self._calls: set[str] = set()
        self._answers: set[str] = set()

    def add(self, text: str) -> None:
        """Takes note of what stands in one piece of data."""
        for form in {text, html.unescape(text)} if "&" in text else {text}:
            if INVOKE in form and len(self._calls) < MOST:
                self._calls.update(_key([name, arguments]) for name, arguments in _calls_in(form))
            if "{" in form and len(self._answers) < MOST and _may_answer(form):
                self._answers.update(_key(item.value) for item in objects_in(form))

    def has_call(self, call: ToolCall) -> bool:
        """Whether a call by markup stands in the data."""
        return call.origin == "markup" and bool(self._calls) and _key([call.name, call.arguments]) in self._calls

    def has_answer(self, value: Mapping[str, Any]) -> bool:
        """Whether an object that a model wrote stands in the data."""
        return bool(self._answers) and _key(value) in self._answers


def _may_answer(text: str) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in ("cause", "hypothes", "diagnosis", "conclusion"))


def _calls_in(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every call that is spelled out, closed or not, wherever it stands."""
    name, arguments, parameter, begun = "", {}, "", 0
    for tag in tags_in(text):
        if parameter and not tag.begins_value and tag.word not in (INVOKE, CALLS):
            arguments[parameter], parameter = value_of(text[begun : tag.start]), ""
        if tag.begins_value:
            parameter, begun = tag.name, tag.end
        elif tag.word in (INVOKE, CALLS):
            if name:
                yield name, arguments
            name, arguments, parameter = (tag.name if tag.begins_call else ""), {}, ""
    if name:
        yield name, arguments


def _key(value: Any) -> str:
    return json.dumps(_bare(value), sort_keys=True, ensure_ascii=True, default=str)


def _bare(value: Any) -> Any:
    """The value without what a quotation may change: blanks, and how characters are written."""
    if isinstance(value, str):
        return " ".join(html.unescape(value).split())
    if isinstance(value, Mapping):
        return {_bare(str(key)): _bare(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bare(item) for item in value]
    return value
