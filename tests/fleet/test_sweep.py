"""Sweeps over real demo clusters: each is told once, whatever happens to workers, clusters and those who wait."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import yaml

import kubeagentix as kx
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.fleet import sweep
from kubeagentix.fleet.asking import ClusterReported, FleetEvent
from kubeagentix.fleet.local import LocalPool
from kubeagentix.fleet.report import ClusterReport
from kubeagentix.fleet.task import Task
from tests.fleet.conftest import Clusters

ALL = ["asia", "europe", "lab", "us"]


def opened(report: ClusterReport) -> bytes:
    """All that a result says, also what it holds compressed."""
    return pickle.dumps(report) + (zlib.decompress(report.packed) if report.packed else b"")


class Recorder(Executor):
    """Another executor, whose tasks and results are looked at on their way, as pickles."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner
        self.tasks: list[bytes] = []
        self.results: list[bytes] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future = self.inner.submit(function, *arguments, **named)
        if not arguments:  # whether it still takes work
            return future
        self.tasks.append(pickle.dumps((function, arguments)))
        future.add_done_callback(lambda done: self.results.append(opened(done.result())))
        return future


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_many_clusters_are_one_answer(clusters: Clusters, executor: str) -> None:
    told: list[str] = []

    def hear(event: FleetEvent) -> None:
        if isinstance(event, ClusterReported):
            told.append(event.report.name)
            assert len(event.so_far().reports) == event.done == len(told)

    found = kx.fleet(kubeconfig_dir=clusters.folder, executor=executor, listen=hear)
    assert sorted(told) == [report.name for report in found.reports] == ALL
    (incident,) = found.incidents
    assert (incident.reason, incident.spread) == ("ImagePullBackOff/TagNotFound", "3 of 4 clusters")
    frame = found.frame()
    assert set(frame.index.get_level_values("cluster")) >= {"asia", "europe", "us"}
    assert frame.loc[["asia"]].droplevel("cluster").equals(found["asia"].frame())
    assert found.is_complete
    assert not found.is_healthy
    with pytest.raises(NotFoundError, match="no cluster of the fleet is called 'asai'; did you mean asia"):
        found["asai"]


def test_a_task_and_a_result_carry_no_credential_of_another_cluster(clusters: Clusters) -> None:
    with ThreadPoolExecutor(2) as pool:
        recorder = Recorder(pool)
        kx.fleet(kubeconfig_dir=clusters.folder, executor=recorder)
    tokens = {name: clusters.token(name).encode() for name in ALL}
    held = [[name for name, token in tokens.items() if token in data] for data in recorder.tasks]
    assert sorted(held) == [[name] for name in ALL]
    assert max(map(len, recorder.tasks)) < 10_000
    assert len(recorder.results) == len(ALL)
    assert not any(token in data for token in tokens.values() for data in recorder.results)


