"""The rows of an outline as plain text of a fixed width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from kubeagentix.report.outline import LABEL_WIDTH, Row


def wrapped(rows: Iterable[Row], width: int) -> str:
    """Lines without white space at their ends; what must be recognized or pasted is left as it is."""
    return "\n".join(wrapped_row(row, width) for row in rows) + "\n"


def wrapped_row(row: Row, width: int) -> str:
    """One row; its label, if it has one, begins in the third column."""
    indent = " " * LABEL_WIDTH if row.label is not None else ""
    if row.is_fixed:
        return "\n".join(f"{indent}{line}".rstrip() for line in row.text.split("\n"))
    lead = " " * (len(row.text) - len(row.text.lstrip(" ")))
    first = f"  {row.label:<{LABEL_WIDTH - 2}}" if row.label is not None else ""
    return textwrap.fill(
        row.text.lstrip(" "),
        width,
        initial_indent=f"{first}{lead}",
        subsequent_indent=f"{indent}{lead}{'  ' if row.label is not None else '   '}",
        break_long_words=False,
        break_on_hyphens=False,
    )
