"""Finds tool calls written as markup in a model's text, while the text arrives.

The reader of prose passes text on up to a tag outside of code; from there on everything is kept until it is a call, or
until it can be none any more and is text after all. A call is complete with its closing tag; one that has parameters
is also closed by a tag that cannot stand in it (the next call, the end of the block), as weak models forget it. Where
markup stood in a line, the line is broken, so that what is shown never joins to a tag.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from kubeagentix.domain.messages import ToolCall
from kubeagentix.wire.markdown_code import ProseReader, Window
from kubeagentix.wire.markup_tags import CALLS, INVOKE, MAX_CHARS, PARAMETER, RESULTS, Tag, may_begin, tags_in, value_of

_SPACE = re.compile(r"\s*")
_END_OF_VALUE = re.compile(rf"</(?:[A-Za-z][A-Za-z0-9_.-]{{0,30}}:)?{PARAMETER}[ \t]*>")
_END_OF_RESULTS = re.compile(rf"</(?:[A-Za-z][A-Za-z0-9_.-]{{0,30}}:)?{RESULTS}[ \t]*>")


@dataclass(frozen=True, slots=True)
class Unoffered:
    """A complete call of a tool that was not offered: neither shown nor run."""

    name: str


Item = str | ToolCall | Unoffered


class MarkupParser:
    """One turn of a model: text to show, and complete calls of the tools that are named `names`.

    Markup in code (fenced, or a span on one line) and in results that the model quotes is text, and so is markup that
    is not closed at the end.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._window = Window()
        self._prose = ProseReader(self._show, self._is_wanted)
        self._step: Callable[[], None] = self._read_prose
        self._is_easy = True  # nothing is kept, and no code is open
        self._items: list[Item] = []
        self._last = ""  # of what was shown
        self._is_cut = False  # markup stood here
        self._has_taken = False  # any call: closing tags that stand alone are what is left of it
        self._raw: list[str] = []  # the markup that is not complete yet
        self._is_in_block = False
        self._name = ""
        self._arguments: dict[str, Any] = {}
        self._parameter = ""
        self._value_from = 0  # where in `_raw` the value begins

    def feed(self, text: str) -> list[Item]:
        """What is certain now that `text` has arrived."""
        if self._is_easy and self._prose.skim(text):
            self._last = text or self._last
            return [text] if text else []
        self._window.push(text)
        self._read()
        return self._flush()

    def finish(self) -> list[Item]:
        """What is left, now that nothing more comes."""
        self._window.is_last = True
        self._window.push("")
        self._prose.finish(self._window)
        self._read()
        raw, self._raw = "".join(self._raw), []
        if raw.strip():
            self._show(_without_calls(raw))
        return self._flush()

    def _read(self) -> None:
        while not self._window.is_done:
            self._step()
        is_in_prose = self._step == self._read_prose
        self._is_easy = is_in_prose and self._prose.is_plain and not self._window.kept and not self._is_cut

    def _flush(self) -> list[Item]:
        items, self._items = self._items, []
        merged: list[Item] = []
        texts: list[str] = []
        for item in items:
            if isinstance(item, str):
                texts.append(item)
                continue
            if texts:
                merged.append("".join(texts))
                texts = []
            merged.append(item)
        return [*merged, "".join(texts)] if texts else merged

    def _show(self, text: str) -> None:
        if not text:
            return
        if self._is_cut and self._last and not self._last.endswith("\n") and not text.startswith("\n"):
            self._items.append("\n")
        self._is_cut = False
        self._items.append(text)
        self._last = text

    # Prose

    def _is_wanted(self, tag: Tag) -> bool:
        if tag.is_closing:
            return self._has_taken and tag.word != RESULTS
        return tag.word in (CALLS, RESULTS) or tag.begins_call

    def _read_prose(self) -> None:
        tag = self._prose.read(self._window)
        if tag is None:
            return
        if tag.is_closing:
            self._window.at = tag.end
            self._end_markup()
        elif tag.word == RESULTS:
            self._prose.put(self._window.text[tag.start : tag.end])
            self._window.at = tag.end
            self._step = self._read_results
        elif tag.word == CALLS:
            self._take(tag.end)
            self._is_in_block = True
            self._step = self._read_block
        else:
            self._begin_call(tag)

    def _read_results(self) -> None:
        """Results are none of a model's own text: whatever stands in them is text."""
        text, at = self._window.text, self._window.at
        match = _END_OF_RESULTS.search(text, at)
        end = match.end() if match else self._begun_tag()
        self._prose.put(text[at:end])
        self._window.at = end
        if match:
            self._step = self._read_prose
        elif end < len(text):
            self._window.keep()

    def _begun_tag(self) -> int:
        """Where the tag begins with which the text may break off; the text's end, if it does not."""
        text = self._window.text
        at = text.rfind("<", max(self._window.at, len(text) - MAX_CHARS))
        return at if at >= 0 and not self._window.is_last and may_begin(text, at) else len(text)

    # Markup

    def _take(self, end: int) -> None:
        self._raw.append(self._window.text[self._window.at : end])
        self._window.at = end

    def _skip_space(self) -> bool:
        """Whether there is anything after it."""
        match = _SPACE.match(self._window.text, self._window.at)
        if match and match[0]:
            self._take(match.end())
        return not self._window.is_done

    def _read_block(self) -> None:
        if not self._skip_space():
            return
        tag = self._window.tag()
        if tag is not None and tag.begins_call:
            self._begin_call(tag)
        elif tag is not None and tag.closes(CALLS):
            self._window.at = tag.end
            self._end_markup()
        elif not self._window.is_done:
            self._give_up()

    def _begin_call(self, tag: Tag) -> None:
        self._take(tag.end)
        self._name, self._arguments = tag.name, {}
        self._step = self._read_call
        if tag.is_empty:
            self._end_call()

    def _read_call(self) -> None:
        if not self._skip_space():
            return
        tag = self._window.tag()
        if tag is not None and tag.begins_value:
            self._take(tag.end)
            self._parameter, self._value_from = tag.name, len(self._raw)
            self._step = self._read_value
        elif tag is not None and tag.closes(INVOKE):
            self._window.at = tag.end
            self._end_call()
        elif self._window.is_done:
            return
        elif not self._arguments:
            self._give_up()
        elif tag is not None and (tag.begins_call or tag.word == CALLS):
            self._end_call()
        else:
            self._take(self._next_tag())

    def _next_tag(self) -> int:
        at = self._window.text.find("<", self._window.at + 1)
        return at if at >= 0 else len(self._window.text)

    def _read_value(self) -> None:
        match = _END_OF_VALUE.search(self._window.text, self._window.at)
        if match is None:
            self._take(self._begun_tag())
            if not self._window.is_done:
                self._window.keep()
            return
        self._take(match.start())
        self._arguments[self._parameter] = value_of("".join(self._raw[self._value_from :]))
        self._take(match.end())
        self._step = self._read_call

    def _end_call(self) -> None:
        self._items.append(
            ToolCall(id=f"markup-{uuid.uuid4().hex[:16]}", name=self._name, arguments=self._arguments, origin="markup")
            if self._name in self._names
            else Unoffered(self._name)
        )
        self._has_taken = True
        self._end_markup(is_in_block=self._is_in_block)

    def _end_markup(self, *, is_in_block: bool = False) -> None:
        self._raw = []
        self._is_cut = True
        self._is_in_block = is_in_block
        self._step = self._read_block if is_in_block else self._read_prose
        self._prose.begin_line()

    def _give_up(self) -> None:
        """It is no markup after all: what was kept is text, and prose goes on."""
        raw, self._raw = "".join(self._raw), []
        self._is_in_block = False
        self._step = self._read_prose
        self._prose.put(raw)


def _without_calls(text: str) -> str:
    """Markup that was not closed, as text: a call that stands whole within it, as in a value, is not shown."""
    kept: list[str] = []
    at, begun, is_in_value = 0, -1, False
    for tag in tags_in(text):
        if tag.begins_call:
            begun, is_in_value = tag.start, False
        if tag.word == PARAMETER:
            is_in_value = tag.begins_value
        elif begun >= 0 and not is_in_value and (tag.closes(INVOKE) or tag.is_empty):
            kept.append(text[at:begun])
            at, begun = tag.end, -1
    return "\n".join([*kept, text[at:]])
