"""Kills a process at every system call it makes while it writes, one after the other, and looks at what is left.

    python -m tests.history.killing NAME FOLDER

Run as a program of its own: it forks, which a process with threads should not. The child is traced (ptrace), stopped
at each entry to the kernel, and killed with SIGKILL at the first stop, at the second in the next round, and so on until
it comes to its end. What it has acknowledged by then (a byte in a file) must be there afterwards. The
last line printed is a JSON object of what was counted.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from kubeagentix.history.opening import open_file
from kubeagentix.history.owners import is_alive, this_process
from kubeagentix.history.pruning import Limits, prune
from kubeagentix.history.schema import VERSION
from kubeagentix.history.searching import index, search
from kubeagentix.history.store import Begun, EventRow, Store, transaction
from tests.history.versions import HELD, PASSAGES_OF_FIRST, make_version

TRACE_ME, SYSCALL = 0, 24  # of ptrace(2)
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long

Acknowledge = Callable[[], object]
Work = Callable[[Path, Acknowledge], None]
BATCHES = 2


@dataclass(frozen=True)
class Scenario:
    """`prepare` makes the file (or none); `work` writes and acknowledges; `check` says what is wrong afterwards."""

    prepare: Callable[[Path], None]
    work: Work
    check: Callable[[Path, int], str]


def killed_at(stop: int, work: Work, path: Path, acks: Path) -> bool:
    """Runs `work` in a child and kills it at its `stop`-th stop; whether it was killed before it was through."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            handle = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            libc.ptrace(TRACE_ME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
            work(path, lambda: os.write(handle, b"."))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSTOPPED(status), "ptrace is not permitted here"
    for _ in range(2 * stop - 1):  # the others are exits: whoever is killed there leaves what the next entry finds
        libc.ptrace(SYSCALL, child, None, None)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            assert os.WIFEXITED(status), status
            assert os.WEXITSTATUS(status) == 0, "the child failed"
            return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def at_every_stop(scenario: Scenario, folder: Path) -> dict[str, int]:
    """Kills at every stop, and checks each time."""
    stop, survived, most = 0, 0, 0
    while True:
        stop += 1
        room = folder / str(stop)
        room.mkdir()
        path, acks = room / "history.db", room / "acks"
        scenario.prepare(path)
        was_killed = killed_at(stop, scenario.work, path, acks)
        acknowledged = acks.stat().st_size if acks.exists() else 0
        wrong = broken(path) or scenario.check(path, acknowledged)
        if wrong:
            raise AssertionError(f"killed at stop {stop} with {acknowledged} acknowledged: {wrong}")
        survived += 1
        most = max(most, acknowledged)
        shutil.rmtree(room)
        if not was_killed:
            return {"kills": stop - 1, "acknowledged": most}


def broken(path: Path) -> str:
    """What SQLite itself finds wrong with the file, once it is opened again as any process would."""
    opened = open_file(path)
    with closing(opened.connection) as file:
        found = file.execute("PRAGMA integrity_check").fetchall()
        foreign = file.execute("PRAGMA foreign_key_check").fetchall()
    said = [notice for notice in opened.notices if "no shared memory" not in notice]
    return "" if found == [("ok",)] and not foreign and not said else f"{found} {foreign} {said}"


def begun(number: int) -> Begun:
    name = f"run-{number}"
    return Begun(
        run_id=name,
        conversation_id="c-1",
        kind="chat",
        question=f"question {number}",
        target="",
        cluster="test",
        fence="",
        owner=this_process(),
        at=time.time(),
    )


def event(run: Begun, seq: int) -> EventRow:
    return EventRow(run_id=run.run_id, seq=seq, last_seq=seq, at=run.at, kind="text_delta", payload="x" * 2000)


