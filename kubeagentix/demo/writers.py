"""`metadata.managedFields`, as far as it tells who wrote an object and when; which fields they own is left empty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kubeagentix.demo.calls import Call
from kubeagentix.demo.store import Manifest, rfc3339


def manager_of(call: Call) -> str:
    """The name of the writer: as it says, else the program in its user agent. Source: KEP-555."""
    program = call.headers.get("User-Agent", "").partition("/")[0].strip()
    return call.query.get("fieldManager") or program or "unknown"


def stamped(obj: Manifest, manager: str, at: datetime) -> Manifest:
    """The object with `manager` as the one who wrote it at that time, beside its earlier writers."""
    metadata: Mapping[str, Any] = obj["metadata"]
    others = [item for item in metadata.get("managedFields") or () if item["manager"] != manager]
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": obj.get("apiVersion", "v1"),
        "time": rfc3339(at),
        "fieldsType": "FieldsV1",
        "fieldsV1": {},
    }
    return {**obj, "metadata": {**metadata, "managedFields": [*others, entry]}}
