"""Takes the oldest out: what is past its time, then what is too much. The file gets smaller by it, not only emptier.

What a living process is at work on stays, whatever its age.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kubeagentix.history.owners import is_alive
from kubeagentix.history.searching import forget
from kubeagentix.history.store import transaction

DAY_S = 86_400.0
MEGABYTE = 1_000_000
AT_ONCE = 8  # entries per transaction, so that others can write in between


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How old, and how much. None: no limit."""

    days: float | None = None
    mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was taken out, and the size of the file before and after, in bytes."""

    conversations: int
    diagnoses: int
    before: int
    after: int

    def __str__(self) -> str:
        gone = f"{self.conversations} conversations and {self.diagnoses} diagnoses taken out"
        return f"{gone}; {self.before / MEGABYTE:.1f} MB before, {self.after / MEGABYTE:.1f} MB now"


def prune(file: sqlite3.Connection, limits: Limits) -> Pruned:
    """Takes out what the limits say."""
    file.execute("PRAGMA secure_delete = ON")  # what is taken out is to be gone
    before, counts = _bytes(file), {"conversations": 0, "diagnoses": 0}
    oldest = _oldest_first(file)
    if limits.days is not None:
        cutoff = time.time() - limits.days * DAY_S
        old = [item for item in oldest if item[0] <= cutoff]
        for begin in range(0, len(old), AT_ONCE):
            _delete(file, old[begin : begin + AT_ONCE], counts)
        oldest = oldest[len(old) :]
    while limits.mb is not None and oldest and _size(file) > limits.mb * MEGABYTE:
        _delete(file, oldest[:1], counts)
        oldest = oldest[1:]
    if any(counts.values()):
        with transaction(file):
            forget(file)
    _shrink(file)
    return Pruned(**counts, before=before, after=_bytes(file))


def is_due(file: sqlite3.Connection, limits: Limits) -> bool:
    """Whether it is worth looking: once a day, or if there is too much."""
    row = file.execute("SELECT value FROM meta WHERE key = 'pruned'").fetchone()
    is_late = time.time() - float(row[0] if row else 0) > DAY_S
    if is_late:
        with transaction(file):
            file.execute("INSERT OR REPLACE INTO meta VALUES ('pruned', ?)", (str(time.time()),))
    return is_late or (limits.mb is not None and _size(file) > limits.mb * MEGABYTE)


def _oldest_first(file: sqlite3.Connection) -> list[tuple[float, str, str]]:
    """When, table and id of all that may go."""
    open_runs = file.execute("SELECT conversation_id, owner, started_at FROM runs WHERE ending = ''").fetchall()
    busy = {run[0] for run in open_runs if is_alive(run[1], run[2])}
    rows = file.execute(
        "SELECT updated_at, 'conversations', id FROM conversations"
        " UNION ALL SELECT finished_at, 'diagnoses', id FROM diagnoses ORDER BY 1"
    ).fetchall()
    return [row for row in rows if row[2] not in busy]


def _delete(file: sqlite3.Connection, items: list[tuple[float, str, str]], counts: dict[str, int]) -> None:
    with transaction(file):
        for _, table, key in items:
            sql = "DELETE FROM conversations WHERE id = ?" if table == "conversations" else _DIAGNOSIS
            counts[table] += file.execute(sql, (key,)).rowcount


_DIAGNOSIS = "DELETE FROM diagnoses WHERE id = ?"


def _size(file: sqlite3.Connection) -> int:
    """Bytes that are in use, which is the size of the file once it is shrunk."""
    pages, free, page = (
        file.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page)


def _bytes(file: sqlite3.Connection) -> int:
    """The size of the file itself."""
    path = file.execute("PRAGMA database_list").fetchone()[2]
    return Path(path).stat().st_size


def _shrink(file: sqlite3.Connection) -> None:
    """Gives free pages back to the file system."""
    if file.execute("PRAGMA auto_vacuum").fetchone()[0] == 0:  # a file that something else has rebuilt
        file.execute("VACUUM")
    else:
        file.executescript("PRAGMA incremental_vacuum")  # `execute` would stop after the first page
    with suppress(sqlite3.OperationalError):  # somebody reads: then it happens later
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
