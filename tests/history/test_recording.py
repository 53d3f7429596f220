"""Runs are kept as they go: every event, the conversation after each turn, how it ended; never a credential."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.contracts import ToolPlugin
from kubeagentix.domain import codec
from kubeagentix.domain.diagnosis import Diagnosis
from kubeagentix.domain.events import Notice, RunEvent, RunFinished, TextDelta, ToolCallReady, UsageReported
from kubeagentix.domain.messages import ToolCall, Usage
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.keeping import keeping
from kubeagentix.settings import Settings
from kubeagentix.testing import ScriptedProvider, scripted_plugin, snapshot_of
from tests.history.runs import BROKEN, call, notices, ran, rows, stored
from tests.planted import PLANTED as CORPUS
from tests.test_redaction import PLANTED


def test_every_event_of_a_run_is_stored_in_order(path: Path) -> None:
    records = ran(path, [TextDelta(text="let me "), TextDelta(text="look"), call("a")], [TextDelta(text="It is a.")])
    found = stored(path)
    told: list[RunEvent] = []
    for event in (record.event for record in records):
        if isinstance(event, TextDelta) and told and isinstance(told[-1], TextDelta):
            told[-1] = TextDelta(text=told[-1].text + event.text)
        else:
            told.append(event)
    assert found == told


def test_no_number_of_an_event_is_missing(path: Path) -> None:
    records = ran(path, [TextDelta(text=f"word{number} ") for number in range(100)])
    covered = [
        number for first, last in rows(path, "SELECT seq, last_seq FROM events") for number in range(first, last + 1)
    ]
    assert sorted(covered) == [record.seq for record in records]


def test_a_run_and_its_conversation_are_stored_with_how_it_ended(path: Path) -> None:
    conversation = Conversation()
    ran(path, [TextDelta(text="one")], question="why is it?", conversation=conversation)
    ran(path, [TextDelta(text="two")], question="since when?", conversation=conversation)
    sql = "SELECT conversation_id, question, answer, ending, provider FROM runs ORDER BY started_at"
    first = (conversation.id, "why is it?", "one", "stop", "claude")
    assert rows(path, sql) == [first, (conversation.id, "since when?", "two", "stop", "claude")]
    assert rows(path, "SELECT title, cluster FROM conversations") == [("why is it?", "test")]
    assert len(rows(path, "SELECT * FROM messages")) == 4


def test_a_run_that_fails_is_stored_as_failed(path: Path) -> None:
    ran(path, [kx.KubeAgentiXError("broken")])
    assert rows(path, "SELECT ending FROM runs") == [("failed: error",)]


def test_the_file_and_its_folder_are_private_whatever_the_umask(path: Path) -> None:
    for umask in (0o000, 0o777, 0o022):
        before = os.umask(umask)
        try:
            target = path.parent / str(umask) / "history.db"
            ran(target, [TextDelta(text="x")])
        finally:
            os.umask(before)
        modes = {item.name: stat.S_IMODE(item.stat().st_mode) for item in (target.parent, *target.parent.iterdir())}
        assert modes.pop(target.parent.name) == 0o700
        assert set(modes.values()) == {0o600}
        assert set(modes) >= {"history.db", "history.db-wal", "history.db-shm"}


def test_a_file_that_others_could_read_is_narrowed_and_told(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    path.chmod(0o644)
    records = ran(path, [TextDelta(text="x")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert any("others could read" in notice for notice in notices(records))


def test_nothing_is_kept_where_the_settings_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_HISTORY", "off")
    kx.diagnose(cluster=snapshot_of(BROKEN))
    kx.chat("why?", cluster=snapshot_of(BROKEN), provider="rules")
    monkeypatch.delenv("KUBEAGENTIX_HISTORY")
    kx.diagnose(cluster=snapshot_of(BROKEN), history=False)
    kx.chat("why?", cluster=snapshot_of(BROKEN), provider="rules", history=False)
    assert not (tmp_path / "state").exists()


def test_diagnoses_are_kept_in_the_state_folder(tmp_path: Path) -> None:
    dx = kx.diagnose(cluster=snapshot_of(BROKEN))
    assert dx.findings
    file = tmp_path / "state" / "kubeagentix" / "history.db"
    (payload,) = rows(file, "SELECT payload FROM diagnoses")[0]
    assert codec.loads(Diagnosis, payload).findings == dx.findings
    assert codec.loads(kx.Diagnosis, payload) == dx


def test_a_place_that_cannot_be_written_costs_one_notice_and_nothing_else(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    first = ran(blocker / "history.db", [TextDelta(text="an answer")])
    second = ran(blocker / "history.db", [TextDelta(text="an answer")])
    assert [event.event.text for event in first if isinstance(event.event, TextDelta)] == ["an answer"]
    assert len(notices(first)) == 1
    assert "not kept in the history: cannot use" in notices(first)[0]
    assert notices(second) == []


def test_without_a_home_folder_a_run_is_told_that_it_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "expanduser", lambda _: (_ for _ in ()).throw(RuntimeError("no home")))
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    history = keeping(Settings(), {}, kind="chat")
    assert history is not None
    told = [notice.message for notice in history.begin().notices()]  # type: ignore[call-arg]
    assert told == ["not kept in the history: no home folder is known; set XDG_STATE_HOME or history_file"]


@pytest.mark.parametrize("planted", PLANTED, ids=lambda text: text[:30].replace("\n", " "))
def test_no_planted_credential_is_in_the_bytes_of_the_files(path: Path, planted: str) -> None:
    secret = PLANTED[planted]
    said = [TextDelta(text=piece) for piece in (*planted, " and so on")]  # every piece is one character
    ran(path, [*said, call(planted)], [TextDelta(text="done")], question=f"what about this?\n{planted}\nsays who?")
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"history.db", "history.db-wal"}
    for file in files:
        content = file.read_bytes()
        assert secret.encode() not in content
        assert json.dumps(secret)[1:-1].encode() not in content
    assert b"MASKED-1" in b"".join(file.read_bytes() for file in files)


@pytest.mark.parametrize("part", range(6))
def test_nothing_of_the_whole_corpus_is_in_the_bytes_of_the_files(path: Path, part: int) -> None:
    planted = CORPUS[part::6]
    assert len(planted) >= 50
    for item in planted:
        pieces = [item.text[begin : begin + 7] for begin in range(0, len(item.text), 7)]
        said = [TextDelta(text=piece) for piece in (*pieces, "\n\nand so on ")]
        ran(path, [*said, call(item.text)], [TextDelta(text="done")], question=item.text)
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    leaked = [
        (item.kind, value)
        for item in planted
        for value in item.values
        if value.encode() in content or json.dumps(value)[1:-1].encode() in content
    ]
    assert leaked == []


@pytest.mark.parametrize("name", ["password", "db_password", "apiKey", "clientSecret", "TOKEN"])
def test_a_value_is_masked_by_the_name_it_is_set_to_in_arguments_and_data(path: Path, name: str) -> None:
    asked = ToolCallReady(call=ToolCall(id="t1", name="echo", arguments={"text": "x", name: "a b&c;d\"e'f"}))
    ran(path, [asked], [TextDelta(text="done")])
    found = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"a b&c" not in found
    assert b"e'f" not in found


def test_large_numbers_stay_numbers(path: Path) -> None:
    usage = Usage(input_tokens=5_000_000, output_tokens=200_000, cached_tokens=4_000_000)
    records = ran(path, [UsageReported(usage=usage), TextDelta(text="done")])
    ended = records[-1].event
    assert isinstance(ended, RunFinished)
    assert ended.usage.cached_tokens == 4_000_000
    assert stored(path)[-1] == ended


def test_an_event_that_cannot_be_stored_costs_no_other(path: Path) -> None:
    async def handler(_: Any, __: Any) -> ToolOutput:
        return ToolOutput(text="fine", data={"key": kx.Secret("hunter2-Zq7x")})

    spec = ToolSpec(name="echo", description="Says it.", parameters={"type": "object"})
    plugins = {"claude": scripted_plugin(ScriptedProvider([call("x")], [TextDelta(text="done")]))}
    history = keeping(Settings(history_file=str(path)), {}, kind="chat")
    tools = {"echo": ToolPlugin(spec=spec, handler=handler)}
    engine = Engine(snapshot_of(BROKEN), plugins=plugins, tools=tools, environ={}, history=history)
    asyncio.run(engine.run("why?", options=RunOptions()))
    codes = [event.code for event in stored(path) if isinstance(event, Notice)]
    assert "not_stored" in codes
    assert rows(path, "SELECT ending, answer FROM runs") == [("stop", "done")]
