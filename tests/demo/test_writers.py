"""Who wrote an object, and when, is kept with it, as the API server keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kubeagentix.demo.calls import Call
from kubeagentix.demo.writers import manager_of, stamped

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)


def call(agent: str, **query: str) -> Call:
    return Call(method="PATCH", path="/", verb="patch", query=query, headers={"User-Agent": agent})


def test_the_writer_is_as_it_says_or_else_its_program() -> None:
    assert manager_of(call("kubectl/v1.37.0 (linux/amd64)", fieldManager="kubectl-edit")) == "kubectl-edit"
    assert manager_of(call("kubectl/v1.37.0 (linux/amd64)")) == "kubectl"
    assert manager_of(call("")) == "unknown"


def test_a_writer_has_one_entry_with_its_last_time_beside_the_others() -> None:
    obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}}
    for manager, minutes in (("kubectl-create", 0), ("kubectl-edit", 5), ("kubectl-edit", 9)):
        obj = stamped(obj, manager, AT + timedelta(minutes=minutes))
    fields = obj["metadata"]["managedFields"]  # type: ignore[index]
    assert [(item["manager"], item["time"]) for item in fields] == [
        ("kubectl-create", "2026-01-15T12:00:00Z"),
        ("kubectl-edit", "2026-01-15T12:09:00Z"),
    ]
