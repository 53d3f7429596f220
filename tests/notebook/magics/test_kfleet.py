"""`%kfleet` and `%%kfleet` in a real shell, over real demo clusters."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.domain.events import ProgressEvent, StageChanged
from kubeagentix.errors import KubeAgentiXError, UsageError
from kubeagentix.fleet.diagnosis import FleetDiagnosis
from kubeagentix.fleet.pools import PROCESSES, THREADS
from kubeagentix.fleet_options import EXECUTORS
from kubeagentix.notebook import session
from tests.fleet.conftest import Clusters, clusters, running
from tests.notebook.magics.test_kdx import fail, run

__all__ = ["clusters", "running"]  # fixtures


def test_the_line_magic_returns_the_answer_and_keeps_it(shell: Any, clusters: Clusters) -> None:
    found, text = run(shell, f"%kfleet --kubeconfig-dir {clusters.folder} --contexts asia,lab -o kept")
    assert isinstance(found, FleetDiagnosis)
    assert shell.user_ns["kept"] is shell.user_ns["_"] is found
    assert "2 clusters: 1 incident in 1 of them\n" in text


def test_the_cell_magic_takes_options_from_its_body(shell: Any, clusters: Clusters) -> None:
    assert shell.transform_cell("%%kfleet --all-contexts\n").startswith("await ")
    found, _ = run(shell, f"%%kfleet\n--kubeconfig-dir {clusters.folder}  # ours\n--contexts lab\n--executor threads")
    assert [report.name for report in found.reports] == ["lab"]


def test_a_cluster_that_cannot_be_asked_is_shown_and_is_no_error(shell: Any, clusters: Clusters) -> None:
    found, text = run(shell, f"%kfleet --kubeconfig-dir {clusters.folder} --contexts lab,nowhere")
    assert [report.name for report in found.unread] == ["nowhere"]
    assert "not seen  nowhere: no context is called 'nowhere'" in text


@pytest.mark.parametrize(
    ("format_", "begin"), [("json", "{"), ("markdown", "## Quick Dx of a fleet"), ("html", "<div")]
)
def test_other_formats_are_written(shell: Any, clusters: Clusters, tmp_path: Path, format_: str, begin: str) -> None:
    file = tmp_path / "report"
    run(shell, f"%kfleet --kubeconfig-dir {clusters.folder} --contexts lab --format {format_} --output {file}")
    assert file.read_text().startswith(begin)


def test_json_is_shown_as_text(shell: Any, clusters: Clusters) -> None:
    value, text = run(shell, f"%kfleet --kubeconfig-dir {clusters.folder} --contexts lab --format json")
    assert value is None
    assert json.loads(text)["schema_version"] == 1


def test_fail_on_shows_the_answer_and_stops_the_notebook(shell: Any, clusters: Clusters) -> None:
    result, text = fail(shell, f"%kfleet --kubeconfig-dir {clusters.folder} --contexts asia --fail-on warning -o kept")
    assert isinstance(result.error_in_exec, KubeAgentiXError)
    assert "1 cluster: 1 incident in 1 of them" in text
    assert shell.user_ns["kept"].incidents


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "no cluster is named; give --contexts"),
        ("--all-contexts --workers 0 --kubeconfig-dir {folder}", "workers= is 0"),
        ("--all-contexts -o print --kubeconfig-dir {folder}", "'print' is Python's or the notebook's own name"),
        ("--kubeconfig-dir /nowhere", "cannot read the folder /nowhere"),
    ],
)
def test_careless_words_are_one_line(shell: Any, clusters: Clusters, words: str, message: str) -> None:
    result, text = fail(shell, f"%kfleet {words.format(folder=clusters.folder)}")
    assert isinstance(result.error_before_exec or result.error_in_exec, UsageError)
    assert text.startswith("error: ")
    assert message in text
    assert len(text.strip().splitlines()) == 1


def test_an_interrupted_one_has_what_is_there(shell: Any, clusters: Clusters) -> None:
    held = clusters.hold("lab")

    def interrupt() -> None:
        assert held.asked.wait(60)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    found, text = run(shell, f"%kfleet --kubeconfig-dir {clusters.folder} --contexts lab -o kept")
    thread.join()
    assert [report.code for report in found.unread] == ["interrupted"]
    assert shell.user_ns["kept"] is found
    assert "(broken off)" in text


def test_progress_tells_how_it_looks_so_far(shell: Any, clusters: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def listen(_: session.Progress, event: ProgressEvent) -> None:
        if isinstance(event, StageChanged):
            told.append(f"{event.done}/{event.total}: {event.detail}")

    monkeypatch.setattr(session.Progress, "_listen", listen)
    run(shell, f"%kfleet --kubeconfig-dir {clusters.folder} --contexts asia,lab,nowhere --workers 1")
    assert told[-1] == "3/3: 1 with incidents, 1 not read so far"


def test_what_may_be_named_is_what_there_is() -> None:
    assert EXECUTORS == (THREADS, PROCESSES)
