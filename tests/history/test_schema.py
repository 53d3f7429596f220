"""Files of every earlier version are brought to today's with all they hold; newer and foreign ones are left alone."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

import kubeagentix as kx
from kubeagentix.domain.events import TextDelta
from kubeagentix.errors import HistoryError
from kubeagentix.history.opening import open_file
from kubeagentix.history.reading import Reader
from kubeagentix.history.schema import APPLICATION_ID, VERSION
from kubeagentix.history.searching import search
from tests.history.runs import notices, ran, rows
from tests.history.versions import HELD, STORED, make_version

OLDER = range(1, VERSION)


def test_there_is_a_stored_file_of_every_earlier_version() -> None:
    assert sorted(file.name for file in STORED.iterdir()) == [f"v{version}.sql" for version in OLDER]


@pytest.mark.parametrize("version", OLDER)
def test_an_older_file_is_read_with_all_that_it_holds(version: int, path: Path) -> None:
    make_version(path, version)
    with closing(open_file(path).connection) as file:
        assert {name: file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in HELD} == HELD
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        reader = Reader(file)
        chat = next(entry for entry in reader.entries(10) if entry.what == "chat")
        stored = reader.conversation(chat.id)
        assert [run.question for run in stored.runs] == ["and now?", "why is web failing?", "since when?"]
        assert stored.runs[1].answer == "let me lookIt is evicted."
        assert [run.state for run in stored.runs] == ["interrupted", "finished", "finished"]
        assert len(reader.dialogue(chat.id).messages) == 6
        diagnosis = reader.diagnosis(reader.ids("diagnosis")[0], kx.Diagnosis)
        assert diagnosis.hypotheses[0].root.name == "web"
        assert set(search(file, "evicted", 10)) == {chat.id, diagnosis.id}


@pytest.mark.parametrize("version", OLDER)
def test_an_older_file_is_gone_on_with(version: int, path: Path) -> None:
    make_version(path, version)
    assert notices(ran(path, [TextDelta(text="new")])) == []
    assert rows(path, "SELECT count(*) FROM runs") == [(HELD["runs"] + 1,)]
    assert rows(path, "PRAGMA user_version") == [(VERSION,)]


def test_several_who_open_an_older_file_at_once_migrate_it_once(path: Path) -> None:
    make_version(path, 1)
    failed: list[Exception] = []

    def opening() -> None:
        try:
            open_file(path).connection.close()
        except HistoryError as error:
            failed.append(error)

    threads = [threading.Thread(target=opening) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert rows(path, "SELECT count(*) FROM passages") == [(6,)]


def test_a_newer_file_is_refused_in_one_line_and_not_touched(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE of_next_year (x)")
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="written by a newer version of this program") as refused:
        open_file(path)
    assert "\n" not in str(refused.value)
    told = notices(ran(path, [TextDelta(text="an answer")]))
    assert len(told) == 1
    assert "newer version" in told[0]
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["history.db"]


def test_a_file_of_another_program_is_not_touched(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE bookmarks (url)")
    before = path.read_bytes()
    told = notices(ran(path, [TextDelta(text="an answer")]))
    assert len(told) == 1
    assert "is no history of this program" in told[0]
    assert path.read_bytes() == before
