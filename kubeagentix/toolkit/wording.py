"""Text made for a model: aligned tables without padding waste, YAML without quotes, ages, evidence with its id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.report.text import clean_line

CELL_MAX_CHARS = 120  # what is longer stands alone, not in a table
YAML_WIDTH = 160


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns two spaces apart, without empty ones and without blanks at the end of a line."""
    cells = [tuple(clean_line(str(cell), CELL_MAX_CHARS) for cell in row) for row in rows]
    kept = [place for place in range(len(header)) if any(row[place] for row in cells)]
    lines = [tuple(header[place] for place in kept), *(tuple(row[place] or "-" for place in kept) for row in cells)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(kept))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def yaml_text(value: Any, *, is_ascii: bool = False) -> str:
    """YAML in the object's own order, texts of several lines as blocks; `is_ascii`: everything else is escaped."""
    import yaml  # noqa: PLC0415  20 ms to import

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    def text(dumper: yaml.SafeDumper, item: str) -> yaml.Node:
        # A block keeps no blanks at the end of a line, so PyYAML would quote the whole.
        shown = "\n".join(line.rstrip() for line in item.split("\n")) if "\n" in item else item
        return dumper.represent_scalar("tag:yaml.org,2002:str", shown, style="|" if "\n" in item else None)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, default_flow_style=False, width=YAML_WIDTH, allow_unicode=not is_ascii
    )
    return dumped.rstrip("\n")


def age(moment: datetime | str | None, now: datetime) -> str:
    """How long ago, in the largest unit: `<1m`, `12m`, `3h`, `9d`; "" where it is not known."""
    at = parse_time(moment) if isinstance(moment, str) else moment
    if at is None:
        return ""
    seconds = (now - at).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size * (2 if unit != "m" else 1):
            return f"{int(seconds // size)}{unit}"
    return "<1m"


def parse_time(text: str) -> datetime | None:
    """An API timestamp, or None for what is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def cited(evidence: Evidence | None) -> str:
    """What a model cites it by, to be put at the end of a line."""
    return f" [{evidence.id}]" if evidence is not None else ""


def count_of(number: int, noun: str) -> str:
    """`1 pod`, `3 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(items: Sequence[str], at_most: int) -> str:
    """`a, b and 3 more`."""
    more = f" and {len(items) - at_most} more" if len(items) > at_most else ""
    return ", ".join(items[:at_most]) + more
