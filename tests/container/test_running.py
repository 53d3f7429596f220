"""The command as a child: its signals, its exit code, what it leaves, and what no line shows."""

from __future__ import annotations

import os
import pty
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from .conftest import ENOUGH_S, SECRET, Box, Serve, config, socats, wait_for

TRAP = """
import os, signal
def said(number, _):
    os.write(1, f"got {number}\\n".encode())
    os._exit(30 + number)
for number in (1, 2, 15):
    signal.signal(number, said)
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_goes_to_the_command_once_and_its_exit_code_comes_back(box: Box, number: int) -> None:
    with box.running(sys.executable, "-c", TRAP) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == f"got {number}\n"
        assert process.wait(ENOUGH_S) == 30 + number


def test_a_command_that_a_signal_ends_is_told_as_a_shell_tells_it(box: Box, serve: Serve) -> None:
    box.write(config({"dev": serve().cluster("https://127.0.0.1:PORT")}))
    with box.ready() as process:
        assert socats(box)
        process.terminate()
        assert process.wait(ENOUGH_S) == 128 + signal.SIGTERM
        wait_for(lambda: not socats(box), "the end of all bridges")


def test_what_the_command_has_started_gets_the_signal_too(box: Box) -> None:
    with box.running("sh", "-c", "sleep 600 & echo $!; wait") as process:
        assert process.stdout is not None
        started = process.stdout.readline().strip()
        process.terminate()
        process.wait(ENOUGH_S)
        wait_for(lambda: not _is_alive(started), "the end of what the shell started")


def _is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_at_a_terminal_the_command_reads_what_is_typed_and_gets_its_interrupt(box: Box) -> None:
    command = "import sys; print('got', input(), flush=True); sys.stdin.read()"
    child, terminal = pty.fork()
    if child == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "kubeagentix.container", "--", sys.executable, "-c", command],
            box.environ,
        )
    os.write(terminal, b"hello\n")
    seen = b""
    while b"got hello" not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    with suppress(OSError):  # the end of a terminal is an error
        while os.read(terminal, 1024):
            pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGINT


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_the_exit_code_is_the_commands(box: Box, command: str, code: int) -> None:
    with box.running("sh", "-c", command) as process:
        assert process.wait(ENOUGH_S) == code


def test_a_command_that_cannot_be_run_is_named(box: Box, tmp_path: Path) -> None:
    for command, code, said in (("no-such-program", 127, "there is no program"), (str(tmp_path), 126, "cannot be run")):
        with box.running(command) as process:
            assert process.wait(ENOUGH_S) == code
        assert said in box.lines


def test_without_a_command_it_says_how_to_give_one(box: Box) -> None:
    with box.running() as process:
        assert process.wait(ENOUGH_S) == 2
    assert "python -m kubeagentix.container -- COMMAND" in box.lines


def test_the_kubeconfig_is_private_and_the_hosts_one_is_left_alone(box: Box, serve: Serve) -> None:
    path = box.write(config({"dev": serve().cluster("https://127.0.0.1:443")}))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    assert box.run("printenv", "KUBECONFIG").strip() == str(box.kubeconfig)
    assert stat.S_IMODE(box.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(box.private.stat().st_mode) == 0o700
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [item.name for item in path.parent.iterdir()] == ["config"]


def test_no_credential_is_in_a_line_an_argument_or_the_state(box: Box, serve: Serve) -> None:
    api = serve()
    users = [{"name": "dev", "user": {"token": SECRET, "password": SECRET, "client-key-data": f"{SECRET}!"}}]
    document = {
        **config({"dev": api.cluster("https://127.0.0.1:PORT"), "at": {"server": f"https://me:{SECRET}@localhost:2"}}),
        "users": [*users, {"name": "ok", "user": {"token": SECRET, "exec": {"command": "aws", "args": [SECRET]}}}],
    }
    box.write(document)
    with box.ready():
        wait_for(box.said("which answers"), "the bridge")
        wait_for(box.said("connection refused"), "the other one")
        shown = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        assert SECRET not in shown
        assert SECRET not in (box.private / "bridges.json").read_text()
    assert "user 'dev'" in box.lines
    assert SECRET not in box.lines
    assert SECRET in box.kubeconfig.read_text()


def test_without_a_kubeconfig_the_command_runs_all_the_same(box: Box) -> None:
    assert box.run("echo", "hello") == "hello\n"
    assert "no kubeconfig" in box.lines
    assert not box.kubeconfig.exists()


def test_a_second_preparation_reads_the_same_files_again(box: Box) -> None:
    box.write(config({"dev": {"server": "https://example.invalid"}}))
    inner = (sys.executable, "-m", "kubeagentix.container", "--", "kubectl", "config", "current-context")
    assert box.run(*inner) == "dev\n"
    assert yaml.safe_load(box.kubeconfig.read_text())["current-context"] == "dev"


def test_a_kubeconfig_that_changes_on_the_host_is_told(box: Box) -> None:
    path = box.write(config({"dev": {"server": "https://example.invalid"}}))
    with box.ready():
        assert "has changed" not in box.lines
        box.write(config({"other": {"server": "https://example.invalid"}}))
        wait_for(box.said(f"{path} has changed on the host since it was copied; start the container anew"), "the line")
        wait_for(lambda: any("has changed" in note["text"] for note in box.state()["notes"]), "the note")
