"""Many objects from one: a pattern is an object in which some texts have holes; what has none is shared, not copied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Values = Mapping[str, str]
Fill = Callable[[Values], Any]
HOLE = re.compile(r"<<(\w+)>>")


def pattern(value: Any) -> Fill:
    """What makes `value` with its holes (`<<name>>`) filled."""
    filled = _pattern(value)
    return filled if filled is not None else lambda _: value


def _pattern(value: Any) -> Fill | None:
    """None where there is no hole in it."""
    if isinstance(value, str):
        return _text(value) if HOLE.search(value) else None
    if isinstance(value, list):
        parts = [_pattern(item) for item in value]
        return _list(value, parts) if any(parts) else None
    if isinstance(value, dict):
        holes = {key: part for key, item in value.items() if (part := _pattern(item)) is not None}
        names = {key: name for key in value if (name := _pattern(key)) is not None}
        return _dict(value, holes, names) if holes or names else None
    return None


def _text(text: str) -> Fill:
    template = HOLE.sub(r"%(\1)s", text.replace("%", "%%"))
    return lambda values: template % values


def _list(items: list[Any], parts: list[Fill | None]) -> Fill:
    pairs = [*zip(items, parts, strict=True)]
    return lambda values: [part(values) if part is not None else item for item, part in pairs]


def _dict(items: dict[str, Any], holes: dict[str, Fill], names: dict[str, Fill]) -> Fill:
    if names:
        pairs = [(names.get(key), key, holes.get(key), item) for key, item in items.items()]
        return lambda values: {
            (name(values) if name else key): (part(values) if part else item) for name, key, part, item in pairs
        }
    steps = [*holes.items()]

    def fill(values: Values) -> dict[str, Any]:
        made = items.copy()
        for key, part in steps:
            made[key] = part(values)
        return made

    return fill


def managed_fields(obj: Mapping[str, Any], *writers: tuple[str, str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """`metadata.managedFields` in which each writer (manager, subresource, top-level fields) owns what is there."""
    return [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": obj["apiVersion"],
            "time": obj["metadata"]["creationTimestamp"],
            "fieldsType": "FieldsV1",
            "fieldsV1": dict(_owned({key: obj[key] for key in fields if key in obj})),
            **({"subresource": subresource} if subresource else {}),
        }
        for manager, subresource, fields in writers
    ]


_UNOWNED = ("uid", "resourceVersion", "creationTimestamp", "namespace", "name", "generation", "managedFields")


def _owned(value: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if depth == 1 and key in _UNOWNED:
            continue
        if isinstance(item, dict):
            yield f"f:{key}", {**({".": {}} if depth else {}), **dict(_owned(item, depth + 1))}
        elif isinstance(item, list) and item and all(isinstance(part, dict) and "name" in part for part in item):
            named = {f'k:{{"name":"{part["name"]}"}}': {".": {}, **dict(_owned(part, depth + 2))} for part in item}
            yield f"f:{key}", {".": {}, **named}
        else:
            yield f"f:{key}", {}
