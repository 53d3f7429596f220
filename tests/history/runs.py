"""Runs of a scripted model that are kept in a file, and what is found in it afterwards."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kubeagentix.contracts import ToolPlugin
from kubeagentix.domain import codec
from kubeagentix.domain.events import Notice, RunEvent, RunRecord, ToolCallReady
from kubeagentix.domain.messages import ToolCall
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.keeping import keeping
from kubeagentix.settings import Settings
from kubeagentix.testing import ScriptedProvider, Step, scripted_plugin, snapshot_of

BROKEN = {"kind": "Pod", "metadata": {"name": "web"}, "status": {"phase": "Failed", "reason": "Evicted"}}


def echo() -> ToolPlugin:
    async def handler(arguments: Any, _: Any) -> ToolOutput:
        return ToolOutput(text=f"it says:\n{arguments['text']}", data={"text": arguments["text"]})

    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return ToolPlugin(spec=ToolSpec(name="echo", description="Says it.", parameters=schema), handler=handler)


def call(text: str, key: str = "t1") -> ToolCallReady:
    return ToolCallReady(call=ToolCall(id=key, name="echo", arguments={"text": text}))


def ran(
    path: Path, *turns: Sequence[Step], question: str = "why?", conversation: Conversation | None = None
) -> list[RunRecord]:
    """The records of a run that is kept in `path`."""
    plugins = {"claude": scripted_plugin(ScriptedProvider(*turns))}
    history = keeping(Settings(history_file=str(path)), {}, kind="chat")
    engine = Engine(snapshot_of(BROKEN), plugins=plugins, tools={"echo": echo()}, environ={}, history=history)

    async def all_of_it() -> list[RunRecord]:
        return [record async for record in engine.stream(question, conversation=conversation)]

    return asyncio.run(all_of_it())


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def stored(path: Path) -> list[RunEvent]:
    with opened(path) as file:
        rows = file.execute("SELECT payload FROM events ORDER BY run_id, seq").fetchall()
    return [codec.decode(RunEvent, json.loads(row[0])) for row in rows]


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with opened(path) as file:
        return file.execute(sql).fetchall()


def notices(records: list[RunRecord]) -> list[str]:
    return [item.event.message for item in records if isinstance(item.event, Notice) and item.event.code == "history"]
