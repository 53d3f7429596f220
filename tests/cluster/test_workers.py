from __future__ import annotations

import threading
import time

import pytest

from kubeagentix.cluster import workers
from kubeagentix.cluster.workers import Workers


def test_results_and_errors_reach_the_future() -> None:
    pool = Workers(2, name="test")
    assert pool.submit(lambda: 42).result(5) == 42
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(5)
    assert pool.submit(lambda: "still working").result(5) == "still working"


def test_a_future_cancelled_before_its_turn_is_not_started() -> None:
    pool, gate, ran = Workers(1, name="test"), threading.Event(), []
    first = pool.submit(gate.wait)
    second = pool.submit(lambda: ran.append("second"))
    assert second.cancel()
    gate.set()
    first.result(5)
    pool.submit(lambda: None).result(5)
    assert ran == []


def test_one_thread_serves_jobs_that_come_one_after_another() -> None:
    pool = Workers(8, name="test")
    names = set()
    for _ in range(5):
        names.add(pool.submit(threading.get_ident).result(5))
        while pool._idle == 0:  # the thread goes back to waiting a moment after its future is done
            time.sleep(0.001)
    assert len(names) == 1


def test_idle_threads_end_and_new_work_starts_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_S", 0.05)
    pool = Workers(2, name="short-lived")
    pool.submit(lambda: None).result(5)
    for thread in threading.enumerate():
        if thread.name == "short-lived":
            thread.join(5)
    assert not [thread for thread in threading.enumerate() if thread.name == "short-lived"]
    assert pool.submit(lambda: "again").result(5) == "again"


def test_a_job_that_comes_first_goes_before_those_that_wait() -> None:
    pool, gate, order = Workers(1, name="test"), threading.Event(), []
    pool.submit(gate.wait)
    pool.submit(lambda: order.append("request"))
    last = pool.submit(lambda: order.append("another"))
    pool.submit(lambda: order.append("what has come in"), comes_first=True)
    gate.set()
    last.result(5)
    assert order == ["what has come in", "request", "another"]
