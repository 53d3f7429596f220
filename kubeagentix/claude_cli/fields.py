"""Fields of the CLI's lines, of which any may be missing or of another type than it should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def mapping(value: Any) -> Mapping[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """A list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def number(value: Any) -> float:
    """A number; 0 for anything else, and for what is none that can be counted with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        found = float(value)
    except OverflowError:
        return 0.0
    return found if math.isfinite(found) else 0.0


def moment(value: Any) -> datetime | None:
    """A moment from its seconds since 1970."""
    try:
        return datetime.fromtimestamp(number(value), UTC) if number(value) else None
    except (OverflowError, ValueError, OSError):
        return None
