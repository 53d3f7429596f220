"""What goes wrong with the file costs no run anything: a full disk, a damaged file, others who write to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kubeagentix.domain.events import RunFinished, TextDelta
from kubeagentix.engine.conversation import Conversation
from kubeagentix.history import opening
from kubeagentix.history.opening import open_file
from kubeagentix.history.reading import Reader
from kubeagentix.history.writer import IDLE_S, flush_all, writer_of
from tests.history.runs import call, notices, ran, rows

ROOT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT)}


def answered(path: Path) -> list[str]:
    """Runs once, whatever the history does; what was told of it."""
    records = ran(path, [TextDelta(text="let me look"), call("a")], [TextDelta(text="an answer")])
    ended = records[-1].event
    assert isinstance(ended, RunFinished)
    assert (ended.reason, ended.text) == ("stop", "let me lookan answer")
    assert [record.seq for record in records] == list(range(len(records)))
    return notices(records)


# A process of its own, as the limit holds for all files; SQLite sees EFBIG, after SIGXFSZ is ignored as Python does.
LIMITED = """
import resource, sys
from pathlib import Path
from tests.history.test_faults import answered
from tests.history.runs import ran
from kubeagentix.domain.events import TextDelta
path = Path(sys.argv[1])
assert answered(path) == []
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
told = [answered(path) for _ in range(30)]
print(sum(map(len, told)), [line for lines in told for line in lines][:1])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert answered(path) == []
"""


@pytest.mark.parametrize("limit", [40_000, 120_000, 300_000])
def test_a_file_that_cannot_grow_costs_one_notice_and_no_run(limit: int, path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(limit)],
        capture_output=True, text=True, cwd=ROOT, env=ENVIRON, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    count, words = ended.stdout.split(" ", 1)
    assert int(count) == 1
    assert "not kept in the history: cannot" in words
    with closing(open_file(path).connection) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        states = [entry.state for entry in Reader(file).entries(100)]
    assert states.count("finished") >= 2  # the one before the disk was full, and the one after


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a quarter of a megabyte, where the tests may mount one; else a file that may not get larger."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a file system here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_costs_one_notice_and_no_run(tiny_disk: Path) -> None:
    path = tiny_disk / "history.db"
    told = [answered(path) for _ in range(40)]
    assert sum(map(len, told)) == 1
    assert "full" in next(lines[0] for lines in told if lines)
    flush_all()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA quick_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says\n" * 200, b"SQLite format 3\x00" + b"\xff" * 8000]
)
def test_a_damaged_file_is_put_aside_told_and_nothing_of_it_lost(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(content)
    told = answered(path)
    assert len(told) == 1
    assert "was damaged: it is put aside as" in told[0]
    (aside,) = path.parent.glob("history.db.damaged-*")
    assert str(aside) in told[0]
    assert aside.read_bytes() == content
    assert rows(path, "SELECT ending FROM runs") == [("stop",)]
    assert answered(path) == []


def test_a_file_that_is_damaged_within_is_put_aside_in_mid_run(path: Path) -> None:
    for _ in range(8):
        answered(path)
    flush_all()
    time.sleep(IDLE_S + 1)  # then the file is closed, and all is in it
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xaa" * 200
    path.write_bytes(content)
    told = answered(path)
    assert len(told) == 1
    assert "put aside as" in told[0]
    assert rows(path, "SELECT ending FROM runs") == [("stop",)]
    kinds = [row[0] for row in rows(path, "SELECT kind FROM events ORDER BY seq")]
    assert (kinds[0], kinds[-1]) == ("run_started", "run_finished")


def test_a_file_that_is_taken_away_is_made_again(path: Path) -> None:
    conversation = Conversation()
    ran(path, [TextDelta(text="one")], conversation=conversation)
    shutil.rmtree(path.parent)
    ran(path, [TextDelta(text="two")], conversation=conversation)
    assert rows(path, "SELECT answer FROM runs") == [("two",)]
    assert len(rows(path, "SELECT * FROM messages")) == 4  # the conversation is whole all the same


def test_a_file_system_without_shared_memory_is_written_to_without_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_shared_memory(path: Path) -> sqlite3.Connection:
        uri = f"file:{path}?vfs=unix-dotfile"
        return sqlite3.connect(uri, uri=True, timeout=1, isolation_level=None, check_same_thread=False)

    monkeypatch.setattr(opening, "connected", without_shared_memory)
    told = answered(path)
    assert len(told) == 1
    assert "has no shared memory" in told[0]
    assert rows(path, "SELECT ending FROM runs") == [("stop",)]
    assert not path.with_name("history.db-wal").exists()


MANY = """
import sys
from pathlib import Path
from tests.history.test_faults import answered
told = [line for _ in range(int(sys.argv[2])) for line in answered(Path(sys.argv[1]))]
print(told)
"""


def test_several_processes_write_at_once_and_none_is_told_of_the_others(path: Path) -> None:
    count, each = 5, 8
    writing = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, str(path), str(each)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=ENVIRON
        )
        for _ in range(count)
    ]
    assert [process.communicate(timeout=200)[0].strip() for process in writing] == ["[]"] * count
    assert rows(path, "SELECT count(*), ending FROM runs GROUP BY ending") == [(count * each, "stop")]
    with closing(open_file(path).connection) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_who_holds_the_file_for_a_while_is_waited_for(path: Path) -> None:
    answered(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    releasing = threading.Timer(1.0, lambda: other.execute("COMMIT"))
    releasing.start()
    assert answered(path) == []
    releasing.join()
    other.close()
    flush_all()
    assert rows(path, "SELECT count(*) FROM runs") == [(2,)]


def test_who_holds_the_file_for_good_holds_up_no_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        answered(path)
        assert time.monotonic() - began < 8  # the end waits a little for it, twice
        other.execute("ROLLBACK")
    flush_all()
    writer_of(path).flush(15)
    assert rows(path, "SELECT count(*) FROM runs") == [(2,)]


def test_the_thread_and_the_connection_end_when_there_is_nothing_to_do(path: Path) -> None:
    answered(path)
    assert path.with_name("history.db-wal").exists()
    until = time.monotonic() + IDLE_S + 10
    while any(thread.name == "kubeagentix-history" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [item.name for item in path.parent.iterdir()] == ["history.db"]
    answered(path)
    assert rows(path, "SELECT count(*) FROM runs") == [(2,)]


FORKING = """
import os, sys
from pathlib import Path
from tests.history.test_faults import answered
path = Path(sys.argv[1])
answered(path)
child = os.fork()
answered(path)
if child:
    assert os.waitpid(child, 0)[1] == 0
    answered(path)
else:
    from kubeagentix.history.writer import flush_all
    flush_all()
    os._exit(0)
"""


def test_a_forked_process_writes_through_a_connection_of_its_own(path: Path) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING, str(path)], cwd=ROOT, env=ENVIRON, check=True)
    assert rows(path, "SELECT count(*), ending FROM runs GROUP BY ending") == [(4, "stop")]