def test_an_unreachable_cluster_is_a_gap_with_why(clusters: Clusters, tmp_path: Path) -> None:
    path = clusters.merged(tmp_path / "config")
    document = yaml.safe_load(path.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    document["users"][1]["user"]["token"] = "dummy-and-not-known"
    path.write_text(yaml.safe_dump(document))
    found = kx.fleet(all_contexts=True, kubeconfig=path)
    assert [report.name for report in found.unread] == ["asia", "europe"]
    assert "connection refused" in found.unread[0].why
    assert "401 Unauthorized" in found.unread[1].why
    assert "asia" not in found.frame().index.get_level_values("cluster")
    assert "asia: cannot reach its server: connection refused" in found.to_text()
    with pytest.raises(NotFoundError, match="there is no diagnosis of asia: cannot reach"):
        found["asia"]


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Does it beside the block; what it raises is raised at the end."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    if failed:
        raise failed[0]


WAIT_S = 60


def test_a_worker_that_is_killed_costs_nothing_and_each_cluster_is_told_once(clusters: Clusters) -> None:
    held, told = clusters.hold("asia"), []
    pool = LocalPool(1)

    def kill() -> None:
        assert held.asked.wait(WAIT_S)
        clusters.release()
        os.kill(pool.process_ids[0], signal.SIGKILL)

    def hear(event: FleetEvent) -> None:
        if isinstance(event, ClusterReported):
            told.append(event.report.name)

    with pool, meanwhile(kill):
        found = kx.fleet(kubeconfig_dir=clusters.folder, executor=pool, listen=hear)
    assert sorted(told) == ALL
    assert {report.name: report.attempts for report in found.reports} == {"asia": 2, "europe": 1, "lab": 1, "us": 1}
    assert found.unread == ()


class Dying(LocalPool):
    """A pool in which the work on one cluster kills its process each time."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        if isinstance(arguments[0], Task) and arguments[0].name == "europe":
            return super().submit(os._exit, 3)
        return super().submit(function, *arguments)


def test_work_that_is_lost_each_time_is_given_up_and_costs_no_other(clusters: Clusters) -> None:
    with Dying(2) as pool:
        found = kx.fleet(kubeconfig_dir=clusters.folder, executor=pool)
    (lost,) = found.unread
    why = "it was begun 3 times and lost each time: its worker ended with exit code 3"
    assert (lost.name, lost.why, lost.attempts) == ("europe", why, 3)


def test_a_broken_executor_is_replaced_and_that_is_told(clusters: Clusters) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(Exception, match="terminated abruptly"):
            pool.submit(os._exit, 3).result()
        found = kx.fleet(kubeconfig_dir=clusters.folder, executor=pool)
    assert found.unread == ()
    (notice,) = found.notices
    assert (
        notice.startswith("the executor is broken (A child process terminated abruptly")
        or "BrokenProcessPool" in notice
    )
    assert notice.endswith("what is left is done by processes of this machine")


class Silent(Executor):
    """One that takes tasks and never answers; more tasks than `room` are refused."""

    def __init__(self, room: int = 100) -> None:
        self.taken: list[Future[Any]] = []
        self.room = room

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        if len(self.taken) == self.room:
            raise ConnectionError("nobody is there")
        self.taken.append(Future())
        return self.taken[-1]


def test_what_an_executor_has_that_is_gone_is_begun_again(clusters: Clusters) -> None:
    gone = Silent(room=2)
    found = kx.fleet(kubeconfig_dir=clusters.folder, executor=gone)
    assert len(gone.taken) == 2
    assert found.unread == ()
    assert [report.attempts for report in found.reports] == [1, 1, 1, 1]
    (notice,) = found.notices
    assert notice.startswith("the executor is broken (ConnectionError: nobody is there): what is left is done by")


def test_an_executor_that_never_answers_is_given_up(clusters: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "SILENCE_S", -19)
    silent = Silent()
    found = kx.fleet("lab", kubeconfig_dir=clusters.folder, executor=silent, deadline_s=20)
    assert len(silent.taken) == 1
    assert found.unread == ()
    assert found.notices[0].startswith("the executor is broken (it was silent for 1 s): what is left is done by")


def test_what_is_left_when_time_is_up_is_a_gap(clusters: Clusters) -> None:
    clusters.hold("lab")
    found = kx.fleet(kubeconfig_dir=clusters.folder, executor="threads", workers=4, total_deadline_s=2)
    late = [(report.name, report.why) for report in found.unread]
    assert ("lab", "there was no answer within 2 s for all") in late
    assert not found.is_complete
    assert sorted(report.name for report in found.reports) == ALL


def test_what_could_not_be_read_of_a_cluster_is_a_gap_of_that_cluster(clusters: Clusters) -> None:
    clusters.demos["lab"].faults.fail("GET /api/v1/events", 403)
    found = kx.fleet("lab,us", kubeconfig_dir=clusters.folder, executor="threads")
    assert {report.name: {gap.kind for gap in report.gaps} for report in found.reports} == {
        "lab": {"Event"},
        "us": set(),
    }
    assert "403 Forbidden" in found.to_text()
    assert "(in lab)" in found.to_text()


def test_a_cluster_that_never_answers_costs_its_deadline_and_no_more(clusters: Clusters) -> None:
    clusters.hold("lab")
    (lab,) = kx.fleet("lab", kubeconfig_dir=clusters.folder, executor="threads", deadline_s=2).reports
    assert "no answer within 2 s" in lab.why


def test_a_connection_that_breaks_is_tried_again(clusters: Clusters) -> None:
    clusters.demos["lab"].faults.fail("", 0, count=8)
    found = kx.fleet("lab", kubeconfig_dir=clusters.folder, executor="threads")
    assert found.unread == ()


def test_ctrl_c_keeps_what_is_there(clusters: Clusters) -> None:
    held, others = clusters.hold("lab"), threading.Event()

    def interrupt() -> None:
        assert held.asked.wait(WAIT_S)
        assert others.wait(WAIT_S)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def hear(event: FleetEvent) -> None:
        if isinstance(event, ClusterReported) and event.done == 3:
            others.set()

    with meanwhile(interrupt):
        found = kx.fleet(kubeconfig_dir=clusters.folder, executor="processes", workers=2, listen=hear)
    assert [(report.name, report.code) for report in found.unread] == [("lab", "interrupted")]
    assert not found.is_complete
    assert found.incidents[0].spread == "3 of 3 clusters"


def test_a_cancelled_one_raises_and_its_last_event_has_what_is_there(clusters: Clusters) -> None:
    clusters.hold("lab")
    last: list[ClusterReported] = []

    async def cancelled() -> None:
        others, loop = asyncio.Event(), asyncio.get_running_loop()

        def hear(event: FleetEvent) -> None:
            if isinstance(event, ClusterReported):
                last.append(event)
                if event.done == 3:
                    loop.call_soon_threadsafe(others.set)

        running = asyncio.create_task(
            kx.afleet(kubeconfig_dir=clusters.folder, executor="processes", workers=2, listen=hear)
        )
        await others.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    so_far = last[-1].so_far()
    assert [report.name for report in so_far.reports] == ["asia", "europe", "us"]
    assert not so_far.is_complete


CALL = "import kubeagentix as kx; print(kx.fleet('us', kubeconfig_dir={folder!r}, executor='processes'))"


@pytest.mark.parametrize("way", ["argument", "input", "script"])
def test_it_works_from_a_script_without_a_guard_and_from_none(clusters: Clusters, tmp_path: Path, way: str) -> None:
    code = CALL.format(folder=str(clusters.folder))
    script = tmp_path / "script.py"
    script.write_text(code)
    words = {"argument": ["-c", code], "input": ["-"], "script": [str(script)]}[way]
    done = subprocess.run(
        [sys.executable, *words], input=code, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "<FleetDiagnosis of 1 cluster: 1 incident in 1 of them>\n"
    assert done.stderr == ""


def test_analyzers_of_the_session_run_at_home_or_are_told_of(clusters: Clusters) -> None:
    def always(snapshot: kx.Snapshot) -> Any:
        pod = snapshot.objects["Pod"][0]
        yield kx.finding(snapshot.ref(pod), "AlwaysThere", "it is there", severity="warning")

    always.__module__ = "__main__"
    kx.analyzer(always)
    try:
        here = kx.fleet("lab", kubeconfig_dir=clusters.folder)
        away = kx.fleet("lab", kubeconfig_dir=clusters.folder, executor="processes")
    finally:
        kx.analyzers.remove("always")
    assert "AlwaysThere" in set(here.frame()["reason"])
    assert away.notices == (
        "analyzers of this session do not run on workers: always (executor='threads' runs them)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"executor": "dask"}, "executor= takes no str; an Executor, a Dask client, 'threads' or 'processes'"),
        ({"workers": 0}, "workers= is 0; it must be a number above 0"),
        ({"workers": True}, "workers= is True"),
        ({"deadline_s": -1}, "deadline_s= is -1"),
        ({"deadline_s": 1e300}, "deadline_s= is 1e.300; .* a week at most"),
        ({"total_deadline_s": "soon"}, "total_deadline_s= is 'soon'"),
        ({"namespace": ""}, "the namespace is empty"),
        ({"namespace": 5}, "namespace= is a text"),
        ({"ignore": ["X"], "include_ignored": True}, "exclude each other"),
    ],
)
def test_what_cannot_be_meant_is_said(clusters: Clusters, words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kx.fleet(kubeconfig_dir=clusters.folder, **words)


def test_a_cluster_without_the_namespace_is_neither_broken_nor_unread(clusters: Clusters) -> None:
    found = kx.fleet("asia,lab", kubeconfig_dir=clusters.folder, namespace="batch", executor="threads")
    assert ([item.name for item in found.absent], found.unread) == (["asia"], ())
    assert found.is_healthy
    text = found.to_text()
    assert text.startswith("2 clusters: nothing wrong was seen, 1 without the namespace\n")
    assert "asia: there is no namespace 'batch'\n" in text
    nowhere = kx.fleet("asia,lab", kubeconfig_dir=clusters.folder, namespace="nowhere", executor="threads")
    assert not nowhere.is_healthy
    assert nowhere.to_text().startswith("2 clusters: nothing was read, 2 without the namespace\n")
