"""What several surfaces say of one fault, as rows of the table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from tests.faults.surfaces import Told
from tests.faults.table import Section, steady


def tell(table: Section, fault: str, told: Mapping[str, Told], *, bound: str) -> None:
    """A row for the surfaces that say the same."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for surface, what in told.items():
        alike[steady(what.seen), what.result].append(surface)
    for (seen, result), surfaces in alike.items():
        endings = dict.fromkeys(told[surface].ended for surface in surfaces)
        table.row(fault, ", ".join(surfaces), seen, ended="; ".join(endings), result=result, bound=bound)
