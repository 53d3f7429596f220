"""Who is talked to: the API server and the model that is asked, and nobody else; an import talks to nobody.

Python tells audit hooks of every connection, name that is looked up and program that is started, whoever asks for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.cli.app import main
from tests.servers.turns import Call, Say
from tests.servers.wired import WIRED, Wired

WATCHED = (
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
    *("subprocess.Popen", "os.system"),
)
UNAME = ("subprocess.Popen", "uname")  # by OpenAI's client, which tells its server the platform
Seen = tuple[str, object, object]
_seen: list[Seen] | None = None  # a hook cannot be taken out again: while this is None it notes nothing


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is None or event not in WATCHED:
        return
    address = arguments[1] if event == "socket.connect" else arguments
    host, port = address[:2] if isinstance(address, tuple) and len(address) > 1 else (address, "")
    _seen.append((event, host, port))


sys.addaudithook(_hook)


@contextmanager
def watching() -> Iterator[list[Seen]]:
    """What is talked to while the block runs, by any thread."""
    global _seen  # noqa: PLW0603  the hook has to know
    noted: list[Seen] = []
    _seen = noted
    try:
        yield noted
    finally:
        _seen = None


@pytest.fixture(autouse=True)
def _no_claude_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_CLAUDE_CODE_PROVIDER", "false")  # which has a test of its own below


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        yield started


def ports_of(seen: list[Seen]) -> set[object]:
    seen = [item for item in seen if item[:2] != UNAME]
    assert [item for item in seen if item[0] not in ("socket.connect", "socket.getaddrinfo")] == []
    assert {host for _, host, _ in seen} <= {"127.0.0.1", "localhost"}, seen
    return {port for event, _, port in seen if event == "socket.connect"}


def test_the_hook_sees_who_is_talked_to(demo: kx.Demo) -> None:
    with watching() as seen:
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert [event for event, _, _ in seen] == ["subprocess.Popen"]


def test_quick_dx_talks_to_the_api_server_and_nobody_else(demo: kx.Demo, capsys: pytest.CaptureFixture[str]) -> None:
    with watching() as seen:
        assert main(["dx", "-n", "orders", "--kubeconfig", demo.kubeconfig]) == 0
    assert ports_of(seen) == {urlsplit(demo.cluster.server).port}
    assert "DATABASE_URL" in capsys.readouterr().out


@pytest.mark.parametrize("wired", WIRED, ids=str)
def test_a_run_talks_to_the_api_server_and_its_model_and_nobody_else(
    wired: Wired, demo: kx.Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with wired.server() as server:
        for name, value in wired.environ(server, key="dummy-key-000000000000").items():
            monkeypatch.setenv(name, value)
        server.script([Call("list_unhealthy", id="c1")], Say("It lacks a variable."), Say("It lacks a variable."))
        words = [
            "chat",
            "why?",
            "-n",
            "orders",
            "--kubeconfig",
            demo.kubeconfig,
            "--provider",
            wired.plugin.id,
            "--pin",
        ]
        with watching() as seen:
            assert main(words) == 0
        assert server.requests
        expected = {urlsplit(demo.cluster.server).port, urlsplit(server.base_url).port}
    assert ports_of(seen) == expected
    assert "It lacks a variable." in capsys.readouterr().out


def test_a_saved_snapshot_is_diagnosed_without_talking_to_anybody(
    demo: kx.Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "incident.json.gz")
    kx.save(kx.take_snapshot(demo), file)
    with watching() as seen:
        assert main(["dx", "--snapshot", file]) == 0
        assert main(["chat", "why?", "--snapshot", file, "--provider", "rules"]) == 0
    assert seen == []
    assert capsys.readouterr().out


def test_the_one_program_that_may_be_started_tells_its_version(
    demo: kx.Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ENABLE_CLAUDE_CODE_PROVIDER")
    file = str(tmp_path / "incident.json.gz")
    kx.save(kx.take_snapshot(demo), file)
    with watching() as seen:
        assert main(["chat", "why?", "--snapshot", file, "--provider", "rules"]) == 0
    assert all(event == "subprocess.Popen" and "--version" in str(what) for event, _, what in seen), seen


_IMPORT_ALL = """
import json, sys
seen = []
prefixes = ("socket.", "subprocess.", "os.system")
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(prefixes) else None)
import kubeagentix, importlib, pkgutil
for module in pkgutil.walk_packages(kubeagentix.__path__, "kubeagentix."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from kubeagentix import registry
for family in (registry.tools, registry.providers, registry.commands, registry.exporters):
    assert family()
print(json.dumps(sorted(set(seen))))
"""


def test_importing_everything_talks_to_nobody_and_starts_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT_ALL], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_every_provider_that_asks_a_model_is_watched_here() -> None:
    asked = {wired.plugin.id for wired in WIRED}
    assert {plugin.id for plugin in registry.providers().values()} - asked == {"claude_code", "rules"}
