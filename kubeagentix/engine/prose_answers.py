"""Reads an answer that a model gave in prose: the line with the root cause, and lists under their headings.

Prose that names no cause, no hypothesis and no evidence (a greeting, a list of namespaces) is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kubeagentix.engine.citations import ID
from kubeagentix.engine.confidences import stated_confidence

_MAX_LINE = 4_000
_DECORATION = " \t#>*_"
_ROOT_LINE = re.compile(
    r"(?i)^\W*(?:\d{1,2}[.)]\W*)?(?:the |my )?(?:most )?(?:likely |probable |identified |actual |primary )*"
    r"(?:root[ -]?cause|conclusion|underlying cause|diagnosis)(?: analysis| summary)?\W{0,6}"
    r"(?:\([^)]{0,60}\)\W{0,4})?"
    r"(?:(?:is|was|seems to be|appears to be)\b(?: that)?\W{0,4}|[:\u2013\u2014-]\W*|\*\*|$)(.*)$"
)
_ROOT_INSIDE = re.compile(
    r"(?i)\broot[ -]?cause(?: \w+){0,6}? (?:is|was|seems to be|appears to be)\b(?: that)?:? ?(.+)"
)
_CAUSAL = re.compile(
    r"(?i)\b(?:because|caused by|due to|the reason|fails? since|as a result of|root[ -]?cause|cannot start)\b"
)
_ITEM = re.compile(r"^(\s*)(?:[-*\u2022+]|\(?\d{1,2}[.):])\s+(.+)$")
_HEADING = re.compile(r"^\s*(?:#{1,6}\s+(.+)|\*\*([^*]+)\*\*\s*:?\s*|([^.!?]{1,60}):)\s*$")
_REMEDY_HEADING = re.compile(
    r"(?i)remed|\bfix|recommend|next step|action|solution|mitigat|resolution|resolve|what to do|how to|commands?\b"
)
_OTHER_HEADING = re.compile(
    r"(?i)evidence|observ|signal|detail|finding|symptom|timeline|checked|ruled out|what i|context|impact"
)
_OF_CAUSES = re.compile(r"(?i)hypothes|cause|candidate|explanation|possib|likely")
_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)")
_COMMAND = re.compile(r"^[`$ ]{0,5}(?:kubectl|helm|oc) (?P<verb>[a-z-]+)")
_READING = frozenset(
    ("get", "describe", "logs", "top", "events", "explain", "api-resources", "version", "list", "status")
)
_TITLE_END = re.compile(r"\*\* ?[:.\u2013\u2014-]? ?|: | [\u2013\u2014] ?| - |(?<=[.!?]) ")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z\"'`*\[])")
_CONFIDENCE = re.compile(
    r" ?[(\[]?(?:confidence|probability|likelihood)?[:= ]{0,3}\d{1,3}(?:[.,]\d{1,4})? ?%(?: confidence)?[)\]]?"
)
_CONFIDENCE_AT_END = re.compile(r"(?i)[\s(\[,;-]{0,4}\bconfidence\W{0,6}\d{1,3}(?:[.,]\d)? ?%\W{0,4}$")
_SPACES = re.compile(r"[ \t\u00a0]+")
_JSON_LINE = re.compile(
    r"^\s*(?:[\[{]?\s*[\"'\u201c]\w[\w -]{0,40}[\"'\u201d]\s*:|[\[\]{}]+,?\s*$|[\[{]\s*[\"'\u201c{\[])"
)


@dataclass(slots=True)
class ProseHypothesis:
    """One item of a list, with the lines that belong to it."""

    title: str
    summary: str
    confidence: float | None
    text: str


@dataclass(slots=True)
class ProseAnswer:
    """What was found in prose; `text` is all of it, `confidence` the first that is stated anywhere."""

    text: str
    root_cause: str = ""
    confidence: float | None = None
    hypotheses: list[ProseHypothesis] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)


def read_prose(text: str) -> ProseAnswer | None:
    """The answer in it, or None. Lines of JSON that could not be read are no prose, and among many little is."""
    lines = [_SPACES.sub(" ", line[:_MAX_LINE].rstrip()) for line in text.splitlines()]
    outside = [line for line, is_code in _with_code(lines) if not is_code]
    said = [line for line in outside if not _JSON_LINE.match(line)]
    found = ProseAnswer(text=text, root_cause=_root_cause(said), confidence=stated_confidence("\n".join(said)))
    if 2 * sum(map(bool, said)) > sum(map(bool, outside)):
        _fill_lists(found, lines)
        if not found.hypotheses:
            found.root_cause = found.root_cause or _causal_sentence(said)
        if not found.hypotheses and ID.search(text):
            found.root_cause = found.root_cause or _first_sentence(said)
    return found if found.root_cause or found.hypotheses else None


# The root cause


def _root_cause(lines: list[str]) -> str:
    """What follows `root cause`, on its line or in the paragraph below."""
    for number, line in enumerate(lines):
        match = _ROOT_LINE.match(line)
        if match is None and _ROOT_INSIDE.search(line):
            return _plain(_CONFIDENCE_AT_END.sub("", line))
        said = (_plain(_CONFIDENCE_AT_END.sub("", match[1])) or _paragraph(lines, number + 1)) if match else ""
        if said:
            return said
    return ""


def _paragraph(lines: list[str], start: int) -> str:
    """The next paragraph; of a list, its first item."""
    found: list[str] = []
    for number in range(start, len(lines)):
        line = lines[number]
        item = _ITEM.match(line)
        if (found and (item or not line.strip())) or (_HEADING.match(line) and not found):
            break
        if line.strip():
            found.append(_plain(item[2] if item else line))
    return " ".join(found)[:_MAX_LINE]


def _causal_sentence(lines: list[str]) -> str:
    """The first sentence that speaks of a cause."""
    for line in lines:
        if _CAUSAL.search(line) and not line.rstrip().endswith("?") and not _HEADING.match(line):
            sentences = _SENTENCE_END.split(_item_text(line))
            return _plain(next((item for item in sentences if _CAUSAL.search(item)), line))
    return ""


def _first_sentence(lines: list[str]) -> str:
    for line in lines:
        if line.strip() and not _HEADING.match(line):
            return _plain(_SENTENCE_END.split(_item_text(line))[0])
    return ""


# Lists


class _ListReader:
    """Goes through the lines. An item is its first line and those that are indented below it."""

    def __init__(self, found: ProseAnswer) -> None:
        self.found = found
        self.section = ""
        self.item: list[str] = []
        self.indent = 0

    def take(self, line: str) -> None:
        """The next line outside of code."""
        item = _ITEM.match(line)
        heading = None if item else _HEADING.match(line)
        if heading:
            self.end_item()
            self.section = next(filter(None, heading.groups()), "")
        elif item and (not self.item or len(item[1]) <= self.indent):
            self.end_item()
            self.item, self.indent = [item[2]], len(item[1])
        elif self.item and line[:1] == " ":
            self.item.append(_item_text(line))
        elif line:
            self.end_item()

    def take_code(self, line: str) -> None:
        """A line in a fenced block: a command, if it changes something or stands under remedies."""
        self.end_item()
        command = _COMMAND.match(line)
        if command and (command["verb"] not in _READING or _REMEDY_HEADING.search(self.section)):
            self.found.remedies.append(line.strip(" $`"))

    def end_item(self) -> None:
        """Sorts the item in by the heading it stands under; without one, a hypothesis says how likely it is."""
        parts, self.item = self.item, []
        if not parts:
            return
        command = _COMMAND.match(parts[0])
        if _REMEDY_HEADING.search(self.section) or (command and command["verb"] not in _READING):
            text = _plain(" ".join(parts))
            self.found.remedies.append(text.strip("`") if command else text)
        elif not _OTHER_HEADING.search(self.section):
            text = "\n".join(parts)
            if _OF_CAUSES.search(self.section) or stated_confidence(text) is not None:
                self.found.hypotheses.append(_hypothesis(parts, text))


def _fill_lists(found: ProseAnswer, lines: list[str]) -> None:
    reader = _ListReader(found)
    for line, is_code in _with_code(lines):
        if is_code:
            reader.take_code(line)
        else:
            reader.take(line)
    reader.end_item()


def _with_code(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Each line but those of fences, and whether it stands between two."""
    is_code = False
    for line in lines:
        if _FENCE.match(line):
            is_code = not is_code
        else:
            yield line, is_code


def _hypothesis(parts: list[str], text: str) -> ProseHypothesis:
    pieces = [_without_confidence(piece) for piece in _TITLE_END.split(parts[0].removeprefix("**"), maxsplit=1)]
    title, *rest = [piece for piece in pieces if piece] or [_plain(parts[0])]
    return ProseHypothesis(
        title=title, summary=" ".join((*rest, *map(_plain, parts[1:]))), confidence=stated_confidence(text), text=text
    )


def _without_confidence(text: str) -> str:
    return _plain(_CONFIDENCE.sub("", text)).strip(" :,;.-\u2013\u2014") if "%" in text else _plain(text)


def _item_text(line: str) -> str:
    item = _ITEM.match(line)
    return item[2] if item else line.strip()


def _plain(text: str) -> str:
    """Without the marks of Markdown around it."""
    return text.replace("**", "").strip(_DECORATION).strip()
