"""The record of a run: the work puts events in, whoever iterates reads them, and one terminal event is the last.

The work goes on in a task of its own. That makes the law easy to keep: whatever ends the work (an answer, a limit, a
crash, a cancelled or closed reader), one terminal event is recorded, and nothing after it.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.events import Ending, Notice, RunEvent, RunFailed, RunFinished, RunRecord, TextDelta
from kubeagentix.domain.messages import Message
from kubeagentix.sync import HEARTBEAT_S

CLOSING_S = 5.0  # what ends may take to clean up


class Keeper(Protocol):
    """What keeps a run for later. None of it raises; only `kept` waits, until what came is safe or lost."""

    def record(self, record: RunRecord) -> None:
        """An event, in order; the last is the terminal one."""
        ...

    def said(self, messages: tuple[Message, ...], evidence: Mapping[str, Evidence]) -> None:
        """All messages so far, whenever a turn is whole."""
        ...

    def notices(self) -> Sequence[Notice]:
        """What the user is to be told of it, once."""
        ...

    async def kept(self) -> None:
        """Waits, for a little while."""
        ...


class Recorder(ABC):
    """Iterate over it for its records, or cancel it. `records` holds all so far."""

    def __init__(self) -> None:
        self.id = f"run-{secrets.token_hex(5)}"
        self.records: list[RunRecord] = []
        self._waiting: deque[RunRecord] = deque()
        self._wake = asyncio.Event()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_ended = False
        self._text: list[str] = []
        self.keeper: Keeper | None = None

    @abstractmethod
    async def _work(self) -> None:
        """What is done; ends with a terminal event, whatever happens."""

    @abstractmethod
    def _finish(self, reason: Ending) -> None:
        """Records the terminal event of a run that ended for that reason."""

    @property
    def text(self) -> str:
        """All that was said so far."""
        return "".join(self._text)

    def emit(self, event: RunEvent) -> None:
        """Records an event; after the terminal one, nothing any more."""
        if self._has_ended:
            return
        if self.keeper is not None:
            for notice in self.keeper.notices():
                self._add(notice)
        self._add(event)

    def _add(self, event: RunEvent) -> None:
        record = RunRecord(run_id=self.id, seq=len(self.records), at=datetime.now(UTC), event=event)
        self.records.append(record)
        self._waiting.append(record)
        if type(event) is TextDelta:
            self._text.append(event.text)
        elif isinstance(event, RunFinished | RunFailed):
            self._has_ended = True
        if self.keeper is not None:
            self.keeper.record(record)
        self._wake.set()

    def cancel(self) -> None:
        """Ends the run; its last event says that it was cancelled."""
        if self._task is not None:
            self._task.cancel()
        else:
            self._finish("cancelled")

    async def __aiter__(self) -> AsyncGenerator[RunRecord, None]:
        if self._task is None and not self._has_ended:
            self._task = asyncio.create_task(self._work())
            # A task that is cancelled before its first step does nothing at all, and would end without a word.
            self._task.add_done_callback(lambda _: self._finish("cancelled"))
        self._beat()
        try:
            while True:
                while self._waiting:
                    record = self._waiting.popleft()
                    is_last = isinstance(record.event, RunFinished | RunFailed)
                    if is_last and self.keeper is not None:
                        await self.keeper.kept()
                    yield record
                    if is_last:
                        return
                self._wake.clear()
                await self._wake.wait()
        finally:
            if self._heartbeat is not None:
                self._heartbeat.cancel()
            await self._close()

    def _beat(self) -> None:
        """Wakes the loop now and then: a notebook's interrupt alone does not wake one that is idle."""
        self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_S, self._beat)

    async def _close(self) -> None:
        """Ends the work, if it goes on, and sees to it that there is a terminal event."""
        task = self._task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=CLOSING_S)
        self._finish("cancelled")
        if self.keeper is not None:
            await self.keeper.kept()

    async def wait(self) -> RunFinished | RunFailed:
        """Reads the run to its end; its terminal event."""
        async for record in self:
            if isinstance(record.event, RunFinished | RunFailed):
                return record.event
        last = self.records[-1].event
        assert isinstance(last, RunFinished | RunFailed)
        return last
