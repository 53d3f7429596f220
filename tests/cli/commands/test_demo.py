"""`kubeagentix demo`: listed, diagnosed, served."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kubeagentix import registry
from kubeagentix.cli.app import main
from kubeagentix.cli.commands.demo import MARK, listing


def test_the_list_names_every_scenario_and_no_truth(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SCENARIO", "FAMILY", "NAMESPACE", "TITLE"]
    assert [line.split()[0] for line in lines[1:]] == list(registry.scenarios())
    assert "TRUTH" not in lines[0]


def test_the_truth_is_told_on_request() -> None:
    scenario = registry.scenarios()["image-tag-not-found"]
    assert scenario.truths[0].reason in listing([scenario], has_truth=True)[1]
    assert scenario.truths[0].reason not in listing([scenario])[1]


def test_without_options_it_diagnoses_and_says_what_to_try_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "image-tag-not-found"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("1 root cause found in all namespaces (cluster demo)\n")
    assert "kubeagentix demo image-tag-not-found --serve --kubeconfig demo.yaml" in text


def serving(file: Path, *words: str) -> subprocess.Popen[str]:
    """A serving demo that has said that it is ready."""
    command = [sys.executable, "-m", "kubeagentix", "demo", "image-tag-not-found", "--serve", "--kubeconfig", str(file)]
    started = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert started.stdout is not None
    first = started.stdout.readline()
    if "The demo cluster is running 1 scenario." not in first:
        started.kill()  # else it would outlive the test
        pytest.fail(f"it said {first!r}, and then {started.communicate()}")
    return started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_serves_until_told_to_end_and_removes_its_file(tmp_path: Path, number: int) -> None:
    file = tmp_path / "demo.yaml"
    started = serving(file)
    try:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().startswith(MARK)
        code = main(["dx", "-A", "--kubeconfig", str(file), "--fail-on", "critical"])
    finally:
        os.kill(started.pid, number)
        _, errors = started.communicate(timeout=30)
    assert code == 1
    assert (started.returncode, errors) == (0, "")
    assert not file.exists()


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config"
    file.write_text("apiVersion: v1\n")
    assert main(["demo", "--serve", "--kubeconfig", str(file)]) == 2
    assert "exists and is not from a demo cluster; choose another name, or --force" in capsys.readouterr().err
    assert file.read_text() == "apiVersion: v1\n"


def test_a_file_left_over_from_a_demo_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "demo.yaml"
    file.write_text(MARK + "stale")
    started = serving(file)
    content = file.read_text()
    started.send_signal(signal.SIGTERM)
    started.communicate(timeout=30)
    assert "stale" not in content


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--truth",), "--truth does nothing without --list"),
        (("--kubeconfig", "f"), "--kubeconfig does nothing without --serve"),
        (("--force",), "--force does nothing without --serve"),
        (("--list", "--serve"), "--list and --serve exclude each other"),
        (("--list", "--format", "json"), "--format does nothing with --list"),
        (("--serve", "--output", "f"), "--output does nothing with --serve"),
        (("--list", "nosuch"), "no demo scenario is called 'nosuch'"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_the_list_holds_the_scenarios_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list", "healthy-web", "crash-panic"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["healthy-web", "crash-panic"]


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["demo", "image-tag-not-found", "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"error: cannot listen on port {port}: address already in use; take another port, or none\n"
    )
