"""What keeps one run, or one diagnosis: takes in what happens on the event loop, gives it to the writer's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from kubeagentix.domain.diagnosis import Diagnosis, Evidence
from kubeagentix.domain.events import (
    Notice,
    RunFailed,
    RunFinished,
    RunRecord,
    RunStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallFinished,
)
from kubeagentix.domain.messages import Message, ToolResult
from kubeagentix.history.rows import Rows, payload
from kubeagentix.history.store import Begun, Store
from kubeagentix.history.writer import Write, Writer
from kubeagentix.redaction import Redactor

WAIT_S = 2.0  # that the end of a run waits for its last rows
RESULT_CHARS = 200_000  # of one whole result; longer ones a later conversation has to read again
CODE = "history"  # of a Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The conversation as it is after a turn, and what may be cited in it."""

    messages: tuple[Message, ...]
    evidence: Mapping[str, Evidence]
    results: Mapping[str, str]


Item = RunRecord | Said


class Results(Protocol):
    """What tools answered as a whole, where the model saw a part."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids."""
        ...

    def get(self, result_id: str) -> str | None:
        """The text of one."""
        ...


class RunKeeper:
    """Keeps one run. `record` and `said` take next to no time and never raise; after a trouble they do nothing."""

    def __init__(self, writer: Writer, begun: Begun, redactor: Redactor, results: Results | None = None) -> None:
        self._writer = writer
        self._begun = begun
        self._redactor = redactor
        self._results = results
        self._seen: set[str] = set()  # of their ids
        self._has_begun = False
        self._is_lost = False
        self._pending: deque[Item] = deque()
        self._taken: list[Item] = []
        self._restart()
        self.has_ended = False

    def _restart(self) -> None:
        self._rows = Rows(self._redactor)
        self._written: tuple[Message, ...] = ()
        self._cited: set[str] = set()

    def record(self, record: RunRecord) -> None:
        """An event, in order."""
        if self._is_lost:
            return
        self._pending.append(record)
        kind = type(record.event)
        if kind is TextDelta or kind is ThinkingDelta:
            self._writer.hint(is_urgent=False)
            return
        self._hand_over()
        if kind is RunFinished or kind is RunFailed:
            self.has_ended = True
        self._writer.hint(is_urgent=True)

    def said(self, messages: tuple[Message, ...], evidence: Mapping[str, Evidence]) -> None:
        """All messages of the conversation, now that a turn is whole."""
        if not self._is_lost:
            self._pending.append(Said(messages=messages, evidence=evidence, results=self._new_results()))
            self._hand_over()
            self._writer.hint(is_urgent=True)

    def _new_results(self) -> dict[str, str]:
        if self._results is None:
            return {}
        found = {key: self._results.get(key) or "" for key in self._results.ids if key not in self._seen}
        self._seen.update(found)
        return {key: text for key, text in found.items() if 0 < len(text) <= RESULT_CHARS}

    def _hand_over(self) -> None:
        if not self._has_begun:  # only now: a run that is never iterated over has not been
            self._has_begun = True
            self._writer.keep(self)

    def notices(self) -> list[Notice]:
        """What the user is to be told of the history and was not told yet."""
        return taken_notices(self._writer)

    async def kept(self) -> None:
        """Waits until all so far is written, or is given up, or it takes too long."""
        if self._has_begun:
            await written(self._writer)

    def take(self) -> list[Write]:
        """What is new, as writes."""
        items = [self._pending.popleft() for _ in range(len(self._pending))]
        self._taken += items
        if not items:
            return []
        begun = replace(self._begun, question=self._redactor.text(self._begun.question))
        writes: list[Write] = [lambda store: store.begin(begun)]
        records = [item for item in items if isinstance(item, RunRecord)]
        rows = list(self._rows.of(records))
        writes.append(lambda store: store.add_events(rows))
        said = [item for item in items if isinstance(item, Said)]
        if said:
            writes += self._conversation(said)
        for record in records:
            writes += self._course(record)
        return writes

    def _conversation(self, turns: list[Said]) -> list[Write]:
        said, same = turns[-1], 0
        results = {key: self._redactor.text(text) for turn in turns for key, text in turn.results.items()}
        for before, now in zip(self._written, said.messages, strict=False):
            if before is not now and before != now:
                break
            same += 1
        self._written = said.messages
        new = [self._message(message) for message in said.messages[same:]]
        cited = {key: payload(item, self._redactor) for key, item in said.evidence.items() if key not in self._cited}
        self._cited.update(cited)
        conversation_id, run_id = self._begun.conversation_id, self._begun.run_id

        def whole() -> list[str]:
            return [self._message(message) for message in said.messages]

        return [
            lambda store: store.put_messages(conversation_id, run_id, same, new, whole),
            lambda store: store.add_evidence(conversation_id, cited),
            lambda store: store.add_results(conversation_id, results),
        ]

    def _message(self, message: Message) -> str:
        """A message without the data of its results, which no model reads; the events have it."""
        parts = tuple(replace(part, data=None) if isinstance(part, ToolResult) else part for part in message.parts)
        return payload(replace(message, parts=parts), self._redactor)

    def _course(self, record: RunRecord) -> list[Write]:
        event, run_id = record.event, self._begun.run_id
        if isinstance(event, RunStarted):
            return [lambda store: store.start(run_id, provider=event.provider, model=event.model)]
        if isinstance(event, ToolCallFinished):
            return [self._passage(self._redactor.text(event.result.content))]
        if isinstance(event, RunFinished):
            answer = self._redactor.text(event.text)
            return [
                lambda store: store.end(
                    run_id,
                    ending=event.reason,
                    provider=event.provider,
                    model=event.model,
                    answer=answer,
                    at=record.at.timestamp(),
                ),
                self._passage(answer),
            ]
        if isinstance(event, RunFailed):
            return [lambda store: store.fail(run_id, code=event.error.code, at=record.at.timestamp())]
        return []

    def _passage(self, text: str) -> Write:
        return lambda store: store.add_passages([text], conversation_id=self._begun.conversation_id)

    def rewind(self) -> None:
        """Everything is written again, to another file."""
        self._pending.extendleft(reversed(self._taken))
        self._taken = []
        self._restart()

    def lose(self) -> None:
        """Gives up."""
        self._is_lost = self.has_ended = True
        self._pending.clear()
        self._taken.clear()


