"""A fleet's work on real Dask clusters: one that this process starts, and one whose workers are on their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster

import kubeagentix as kx
from kubeagentix.cli.app import main
from kubeagentix.fleet import sweep
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
    held = [[name for name, token in tokens.items() if token in data] for data in recorder.tasks]
    assert sorted(held) == sorted([[name] for name in ALL] * 2)
    assert not any(token in data for token in tokens.values() for data in recorder.results)
    finished = [item["asia"].started_at for item in (found, again)]
    assert finished[0] < finished[1], "what was found before is not found again, but asked again"


@dataclass(frozen=True)
class Engine:
    """A scheduler and its workers, each in a process that nobody starts again; `logs` is what they said."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    folder: Path

    @property
    def logs(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))


@contextmanager
def engine(folder: Path, *, packages: Path = ROOT, workers: int = 2) -> Iterator[Engine]:
    """One whose workers find packages there before all others."""
    file = folder / "scheduler.json"
    words = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    with ExitStack() as stack:

        def started(program: str, place: Path, *more: str) -> subprocess.Popen[bytes]:
            number = len(list(folder.glob("*.log")))
            log = stack.enter_context((folder / f"{number}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *words, *more],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(place)},
                cwd=place,  # where modules are looked for first
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        scheduler = started("dask_scheduler", ROOT, "--port", "0")
        running = [started("dask_worker", packages, "--no-nanny", "--nthreads", "1") for _ in range(workers)]
        with Client(scheduler_file=str(file), timeout=WAIT_S) as client:
            client.wait_for_workers(workers, timeout=WAIT_S)
            address = client.scheduler.address
        yield Engine(address, scheduler, running, folder)


def test_a_worker_elsewhere_is_killed_and_its_work_is_done_by_another(
    clusters: Clusters, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held, told = clusters.hold("asia"), list[str]()

    def kill() -> None:
        assert held.asked.wait(WAIT_S)
        (doomed,) = [item for item in dask.workers if held.port in _ports(item)]
        clusters.release()
        os.kill(doomed.pid, signal.SIGKILL)

    def hear(event: FleetEvent) -> None:
        if isinstance(event, ClusterReported):
            told.append(event.report.name)

    with engine(tmp_path) as dask:
        with Client(dask.address) as client, meanwhile(kill):
            found = kx.fleet(kubeconfig_dir=clusters.folder, executor=client, listen=hear)
        assert sorted(told) == ALL
        assert found.unread == ()
        assert found.incidents[0].spread == "3 of 4 clusters"
        assert [worker.poll() for worker in dask.workers].count(-signal.SIGKILL) == 1
        survivor = next(str(worker.pid) for worker in dask.workers if worker.poll() is None)
        (asia,) = [report for report in found.reports if report.name == "asia"]
        assert asia.worker.rpartition(":")[2] == survivor
        assert (
            main(["fleet", "--dask", dask.address, "--kubeconfig-dir", str(clusters.folder), "--contexts", "asia,lab"])
            == 0
        )
        assert "2 clusters: 1 incident in 1 of them" in capsys.readouterr().out


def test_a_scheduler_that_dies_is_replaced_and_nothing_is_lost(
    clusters: Clusters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PROBE_S", 0.5)
    held = clusters.hold("asia")

    def kill() -> None:
        assert held.asked.wait(WAIT_S)
        dask.scheduler.kill()
        clusters.release()

    with engine(tmp_path, workers=1) as dask, Client(dask.address, timeout=2) as client, meanwhile(kill):
        found = kx.fleet(kubeconfig_dir=clusters.folder, executor=client)
    assert [report.name for report in found.reports if report.is_read] == ALL
    (notice,) = found.notices
    assert notice.startswith("the executor is broken (")
    assert notice.endswith("what is left is done by processes of this machine")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("raise ModuleNotFoundError('no such package', name='kubeagentix')", "its worker has no kubeagentix"),
        ("__path__ = [{path!r}]; __version__ = '0.0.1'", "its worker has kubeagentix 0.0.1, and here is"),
    ],
)
def test_workers_without_the_same_package_say_so_and_log_no_credential(
    clusters: Clusters, tmp_path: Path, content: str, why: str
) -> None:
    package = tmp_path / "packages" / "kubeagentix"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(content.format(path=str(ROOT / "kubeagentix")))
    with engine(tmp_path, packages=package.parent, workers=1) as dask, Client(dask.address) as client:
        found = kx.fleet("lab", kubeconfig_dir=clusters.folder, executor=client)
        client.wait_for_workers(1, timeout=WAIT_S)  # it is still there
        seen = repr(client.get_events())
    (lab,) = found.unread
    assert lab.why.startswith(f"it was begun 3 times and lost each time: {why}")
    assert "Compute Failed" in dask.logs
    assert clusters.token("lab") not in dask.logs + seen


def _ports(process: subprocess.Popen[bytes]) -> set[int]:
    return {connection.laddr.port for connection in psutil.Process(process.pid).net_connections()}


def test_no_scheduler_is_one_line(clusters: Clusters, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--kubeconfig-dir", str(clusters.folder), "--dask", "no address"]) == 2
    assert capsys.readouterr().err.startswith("error: no Dask scheduler answers at no address; it should look like")
