"""How a notebook shows a Diagnosis: its report, which its live table covers where this kernel holds one."""

from __future__ import annotations

from typing import Any, Protocol

from kubeagentix.notebook.showing import is_live
from kubeagentix.quickdx.diagnosis import Diagnosis

MAX_TABLES = 20  # that stay live in one kernel; of older ones the report remains


class Table(Protocol):
    """What covers a report."""

    def report_of(self, diagnosis: Diagnosis) -> dict[str, str]:
        """The report of a diagnosis that it shows."""

    def covered(self, report: str) -> str:
        """The HTML of the report, in an element that this covers."""

    def close(self) -> None:
        """Leaves the report alone where it stands."""


_tables: dict[str, Table] = {}  # by the id of the diagnosis that they show, oldest first


def remember(table: Table, diagnosis_id: str, before_id: str) -> None:
    """From now on that table covers reports of this diagnosis, and no longer those of the one before."""
    if _tables.get(before_id) is table:
        del _tables[before_id]
    _tables[diagnosis_id] = table
    while len(_tables) > MAX_TABLES:
        _tables.pop(next(iter(_tables))).close()


def bundle_of(diagnosis: Diagnosis) -> dict[str, str]:
    """What a Diagnosis is shown as."""
    table = _tables.get(diagnosis.id)
    if not is_live():
        return table.report_of(diagnosis) if table is not None else diagnosis._repr_mimebundle_()
    if table is None:
        from kubeagentix.notebook.dx_view import opened  # noqa: PLC0415  %load_ext loads no widget

        table = opened(diagnosis)
    bundle = table.report_of(diagnosis)
    bundle["text/html"] = table.covered(bundle["text/html"])
    return bundle


def attach(shell: Any) -> None:
    """From now on that shell shows a Diagnosis so."""
    shell.display_formatter.mimebundle_formatter.for_type(Diagnosis, bundle_of)


def detach(shell: Any) -> None:
    """No longer."""
    shell.display_formatter.mimebundle_formatter.pop(Diagnosis, None)
