"""A small fleet: demo clusters in this process, each with a kubeconfig of its own in one folder."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from kubeagentix import sync
from kubeagentix.demo.mishaps import Struck
from kubeagentix.demo.running import RunningDemo, start_demo

BROKEN = ("image-tag-not-found",)
FINE = ("healthy-batch",)


class Held:
    """A mishap: no answer, ever. `asked` is set once somebody waits for one, from that `port`."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.port = 0

    async def answer(self, struck: Struck) -> web.StreamResponse:
        assert struck.request.transport is not None
        self.port = struck.request.transport.get_extra_info("peername")[1]
        self.asked.set()
        await asyncio.sleep(3600)
        return await struck.healthy()


@dataclass(frozen=True)
class Clusters:
    """`demos` by context name; `folder` holds a kubeconfig for each."""

    demos: dict[str, RunningDemo]
    folder: Path

    def token(self, name: str) -> str:
        """The administrator's token of one cluster."""
        document = yaml.safe_load(self.demos[name].kubeconfig_text)
        token: str = document["users"][0]["user"]["token"]
        return token

    def merged(self, path: Path) -> Path:
        """One kubeconfig with all contexts, written to `path`."""
        path.write_text(yaml.safe_dump(merged({name: demo.kubeconfig_text for name, demo in self.demos.items()})))
        return path

    def hold(self, name: str) -> Held:
        """From now on that cluster keeps everybody waiting."""
        held = Held()
        self.demos[name].faults.strike("", held)
        return held

    def release(self) -> None:
        """All is well again; who waits already goes on waiting."""
        for demo in self.demos.values():
            demo.faults.clear()


def merged(texts: dict[str, str]) -> dict[str, object]:
    """Kubeconfigs with one context each as one, whose contexts are the keys."""
    whole: dict[str, list[object]] = {"clusters": [], "users": [], "contexts": []}
    for name, text in texts.items():
        document = yaml.safe_load(text)
        whole["clusters"].append({"name": name, "cluster": document["clusters"][0]["cluster"]})
        whole["users"].append({"name": name, "user": document["users"][0]["user"]})
        whole["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    return {"apiVersion": "v1", "kind": "Config", "current-context": "", **whole}


@pytest.fixture(scope="session")
def running() -> Iterator[Clusters]:
    demos = {
        name: sync.run(start_demo(scenarios))
        for name, scenarios in (("asia", BROKEN), ("europe", BROKEN), ("lab", FINE), ("us", BROKEN))
    }
    with tempfile.TemporaryDirectory(prefix="kubeagentix-fleet-") as folder:
        for name, demo in demos.items():
            text = yaml.safe_dump({**merged({name: demo.kubeconfig_text}), "current-context": name})
            (Path(folder) / f"{name}.yaml").write_text(text)
        yield Clusters(demos, Path(folder))
        for demo in demos.values():
            sync.run(demo.close())


@pytest.fixture
def clusters(running: Clusters) -> Iterator[Clusters]:
    """Four clusters, one of them healthy, with nothing held or failing."""
    yield running
    running.release()
