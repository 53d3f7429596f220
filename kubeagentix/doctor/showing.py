"""A Checkup as lines of text: a heading for each check, a line for each result, below it what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kubeagentix.doctor.results import CheckResult, Checkup, State
from kubeagentix.report.outline import WIDTH

Tone = Literal["heading", "ok", "warning", "failed", "not there", "do", "plain"]
STATE_WIDTH = 11  # of "not there" and what separates it
LEAST_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; the first `mark` characters after `indent` have `tone`, the rest is plain (None: all)."""

    text: str
    tone: Tone = "plain"
    indent: int = 0
    mark: int | None = None


def text_of(checkup: Checkup, width: int = WIDTH) -> str:
    """The lines as plain text."""
    return "\n".join(line.text for line in lines_of(checkup, width))


def lines_of(checkup: Checkup, width: int) -> Iterator[Line]:
    """The lines, broken at `width`."""
    width = max(width, LEAST_WIDTH)
    for name, results in checkup.by_check():
        yield Line(name, "heading")
        for result in results:
            yield from _result(result, width)
        yield Line("")
    yield Line(f"{checkup.summary} ({checkup.elapsed_s:.1f} s)", _overall(checkup))


def _result(result: CheckResult, width: int) -> Iterator[Line]:
    said = f"{result.what}: {result.seen}" if result.what else result.seen
    indent = " " * (2 + STATE_WIDTH)
    broken = _broken(said, width - len(indent))
    yield Line(f"  {result.state:<{STATE_WIDTH}}{broken[0]}", result.state, 2, len(result.state))
    yield from (Line(indent + text) for text in broken[1:])
    if result.do:
        first, *rest = _broken(result.do, width - len(indent) - 2)
        yield Line(f"{indent}→ {first}", "do")
        yield from (Line(f"{indent}  {text}", "do") for text in rest)


def _broken(text: str, width: int) -> list[str]:
    # A path or an address stays whole, so that it can be copied; the terminal breaks what is longer than its line.
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _overall(checkup: Checkup) -> State:
    return next((state for state in ("failed", "warning") if checkup.counts[state]), "ok")
