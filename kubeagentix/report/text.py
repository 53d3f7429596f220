"""Foreign text made safe to show: nothing that came from a cluster may steer a terminal or reorder a line.

Escape sequences, control characters and bidirectional overrides are taken out here, once, for every format;
what a format itself gives meaning to (`<`, `|`, backticks) is escaped by its exporter.
"""

from __future__ import annotations

import re

from kubeagentix.errors import ESCAPES

# What is left of C0, DEL and C1; bidirectional marks and overrides; half characters (lone surrogates).
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# Classes of HTML in which `$…$` is no formula: JupyterLab and pages of nbconvert set such by MathJax, foreign ones too.
NO_FORMULAS = "mathjax_ignore tex2jax_ignore"
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean_block(text: str, *, max_lines: int = 40, max_chars: int = 4000) -> str:
    """Text of several lines without control characters, cut at the end with a note of how much was left out."""
    tidy = _CONTROLS.sub("", _LINE_ENDS.sub("\n", ESCAPES.sub("", text))).strip("\n")
    lines = tidy[:max_chars].split("\n")
    shown = "\n".join(line.rstrip() for line in lines[:max_lines])
    hidden_lines = tidy.count("\n") + 1 - len(shown.split("\n"))
    if hidden_lines > 0:
        return f"{shown}\n… {hidden_lines} more lines"
    return f"{shown}…" if len(tidy) > max_chars else shown


def clean_line(text: str, max_chars: int = 600) -> str:
    """The same on one line, white space squeezed, at most `max_chars` characters."""
    if not text.isprintable():  # else there is nothing of all that in it
        text = _CONTROLS.sub("", _LINE_ENDS.sub(" ", ESCAPES.sub("", text)))
    line = " ".join(text.split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"


def clean_piece(text: str) -> str:
    """A piece of a stream without control characters; line breaks, tabs and blanks stay as they are."""
    return text if text.isprintable() else _CONTROLS.sub("", ESCAPES.sub("", text))
