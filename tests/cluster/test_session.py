from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.cluster import kubeconfig
from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.kubeconfig import resolve
from kubeagentix.cluster.session import is_loopback, open_session
from kubeagentix.errors import KubeconfigError, UnauthorizedError, UnreachableError
from tests.cluster.conftest import FakeApi, Issued, Reply, Seen, status


def get(config: Path, path: str = "/version") -> Any:
    with connect(kubeconfig=config) as cluster:
        return asyncio.run(cluster.get_json(path))


def authorizations(api: FakeApi) -> list[str | None]:
    return [request.headers.get("authorization") for request in api.seen]


def test_a_token_is_sent(api: FakeApi, tmp_path: Path) -> None:
    get(api.kubeconfig(tmp_path, user={"token": "abc"}))
    assert authorizations(api) == ["Bearer abc"]
    assert api.seen[0].headers["accept-encoding"] == "identity"


def test_a_token_file_is_read_without_its_line_end(api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    get(api.kubeconfig(tmp_path, user={"tokenFile": "token"}))
    assert authorizations(api) == ["Bearer from-file"]


def test_a_password_is_sent_as_basic(api: FakeApi, tmp_path: Path) -> None:
    get(api.kubeconfig(tmp_path, user={"username": "dev", "password": "pass"}))
    assert authorizations(api) == ["Basic " + base64.b64encode(b"dev:pass").decode()]


def test_impersonation_is_asked_for(api: FakeApi, tmp_path: Path) -> None:
    get(api.kubeconfig(tmp_path, user={"token": "abc", "as": "jane", "as-groups": ["ops"]}))
    headers = api.seen[0].headers
    assert (headers["impersonate-user"], headers["impersonate-group"]) == ("jane", "ops")


def test_a_context_without_user_asks_as_nobody(api: FakeApi, tmp_path: Path) -> None:
    get(api.kubeconfig(tmp_path, user={}))
    assert authorizations(api) == [None]


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert get(api.kubeconfig(tmp_path))["gitVersion"] == "v1.34.1"


def test_a_proxy_of_the_kubeconfig_is_used(api: FakeApi, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"through the proxy: Failed to establish a new connection: .*refused"):
        get(api.kubeconfig(tmp_path, cluster={"proxy-url": "http://127.0.0.1:9"}))


def counting_plugin(folder: Path) -> dict[str, Any]:
    """An exec plugin whose token says the how-manieth call it is."""
    calls, script = folder / "calls", folder / "plugin"
    script.write_text(
        f"#!{sys.executable}\nimport json, pathlib\ncalls = pathlib.Path({str(calls)!r})\n"
        "count = int(calls.read_text() or 0) + 1 if calls.exists() else 1\ncalls.write_text(str(count))\n"
        "print(json.dumps({'kind': 'ExecCredential', 'status': {'token': f'token-{count}'}}))"
    )
    script.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}}


def test_an_exec_plugin_is_run_at_the_first_request_and_once(api: FakeApi, tmp_path: Path) -> None:
    config = api.kubeconfig(tmp_path, user=counting_plugin(tmp_path))
    with connect(kubeconfig=config) as cluster:
        assert not (tmp_path / "calls").exists()

        async def ask() -> None:
            await asyncio.gather(*(cluster.get_json("/version") for _ in range(5)))

        asyncio.run(ask())
    assert authorizations(api) == ["Bearer token-1"] * 5


def test_a_refused_exec_token_is_renewed_once(api: FakeApi, tmp_path: Path) -> None:
    def fresh_only(request: Seen) -> Reply:
        is_fresh = request.headers["authorization"] == "Bearer token-2"
        return Reply({"gitVersion": "v1.34.1"}, 200) if is_fresh else Reply({"message": "Unauthorized"}, 401)

    api.on("/version", fresh_only)
    assert get(api.kubeconfig(tmp_path, user=counting_plugin(tmp_path)))["gitVersion"] == "v1.34.1"
    assert authorizations(api) == ["Bearer token-1", "Bearer token-2"]


