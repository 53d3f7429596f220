"""Older kernels and servers that hold other variables; real processes, and names only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubeagentix.doctor import processes
from kubeagentix.doctor.processes import difference, kind_of
from kubeagentix.doctor.results import CheckResult
from tests.doctor.seeing import seen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
ROOT = Path("/")


@contextmanager
def running(folder: Path, name: str, **variables: str) -> Iterator[int]:
    """The id of a process whose script has that name, with these variables; it runs until the block ends."""
    script = folder / name
    script.write_text("import signal\nprint('up', flush=True)\nsignal.pause()\n")
    process = subprocess.Popen(
        # Not a child of this process, which would be its own doing.
        ["/bin/sh", "-c", f'{sys.executable} "$0" & echo $!; wait', str(script)],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = {process.stdout.readline().strip() for _ in range(2)}  # its id and `up`, in either order
    pid = int((said - {"up"}).pop())
    try:
        yield pid
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def until(holds: Callable[[], bool]) -> None:
    """Waits for it, a minute at most."""
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def of(pid: int, results: Sequence[CheckResult]) -> list[CheckResult]:
    return [result for result in results if f"pid {pid}," in result.what]


@pytest.fixture(autouse=True)
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FEW", 1000)  # other tests beside this one have kernels, too


def test_a_kernel_with_another_token_is_named_and_no_value_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/here")
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-new-000000")
    theirs = {"OPENAI_API_KEY": "dummy-old-000000", "ANTHROPIC_API_KEY": "dummy-stale-00"}
    with running(tmp_path, "ipykernel_launcher.py", **theirs) as pid:
        monkeypatch.setenv("GEMINI_API_KEY", "dummy-later-00000")
        (result,) = of(pid, seen(processes.check, root=ROOT))
    assert (result.state, result.code) == ("warning", "stale")
    assert result.what.startswith(f"kernel, pid {pid}, started ")
    assert result.seen == (
        "another value there: OPENAI_API_KEY; set there, not here: ANTHROPIC_API_KEY; "
        "set here, not there: GEMINI_API_KEY"
    )
    assert result.do.startswith("restart the kernel")
    assert "dummy" not in repr(result)


def test_a_real_kernel_is_known_as_one(tmp_path: Path) -> None:
    environ = {**os.environ, "OPENAI_API_KEY": "dummy-old-000000"}
    words = [sys.executable, "-m", "ipykernel_launcher", "-f", str(tmp_path / "kernel.json")]
    with subprocess.Popen(
        ["/bin/sh", "-c", '"$@" & echo $!; wait', "sh", *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as shell:
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        try:
            until(lambda: Path(f"/proc/{pid}/cmdline").read_text().startswith(sys.executable))
            (result,) = of(pid, seen(processes.check, root=ROOT))
        finally:
            os.killpg(shell.pid, 9)
    assert result.seen == "set there, not here: OPENAI_API_KEY"


def test_one_with_the_same_variables_is_not_mentioned(tmp_path: Path) -> None:
    with running(tmp_path, "ipykernel_launcher.py", LANG="C", SOMETHING="else") as pid:
        assert of(pid, seen(processes.check, root=ROOT)) == []


def test_other_programs_are_not_looked_at(tmp_path: Path) -> None:
    with running(tmp_path, "server.py", ANTHROPIC_API_KEY="dummy-other-000") as pid:
        assert of(pid, seen(processes.check, root=ROOT)) == []


def test_a_system_without_proc_says_that_it_was_not_checked(tmp_path: Path) -> None:
    (result,) = seen(processes.check, root=tmp_path)
    assert (result.state, "not checked" in result.seen) == ("not there", True)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("/usr/bin/python3 -m ipykernel_launcher -f /run/kernel-1.json", "kernel"),
        ("/usr/bin/python3 -Xfrozen_modules=off -m ipykernel_launcher -f x", "kernel"),
        ("/venv/bin/python3 /venv/bin/jupyter-lab --no-browser", "Jupyter server"),
        ("/venv/bin/python3 /venv/bin/jupyter lab", "Jupyter server"),
        ("python -m jupyterlab", "Jupyter server"),
        ("python -m notebook", "Jupyter server"),
        ("/venv/bin/python -m kubeagentix.cli.tether jupyterlab --ip=127.0.0.1", "Jupyter server"),
        ("/venv/bin/python /venv/bin/kubeagentix lab", "kubeagentix"),
        ("python -m kubeagentix demo --serve", "kubeagentix"),
        ("/venv/bin/jupyter-lab", "Jupyter server"),
        ("/usr/bin/python3.13 -X frozen_modules=off -Wd -m jupyter_server", "Jupyter server"),
        ("python -c import ipykernel_launcher", None),
        ("python -m", None),
        ("vim kubeagentix", None),
        ("vim jupyter-lab.md", None),
        ("grep -r ipykernel_launcher .", None),
        ("git clone https://example.org/kubeagentix", None),
        ("/usr/bin/python3 server.py", None),
        ("", None),
    ],
)
def test_processes_are_known_by_what_they_run(line: str, kind: str | None) -> None:
    assert kind_of(line.split()) == kind


def test_a_kubeconfig_that_was_made_for_the_other_is_no_difference(tmp_path: Path) -> None:
    ours = {"KUBECONFIG": "/home/me/.kube/config"}
    assert difference({"KUBECONFIG": "/tmp/kubeagentix-demo-x/kubeconfig:/home/me/.kube/config"}, ours) == ""
    assert difference({"KUBECONFIG": "/elsewhere"}, ours) == "another value there: KUBECONFIG"
    (tmp_path / "bridges.json").touch()
    assert difference({"KUBECONFIG": str(tmp_path / "config")}, {}) == ""
