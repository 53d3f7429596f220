"""Whether clusters answer, and in which way they do not; real servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.cluster.client import Client
from kubeagentix.cluster.kubeconfig import Access
from kubeagentix.doctor import clusters
from kubeagentix.doctor.examining import Surroundings, Tell
from kubeagentix.doctor.results import CheckResult
from tests.cluster.conftest import FakeApi, Issued, Reply, status
from tests.doctor.seeing import seen

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def ask(path: Path | str, **fields: Any) -> CheckResult:
    """What is said of the only context that is asked."""
    (result,) = seen(clusters.check, kubeconfig=str(path), **fields)
    return result


def pointing(folder: Path, server: str, **cluster: Any) -> Path:
    path = folder / "pointing"
    contexts = [{"name": "lab", "context": {"cluster": "lab"}}]
    entries = [{"name": "lab", "cluster": {"server": server, **cluster}}]
    path.write_text(yaml.safe_dump({"current-context": "lab", "contexts": contexts, "clusters": entries}))
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve_tls(tmp_path: Path) -> Iterator[Callable[[Issued], FakeApi]]:
    started = []

    def serve(issued: Issued) -> FakeApi:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issued.write(tmp_path, "server"))
        started.append(FakeApi(context))
        return started[-1]

    yield serve
    for server in started:
        server.close()


def test_one_that_answers_is_told_with_its_version(api: FakeApi, tmp_path: Path) -> None:
    result = ask(api.kubeconfig(tmp_path))
    assert (result.state, result.what) == ("ok", "lab")
    assert result.seen.startswith(f"v1.34.1 at {api.url} answered in ")
    assert api.asked(PODS)[0].query == {"limit": "1"}


def test_401_and_403_are_told_apart(api: FakeApi, tmp_path: Path) -> None:
    api.on("/version", status(401, "Unauthorized"))
    assert (ask(api.kubeconfig(tmp_path)).state, ask(api.kubeconfig(tmp_path)).code) == ("failed", "unauthorized")
    api.on("/version", Reply({"gitVersion": "v1.34.1"}))
    api.on(PODS, status(401, "Unauthorized"))  # anybody may ask for the version
    found = seen(clusters.check, kubeconfig=str(api.kubeconfig(tmp_path)))
    assert [result.code for result in found] == ["", "unauthorized"]
    api.on(PODS, status(403, 'pods is forbidden: User "dev" cannot list resource "pods" in API group ""'))
    answered, refused = seen(clusters.check, kubeconfig=str(api.kubeconfig(tmp_path)))
    assert (answered.state, refused.state, refused.code) == ("ok", "warning", "forbidden")
    assert "kubeagentix rbac -n default" in refused.do


def test_a_refused_connection(tmp_path: Path) -> None:
    result = ask(pointing(tmp_path, f"https://127.0.0.1:{free_port()}"))
    assert (result.state, result.code) == ("failed", "refused")


def test_the_same_in_a_container_says_how_the_host_is_reached(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    result = ask(pointing(tmp_path, f"https://127.0.0.1:{free_port()}"), root=tmp_path)
    assert "compose.host.yaml" in result.do
    (tmp_path / "bridges.json").touch()  # which the image's start has written beside it
    bridged = ask(pointing(tmp_path, f"https://127.0.0.1:{free_port()}"), root=tmp_path)
    assert "see it under Container" in bridged.do


def test_one_that_never_answers_is_given_up_in_time(api: FakeApi, tmp_path: Path) -> None:
    api.on("/version", Reply(is_hanging=True))
    result = ask(api.kubeconfig(tmp_path), timeout_s=0.2)
    assert (result.state, result.code) == ("failed", "timeout")
    assert "no answer within 0.2 s" in result.seen
    assert api.left.wait(20)


def test_no_such_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    path = pointing(tmp_path, "https://api.example.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    result = ask(path)
    assert (result.state, result.code) == ("failed", "dns")
    assert "no such host" in result.seen


def test_a_certificate_of_an_unknown_authority(
    serve_tls: Callable[[Issued], FakeApi], issue: Callable[..., Issued], tmp_path: Path
) -> None:
    assert ask(serve_tls(issue()).kubeconfig(tmp_path)).code == "untrusted"


def test_a_certificate_for_another_name(
    serve_tls: Callable[[Issued], FakeApi], issue: Callable[..., Issued], tmp_path: Path
) -> None:
    issued = issue("elsewhere", host="127.0.0.9")
    authority, _ = issued.write(tmp_path, "authority")
    api = serve_tls(issued)
    result = ask(api.kubeconfig(tmp_path, cluster={"certificate-authority": str(authority)}))
    assert result.code == "tls_name"
    assert "tls-server-name" in result.do
    named = {"certificate-authority": str(authority), "tls-server-name": "127.0.0.9"}
    assert ask(api.kubeconfig(tmp_path, cluster=named)).state == "ok"


def test_an_expired_certificate_and_none_at_all(
    serve_tls: Callable[[Issued], FakeApi], issue: Callable[..., Issued], api: FakeApi, tmp_path: Path
) -> None:
    issued = issue(days=-1)
    authority, _ = issued.write(tmp_path, "authority")
    old = serve_tls(issued).kubeconfig(tmp_path, cluster={"certificate-authority": str(authority)})
    assert ask(old).code == "tls_expired"
    assert ask(pointing(tmp_path, api.url.replace("http://", "https://"))).code == "no_tls"


def test_a_login_page_is_no_api_server(api: FakeApi, tmp_path: Path) -> None:
    api.on("/version", Reply(b"<html>log in</html>"))
    assert ask(api.kubeconfig(tmp_path)).code == "api"


def test_a_clock_that_is_off_is_told(api: FakeApi, tmp_path: Path) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    api.on("/version", Reply({"gitVersion": "v1.34.1"}, headers={"date": later}))
    found = seen(clusters.check, kubeconfig=str(api.kubeconfig(tmp_path)))
    assert [result.code for result in found] == ["", "clock"]


def several(folder: Path, servers: dict[str, str]) -> Path:
    path = folder / "several"
    contexts = [{"name": name, "context": {"cluster": name}} for name in servers]
    entries = [{"name": name, "cluster": {"server": server}} for name, server in servers.items()]
    first = next(iter(servers))
    path.write_text(yaml.safe_dump({"current-context": first, "contexts": contexts, "clusters": entries}))
    return path


def test_all_contexts_are_asked_beside_each_other_and_told_in_order(api: FakeApi, tmp_path: Path) -> None:
    asked = []

    def together(_: Any) -> Reply:  # answers once three are waiting
        asked.append(1)
        ends = time.monotonic() + 20
        while len(asked) < 3 and time.monotonic() < ends:
            time.sleep(0.005)
        return Reply({"gitVersion": "v1.34.1"})

    api.on("/version", together)
    dead = f"http://127.0.0.1:{free_port()}"
    path = several(tmp_path, {"a": api.url, "dead": dead, "b": api.url, "c": api.url})
    found = seen(clusters.check, kubeconfig=str(path), all_contexts=True, timeout_s=20)
    assert [(result.what, result.state) for result in found] == [
        ("a", "ok"),
        ("dead", "failed"),
        ("b", "ok"),
        ("c", "ok"),
    ]


def test_only_the_current_or_the_named_context_is_asked(api: FakeApi, tmp_path: Path) -> None:
    path = several(tmp_path, {"a": api.url, "dead": f"http://127.0.0.1:{free_port()}"})
    assert ask(path).what == "a"
    assert ask(path, context="dead").state == "failed"
    assert ask(path, context="nobody").code == "kubeconfig"


def plugin(folder: Path, body: str, **spec: Any) -> dict[str, Any]:
    script = folder / "plugin"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(script), **spec}}


def test_an_exec_plugin_is_run_without_a_terminal(api: FakeApi, tmp_path: Path) -> None:
    given = '{"kind": "ExecCredential", "status": {"token": "dummy-of-plugin"}}'
    body = f"""printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/info; echo '{given}'"""
    result = ask(api.kubeconfig(tmp_path, user=plugin(tmp_path, body, interactiveMode="IfAvailable")))
    assert result.state == "ok"
    assert '"interactive": false' in (tmp_path / "info").read_text()
    assert api.asked("/version")[0].headers["authorization"] == "Bearer dummy-of-plugin"


def test_one_that_fails_hangs_or_must_ask_is_told(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = ask(api.kubeconfig(tmp_path, user=plugin(tmp_path, "echo 'log in first' >&2; exit 1")))
    assert (failing.state, failing.code) == ("failed", "kubeconfig")
    assert "log in first" in failing.seen
    monkeypatch.setattr(clusters, "PLUGIN_S", 0.2)
    hanging = ask(api.kubeconfig(tmp_path, user=plugin(tmp_path, "exec sleep 600")), timeout_s=0.2)
    assert "gave no answer within 0.2 s" in hanging.seen
    asking = ask(api.kubeconfig(tmp_path, user=plugin(tmp_path, "exit 9", interactiveMode="Always")))
    assert "must ask you something" in asking.seen
    assert api.seen == []


def test_a_proxy_that_stands_between_is_named_without_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:pw@127.0.0.1:{free_port()}")
    result = ask(pointing(tmp_path, "https://10.1.2.3:6443"))
    assert (result.state, result.code) == ("failed", "proxy")
    assert "if 10.1.2.3 is to be reached directly, add it to NO_PROXY" in result.do
    assert "pw" not in repr(result)


def test_without_a_kubeconfig_or_a_current_context_there_is_nothing_to_ask(tmp_path: Path) -> None:
    assert [result.state for result in seen(clusters.check)] == ["not there"]
    (tmp_path / "config").write_text("contexts: [{name: a, context: {cluster: a}}]\n")
    assert ask(tmp_path / "config").state == "not there"


def test_one_context_that_breaks_leaves_the_others(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fragile(access: Access) -> Client:
        client = Client(access)
        if access.context == "b":
            monkeypatch.setattr(client, "prepare", lambda: 1 / 0)
        return client

    monkeypatch.setattr(clusters, "Client", fragile)
    path = several(tmp_path, {"a": api.url, "b": api.url, "c": api.url})
    found = seen(clusters.check, kubeconfig=str(path), all_contexts=True)
    assert [(result.what, result.code) for result in found] == [("a", ""), ("b", "broken"), ("c", "")]


def test_who_has_answered_before_time_is_up_is_told(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answered = clusters._ask_rights, asyncio.Event()

    async def asks(client: Client, access: Access, *rest: Any) -> None:
        await real(client, access, *rest)
        if access.context == "a":
            answered.set()
        else:
            await asyncio.Event().wait()

    async def until_time_is_up() -> Tell:
        path = several(tmp_path, {"a": api.url, "slow": api.url})
        about = Surroundings(environ=dict(os.environ), kubeconfig=str(path), all_contexts=True, timeout_s=60)
        tell = Tell("Clusters")
        task = asyncio.ensure_future(clusters.run(about, tell))
        await answered.wait()
        task.cancel()
        await asyncio.wait([task])
        return tell

    monkeypatch.setattr(clusters, "_ask_rights", asks)
    assert asyncio.run(until_time_is_up()).results[0].what == "a"


@pytest.mark.parametrize("authority", [b"hello", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])
def test_an_authority_that_is_none_is_no_bridge_that_leads_nowhere(
    authority: bytes, serve_tls: Callable[[Issued], FakeApi], issue: Callable[..., Issued], tmp_path: Path
) -> None:
    (tmp_path / ".dockerenv").touch()
    (tmp_path / "bridges.json").touch()
    api = serve_tls(issue())
    broken = {"certificate-authority-data": base64.b64encode(authority).decode()}
    result = ask(api.kubeconfig(tmp_path, cluster=broken), root=tmp_path)
    assert (result.state, result.code) == ("failed", "authority")
    assert result.do == "its certificate-authority is no certificate: get a new kubeconfig"


def test_a_bridge_that_leads_nowhere_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    (tmp_path / "bridges.json").touch()

    def close_at_once() -> None:  # as socat does
        server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=close_at_once)
        thread.start()
        result = ask(pointing(tmp_path, f"https://127.0.0.1:{server.getsockname()[1]}"), root=tmp_path)
        thread.join()
    assert "a bridge leads from this address to the host" in result.do