def test_a_failing_exec_plugin_is_raised_by_the_first_reading(api: FakeApi, tmp_path: Path) -> None:
    user = counting_plugin(tmp_path)
    (tmp_path / "plugin").write_text(f"#!{sys.executable}\nimport sys; sys.exit('session expired')")
    with (
        connect(kubeconfig=api.kubeconfig(tmp_path, user=user)) as cluster,
        pytest.raises(KubeconfigError, match=r"failed with exit code 1: session expired"),
    ):
        asyncio.run(cluster.read_snapshot())
    assert api.seen == []


def test_an_expired_exec_token_is_renewed_before_it_is_used(api: FakeApi, tmp_path: Path) -> None:
    user = counting_plugin(tmp_path)
    script = tmp_path / "plugin"
    script.write_text(
        script.read_text().replace("'status': {", "'status': {'expirationTimestamp': '2020-01-01T00:00:00Z', ")
    )
    get(api.kubeconfig(tmp_path, user=user))
    assert authorizations(api) == ["Bearer token-2"]  # the first was for getting ready


def test_an_oidc_token_of_the_kubeconfig_is_sent(api: FakeApi, tmp_path: Path) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    token = f"{part({'alg': 'none'})}.{part({'exp': 32503680000})}.c2ln"
    get(api.kubeconfig(tmp_path, user={"auth-provider": {"name": "oidc", "config": {"id-token": token}}}))
    assert authorizations(api) == [f"Bearer {token}"]


def test_a_token_that_stays_refused_is_unauthorized(api: FakeApi, tmp_path: Path) -> None:
    api.on("/version", status(401, "Unauthorized"))
    with pytest.raises(UnauthorizedError, match=r"401 Unauthorized; .*log in again"):
        get(api.kubeconfig(tmp_path, user=counting_plugin(tmp_path)))
    assert (tmp_path / "calls").read_text() == "2"


def test_a_service_account_token_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "ca.crt").write_text("some PEM")
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT_FOLDER", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    session = open_session(resolve(), connections=1)
    assert session.headers(accept="*/*")["authorization"].lower() == "bearer pod-token"
    assert session.is_renewable


