"""`kubeagentix watch` as a program: its lines, its JSON, a terminal, an interrupt, a reader who goes away."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubeagentix.cli.app import main
from kubeagentix.demo.running import RunningDemo, start_demo

ROOT = Path(__file__).parents[3]
PROGRAM = (sys.executable, "-m", "kubeagentix", "watch", "-A", "--kubeconfig")


@contextmanager
def demo(*scenarios: str) -> Iterator[RunningDemo]:
    """A demo cluster on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(start_demo(scenarios), loop).result(60)
    try:
        yield running
    finally:
        asyncio.run_coroutine_threadsafe(running.close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    """That of a demo cluster with a Deployment that crashes."""
    with demo("crash-panic") as running:
        yield str(running.write_kubeconfig(tmp_path / "kubeconfig"))


def program(kubeconfig: str, *words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen([*PROGRAM, kubeconfig, *words], stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_lines_come_as_things_happen_and_an_interrupt_ends_it_with_a_summary(kubeconfig: str) -> None:
    with program(kubeconfig) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        assert any("new critical Deployment edge/limiter: container" in line for line in lines)
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert rest == ""
        assert "5 new, 0 gone, 5 findings now" in said
        assert "Traceback" not in said


def test_json_is_an_object_a_line(kubeconfig: str) -> None:
    with program(kubeconfig, "--format", "json") as process:
        assert process.stdout is not None
        update = json.loads(process.stdout.readline())
        assert update["schema_version"] == 1
        assert {item["reason"] for item in update["new"]} >= {"CrashLoopBackOff/Panic"}
        assert update["gone"] == []
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    with demo("crash-panic") as running, program(str(running.write_kubeconfig(tmp_path / "kubeconfig"))) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        running.store.delete("Deployment", "edge", "limiter")
        assert process.wait(60) == 141
        assert "Traceback" not in process.stderr.read()


def test_on_a_terminal_it_is_a_table(kubeconfig: str) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"}
    process = subprocess.Popen(
        [*PROGRAM, kubeconfig], stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environ
    )
    os.close(theirs)
    seen = b""
    while b"ProgressDeadlineExceeded" not in seen:
        seen += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        try:
            seen += os.read(ours, 65536)
        except OSError:  # it has ended
            process.wait(60)
    assert process.returncode == 130
    assert b"SEVERITY" in seen
    assert b"all namespaces (cluster demo): 1 causes, 5 findings" in seen
    os.close(ours)


def test_what_is_not_there_is_one_line(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "deploy/nobody", "-n", "edge", "--kubeconfig", kubeconfig]) == 2
    assert capsys.readouterr().err.startswith("error: there is no Deployment 'nobody' in namespace edge")
