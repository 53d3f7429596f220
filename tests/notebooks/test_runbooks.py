"""The runbooks with parameters of one's own, as papermill hands them over, on clusters that they did not start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from tests.notebooks.running import NOTEBOOKS, read, run, shown, with_parameters
from tests.notebooks.stage import Stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # a kernel's sockets
RUNBOOKS = NOTEBOOKS / "runbooks"
CONTEXT = "demo"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a runbook runs: nobody's home, and a working directory of its own."""
    with Stage("runbook"):
        yield tmp_path


@pytest.fixture
def cluster(folder: Path) -> Iterator[kx.Demo]:
    with kx.demo("config-map-edited", "memory-limit-exceeded", "insufficient-cpu") as started:
        yield started


def run_with(cluster: kx.Demo, folder: Path, name: str, **parameters: Any) -> str:
    """All that the runbook has shown."""
    place = {"kubeconfig": cluster.kubeconfig, "context": CONTEXT}
    return shown(run(with_parameters(read(RUNBOOKS / f"{name}.ipynb"), {**place, **parameters}), folder))


def generation(cluster: kx.Demo) -> int:
    found = cluster._running.store.get("Deployment", "rates", "pricing")
    assert found is not None
    number: int = found["metadata"]["generation"]
    return number


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_each_takes_parameters_that_change_nothing_by_themselves(path: Path) -> None:
    cells = [cell for cell in read(path).cells if "parameters" in cell.metadata.get("tags", ())]
    assert len(cells) == 1
    told: dict[str, Any] = {}
    exec(cells[0].source, told)
    assert {"kubeconfig", "context", "namespace", "report"} <= told.keys()
    assert (told["kubeconfig"], told["context"], told["report"], told.get("approved_by", "")) == ("", "", "", "")


def test_crash_loop_writes_a_report_of_the_workload_that_is_named(cluster: kx.Demo, folder: Path) -> None:
    report = folder / "incident.md"
    said = run_with(cluster, folder, "crash-loop", namespace="media", workload="deploy/thumbnails", report=str(report))
    assert "Deployment media/thumbnails: container" in said
    assert "OOMKilled" in report.read_text()
    assert "kubectl set resources deployment/thumbnails" in report.read_text()


def test_pending_pods_keeps_to_the_namespace_that_is_named(cluster: kx.Demo, folder: Path) -> None:
    report = folder / "pending.html"
    said = run_with(cluster, folder, "pending-pods", namespace="planning", report=str(report))
    assert "planning: 2 Pending" in said
    assert "Deployment planning/forecast: Unschedulable/InsufficientCpu" in said
    assert "media" not in said
    assert "Unschedulable/InsufficientCpu" in report.read_text()


def test_a_restart_is_made_by_a_signature_and_not_without(cluster: kx.Demo, folder: Path) -> None:
    before, report = generation(cluster), folder / "restart.md"
    unsigned = run_with(cluster, folder, "safe-rollout-restart")
    assert "kubectl.kubernetes.io/restartedAt" in unsigned
    assert "nobody has signed for it" in unsigned
    assert "there was no rollout" in unsigned
    assert generation(cluster) == before
    signed = run_with(cluster, folder, "safe-rollout-restart", approved_by="Kim", timeout_s=1, report=str(report))
    assert "Done, as Kim approved: restart the pods of Deployment rates/pricing" in signed
    assert generation(cluster) == before + 1
    assert "1 root cause found in Deployment/pricing" in report.read_text()  # its ConfigMap is still wrong
    assert re.search(r"\d+ gone, \d+ new", report.read_text())
