"""The kubelet's times before the lines of a log, taken off and kept beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

# What the kubelet puts before each line when asked for timestamps: RFC 3339, in its own time zone.
# Source: pkg/kubelet/kuberuntime/logs/logs.go (timeFormatOut)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)(?: |$)")
_MILLISECOND = timedelta(milliseconds=1)


def split_times(lines: Sequence[str]) -> tuple[tuple[str, ...], datetime | None, tuple[int, ...]]:
    """(lines without the kubelet's times, the first time, each line's distance from it in milliseconds).

    A server that ignores the wish for times gives lines whose first has none: they are returned as they are. A
    line without one among others (the kubelet's own word at the end) counts as written with the one before.
    """
    begins_at = _stamp(lines[0])[0] if lines else None
    if begins_at is None:
        return tuple(lines), None, ()
    texts: list[str] = []
    offsets: list[int] = []
    for line in lines:
        at, text = _stamp(line)
        texts.append(text)
        offsets.append(round((at - begins_at) / _MILLISECOND) if at is not None else offsets[-1])
    return tuple(texts), begins_at, tuple(offsets)


def _stamp(line: str) -> tuple[datetime | None, str]:
    """(the time before a line, the line without it)."""
    match = _STAMP.match(line)
    if match is None:
        return None, line
    moment, fraction, zone = match.groups()
    try:
        at = datetime.fromisoformat(f"{moment}.{(fraction or '0')[:6]:0<6}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):  # reads like a time and is none
        return None, line
    return at, line[match.end() :]
