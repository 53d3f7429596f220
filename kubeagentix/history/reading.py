"""Looks things up in the file: by id, by the beginning of one, by words, the latest. What it gives are plain values."""

from __future__ import annotations

import difflib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from kubeagentix.domain import codec
from kubeagentix.domain.diagnosis import Diagnosis, Evidence
from kubeagentix.domain.events import Notice, RunEvent, RunRecord
from kubeagentix.domain.messages import Message
from kubeagentix.errors import HistoryError, NotFoundError, UsageError, excerpt
from kubeagentix.history.owners import is_alive
from kubeagentix.history.schema import migrate

T = TypeVar("T")
D = TypeVar("D", bound=Diagnosis)

LATEST = "latest"
PREFIXES = {"c-": "conversation", "run-": "run", "d-": "diagnosis"}
NAMED = 5  # ids that an error names


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a list: a conversation or a diagnosis. `state`: finished, running, interrupted, or how it ended.

    `found` is where the words that were looked for stand.
    """

    id: str
    what: str
    at: datetime
    title: str
    cluster: str
    provider: str
    state: str
    runs: int = 1
    found: str = ""

    def with_place(self, found: str) -> Entry:
        """The same with where the words stand."""
        return replace(self, found=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One question and what came of it. `answer` is what was said, also by a run that was cut short."""

    id: str
    question: str
    target: str
    cluster: str
    provider: str
    model: str
    answer: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    records: tuple[RunRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConversation:
    """A conversation with its runs, oldest first."""

    id: str
    what: str
    title: str
    cluster: str
    created_at: datetime
    updated_at: datetime
    runs: tuple[StoredRun, ...]

    @property
    def state(self) -> str:
        """How the last run ended, if it has."""
        return self.runs[-1].state if self.runs else "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """What a conversation is gone on with: messages up to the last whole turn, what may be cited, whole results."""

    id: str
    cluster: str
    fence: str
    messages: tuple[Message, ...]
    evidence: dict[str, Evidence]
    results: dict[str, str]
    is_anonymous: bool  # whether names were hidden from the model


class Reader:
    """Reads one file through a connection of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.file = connection

    @classmethod
    def of_nothing(cls) -> Reader:
        """Stands for a file that is not there yet."""
        empty = sqlite3.connect(":memory:", isolation_level=None)
        migrate(empty, "memory")
        return cls(empty)

    def entries(self, limit: int, ids: Sequence[str] | None = None) -> list[Entry]:
        """The latest first; only those of `ids`, if given."""
        found = [
            entry
            for key in (ids if ids is not None else ("",))
            for entry in (*self._conversations(key, limit), *self._diagnoses(key, limit))
        ]
        return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]

    def _conversations(self, only: str, limit: int) -> list[Entry]:
        rows = self.file.execute(
            "SELECT c.id, c.kind, c.updated_at, c.title, c.cluster, r.provider, r.ending, r.owner, r.started_at,"
            " (SELECT count(*) FROM runs WHERE conversation_id = c.id)"
            " FROM conversations c JOIN runs r ON r.id = (SELECT id FROM runs WHERE conversation_id = c.id"
            " ORDER BY started_at DESC LIMIT 1)"
            " WHERE NOT (c.kind = 'dx' AND EXISTS (SELECT 1 FROM diagnoses WHERE run_id = r.id))"
            " AND ? IN ('', c.id) ORDER BY c.updated_at DESC LIMIT ?",
            (only, limit),
        )
        return [
            Entry(
                id=row[0],
                what=row[1],
                at=_moment(row[2]),
                title=row[3],
                cluster=row[4],
                provider=row[5],
                state=_state(row[6], row[7], row[8]),
                runs=row[9],
            )
            for row in rows
        ]

    def _diagnoses(self, only: str, limit: int) -> list[Entry]:
        rows = self.file.execute(
            "SELECT id, finished_at, target, summary, cluster, provider FROM diagnoses"
            " WHERE ? IN ('', id) ORDER BY finished_at DESC LIMIT ?",
            (only, limit),
        )
        return [
            Entry(
                id=row[0],
                what="dx",
                at=_moment(row[1]),
                title=f"{row[2]}: {row[3]}",
                cluster=row[4],
                provider=row[5],
                state="finished",
            )
            for row in rows
        ]

    def resolve(self, given: str, kind: str = "") -> str:
        """The id that `given` means: itself, its beginning, with or without its prefix, or `latest` of that kind.

        Raises NotFoundError with the nearest, UsageError where several begin like that.
        """
        if not isinstance(given, str) or not given.strip():
            raise UsageError(f"{excerpt(repr(given), 60)} is no id", hint="kx.history shows what there is")
        known = self.ids(kind)
        if not known:
            raise NotFoundError(f"there is no {kind or 'entry'} in the history yet", hint="chat, or run dx, first")
        if given == LATEST:
            return known[0]
        found = [item for item in known if item.startswith(given) or item.partition("-")[2].startswith(given)]
        if given in found:
            return given
        if len(found) == 1:
            return found[0]
        if found:
            hint = f"it is the beginning of {', '.join(found[:NAMED])}{' …' if len(found) > NAMED else ''}"
            raise UsageError(f"{excerpt(given, 60)!r} is not one id", hint=hint)
        near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
        hint = f"the nearest is {near[0]}" if near else "kubeagentix history list shows what there is"
        raise NotFoundError(f"there is no {kind or 'entry'} {excerpt(given, 60)!r} in the history", hint=hint)

    def ids(self, kind: str = "") -> list[str]:
        """All ids of that kind (conversation, run, diagnosis) or of all, the latest first."""
        if kind == "conversation":  # chats come before models' parts in diagnoses: they are what is gone on with
            sql = "SELECT id FROM conversations ORDER BY kind = 'chat' DESC, updated_at DESC, id DESC"
        else:
            sql = f"{_IDS.get(kind) or ' UNION ALL '.join(_IDS.values())} ORDER BY at DESC, id DESC"
        return [row[0] for row in self.file.execute(sql)]

    def conversation(self, conversation_id: str, run_id: str = "") -> StoredConversation:
        """That conversation with all of its runs, or only one of them."""
        row = self.file.execute(
            "SELECT id, kind, title, cluster, created_at, updated_at FROM conversations WHERE id = ?",
            (conversation_id,),
        ).fetchone()
        runs = self.file.execute(
            "SELECT id, question, target, cluster, provider, model, answer, ending, owner, started_at, ended_at"
            " FROM runs WHERE conversation_id = ? AND ? IN ('', id) ORDER BY started_at",
            (conversation_id, run_id),
        )
        return StoredConversation(
            id=row[0],
            what=row[1],
            title=row[2],
            cluster=row[3],
            created_at=_moment(row[4]),
            updated_at=_moment(row[5]),
            runs=tuple(self._run(run) for run in runs.fetchall()),
        )

    def conversation_of(self, run_id: str) -> str:
        """The id of the conversation that a run belongs to."""
        sql = "SELECT conversation_id FROM runs WHERE id = ?"
        return str(self.file.execute(sql, (run_id,)).fetchone()[0])

    def _run(self, row: tuple[Any, ...]) -> StoredRun:
        records = tuple(self._records(row[0]))
        said = "".join(record.event.text for record in records if record.event.kind == "text_delta")
        return StoredRun(
            id=row[0],
            question=row[1],
            target=row[2],
            cluster=row[3],
            provider=row[4],
            model=row[5],
            answer=row[6] or said,
            state=_state(row[7], row[8], row[9]),
            started_at=_moment(row[9]),
            ended_at=_moment(row[10]) if row[10] is not None else None,
            records=records,
        )

    def _records(self, run_id: str) -> list[RunRecord]:
        rows = self.file.execute("SELECT seq, at, kind, payload FROM events WHERE run_id = ? ORDER BY seq", (run_id,))
        return [
            RunRecord(run_id=run_id, seq=seq, at=_moment(at), event=_event(kind, payload))
            for seq, at, kind, payload in rows
        ]

    def diagnosis(self, diagnosis_id: str, kind: type[D]) -> D:
        """That diagnosis. Raises HistoryError if this version cannot read it."""
        row = self.file.execute("SELECT payload FROM diagnoses WHERE id = ?", (diagnosis_id,)).fetchone()
        return _read(diagnosis_id, lambda: codec.loads(kind, row[0]))

    def dialogue(self, conversation_id: str) -> Dialogue:
        """What that conversation is gone on with. Raises HistoryError if this version cannot read it."""
        messages = self.file.execute(
            "SELECT payload FROM messages WHERE conversation_id = ? ORDER BY position", (conversation_id,)
        ).fetchall()
        evidence = self.file.execute("SELECT id, payload FROM evidence WHERE conversation_id = ?", (conversation_id,))
        results = self.file.execute("SELECT id, text FROM results WHERE conversation_id = ?", (conversation_id,))
        sql = "SELECT cluster, fence FROM conversations WHERE id = ?"
        cluster, fence = self.file.execute(sql, (conversation_id,)).fetchone()
        return Dialogue(
            id=conversation_id,
            cluster=cluster,
            fence=fence,
            messages=_read(conversation_id, lambda: tuple(codec.loads(Message, row[0]) for row in messages)),
            evidence=_read(conversation_id, lambda: {key: codec.loads(Evidence, text) for key, text in evidence}),
            results=dict(results.fetchall()),
            is_anonymous=self._is_anonymous(conversation_id),
        )

    def _is_anonymous(self, conversation_id: str) -> bool:
        """Whether names were hidden from the model in any of its runs, which says so in a notice."""
        notices = self.file.execute(
            "SELECT kind, payload FROM events JOIN runs ON runs.id = events.run_id"
            " WHERE conversation_id = ? AND kind = 'notice'",
            (conversation_id,),
        )
        return any(getattr(_event(*row), "code", "") == "anonymized" for row in notices)


_IDS = {
    "conversation": "SELECT id, updated_at AS at FROM conversations",
    "run": "SELECT id, started_at AS at FROM runs",
    "diagnosis": "SELECT id, finished_at AS at FROM diagnoses",
}


def _event(kind: str, payload: str) -> RunEvent:
    """An event, or a Notice in the place of one that a newer version has written."""
    try:
        return codec.loads_event(payload)
    except codec.CodecError as error:
        return Notice(code="unreadable", message=f"an event of kind {excerpt(kind, 40)}: {excerpt(str(error), 100)}")


def _read(what: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except codec.CodecError as error:
        message = f"{what} cannot be read: {excerpt(str(error))}"
        raise HistoryError(message, hint="a newer version of this program may have written it") from error


def _state(ending: str, owner: str, started_at: float) -> str:
    if not ending:
        return "running" if is_alive(owner, started_at) else "interrupted"
    return {"stop": "finished"}.get(ending, ending.replace("_", " "))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
