"""Reads a model's prose as it arrives, and finds tags in it that are not in code.

Code is what Markdown takes for it: a block between fences of backquotes or tildes, and a span between equal runs of
backquotes on one line. Whether a run opens a span is known only when its line is over or the span is closed. Until
then text is passed on all the same, and held back only from a tag on. Everything is looked at a fixed number of times,
so the time is linear in the length of the text, however it is cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kubeagentix.wire.markup_tags import Tag, may_begin, tag_at

_HEAD = 200  # characters of a line that are kept: a fence with its indentation is shorter
_INDENT = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?"  # quotes and lists may hold fences
_OPENS = re.compile(rf"{_INDENT}(`{{3,}}|~{{3,}})")
_CLOSES = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t\r]*")
_PLAIN = re.compile(r"[<`~]")
_SPAN = re.compile(r"[<`\n]")
_EDGE = re.compile(r"`+|\n")
_TICKS = re.compile(r"`+")


class Window:
    """The text at hand, and how far it was read. What is kept comes before the next piece."""

    def __init__(self) -> None:
        self.text = ""
        self.at = 0
        self.is_last = False
        self.kept = ""
        self.closers: dict[int, int] = {}  # where runs of backquotes begin, and where the one that closes each ends

    def push(self, text: str) -> None:
        """More text."""
        self.replace(self.kept + text, 0)
        self.kept = ""

    def replace(self, text: str, at: int) -> None:
        """Another text, read so far."""
        self.text, self.at, self.closers = text, at, {}

    def keep(self) -> None:
        """Leaves the rest for when more is known."""
        self.kept, self.at = self.text[self.at :], len(self.text)

    @property
    def is_done(self) -> bool:
        """Whether all of it was read."""
        return self.at >= len(self.text)

    def tag(self) -> Tag | None:
        """The tag that stands here; if one may have begun, the rest is kept."""
        if self.text[self.at] != "<":
            return None
        tag = tag_at(self.text, self.at)
        if tag is None and not self.is_last and may_begin(self.text, self.at):
            self.keep()
        return tag


class ProseReader:
    """Passes prose on to `show`, up to the next tag outside of code that `is_wanted`."""

    def __init__(self, show: Callable[[str], None], is_wanted: Callable[[Tag], bool]) -> None:
        self._show = show
        self._is_wanted = is_wanted
        self._head = ""  # how the line begins
        self._runs: list[int] = []  # lengths of runs of backquotes on this line, from the first that may open a span
        self._count = 0  # backquotes of a run that may go on
        self._may_fence = False  # the only run so far would open a block if nothing followed but words
        self._fence = ""
        self._is_first_line = False  # the one with the opening fence
        self._is_holding = False
        self._held: list[str] = []  # what is held back of earlier texts

    def skim(self, text: str) -> bool:
        """Whether `text` can be shown as it is: the short way for what has no tag and no code."""
        if "<" in text or "`" in text or "~" in text:
            return False
        self._note(text)
        return True

    @property
    def is_plain(self) -> bool:
        """Whether it is known to be in no code."""
        return not (self._runs or self._count or self._fence or self._is_holding)

    def read(self, window: Window) -> Tag | None:
        """The next tag, at which the window then stands; None when all was read."""
        while not window.is_done:
            if self._count and not self._is_holding and window.text[window.at] != "`":
                self._end_run()
            tag = self._read_some(window)
            if tag is not None:
                return tag
        return None

    def put(self, text: str) -> None:
        """Shows text that another has read; it has no code in it."""
        self._show(text)
        self._note(text)

    def begin_line(self) -> None:
        """What follows stands on a new line."""
        self._head, self._runs = "", []

    def finish(self, window: Window) -> None:
        """No more text comes: what was held back is read again."""
        if self._is_holding:
            self._join_held(window, 0)
            self._count = 0

    def _read_some(self, window: Window) -> Tag | None:
        if self._is_holding:
            self._hold(window)
        elif self._fence:
            self._read_block(window)
        elif self._count:
            self._read_run(window)
        elif self._runs:
            self._read_span(window)
        else:
            return self._read_plain(window)
        return None

    def _read_plain(self, window: Window) -> Tag | None:
        match = _PLAIN.search(window.text, window.at)
        self._pass(window, match.start() if match else len(window.text))
        if match is None:
            return None
        if match[0] == "<":
            return self._tag(window)
        if match[0] == "~":
            self._pass(window, match.end())
            self._begin_block()
        elif (end := window.closers.get(match.start(), 0)) > 0:
            self._pass(window, end)
        else:
            self._read_run(window)
        return None

    def _begin_block(self) -> None:
        """A block is begun by three tildes at the beginning of a line, whatever follows them."""
        if self._is_opening() and self._head.endswith("~"):
            self._fence, self._is_first_line = "~~~", True

    def _is_opening(self) -> bool:
        return len(self._head) < _HEAD and _OPENS.fullmatch(self._head) is not None

    def _tag(self, window: Window) -> Tag | None:
        """The tag here, if it is wanted; else its `<` is text."""
        tag = window.tag()
        if tag is not None and self._is_wanted(tag):
            return tag
        if not window.is_done:
            self._pass(window, window.at + 1)
        return None

    def _read_run(self, window: Window) -> None:
        if match := _TICKS.match(window.text, window.at):
            self._count += len(match[0])
            self._pass(window, match.end())
        if not window.is_done:
            self._end_run()

    def _end_run(self) -> None:
        """The run is over: it closes the span, stands in it, or may begin one."""
        size, self._count = self._count, 0
        if not self._runs:
            self._runs = [size]
            self._may_fence = self._is_opening()
        elif size == self._runs[0]:
            self._runs = []
        else:
            self._runs.append(size)
            self._may_fence = False

    def _read_span(self, window: Window) -> None:
        match = _SPAN.search(window.text, window.at)
        self._pass(window, match.start() if match else len(window.text))
        if match is None:
            return
        if match[0] == "`":
            self._read_run(window)
        elif match[0] == "<":
            self._is_holding = self._tag(window) is not None
        else:
            if self._may_fence:
                self._fence, self._is_first_line = "```", True
            self._runs = []

    def _read_block(self, window: Window) -> None:
        """Passes lines on, up to the one that closes the block."""
        text, at, head = window.text, window.at, self._head
        while self._fence and (end := text.find("\n", at)) >= 0:
            line = head + text[at : min(end, at + _HEAD)]
            at, head = end + 1, ""
            self._end_line_of_block(line)
        self._pass(window, at if not self._fence else len(text))

    def _end_line_of_block(self, line: str) -> None:
        if self._is_first_line:
            match = _OPENS.match(line)
            self._fence = match[1] if match else self._fence
            self._is_first_line = False
        elif len(line) < _HEAD:
            match = _CLOSES.fullmatch(line)
            if match and match[1].startswith(self._fence):
                self._fence = ""

    def _hold(self, window: Window) -> None:
        """Looks for the end of the span in which there is a tag, or for that of the line, which tells there is none."""
        text = window.text
        if self._count and text[window.at] != "`" and self._close_held(window, window.at):
            return
        for match in _EDGE.finditer(text, window.at):
            if match[0] == "\n":
                self._resolve(window, match.start())
                return
            self._count += len(match[0])
            may_go_on = match.end() == len(text) and not window.is_last
            if not may_go_on and self._close_held(window, match.end()):
                return
        if window.is_last:
            self._resolve(window, len(text))
        else:
            self._held.append(text[window.at :])
            window.at = len(text)

    def _close_held(self, window: Window, end: int) -> bool:
        """Whether the run that ends here closes the span; if so, all of it is text."""
        size, self._count = self._count, 0
        self._may_fence = False
        if size != self._runs[0]:
            return False
        end = self._join_held(window, end)
        self._is_holding, self._runs = False, []
        self._pass(window, end)
        return True

    def _join_held(self, window: Window, end: int) -> int:
        """Puts what was held back before the text; `end`, in the new one."""
        if self._held:
            held = "".join(self._held)
            self._held = []
            window.replace(held + window.text, 0)
            end += len(held)
        return end

    def _resolve(self, window: Window, end: int) -> None:
        """The line is over at `end`, its first run closed by none: now it is known which of the others are spans."""
        end = self._join_held(window, end)
        self._is_holding = False
        if self._may_fence:
            self._pass(window, end)
            return
        shown, self._runs = self._runs, []
        runs = [(match.start(), match.end()) for match in _TICKS.finditer(window.text, window.at, end)]
        closers = _closers([*shown, *(stop - start for start, stop in runs)])
        for number, (start, stop) in enumerate(runs[:-1], len(shown)):  # the last closes nothing, and may be a fence
            window.closers[start] = runs[closers[number] - len(shown)][1] if closers[number] else stop
        number = 0
        while number < len(shown):
            number = (closers[number] or number) + 1
        if number > len(shown):  # a run that was shown long since opens a span that ends only here
            self._pass(window, runs[number - 1 - len(shown)][1])

    def _pass(self, window: Window, end: int) -> None:
        if end > window.at:
            self.put(window.text[window.at : end])
            window.at = end

    def _note(self, text: str) -> None:
        """Keeps how the line begins."""
        end = text.rfind("\n") + 1
        if end:
            self._head = text[end : end + _HEAD]
        elif len(self._head) < _HEAD:
            self._head += text[:_HEAD]


def _closers(sizes: list[int]) -> list[int]:
    """For each run, the number of the next of its size; 0 if there is none."""
    following: dict[int, int] = {}
    found = [0] * len(sizes)
    for number in range(len(sizes) - 1, -1, -1):
        found[number] = following.get(sizes[number], 0)
        following[sizes[number]] = number
    return found
