"""What the containers have around them: a host's home, its cluster, and a way to it."""

from __future__ import annotations

import json
import os
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.planted import drawn

SCENARIO = "config-map-missing"
OWNER = 1234 if os.getuid() == 0 else os.getuid()
SECRETS = {
    "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-" + drawn("a subscription's token, passed on", 60),
    "ANTHROPIC_API_KEY": "sk-ant-api03-" + drawn("a stale key, passed on", 60),
}
LOGIN = "sk-ant-oat01-" + drawn("the login of the host", 60)


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A container that compose.yaml describes, once its JupyterLab answers."""

    container: str
    home: Path
    port: int
    cluster: str  # the token of the host's demo cluster


def put_home(home: Path, kubeconfig: str) -> None:
    """A kubeconfig and a login that only their owner can read, who is neither root nor the image's user."""
    login = {"accessToken": LOGIN, "refreshToken": "none", "expiresAt": 4_102_444_800_000, "scopes": ["user:inference"]}
    files = {
        ".kube/config": kubeconfig,
        ".claude/.credentials.json": json.dumps({"claudeAiOauth": login}),
        ".claude.json": json.dumps({"userID": "nobody"}),
    }
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    home.chmod(0o755)
    for path in (home, *home.rglob("*")):
        os.chown(path, OWNER, OWNER if os.getuid() == 0 else -1)


@contextmanager
def forwarded(address: str, port: int) -> Iterator[None]:
    """Leads connections to the gateway on to 127.0.0.1, as Docker Desktop does by itself."""
    freebind = 15  # Linux: the network of containers need not be up yet
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.IPPROTO_IP, freebind, 1)
        server.bind((address, port))
        server.listen()
        threading.Thread(target=_lead_on, args=(server, port), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)


def _lead_on(server: socket.socket, port: int) -> None:
    with suppress(OSError):  # closed
        while True:
            here, _ = server.accept()
            there = socket.create_connection(("127.0.0.1", port))
            for ends in ((here, there), (there, here)):
                threading.Thread(target=_copy, args=ends, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def answers(port: int, path: str = "/api", token: str = "") -> int:
    """The status that JupyterLab gives; 0 for none."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"token {token}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