class DiagnosisKeeper:
    """Keeps one diagnosis, which is there from the start."""

    has_ended = True

    def __init__(self, diagnosis: Diagnosis, run_id: str | None, redactor: Redactor) -> None:
        self._diagnosis = diagnosis
        self._run_id = run_id
        self._redactor = redactor
        self._is_written = False

    def take(self) -> list[Write]:
        """The row, once."""
        if self._is_written:
            return []
        self._is_written = True
        columns = self._columns()
        texts = [self._redactor.text(text) for text in _said_in(self._diagnosis)]

        def write(store: Store) -> None:
            store.add_diagnosis(columns)
            store.add_passages(texts, diagnosis_id=self._diagnosis.id)

        return [write]

    def _columns(self) -> dict[str, Any]:
        found = self._diagnosis
        titles = "; ".join(item.title for item in found.hypotheses[:3])
        return {
            "id": found.id,
            "run_id": self._run_id,
            "target": self._redactor.text(str(found.target)),
            "cluster": found.cluster,
            "mode": found.mode,
            "provider": found.provider,
            "summary": self._redactor.text(titles or "nothing wrong was found"),
            "finished_at": found.finished_at.timestamp(),
            "payload": payload(found, self._redactor),
        }

    def rewind(self) -> None:
        """Writes it again."""
        self._is_written = False

    def lose(self) -> None:
        """Gives up."""
        self._is_written = True


def _said_in(found: Diagnosis) -> list[str]:
    """The texts of a diagnosis that somebody may look for."""
    head = " ".join((str(found.target), found.cluster, *(f"{item.title} {item.summary}" for item in found.hypotheses)))
    answer = found.answer.root_cause if found.answer is not None else ""
    return [head, answer, *(f"{item.ref} {item.reason}: {item.title}. {item.cause}" for item in found.findings)]


def taken_notices(writer: Writer) -> list[Notice]:
    """What the user is to be told of the history and was not told yet, as Notices."""
    return [Notice(code=CODE, message=writer.troubles.popleft()) for _ in range(len(writer.troubles))]


async def written(writer: Writer, timeout_s: float = WAIT_S) -> bool:
    """Waits, without holding up the loop, until all that was handed over is written; whether it was in that time."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell() -> None:
        if not done.done():
            done.set_result(None)

    writer.when_written(lambda: loop.call_soon_threadsafe(tell))
    try:
        await asyncio.wait_for(done, timeout_s)
    except TimeoutError:
        writer.tell(f"{writer.path} is held by another program: this is kept if it lets go of it in time", kind="held")
        return False
    return True
