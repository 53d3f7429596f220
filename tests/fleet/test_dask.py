"""A fleet's work on real Dask clusters: one that this process starts, and one whose workers are on their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster

import kubeagentix as kx
from kubeagentix.cli.app import main
from kubeagentix.fleet.asking import ClusterReported, FleetEvent
from tests.fleet.conftest import Clusters
from tests.fleet.test_sweep import ALL, WAIT_S, Recorder, meanwhile

ROOT = Path(__file__).parents[2]


def test_a_local_cluster_does_the_work(clusters: Clusters) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as engine,
        Client(engine) as client,
    ):
        recorder = Recorder(client.get_executor())
        found = kx.fleet(kubeconfig_dir=clusters.folder, executor=recorder)
        again = kx.fleet(kubeconfig_dir=clusters.folder, executor=recorder)
    assert [report.name for report in found.reports if report.is_read] == ALL
    assert found.incidents[0].spread == "3 of 4 clusters"
    assert str(os.getpid()) not in {report.worker.rpartition(":")[2] for report in found.reports}
    tokens = {name: clusters.token(name).encode() for name in ALL}
    for name, data in recorder.tasks.items():
        assert [other for other, token in tokens.items() if token in data] == [name]
    assert not any(token in data for token in tokens.values() for data in recorder.results)
    finished = [item["asia"].started_at for item in (found, again)]
    assert finished[0] < finished[1], "what was found before is not found again, but asked again"


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its two workers, each in a process that nobody starts again."""
    file = tmp_path / "scheduler.json"
    words = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    with ExitStack() as stack:

        def started(program: str, *more: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *words, *more],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        started("dask_scheduler", "--port", "0")
        workers = [started("dask_worker", "--no-nanny", "--nthreads", "1") for _ in range(2)]
        with Client(scheduler_file=str(file), timeout=WAIT_S) as client:
            client.wait_for_workers(2, timeout=WAIT_S)
            address = client.scheduler.address
        yield address, workers


def test_a_worker_elsewhere_is_killed_and_its_work_is_done_by_another(
    clusters: Clusters, scheduler: tuple[str, list[subprocess.Popen[bytes]]], capsys: pytest.CaptureFixture[str]
) -> None:
    address, workers = scheduler
    held, told = clusters.hold("asia"), list[str]()

    def kill() -> None:
        assert held.asked.wait(WAIT_S)
        (doomed,) = [item for item in workers if held.port in _ports(item)]
        clusters.release()
        os.kill(doomed.pid, signal.SIGKILL)

    def hear(event: FleetEvent) -> None:
        if isinstance(event, ClusterReported):
            told.append(event.report.name)

    with Client(address) as client, meanwhile(kill):
        found = kx.fleet(kubeconfig_dir=clusters.folder, executor=client.get_executor(), listen=hear)
    assert sorted(told) == ALL
    assert found.unread == ()
    assert found.incidents[0].spread == "3 of 4 clusters"
    assert [worker.poll() for worker in workers].count(-signal.SIGKILL) == 1
    survivor = next(str(worker.pid) for worker in workers if worker.poll() is None)
    (asia,) = [report for report in found.reports if report.name == "asia"]
    assert asia.worker.rpartition(":")[2] == survivor
    assert main(["fleet", "--dask", address, "--kubeconfig-dir", str(clusters.folder), "--contexts", "asia,lab"]) == 0
    assert "2 clusters: 1 incident in 1 of them" in capsys.readouterr().out


def _ports(process: subprocess.Popen[bytes]) -> set[int]:
    return {connection.laddr.port for connection in psutil.Process(process.pid).net_connections()}


def test_no_scheduler_is_one_line(clusters: Clusters, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--kubeconfig-dir", str(clusters.folder), "--dask", "no address"]) == 2
    assert capsys.readouterr().err.startswith("error: no Dask scheduler answers at no address; it should look like")
