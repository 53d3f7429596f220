"""Files as earlier versions of this package wrote them: one stored dump for each version of the tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from kubeagentix.history.schema import APPLICATION_ID

STORED = Path(__file__).parent / "stored"
# What each dump holds, row by table: a conversation with two runs and one that was cut short, and a diagnosis.
HELD = {"conversations": 1, "runs": 3, "events": 13, "messages": 6, "evidence": 1, "diagnoses": 1}
PASSAGES_OF_FIRST = 6  # three questions, two answers, a diagnosis


def make_version(path: Path, version: int) -> None:
    """A file of that version."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA auto_vacuum = INCREMENTAL")
        file.execute("PRAGMA journal_mode = WAL")
        file.executescript((STORED / f"v{version}.sql").read_text(encoding="utf-8"))
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute(f"PRAGMA user_version = {version}")
