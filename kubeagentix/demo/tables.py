"""Server-side tables: what `kubectl get` prints, computed here as a real API server does.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from kubeagentix.demo import columns_cluster, columns_network, columns_pods, columns_workloads
from kubeagentix.demo.answers import metadata_only
from kubeagentix.demo.columns import Obj, Printer, age, name_of, part, since
from kubeagentix.demo.kinds import ServedKind

_PRINTERS: Mapping[str, Printer] = {
    **columns_pods.PRINTERS,
    **columns_workloads.PRINTERS,
    **columns_network.PRINTERS,
    **columns_cluster.PRINTERS,
}
_CREATED_AT = Printer(("Name", "Created At"), lambda obj, _: [name_of(obj), part(obj, "metadata", "creationTimestamp")])
_PATH_STEP = re.compile(r"\.([\w-]+)|\[\?\(@\.([\w-]+)==['\"]([^'\"]*)['\"]\)\]|\[(\d+)\]|\['([^']+)'\]")


def table_of(
    kind: ServedKind, objects: Sequence[Obj], metadata: dict[str, Any], include_object: str, now: datetime
) -> dict[str, Any]:
    """A Table of `objects`; `include_object` is None, Metadata or Object, as in the query."""
    printer = _custom_printer(kind) if kind.is_custom else _PRINTERS.get(kind.kind, _CREATED_AT)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": printer.definitions(),
        "rows": [_row(printer, obj, include_object, now) for obj in objects],
    }


def _row(printer: Printer, obj: Obj, include_object: str, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": printer.cells(obj, now)}
    if include_object == "Object":
        row["object"] = obj
    elif include_object != "None":
        row["object"] = metadata_only(obj)
    return row


def _custom_printer(kind: ServedKind) -> Printer:
    extra = [column for column in kind.columns if column.get("jsonPath") != ".metadata.creationTimestamp"]
    has_age = not kind.columns or len(extra) != len(kind.columns)
    headings = [f"{'*' if column.get('priority') else ''}{column['name']}" for column in extra]

    def cells(obj: Obj, now: datetime) -> list[Any]:
        values = [_custom_cell(column, obj, now) for column in extra]
        return [name_of(obj), *values, *([age(obj, now)] if has_age else [])]

    return Printer(("Name", *headings, *(["Age"] if has_age else [])), cells)


def _custom_cell(column: Mapping[str, Any], obj: Obj, now: datetime) -> Any:
    value = _at_path(obj, column["jsonPath"])
    return since(value, now) if column.get("type") == "date" and isinstance(value, str) else value


def _at_path(obj: Obj, path: str) -> Any:
    """The value at a JSONPath of names, indexes and equality filters; None where it does not lead."""
    value: Any = obj
    for step in _steps(path):
        try:
            value = step(value)
        except (KeyError, IndexError, TypeError, StopIteration):
            return None
    return value


@cache
def _steps(path: str) -> tuple[Any, ...]:
    return tuple(_step(*match.groups()) for match in _PATH_STEP.finditer(path))


def _step(name: str | None, key: str | None, wanted: str | None, index: str | None, quoted: str | None) -> Any:
    if key is not None:
        return lambda items: next(item for item in items if str(item.get(key)) == wanted)
    if index is not None:
        return lambda items: items[int(index)]
    return lambda item: item[name or quoted]
