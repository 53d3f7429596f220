"""`kubeagentix lab`: the examples in a folder, a demo cluster for every kernel, and nothing left at the end."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from kubeagentix.cli.app import main
from kubeagentix.cli.commands import lab


@contextmanager
def started(folder: Path, home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The program once JupyterLab listens, its address, and its token."""
    own = home / "own"
    own.write_text("current-context: mine\ncontexts: [{name: mine, context: {cluster: c, user: u}}]\n")
    places = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "kubeagentix", "lab", str(folder), "--no-browser", *options],
        env={**os.environ, **places, "HOME": str(home), "IPYTHONDIR": str(home / "ipython"), "KUBECONFIG": str(own)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        text = ""
        while not (found := re.search(r"(http://127\.0\.0\.\d:\d+)/\S*\?token=(\w+)", text)):
            line = process.stdout.readline()
            assert line, f"it ended: {text}"
            text += line
        _until_it_answers(process, found[1], found[2])
        yield process, found[1], found[2]
    finally:
        process.terminate()
        process.wait(60)


def _until_it_answers(process: subprocess.Popen[str], url: str, token: str) -> None:
    """It tells its address a little before it listens."""
    while process.poll() is None:
        try:
            asked(f"{url}/api/status", token)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"it ended with {process.returncode}")


def asked(url: str, token: str, data: bytes | None = None) -> Any:
    request = urllib.request.Request(url, data=data, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@contextmanager
def kernel_of(home: Path, url: str, token: str) -> Iterator[BlockingKernelClient]:
    kernel = asked(f"{url}/api/kernels", token, b"{}")
    client = BlockingKernelClient(connection_file=str(home / "JUPYTER_RUNTIME_DIR" / f"kernel-{kernel['id']}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        yield client
    finally:
        client.stop_channels()


def said(client: BlockingKernelClient, code: str, expression: str) -> Any:
    # By the reply: what is broadcast before the client has joined is not heard.
    reply = client.execute(code, user_expressions={"said": expression}, reply=True, timeout=120)
    return eval(reply["content"]["user_expressions"]["said"]["data"]["text/plain"])


def test_the_examples_run_on_the_demo_cluster_and_one_interrupt_ends_it_all(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    folder.mkdir()
    folder.joinpath(lab.FIRST).write_text("mine")
    with started(folder, tmp_path) as (process, url, token):
        listed = {item["name"] for item in asked(f"{url}/api/contents", token)["content"]}
        assert listed == {
            path.name for path in lab.examples().iterdir() if path.is_dir() or path.suffix in (".ipynb", ".md")
        } - {"__pycache__"}
        with kernel_of(tmp_path, url, token) as client:
            count, contexts = said(
                client,
                "import kubeagentix as kx; from kubeagentix.cluster.kubeconfig import list_contexts\n"
                "found = len(kx.diagnose(all_namespaces=True).hypotheses), [item.name for item in list_contexts()]",
                "found",
            )
        assert count > 20
        assert contexts == ["demo", "mine"]
        all_of_it = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        assert len(all_of_it) >= 3  # this one, JupyterLab, a kernel
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.returncode == 0
        _, alive = psutil.wait_procs(all_of_it, timeout=30)
        assert alive == []
    assert folder.joinpath(lab.FIRST).read_text() == "mine"


def test_ones_own_context_stays_current_and_it_listens_where_it_is_told(tmp_path: Path) -> None:
    with started(tmp_path / "examples", tmp_path, "--keep-context", "--ip", "127.0.0.2") as (_, url, token):
        assert url.startswith("http://127.0.0.2:")
        with kernel_of(tmp_path, url, token) as client:
            contexts = said(
                client,
                "from kubeagentix.cluster.kubeconfig import list_contexts\n"
                "found = [(item.name, item.is_current) for item in list_contexts()]",
                "found",
            )
        assert contexts == [("mine", True), ("demo", False)]


def test_killed_it_leaves_nothing_running(tmp_path: Path) -> None:
    with started(tmp_path / "examples", tmp_path) as (process, url, token):
        asked(f"{url}/api/kernels", token, b"{}")
        left = psutil.Process(process.pid).children(recursive=True)
        assert len(left) >= 2  # JupyterLab, a kernel
        process.kill()
        _, alive = psutil.wait_procs(left, timeout=60)
        assert alive == []


def test_examples_are_copied_whole_and_nothing_is_overwritten(tmp_path: Path) -> None:
    copied, kept = lab.copy_examples(tmp_path / "some" / "where")
    assert copied > 0
    assert kept == 0
    first = tmp_path / "some" / "where" / lab.FIRST
    assert first.read_bytes() == (lab.examples() / lab.FIRST).read_bytes()
    first.write_text("changed")
    assert lab.copy_examples(tmp_path / "some" / "where") == (0, copied)
    assert first.read_text() == "changed"


def test_a_folder_that_cannot_hold_them_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.joinpath("file").write_text("")
    assert main(["lab", str(tmp_path / "file"), "--no-browser"]) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert str(tmp_path / "file") in text
    assert text.count("\n") == 1


def test_without_jupyterlab_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main(["lab", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err == "error: JupyterLab is not installed; pip install 'kubeagentix[lab]'\n"
    assert not tmp_path.joinpath("new").exists()


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["lab", str(tmp_path / "new"), "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"error: cannot listen on port {port}: address already in use; take another port, or none\n"
    )
    assert main(["lab", "--port", "65536"]) == 2
    assert "65536 is no port" in capsys.readouterr().err


def test_an_address_that_is_not_this_machines_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["lab", str(tmp_path / "new"), "--ip", "192.0.2.1", "--port", "8888"]) == 2
    assert capsys.readouterr().err == (
        "error: cannot listen on port 8888 of 192.0.2.1: cannot assign requested address; "
        "take another port, or an address of this machine\n"
    )
    assert not tmp_path.joinpath("new").exists()


def test_a_kubeconfig_that_is_damaged_does_not_stand_in_the_demos_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("contexts: [{name: mine, context: {cluster: c, user: u}}]\n")
    bad.write_text("contexts: [")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join((str(good), str(bad), str(tmp_path / "none"))))
    assert lab._own_kubeconfigs() == (str(good),)


def test_a_token_of_ones_own_is_named_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "JUPYTER_TOKEN" not in lab._told(tmp_path, 1, 0, "")
    monkeypatch.setenv("JUPYTER_TOKEN", "mine-alone")
    told = lab._told(tmp_path, 1, 0, "")
    assert "it asks for the token that JUPYTER_TOKEN holds." in told
    assert "mine-alone" not in told


def test_what_is_current_is_told(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("contexts: [{name: mine, context: {cluster: c, user: u}}]\n")
    assert lab._of_the_demo(3, [str(own)], keeps_context=False).endswith("it is every notebook's current context.")
    assert lab._of_the_demo(3, [str(own)], keeps_context=True).endswith("current in notebooks if none of your own is.")
    own.write_text("contexts: [{name: demo, context: {cluster: c, user: u}}]\n")
    assert "your own context `demo` hides it" in lab._of_the_demo(3, [str(own)], keeps_context=True)
