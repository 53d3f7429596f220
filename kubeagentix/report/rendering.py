"""What others wrote (models, logs, names of objects), as HTML that can do nothing.

JupyterLab takes a fresh output for trusted: what is displayed as Markdown may run scripts, and fetch images, by which
a server learns what was asked. So Markdown is rendered here, with raw HTML as text, and then cleaned: no script, no
image, no style, no other link than http, https and mailto.
"""

from __future__ import annotations

import re
from collections.abc import Container
from functools import cache
from html import escape

import nh3
from markdown_it import MarkdownIt

TAGS = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
LINKS = {"http", "https", "mailto"}
_CITATION = re.compile(r"\[?\b(e-[0-9a-f]{6,12})\b\]?")
_TAG = re.compile(r"(<[^>]*>)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_ANY_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)  # also of an item
_BREAK = re.compile(r"\n[ \t]*\n")
_MARKER = re.compile(r"^[ \t]*(?:[-*+>]|\d{1,9}[.)])", re.MULTILINE)
_ITEM = re.compile(r"^(?:[-*+]|\d{1,9}[.)])[ \t]", re.MULTILINE)
LONG_CHARS = 2000  # of a list that is still open: takes some 4 ms to render, 20 times a second
OPEN_ITEMS = 3  # of a long list that stay open


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])


def html_of(markdown: str, cited: Container[str] = ()) -> str:
    """Safe HTML of Markdown; ids of `cited` evidence become buttons that open it."""
    clean = nh3.clean(
        _markdown().render(markdown),
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=LINKS,
        link_rel="noopener noreferrer nofollow",
    )
    return with_citations(clean, cited) if cited else clean


def with_citations(clean: str, cited: Container[str]) -> str:
    """Clean HTML in which `[e-…]` is a button, wherever it stands between tags, if such evidence was shown."""

    def button(match: re.Match[str]) -> str:
        name = match[1]
        if name not in cited:
            return match[0]
        return f'<button type="button" class="kx-cite" data-evidence="{name}">{name}</button>'

    pieces = _TAG.split(clean)
    return "".join(piece if place % 2 else _CITATION.sub(button, piece) for place, piece in enumerate(pieces))


def text_html(text: str) -> str:
    """Plain text as HTML, line breaks kept by the style of where it stands."""
    return escape(text)


class Growing:
    """Markdown that comes piece by piece, rendered block by block: what is finished is rendered once."""

    def __init__(self) -> None:
        self.text = ""
        self._done = 0  # characters of it that are in finished blocks
        self._seen = 0  # from where a break is looked for

    def add(self, piece: str) -> None:
        """More of it."""
        self.text += piece

    def take(self, cited: Container[str] = ()) -> tuple[str, str]:
        """HTML of the blocks that were finished since last time, to be appended, and of the open one after them."""
        text = self.text  # it may grow on another thread meanwhile
        cut = self._cut(text)
        done = html_of(text[self._done : cut], cited) if cut > self._done else ""
        self._done = cut
        return done, html_of(text[cut:], cited)

    def whole(self, cited: Container[str] = ()) -> str:
        """HTML of all of it."""
        return html_of(self.text, cited)

    def _cut(self, text: str) -> int:
        """The end of the last finished block: an empty line outside of a fence, a list and a quotation."""
        found = self._done
        for match in _BREAK.finditer(text, max(self._done, self._seen - 2)):
            before, after = text[found : match.start()], text[match.end() : match.end() + 1]
            if after and not after.isspace() and not _is_open(before) and not _goes_on(before, text, match.end()):
                found = match.end()
        self._seen = len(text)
        return _before_last_items(text, found)


def _is_open(text: str) -> bool:
    """Whether a fence that begins in it is still open."""
    fence = ""
    for match in _FENCE.finditer(text):
        mark = match[1]
        if not fence:
            fence = mark
        elif mark[0] == fence[0] and len(mark) >= len(fence):
            fence = ""
    return bool(fence)


def _before_last_items(text: str, start: int) -> int:
    """Where the last items begin of a long list that is open since `start`: those before are finished. Else `start`.

    Only where both parts look as the whole does: no code in them, and empty lines in both or in neither.
    """
    if len(text) - start < LONG_CHARS or _ANY_FENCE.search(text, start):
        return start
    items = [match.start() for match in _ITEM.finditer(text, start)]
    if len(items) < 2 * OPEN_ITEMS:
        return start
    cut = items[-OPEN_ITEMS]
    before, after = text[start:cut].rstrip(), text[cut:].rstrip()
    return cut if bool(_BREAK.search(before)) == bool(_BREAK.search(after)) else start


def _goes_on(before: str, text: str, at: int) -> bool:
    """Whether what stands at `at` may belong to `before`: a further item of a list, a quotation, an indented line."""
    if text[at] in " \t":
        return True
    return _MARKER.match(text, at) is not None and _MARKER.search(before) is not None
