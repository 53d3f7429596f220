"""The program as a shell sees it: exit codes, one line per error, clean pipes."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kubeagentix import __version__
from kubeagentix.cli.app import main

PROGRAM = (sys.executable, "-m", "kubeagentix")


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environ}
    )


def on_a_terminal(*words: str) -> str:
    """What the program writes when standard output and error are a terminal 100 columns wide."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    started = subprocess.Popen([*PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    written = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not chunk:
            break
        written += chunk
    os.close(ours)
    started.wait(30)
    return written.decode()


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kubeagentix {__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in ("dx", "demo", "snapshot"))


def test_no_command_shows_the_help_and_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().out


def test_a_commands_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--help"]) == 0
    assert "--fail-on" in capsys.readouterr().out


def test_help_and_version_load_nothing_heavy() -> None:
    code = "import sys; from kubeagentix.cli.app import main; main(['dx', '--help']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"kubernetes", "aiohttp", "rich", "pandas", "IPython", "msgspec"} & set(loaded.split()) <= {"msgspec"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dxx"], "error: unknown command 'dxx'; did you mean dx?"),
        (["--verzion"], "error: unknown option '--verzion'; the commands are audit, chat, demo, doctor, dx, "),
        (["dx", "--fromat", "json"], "error: unknown option '--fromat'; did you mean --format?"),
        (["dx", "--format", "xml"], "invalid choice: 'xml'"),
        (["dx", "-n", "a", "-A"], "error: -n and -A exclude each other; give one of them"),
        (["dx", "--snapshot", "nowhere.snapshot"], "error: there is no file nowhere.snapshot"),
        (["dx", "--kubeconfig", "nowhere"], "error: there is no kubeconfig file"),
        (["dx"], "error: no kubeconfig"),
        (["demo", "--port", "x"], "invalid int value: 'x'"),
        (["demo", "--port", "99999"], "error: 99999 is no port; it must be from 0 to 65535"),
        (["demo", "image-tag-notfound"], "image-tag-not-found"),
        (["snapshot", "burn", "f"], "invalid choice: 'burn'"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_DEBUG", "1")
    assert main(["dxx"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_error_shows_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--snapshot", "no\x1b[31mwhere"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no file nowhere")


def test_a_pipe_gets_no_colour_no_progress_and_no_control_character(broken: str) -> None:
    ended = run("dx", "--snapshot", broken)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Deployment shop/web" in ended.stdout
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ended.stdout) is None


def test_a_terminal_gets_colours_but_nothing_from_the_cluster_that_steers_it(broken: str) -> None:
    text = on_a_terminal("dx", "--snapshot", broken, "--verbose")
    assert "\x1b[1;31m1. " in text
    assert "[bold]" in text  # no markup either
    assert "\x1b]0;" not in text
    assert "\x9b" not in text


def test_no_color_is_heard_on_a_terminal(broken: str) -> None:
    text = on_a_terminal("dx", "--snapshot", broken, "--no-color")
    assert re.search(r"\x1b\[[0-9;]*3[0-7]m1\. ", text) is None
    assert "Deployment shop/web" in text


def test_a_reader_that_leaves_ends_the_program_quietly(broken: str) -> None:
    started = subprocess.Popen(
        [*PROGRAM, "dx", "--snapshot", broken, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert started.stdout is not None
    assert started.stderr is not None
    started.stdout.close()
    errors = started.stderr.read()
    started.stderr.close()
    assert (started.wait(30), errors) == (141, b"")


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("words", [("demo", "--list"), ("dx", "--help"), ("--version",)])
def test_a_full_disk_is_one_line(words: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        ended = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: cannot write to standard output: No space left on device;")
    assert ended.stderr.count("\n") == 1


def test_closed_streams_are_no_error() -> None:
    ended = subprocess.run(["bash", "-c", f"{shlex.join(PROGRAM)} --version >&- 2>&-"], check=False)
    assert ended.returncode == 0


def test_a_terminal_without_unicode_gets_plain_lines(broken: str) -> None:
    text = run("dx", "--snapshot", broken, PYTHONIOENCODING="ascii").stdout
    assert "\\u" not in text
    assert "  | " in text


def test_json_is_utf8_whatever_the_terminal_speaks(broken: str) -> None:
    words = ["dx", "--snapshot", broken, "--format", "json"]
    plain = subprocess.run([*PROGRAM, *words], capture_output=True, check=True)
    latin = subprocess.run(
        [*PROGRAM, *words], capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"}
    )
    assert json.loads(latin.stdout.decode())["findings"] == json.loads(plain.stdout.decode())["findings"]


def test_help_of_a_command_in_the_other_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "dx"]) == 0
    assert "--fail-on" in capsys.readouterr().out


def test_an_interrupt_while_it_loads_is_quiet() -> None:
    code = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'argparse': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from kubeagentix.cli.app import main\n"
        "sys.exit(main(['dx']))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "")


def test_an_interrupt_ends_the_program_quietly(tmp_path: Path) -> None:
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        config = tmp_path / "config"
        config.write_text(
            "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{silent.getsockname()[1]}'}}}}]\n"
        )
        started = subprocess.Popen(
            [*PROGRAM, "dx", "--kubeconfig", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        silent.settimeout(30)
        asking, _ = silent.accept()  # the program is waiting for an answer now
        started.send_signal(signal.SIGINT)
        output = started.communicate(timeout=30)
        asking.close()
    assert (started.returncode, *output) == (130, "", "")
