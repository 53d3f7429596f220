"""The tables, version by version. A migration brings a file from one version to the next, whole or not at all.

Migrations are never edited once they were released: a change of the tables is a further one, and its test opens a
stored file of every version before it. `user_version` holds the version, `application_id` says that a file is ours.
"""

from __future__ import annotations

import sqlite3

from kubeagentix.errors import HistoryError

APPLICATION_ID = 0x4B784858  # "KxHX"

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,               -- chat, or dx for a model's part in a diagnosis
    title TEXT NOT NULL,
    cluster TEXT NOT NULL,
    last_run TEXT NOT NULL DEFAULT '', -- whose messages are stored: two may go on with one conversation
    created_at REAL NOT NULL,         -- seconds since 1970, UTC, here and below
    updated_at REAL NOT NULL
);
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    target TEXT NOT NULL,
    cluster TEXT NOT NULL,
    provider TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT '',
    ending TEXT NOT NULL DEFAULT '',  -- empty as long as it runs, or for good if its process was killed
    owner TEXT NOT NULL,              -- the process that runs it
    started_at REAL NOT NULL,
    ended_at REAL
);
CREATE INDEX runs_of_conversation ON runs(conversation_id, started_at);
CREATE TABLE events (
    run_id TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,        -- pieces of text that came one after the other are one row
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,            -- JSON of domain/codec.py, here and below
    PRIMARY KEY (run_id, seq)
);
CREATE TABLE messages (
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (conversation_id, position)
);
CREATE TABLE evidence (
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (conversation_id, id)
);
CREATE TABLE diagnoses (
    id TEXT PRIMARY KEY,
    run_id TEXT REFERENCES runs(id) ON DELETE SET NULL,
    target TEXT NOT NULL,
    cluster TEXT NOT NULL,
    mode TEXT NOT NULL,
    provider TEXT NOT NULL,
    summary TEXT NOT NULL,
    finished_at REAL NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX diagnoses_by_time ON diagnoses(finished_at);
"""

# Texts to search in, and the whole of tool results where the model saw a part.
_SECOND = """
ALTER TABLE conversations ADD COLUMN fence TEXT NOT NULL DEFAULT '';
CREATE TABLE results (
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (conversation_id, id)
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: the index may lag behind
    conversation_id TEXT REFERENCES conversations(id) ON DELETE CASCADE,
    diagnosis_id TEXT REFERENCES diagnoses(id) ON DELETE CASCADE,
    text TEXT NOT NULL
);
CREATE INDEX passages_of_conversation ON passages(conversation_id);
CREATE INDEX passages_of_diagnosis ON passages(diagnosis_id);
INSERT INTO passages (conversation_id, text) SELECT conversation_id, question FROM runs ORDER BY started_at;
INSERT INTO passages (conversation_id, text)
    SELECT conversation_id, answer FROM runs WHERE answer <> '' ORDER BY started_at;
INSERT INTO passages (diagnosis_id, text) SELECT id, target || ' ' || summary FROM diagnoses ORDER BY finished_at;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, path: str, *, upto: int = VERSION) -> None:
    """Brings the file to version `upto`, each step in a transaction of its own; another process may do so meanwhile.

    Raises HistoryError for a file that a newer version of this package wrote, or another program.
    """
    while version_of(connection, path) < upto:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = version_of(connection, path)
            if version < upto:
                _step(connection, version)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _step(connection: sqlite3.Connection, version: int) -> None:
    for statement in _statements(MIGRATIONS[version]):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version + 1}")


def version_of(connection: sqlite3.Connection, path: str) -> int:
    """The version of the tables, 0 for a file that is empty. Raises HistoryError as `migrate` does."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    is_ours = application == APPLICATION_ID
    if not is_ours and (version or application or connection.execute("SELECT 1 FROM sqlite_master").fetchone()):
        raise HistoryError(f"{path} is no history of this program", hint="name another history_file")
    if version > VERSION:
        what = f"{path} was written by a newer version of this program (its tables are {version}, ours {VERSION})"
        raise HistoryError(what, hint="install that version, or name another history_file")
    return version


def _statements(script: str) -> list[str]:
    """The statements of a script, to be run one by one: executescript would end the transaction around them."""
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found