def test_a_key_that_is_not_base64_is_told(api: FakeApi, tmp_path: Path) -> None:
    config = api.kubeconfig(tmp_path, cluster={"certificate-authority-data": "x", "server": "https://127.0.0.1:1"})
    with pytest.raises(KubeconfigError, match=r"a certificate or key of context 'lab' is not base64"):
        get(config)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://127.0.0.1:6443", True),
        ("http://localhost", True),
        ("https://[::1]:6443", True),
        ("https://10.0.0.1", False),
        ("https://api.example.com/k8s", False),
    ],
)
def test_loopback_is_told_from_elsewhere(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_elsewhere_is_asked_for_gzip(tmp_path: Path, api: FakeApi) -> None:
    config = api.kubeconfig(tmp_path, cluster={"server": "https://api.example.com"})
    assert open_session(resolve(kubeconfig=config), connections=1).headers(accept="*/*")["accept-encoding"] == "gzip"


class Tls:
    """An API server over TLS that asks for a client certificate."""

    def __init__(self, folder: Path, issue: Callable[..., Issued]) -> None:
        self.server, self.client = issue(), issue("dev")
        self.client_files = self.client.write(folder, "client")
        certificate, key = self.server.write(folder, "server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(cadata=self.client.certificate)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.api = FakeApi(context)


def encoded(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_client_certificates_work_from_files_data_and_plugins_and_stay_on_no_disk(
    tmp_path: Path, issue: Callable[..., Issued], temporary: Path
) -> None:
    tls = Tls(tmp_path, issue)
    try:
        certificate, key = tls.client_files
        given = {"clientCertificateData": tls.client.certificate, "clientKeyData": tls.client.key}
        script = tmp_path / "plugin"
        script.write_text(f"#!{sys.executable}\nprint({json.dumps(json.dumps({'status': given}))})")
        script.chmod(0o755)
        for user in (
            {"client-certificate": str(certificate), "client-key": str(key)},
            {"client-certificate-data": encoded(tls.client.certificate), "client-key-data": encoded(tls.client.key)},
            {"client-certificate": str(certificate), "client-key-data": encoded(tls.client.key)},
            {"exec": {"command": "./plugin"}},
        ):
            ca = {"certificate-authority-data": encoded(tls.server.certificate)}
            assert get(tls.api.kubeconfig(tmp_path, user=user, cluster=ca))["gitVersion"] == "v1.34.1"
            assert list(temporary.iterdir()) == []
    finally:
        tls.api.close()


def test_a_certificate_with_the_key_of_another_is_told(tmp_path: Path, issue: Callable[..., Issued]) -> None:
    one, other = issue("dev"), issue("ops")
    user = {"client-certificate-data": encoded(one.certificate), "client-key-data": encoded(other.key)}
    server = {"server": "https://127.0.0.1:1"}
    config = FakeApi().kubeconfig(tmp_path, user=user, cluster=server)
    with pytest.raises(KubeconfigError, match=r"the access of context 'lab' cannot be used: .*KEY_VALUES_MISMATCH"):
        get(config)


FIRST_REQUESTS = """
import sys, threading, time
from kubeagentix.cluster.kubeconfig import resolve
from kubeagentix.cluster.session import open_session

access = resolve(kubeconfig=sys.argv[1])

def connect(after_s):
    time.sleep(after_s)
    open_session(access, connections=1)

threading.excepthook = lambda failed: print(failed.exc_value)
threads = [threading.Thread(target=connect, args=(0.03 * place,)) for place in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_requests_of_several_threads_do_not_meet_a_half_imported_client(api: FakeApi, tmp_path: Path) -> None:
    command = (sys.executable, "-c", FIRST_REQUESTS, str(api.kubeconfig(tmp_path)))
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def test_closing_closes_all_connections_at_once(api: FakeApi, tmp_path: Path) -> None:
    client = Client(resolve(kubeconfig=api.kubeconfig(tmp_path)))
    api.on("/cut", Reply(b"{}" * 99, is_cut=True))
    before = open_sockets()
    with pytest.raises(UnreachableError) as kept:  # a traceback keeps alive what its frames know
        asyncio.run(client.ask("/cut", what="x", deadline=Deadline(5)))
    asyncio.run(client.ask("/version", what="x", deadline=Deadline(5)))
    client.close()
    assert kept.value
    until = time.monotonic() + 5  # the server's ends
    while open_sockets() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert open_sockets() <= before


def open_sockets() -> int:
    count = 0
    for item in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the listing's own
            count += str(item.readlink()).startswith("socket:")
    return count


def test_an_untrusted_server_is_told(tmp_path: Path, issue: Callable[..., Issued]) -> None:
    tls = Tls(tmp_path, issue)
    try:
        other = {"certificate-authority-data": encoded(issue("someone else").certificate)}
        with pytest.raises(UnreachableError, match=r"the certificate of 127.* is not trusted: .*; the kubeconfig may"):
            get(tls.api.kubeconfig(tmp_path, cluster=other))
    finally:
        tls.api.close()


def test_a_server_that_may_go_unverified_is_read_without_a_warning(
    tmp_path: Path, issue: Callable[..., Issued]
) -> None:
    tls = Tls(tmp_path, issue)
    try:
        assert get(tls.api.kubeconfig(tmp_path, cluster={"insecure-skip-tls-verify": True}))["gitVersion"] == "v1.34.1"
    finally:
        tls.api.close()


def test_a_certificate_for_another_name_is_told(tmp_path: Path, issue: Callable[..., Issued]) -> None:
    tls = Tls(tmp_path, lambda name="x": issue(name, host="10.9.9.9"))
    try:
        ca = {"certificate-authority-data": encoded(tls.server.certificate)}
        with pytest.raises(UnreachableError, match=r"is for another name: .*; use a name it holds"):
            get(tls.api.kubeconfig(tmp_path, cluster=ca))
    finally:
        tls.api.close()
