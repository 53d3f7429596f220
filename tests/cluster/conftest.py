"""A small scripted API server on loopback: what it answers is written in each test, not simulated."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubeagentix.domain.resources import KINDS


@dataclass(frozen=True)
class Reply:
    """One scripted answer.

    `is_hanging` never comes, `is_dropped` closes the connection instead, `is_cut` midway, `is_dripping` goes on
    byte by byte. Of the first and the last, `FakeApi.left` tells when the client hung up.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_hanging: bool = False
    is_dropped: bool = False
    is_cut: bool = False
    is_dripping: bool = False


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""  # of a POST


Script = Reply | Callable[[Seen], Reply]


def status(code: int, message: str, **fields: Any) -> Reply:
    """What an API server says when it refuses."""
    return Reply({"kind": "Status", "apiVersion": "v1", "message": message, "code": code, **fields}, code)


def listing(*items: dict[str, Any], token: str = "") -> Reply:
    """A list, or a page of one."""
    return Reply({"kind": "List", "apiVersion": "v1", "metadata": {"continue": token}, "items": list(items)})


def named(name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    """An object with metadata."""
    return {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"}, **fields}


class FakeApi:
    """Serves empty lists of every kind that is not an add-on's, and whatever a test scripts instead."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.scripts: dict[str, list[Script]] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.released = threading.Event()
        self.left = threading.Event()
        for kind in KINDS.values():
            if not kind.is_optional and kind.group:
                self.groups[kind.group] = kind.versions[:1]
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._scheme = "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def on(self, path: str, *answers: Script) -> None:
        """Answer `path` with `answers` in turn; the last one stays."""
        self.scripts[path] = list(answers)

    def asked(self, path: str) -> list[Seen]:
        return [request for request in self.seen if request.path == path]

    def kubeconfig(
        self,
        folder: Path,
        *,
        user: dict[str, Any] | None = None,
        namespace: str = "",
        cluster: Mapping[str, Any] = MappingProxyType({}),
    ) -> Path:
        """A kubeconfig for this server, with context `lab` and user `dev`; `cluster` adds to its entry."""
        context = {"cluster": "lab", "user": "dev", **({"namespace": namespace} if namespace else {})}
        path = folder / "kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "current-context": "lab",
                    "contexts": [{"name": "lab", "context": context}],
                    "clusters": [{"name": "lab", "cluster": {"server": self.url, **cluster}}],
                    "users": [{"name": "dev", "user": user if user is not None else {"token": "t0ken"}}],
                }
            )
        )
        return path

    def answer(self, request: Seen) -> Reply:
        with self._lock:
            self.seen.append(request)
            scripted = self.scripts.get(request.path)
            answer = None if not scripted else scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if answer is not None:
            return answer(request) if callable(answer) else answer
        return self._default(request.path)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _default(self, path: str) -> Reply:
        if path == "/version":
            return Reply({"gitVersion": "v1.34.1"})
        if path == "/apis":
            return Reply(
                {
                    "kind": "APIGroupList",
                    "groups": [
                        {"name": group, "versions": [{"groupVersion": f"{group}/{v}", "version": v} for v in versions]}
                        for group, versions in self.groups.items()
                    ],
                }
            )
        for kind in KINDS.values():
            for version in self.groups.get(kind.group, ("v1",) if not kind.group else ()):
                root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
                if path.startswith(f"{root}/") and path.endswith(f"/{kind.plural}"):
                    return listing()
        if path.startswith("/api/v1/namespaces/") and path.count("/") == 4:
            return Reply(named(path.rsplit("/", 1)[1]))
        return status(404, "the server could not find the requested resource")


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["content-length"])))

        def do_GET(self) -> None:
            self._reply(b"")

        def _reply(self, sent: bytes) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = api.answer(Seen(parts.path, dict(parse_qsl(parts.query)), headers, sent))
            if reply.is_hanging:
                self._wait_until_left()
            if reply.is_dropped or reply.is_hanging:
                self.close_connection = True
                with suppress(OSError):  # the client hung up first
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response_only(reply.status)
            if "date" not in reply.headers:
                self.send_header("date", self.date_time_string())
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if reply.is_dripping:
                self._drip(body)
                return
            self.wfile.write(body[: len(body) // 2] if reply.is_cut else body)
            self.close_connection = reply.is_cut

        def _wait_until_left(self) -> None:
            self.connection.settimeout(0.02)
            while not api.released.is_set():
                try:
                    is_left = not self.connection.recv(1)
                except TimeoutError:
                    continue
                except OSError:
                    is_left = True
                if is_left:
                    api.left.set()
                    return

        def _drip(self, body: bytes) -> None:
            self.close_connection = True
            try:
                for byte in body:
                    if api.released.wait(0.01):
                        return
                    self.wfile.write(bytes([byte]))
            except OSError:
                api.left.set()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A scripted API server over plain HTTP."""
    server = FakeApi()
    yield server
    server.close()


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_text(self.certificate)
        key.write_text(self.key)
        return certificate, key


@pytest.fixture(scope="session")
def issue() -> Callable[..., Issued]:
    """Makes self-signed certificates: `issue(name, days=…, host=…)`; negative days are past."""

    def make(name: str = "127.0.0.1", *, days: int = 30, host: str = "127.0.0.1") -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends - dt.timedelta(days=60))
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Issued(certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode())

    return make
