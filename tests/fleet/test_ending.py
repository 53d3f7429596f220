"""What is under way ends once nobody waits for it: plugins, threads and reading, whoever breaks it off."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

import kubeagentix as kx
from kubeagentix.demo.mishaps import Struck
from kubeagentix.fleet import sweep
from kubeagentix.fleet.asking import ClusterReported, FleetEvent
from kubeagentix.fleet.ending import Ending
from tests.fleet.conftest import Clusters, Held
from tests.fleet.test_sweep import ALL, WAIT_S


def test_it_is_told_once_and_also_to_who_comes_late() -> None:
    ending, told = Ending(), list[str]()
    ending.when_told(lambda: told.append("early"))
    ending.tell()
    ending.tell()
    ending.when_told(lambda: told.append("late"))
    assert told == ["early", "late"]


def test_its_pickle_is_one_that_was_not_told() -> None:
    ending, told = Ending(), list[str]()
    ending.when_told(lambda: told.append("here"))
    ending.tell()
    pickle.loads(pickle.dumps(ending)).when_told(lambda: told.append("there"))
    assert told == ["here"]


def write(path: Path, contexts: dict[str, tuple[str, dict[str, Any]]]) -> Path:
    """A kubeconfig of contexts, each with its server and its user."""
    document = {
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
        "clusters": [{"name": name, "cluster": {"server": server}} for name, (server, _) in contexts.items()],
        "users": [{"name": name, "user": user} for name, (_, user) in contexts.items()],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def hanging(path: Path) -> dict[str, Any]:
    """The user of a plugin that leaves a file `path` for each of its processes, and never answers."""
    body = f"import os, pathlib, time; pathlib.Path({str(path)!r} + str(os.getpid())).touch(); time.sleep(600)"
    version = "client.authentication.k8s.io/v1"
    return {
        "exec": {"apiVersion": version, "command": sys.executable, "args": ["-c", body], "interactiveMode": "Never"}
    }


def runs(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def begun(tmp_path: Path) -> Callable[[int], list[int]]:
    """Waits for so many plugins of `hanging(tmp_path / "plugin-")`, and tells their process ids."""

    def wait(number: int) -> list[int]:
        deadline = time.monotonic() + WAIT_S
        while len(found := list(tmp_path.glob("plugin-*"))) < number:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return [int(path.name.partition("-")[2]) for path in found]

    return wait


def test_plugins_that_hang_hold_up_nobody_who_needs_none(clusters: Clusters, tmp_path: Path) -> None:
    hung = {f"h{number:02}": ("https://127.0.0.1:1", hanging(tmp_path / "plugin-")) for number in range(20)}
    path = clusters.merged(tmp_path / "good")
    whole, more = yaml.safe_load(path.read_text()), yaml.safe_load(write(tmp_path / "hung", hung).read_text())
    for key in ("contexts", "clusters", "users"):
        whole[key] = more[key] + whole[key]
    path.write_text(yaml.safe_dump(whole))
    told: list[str] = []

    class EnoughError(Exception):
        pass

    def hear(event: FleetEvent) -> None:
        if isinstance(event, ClusterReported):
            told.append(event.report.name)
            if event.done == len(ALL):
                raise EnoughError

    with pytest.raises(EnoughError):
        kx.fleet(all_contexts=True, kubeconfig=path, executor="threads", workers=1, listen=hear)
    assert sorted(told) == ALL


def test_a_plugin_has_the_time_of_its_cluster_and_no_more(tmp_path: Path) -> None:
    path = write(tmp_path / "config", {"h": ("https://127.0.0.1:1", hanging(tmp_path / "plugin-"))})
    (report,) = kx.fleet(all_contexts=True, kubeconfig=path, deadline_s=2).reports
    assert "gave no answer within 2 s" in report.why


def test_a_file_that_can_never_be_read_costs_its_cluster_alone(
    clusters: Clusters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "FILES_S", -15)
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path / "config", {"p": ("https://127.0.0.1:1", {"client-certificate": "pipe", "client-key": "pipe"})})
    whole = yaml.safe_load(clusters.merged(tmp_path / "more").read_text())
    mine = yaml.safe_load((tmp_path / "config").read_text())
    (tmp_path / "config").write_text(yaml.safe_dump({key: mine[key] + whole[key] for key in mine}))
    found = kx.fleet(all_contexts=True, kubeconfig=tmp_path / "config", deadline_s=20)
    assert [(item.name, item.why.partition(";")[0]) for item in found.unread] == [
        ("p", "what context 'p' names was not read within 5 s")
    ]


def interrupted(words: list[str], until: Callable[[], object]) -> subprocess.CompletedProcess[str]:
    """What a program says that is interrupted alone, as by a notebook, and that has ended by itself then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kubeagentix", "fleet", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def test_ctrl_c_ends_plugins_and_waits_for_none(tmp_path: Path, begun: Callable[[int], list[int]]) -> None:
    hung = {f"h{number}": (f"https://127.0.0.1:{number}", hanging(tmp_path / "plugin-")) for number in (1, 2, 3)}
    config = write(tmp_path / "config", hung)
    plugins: list[int] = []
    words = ["--all-contexts", "--kubeconfig", str(config), "--deadline", "600"]
    done = interrupted(words, lambda: plugins.extend(begun(3)))
    assert (done.returncode, done.stderr) == (130, "")
    assert done.stdout.startswith("3 clusters: none of them could be asked (broken off)")
    assert not any(map(runs, plugins))


class Dripping(Held):
    """A mishap: an answer that begins, and never ends."""

    async def answer(self, struck: Struck) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(struck.request)
        self.asked.set()
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)


def test_ctrl_c_ends_what_threads_are_at(clusters: Clusters) -> None:
    dripping = Dripping()
    clusters.demos["lab"].faults.strike("", dripping)
    words = [
        "--contexts",
        "lab",
        "--kubeconfig-dir",
        str(clusters.folder),
        "--executor",
        "threads",
        "--deadline",
        "600",
    ]
    done = interrupted(words, lambda: dripping.asked.wait(WAIT_S))
    assert (done.returncode, done.stderr) == (130, "")


def test_when_time_is_up_threads_that_were_brought_are_free_again(clusters: Clusters) -> None:
    clusters.demos["lab"].faults.strike("", Dripping())
    with ThreadPoolExecutor(1) as pool:
        kx.fleet("lab", kubeconfig_dir=clusters.folder, executor=pool, deadline_s=600, total_deadline_s=2)
        assert pool.submit(int, "7").result(WAIT_S) == 7


def test_whoever_listens_may_raise_and_nothing_goes_on(clusters: Clusters) -> None:
    clusters.demos["lab"].faults.strike("", Dripping())

    def hear(event: FleetEvent) -> None:
        if isinstance(event, ClusterReported):
            raise ZeroDivisionError

    with ThreadPoolExecutor(4) as pool:
        with pytest.raises(ZeroDivisionError):
            kx.fleet(kubeconfig_dir=clusters.folder, executor=pool, deadline_s=600, listen=hear)
        assert [pool.submit(int, "7").result(WAIT_S) for _ in range(4)] == [7] * 4
