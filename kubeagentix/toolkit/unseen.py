"""What a diff of an object leaves out, and no change may therefore write to: nobody could see what they approve.

Status is a controller's to write, managed fields are the API server's, and from the annotation of `kubectl apply` the
next apply derives what to take away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kubeagentix.domain.changes import Change
from kubeagentix.domain.meta import LAST_APPLIED
from kubeagentix.errors import UsageError

_PARTS = (("status",), ("metadata", "managedFields"))
_WHY = "which no diff shows and a change therefore leaves alone"


def check_sent(change: Change) -> None:
    """Raises UsageError where the request itself names what is not shown. A deletion holds no part of the object."""
    if change.is_delete or not change.body:
        return
    body = json.loads(change.body)
    for part in _named(body) if isinstance(body, list) else _held(body):
        raise UsageError(f"{change.summary} would write {'.'.join(part)}, {_WHY}", hint="leave it out")


def check_outcome(change: Change, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Raises UsageError where a dry run leaves another annotation of `kubectl apply`, by whatever way."""
    if not change.is_delete and _last_applied(before) != _last_applied(after):
        what = f"{change.summary} would change the annotation {LAST_APPLIED}, {_WHY}"
        raise UsageError(what, hint="name single annotations, not all of them, and leave this one out")


def _held(body: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for part in _PARTS:
        inner: Any = body
        for key in part[:-1]:
            inner = inner.get(key)
            inner = inner if isinstance(inner, Mapping) else {}
        if part[-1] in inner:
            yield part


def _named(operations: list[Any]) -> Iterator[tuple[str, ...]]:
    """The parts that a JSON patch reaches: itself, what is in it, or what it is in."""
    for operation in operations:
        if not isinstance(operation, Mapping) or operation.get("op") == "test":
            continue
        for pointer in (operation.get("path"), operation.get("from")):
            keys = tuple(str(pointer).split("/")[1:]) if pointer is not None else None
            yield from (part for part in _PARTS if keys is not None and _overlap(keys, part))


def _overlap(keys: tuple[str, ...], part: tuple[str, ...]) -> bool:
    shared = min(len(keys), len(part))
    return keys[:shared] == part[:shared]


def _last_applied(obj: Mapping[str, Any] | None) -> Any:
    return (((obj or {}).get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