def write_runs(path: Path, acknowledge: Acknowledge) -> None:
    """Some runs, each with events, messages and an end in a transaction of its own."""
    connection = open_file(path).connection
    store = Store(connection)
    for number in range(BATCHES):
        run = begun(number)
        with transaction(connection):
            store.begin(run)
            store.start(run.run_id, provider="claude", model="m")
        acknowledge()
        with transaction(connection):
            store.add_events([event(run, seq) for seq in range(3)])
            store.put_messages("c-1", run.run_id, 0, ["{}"] * 2 * (number + 1), list)
        acknowledge()
        with transaction(connection):
            store.end(run.run_id, ending="stop", provider="claude", model="m", answer="a", at=run.at)
        acknowledge()
    connection.close()


def check_runs(path: Path, acknowledged: int) -> str:
    """Every acknowledged step is there whole, a further one whole or not at all; what is not over is nobody's."""
    with closing(open_file(path).connection) as file:
        runs = file.execute("SELECT id, ending, owner, started_at FROM runs ORDER BY started_at").fetchall()
        events = dict(file.execute("SELECT run_id, count(*) FROM events GROUP BY run_id").fetchall())
        messages = file.execute("SELECT count(*) FROM messages").fetchone()[0]
    steps = sum(1 + bool(events.get(run[0])) + bool(run[1]) for run in runs)
    if steps < acknowledged or steps > acknowledged + 1:
        return f"{steps} steps are there"
    if any(count != 3 for count in events.values()) or messages != 2 * len(events):
        return f"half of a step is there: {events}, {messages} messages"
    alive = [run[0] for run in runs if not run[1] and is_alive(run[2], run[3])]
    return f"{alive} count as running" if alive else ""


def copy_of_the_first_version(path: Path) -> None:
    make_version(path, 1)


def migrate_file(path: Path, acknowledge: Acknowledge) -> None:
    open_file(path).connection.close()
    acknowledge()


def check_migrated(path: Path, _: int) -> str:
    """All that the old file held is there, and can be found by its words."""
    with closing(open_file(path).connection) as file:
        version = file.execute("PRAGMA user_version").fetchone()[0]
        counts = [file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in HELD]
        passages = file.execute("SELECT count(*) FROM passages").fetchone()[0]
    is_right = version == VERSION and counts == list(HELD.values()) and passages == PASSAGES_OF_FIRST
    return "" if is_right else f"version {version}, {counts}, {passages} passages"


def prepare_runs(path: Path) -> None:
    write_runs(path, lambda: None)
    with closing(open_file(path).connection) as file:
        index(file)
        file.execute("UPDATE conversations SET updated_at = 1")
        store = Store(file)
        with transaction(file):
            store.begin(replace(begun(9), conversation_id="c-2", question="stays"))
            store.end("run-9", ending="stop", provider="p", model="m", answer="a", at=time.time())


def prune_file(path: Path, acknowledge: Acknowledge) -> None:
    with closing(open_file(path).connection) as file:
        prune(file, Limits(days=1))
    acknowledge()


def check_pruned(path: Path, acknowledged: int) -> str:
    """What is young is there; what is old is there whole, or gone whole; pruning again goes well."""
    with closing(open_file(path).connection) as file:
        runs = [row[0] for row in file.execute("SELECT id FROM runs ORDER BY id")]
        if runs not in (["run-9"], ["run-0", "run-1", "run-9"]) or (acknowledged and len(runs) > 1):
            return f"{runs} are there"
        prune(file, Limits(days=1))
        found = search(file, "stays", 5)
        gone = search(file, "question", 5)
    return "" if list(found) == ["c-2"] and not gone else f"found {found} and {gone}"


SCENARIOS = {
    "runs": Scenario(prepare=lambda _: None, work=write_runs, check=check_runs),
    "migrate": Scenario(prepare=copy_of_the_first_version, work=migrate_file, check=check_migrated),
    "prune": Scenario(prepare=prepare_runs, work=prune_file, check=check_pruned),
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(at_every_stop(SCENARIOS[sys.argv[1]], Path(sys.argv[2]))))
