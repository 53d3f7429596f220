"""What is written to the file, as rows. Every call belongs to a transaction that its caller begins and ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kubeagentix.history.opening import patiently

TITLE_CHARS = 200
PASSAGE_CHARS = 20_000  # of one text that can be found again


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run as it begins. `kind` is `chat`, or `dx` for a model's part in a diagnosis."""

    run_id: str
    conversation_id: str
    kind: str
    question: str
    target: str
    cluster: str
    fence: str
    owner: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event, or several pieces of text in one: `seq` to `last_seq`."""

    run_id: str
    seq: int
    last_seq: int
    at: float
    kind: str
    payload: str


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block, or nothing. The lock is taken at once, as to upgrade one may fail."""
    patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled it back already
            connection.execute("ROLLBACK")
        raise


class Store:
    """The tables, to be written to."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def begin(self, begun: Begun) -> None:
        """A run under way, in its conversation, which it may begin; nothing if it is there."""
        if self.connection.execute("SELECT 1 FROM runs WHERE id = ?", (begun.run_id,)).fetchone():
            return
        self.connection.execute(
            "INSERT INTO conversations (id, kind, title, cluster, fence, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT(id) DO UPDATE SET updated_at = excluded.updated_at, cluster = excluded.cluster",
            (
                begun.conversation_id,
                begun.kind,
                begun.question[:TITLE_CHARS],
                begun.cluster,
                begun.fence,
                begun.at,
                begun.at,
            ),
        )
        self.connection.execute(
            "INSERT INTO runs (id, conversation_id, question, target, cluster, owner, started_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (begun.run_id, begun.conversation_id, begun.question, begun.target, begun.cluster, begun.owner, begun.at),
        )
        self.add_passages([begun.question], conversation_id=begun.conversation_id)

    def add_events(self, rows: Sequence[EventRow]) -> None:
        """Events in order; text that has grown takes the place of what it was."""
        self.connection.executemany(
            "INSERT INTO events (run_id, seq, last_seq, at, kind, payload) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT(run_id, seq) DO UPDATE SET last_seq = excluded.last_seq, payload = excluded.payload",
            [(row.run_id, row.seq, row.last_seq, row.at, row.kind, row.payload) for row in rows],
        )

    def put_messages(
        self, conversation_id: str, run_id: str, begin: int, payloads: Sequence[str], whole: Callable[[], Sequence[str]]
    ) -> None:
        """The conversation's messages from position `begin` on; none after them.

        If another run has written meanwhile (two kernels went on with the same), it is `whole` that takes their place.
        """
        found = self.connection.execute(
            "SELECT last_run FROM conversations WHERE id = ?", (conversation_id,)
        ).fetchone()
        if found is None:  # pruned meanwhile
            return
        if found[0] != run_id and begin:
            begin, payloads = 0, whole()
        self.connection.execute("UPDATE conversations SET last_run = ? WHERE id = ?", (run_id, conversation_id))
        self.connection.execute(
            "DELETE FROM messages WHERE conversation_id = ? AND position >= ?", (conversation_id, begin)
        )
        self.connection.executemany(
            "INSERT INTO messages (conversation_id, position, payload) VALUES (?, ?, ?)",
            [(conversation_id, begin + number, payload) for number, payload in enumerate(payloads)],
        )

    def add_results(self, conversation_id: str, texts: Mapping[str, str]) -> None:
        """Whole results of tools, by the id that the model was told."""
        self.connection.executemany(
            "INSERT OR REPLACE INTO results (conversation_id, id, text) VALUES (?, ?, ?)",
            [(conversation_id, key, text) for key, text in texts.items()],
        )

    def add_passages(
        self, texts: Iterable[str], *, conversation_id: str | None = None, diagnosis_id: str | None = None
    ) -> None:
        """Texts to be found again."""
        self.connection.executemany(
            "INSERT INTO passages (conversation_id, diagnosis_id, text) VALUES (?, ?, ?)",
            [(conversation_id, diagnosis_id, text[:PASSAGE_CHARS]) for text in texts if text.strip()],
        )

    def add_evidence(self, conversation_id: str, payloads: Mapping[str, str]) -> None:
        """What may be cited in the conversation, by id."""
        self.connection.executemany(
            "INSERT OR IGNORE INTO evidence (conversation_id, id, payload) VALUES (?, ?, ?)",
            [(conversation_id, key, payload) for key, payload in payloads.items()],
        )

    def end(self, run_id: str, *, ending: str, provider: str, model: str, answer: str, at: float) -> None:
        """How a run ended."""
        self.connection.execute(
            "UPDATE runs SET ending = ?, provider = ?, model = ?, answer = ?, ended_at = ? WHERE id = ?",
            (ending, provider, model, answer, at, run_id),
        )
        self.connection.execute(
            "UPDATE conversations SET updated_at = ? WHERE id = (SELECT conversation_id FROM runs WHERE id = ?)",
            (at, run_id),
        )

    def fail(self, run_id: str, *, code: str, at: float) -> None:
        """A run ended with an error of that code."""
        self.connection.execute(
            "UPDATE runs SET ending = ?, ended_at = ? WHERE id = ?", (f"failed: {code}", at, run_id)
        )

    def start(self, run_id: str, *, provider: str, model: str) -> None:
        """Who is asked first."""
        self.connection.execute("UPDATE runs SET provider = ?, model = ? WHERE id = ?", (provider, model, run_id))

    def add_diagnosis(self, columns: Mapping[str, Any]) -> None:
        """A diagnosis, by the names of its columns."""
        names = ", ".join(columns)
        marks = ", ".join("(SELECT id FROM runs WHERE id = ?)" if name == "run_id" else "?" for name in columns)
        sql = f"INSERT OR REPLACE INTO diagnoses ({names}) VALUES ({marks})"  # noqa: S608  our own names
        self.connection.execute(sql, tuple(columns.values()))
