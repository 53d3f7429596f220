"""Finds words in what was asked, answered, read and diagnosed: by SQLite's full text index, or without it.

The index is brought up to date by whoever searches, so that nobody who writes has to have it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress

from kubeagentix.history.store import transaction

MOST = 200  # passages that are looked at
AROUND = 60  # characters shown before and after a word
_INDEX = "CREATE VIRTUAL TABLE IF NOT EXISTS passages_index USING fts5(text, content='passages', content_rowid='id')"


def search(file: sqlite3.Connection, words: str, limit: int) -> dict[str, str]:
    """Ids of conversations and diagnoses that hold all of `words`, the best first, with the place where they do."""
    found: dict[str, str] = {}
    for owner, text in _passages(file, words.split()):
        found.setdefault(owner, _around(text, words.split()))
        if len(found) == limit:
            break
    return found


def _passages(file: sqlite3.Connection, words: list[str]) -> Iterator[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    with suppress(sqlite3.OperationalError):  # no FTS5 here, or a file that can only be read
        rows = _indexed(file, words)
    # The index knows words from their beginning; the middle of one is found by looking at every text.
    yield from rows or _unindexed(file, words)


def _indexed(file: sqlite3.Connection, words: list[str]) -> list[tuple[str, str]]:
    index(file)
    query = " ".join('"' + word.replace('"', '""') + '"*' for word in words)
    return file.execute(
        "SELECT coalesce(p.conversation_id, p.diagnosis_id), p.text FROM passages_index i JOIN passages p"
        " ON p.id = i.rowid WHERE passages_index MATCH ? ORDER BY i.rank, p.id DESC LIMIT ?",
        (query, MOST),
    ).fetchall()


def index(file: sqlite3.Connection) -> None:
    """Takes new passages into the index."""
    with transaction(file):
        file.execute(_INDEX)
        row = file.execute("SELECT value FROM meta WHERE key = 'indexed'").fetchone()
        last = file.execute("SELECT coalesce(max(id), 0) FROM passages").fetchone()[0]
        if last > int(row[0] if row else 0):
            sql = "INSERT INTO passages_index (rowid, text) SELECT id, text FROM passages WHERE id > ?"
            file.execute(sql, (int(row[0] if row else 0),))
            file.execute("INSERT OR REPLACE INTO meta VALUES ('indexed', ?)", (str(last),))


def forget(file: sqlite3.Connection) -> None:
    """Builds the index anew, after passages are gone; inside a transaction of the caller's."""
    if file.execute("SELECT 1 FROM sqlite_master WHERE name = 'passages_index'").fetchone():
        with suppress(sqlite3.OperationalError):  # no FTS5 here
            file.execute("INSERT INTO passages_index (passages_index) VALUES ('rebuild')")
            last = file.execute("SELECT coalesce(max(id), 0) FROM passages").fetchone()[0]
            file.execute("INSERT OR REPLACE INTO meta VALUES ('indexed', ?)", (str(last),))


def _unindexed(file: sqlite3.Connection, words: list[str]) -> list[tuple[str, str]]:
    patterns = ["%" + re.sub(r"([%_^])", r"^\1", word) + "%" for word in words]
    holds = " AND ".join(["text LIKE ? ESCAPE '^'"] * len(patterns))
    sql = f"SELECT coalesce(conversation_id, diagnosis_id), text FROM passages WHERE {holds} ORDER BY id DESC LIMIT ?"  # noqa: S608
    return file.execute(sql, (*patterns, MOST)).fetchall()


def _around(text: str, words: list[str]) -> str:
    """The place where the first of the words stands, on one line."""
    places = [found.start() for word in words if (found := re.search(re.escape(word), text, re.IGNORECASE))]
    place = min(places, default=0)
    begin, end = max(0, place - AROUND), place + 2 * AROUND
    piece = " ".join(text[begin:end].split())
    return f"{'…' if begin else ''}{piece}{'…' if end < len(text) else ''}"
