"""What all printer columns share: their definition, ages, and the short forms of lists.

A column is written as its heading: `*` before it makes it wide (`kubectl get -o wide`), `#` an integer.
Source: k8s.io/kubernetes/pkg/printers/internalversion and k8s.io/apimachinery/pkg/util/duration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"

Obj = Mapping[str, Any]
Cells = Callable[[Obj, datetime], list[Any]]


@dataclass(frozen=True, slots=True)
class Printer:
    """The columns of a kind, and the cells of one object as seen at a moment."""

    headings: tuple[str, ...]
    cells: Cells

    def definitions(self) -> list[dict[str, Any]]:
        """`columnDefinitions` of a Table."""
        return [_definition(heading) for heading in self.headings]


def _definition(heading: str) -> dict[str, Any]:
    name = heading.lstrip("*#")
    return {
        "name": name,
        "type": "integer" if "#" in heading[:2] else "string",
        "format": "name" if name == "Name" and not heading.startswith("*") else "",
        "description": "",
        "priority": 1 if heading.startswith("*") else 0,
    }


def columns(text: str, cells: Cells) -> Printer:
    """A printer from its headings, separated by commas."""
    return Printer(tuple(text.split(",")), cells)


def name_of(obj: Obj) -> str:
    """`metadata.name`."""
    return str(obj["metadata"]["name"])


def part(obj: Obj, *path: str) -> Any:
    """The value at a path, or None where the path ends early."""
    value: Any = obj
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def number(obj: Obj, *path: str) -> int:
    """The integer at a path, or 0."""
    return int(part(obj, *path) or 0)


def age(obj: Obj, now: datetime) -> str:
    """How long ago an object was created."""
    return since(part(obj, "metadata", "creationTimestamp"), now)


def since(timestamp: str | None, now: datetime) -> str:
    """How long ago an RFC 3339 time was, in kubectl's short form."""
    return human_duration((now - datetime.fromisoformat(timestamp)).total_seconds()) if timestamp else UNKNOWN


def human_duration(seconds: float) -> str:
    """A duration as kubectl writes it: two units while that tells something, one when it does not."""
    total = int(seconds)
    if total < 0:
        return "<invalid>" if total < -1 else "0s"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 180:
        return _two(minutes, "m", total % 60 if minutes < 10 else 0, "s")
    if hours < 48:
        return _two(hours, "h", minutes % 60 if hours < 8 else 0, "m")
    if days < 2 * 365:
        return _two(days, "d", hours % 24 if days < 8 else 0, "h")
    return _two(days // 365, "y", days % 365 if days < 8 * 365 else 0, "d")


def _two(major: int, unit: str, minor: int, minor_unit: str) -> str:
    return f"{major}{unit}{minor}{minor_unit}" if minor else f"{major}{unit}"


def short_list(words: Iterable[str], *, most: int = 3, empty: str = NONE) -> str:
    """Words with commas, the first few and how many more: `a,b,c + 2 more...`."""
    items = list(words)
    if not items:
        return empty
    text = ",".join(items[:most])
    return text if len(items) <= most else f"{text} + {len(items) - most} more..."


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Labels as `a=b,c=d`, or `<none>`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def containers_and_images(pod_spec: Obj | None) -> list[str]:
    """The wide columns Containers and Images."""
    containers = (pod_spec or {}).get("containers") or ()
    return [",".join(c.get("name", "") for c in containers), ",".join(c.get("image", "") for c in containers)]
