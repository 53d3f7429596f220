"""The pool of this machine's processes: who dies or hangs costs one call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeagentix.fleet.local import LocalPool, WorkerHungError, WorkerLostError


@pytest.fixture
def pool() -> Iterator[LocalPool]:
    with LocalPool(1) as made:
        yield made


def test_calls_are_answered_by_other_processes(pool: LocalPool) -> None:
    assert pool.submit(int, "7").result() == 7
    assert pool.submit(os.getpid).result() == pool.process_ids[0] != os.getpid()


def test_what_a_call_raises_is_raised(pool: LocalPool) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        pool.submit(int, "x").result()


def test_a_process_that_is_killed_costs_its_call_and_is_replaced(pool: LocalPool) -> None:
    first = pool.submit(os.getpid).result()
    held = pool.submit(time.sleep, 600)
    while not held.running():
        time.sleep(0.01)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="its worker was killed by signal 9"):
        held.result()
    assert pool.submit(os.getpid).result() != first


def test_a_process_that_ends_says_what_it_said_last(pool: LocalPool) -> None:
    with pytest.raises(WorkerLostError, match=r"ended with exit code 3$"):
        pool.submit(os._exit, 3).result()
    with pytest.raises(WorkerLostError, match=r"ended with exit code 1: .*cannot pickle"):
        pool.submit(os.scandir, ".").result()


def test_what_takes_too_long_is_ended() -> None:
    with LocalPool(1, limit_s=0.2) as pool, pytest.raises(WorkerHungError, match=r"no result within 0\.2 s"):
        pool.submit(time.sleep, 600).result()


def test_a_shutdown_ends_what_is_at_work() -> None:
    pool = LocalPool(2)
    calls = [pool.submit(time.sleep, 600) for _ in range(4)]
    while len(pool.process_ids) < 2:
        time.sleep(0.01)
    pool.shutdown(cancel_futures=True)
    assert all(call.done() for call in calls)
    assert pool.process_ids == ()
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(int)


def test_what_else_a_notebook_has_put_in_the_path_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, Path("lib")])
    with LocalPool(1) as pool:
        assert pool.submit(int, "7").result() == 7


def test_what_is_printed_is_in_nobodys_way(pool: LocalPool) -> None:
    assert pool.submit(print, "hello").result() is None
    assert pool.submit(int, "7").result() == 7


def test_a_worker_has_no_key_of_a_models_provider(pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    assert pool.submit(os.getenv, "OPENAI_API_KEY").result() is None
    assert pool.submit(os.getenv, "HTTPS_PROXY").result() == "http://proxy.example"


def test_workers_end_with_the_process_that_started_them() -> None:
    code = (
        "import os; from kubeagentix.fleet.local import LocalPool; pool = LocalPool(1);"
        "print(pool.submit(os.getpid).result(), flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    worker = int(done.stdout)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _is_there(worker):
        time.sleep(0.02)
    assert not _is_there(worker)


def _is_there(process_id: int) -> bool:
    try:
        told = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] != "Z"  # one that has ended, and nobody waits for, is gone
