"""MCP over HTTP on loopback: for whoever has the token and names this server, side by side, and for nobody else."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.cluster import archive
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.secrets import Secret
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.errors import UsageError
from kubeagentix.mcp import http, tokens
from kubeagentix.mcp.tokens import VARIABLE, made_up, token_of
from kubeagentix.testing import snapshot_of
from tests.cli.conftest import BROKEN
from tests.mcp.clients import ERAS, TOKEN, desk_of, over_http, plugin_of, served, text_of

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("mcp")
    with served(partial(desk_of, snapshot_of(BROKEN), home), ("mcp.example",)) as started:
        yield started


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_with_the_token_lists_and_calls(url: str, mode: str) -> None:
    async def talked() -> str:
        async with over_http(url, mode) as client:
            assert "run_quickdx" in {tool.name for tool in (await client.list_tools()).tools}
            return text_of(await client.call_tool("run_quickdx", {"namespace": "shop"}))

    assert "ImagePullBackOff" in asyncio.run(talked())


def test_clients_are_served_side_by_side(url: str) -> None:
    async def one(number: int) -> list[bool]:
        async with over_http(url, ERAS[number % 2]) as client:
            calls = (client.call_tool("get_resource", {"name": "deploy/web", "namespace": "shop"}) for _ in range(5))
            return [result.is_error for result in await asyncio.gather(*calls)]

    async def all_of_them() -> list[list[bool]]:
        return await asyncio.gather(*map(one, range(6)))

    assert asyncio.run(all_of_them()) == [[False] * 5] * 6


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": "Bearer \u00e9".encode("latin-1").decode("latin-1")}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, 421),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1:1"}, 421),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "null"}, 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_whoever_else_knocks_is_sent_away(url: str, method: str, headers: dict[str, str], status: int) -> None:
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    with httpx2.Client(headers={**ACCEPT, "Content-Type": "application/json"}) as client:
        answer = client.request(method, url, json=PING if method == "POST" else None, headers=raw)
    assert answer.status_code == status
    assert TOKEN not in answer.text
    assert "kubeagentix" not in answer.text
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/", "/metrics", "/.well-known/oauth-protected-resource"])
def test_no_other_page_answers_without_the_token(url: str, path: str) -> None:
    assert httpx2.get(url.removesuffix(http.PATH) + path).status_code == 401


def test_a_name_that_was_allowed_is_taken(url: str) -> None:
    given = {**ACCEPT, "Authorization": f"Bearer {TOKEN}", "Host": "mcp.example", "Origin": "https://mcp.example"}
    assert httpx2.post(url, json=PING, headers=given).status_code not in (401, 403, 421)


def test_a_body_that_is_too_large_is_refused(url: str) -> None:
    given = {**ACCEPT, "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    assert httpx2.post(url, content=b"x" * 5_000_000, headers=given).status_code == 413


HELLO = {
    **PING,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "by hand", "version": "1"}},
}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "by hand", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
GIVEN = {**ACCEPT, "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


@pytest.mark.parametrize("era", ERAS)
def test_a_call_whose_client_hangs_up_ends(tmp_path: Path, era: str) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def endless(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    with served(partial(desk_of, snapshot_of(BROKEN), tmp_path, own=plugin_of(endless))) as started:
        host = started.split("/")[2]
        call: dict[str, Any] = {"name": "own", "arguments": {}}
        if era == "legacy":
            session = httpx2.post(started, json=HELLO, headers=GIVEN).headers["mcp-session-id"]
            more = {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
            httpx2.post(started, json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=GIVEN | more)
        else:
            more = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "own"}
            call["_meta"] = ENVELOPE
        body = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        lines = [f"{name}: {value}" for name, value in {**GIVEN, **more, "Host": host}.items()]
        head = "\r\n".join(["POST /mcp HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""])
        with socket.create_connection((host.split(":")[0], int(host.split(":")[1]))) as wire:
            wire.sendall((head + body).encode())
            assert begun.wait(20)
        assert ended.wait(20)


def test_sessions_that_nobody_ends_are_no_more_than_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_SESSIONS", 3)
    with (
        served(partial(desk_of, snapshot_of(BROKEN), tmp_path)) as started,
        httpx2.Client(headers=GIVEN) as client,
    ):
        answers = [client.post(started, json=HELLO) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503]
        client.delete(started, headers={"mcp-session-id": answers[0].headers["mcp-session-id"]})
        assert client.post(started, json=HELLO).status_code == 200


def test_whoever_asks_nothing_is_held_neither_long_nor_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_S", 0.5)
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 3)
    with served(partial(desk_of, snapshot_of(BROKEN), tmp_path)) as started, ExitStack() as held:
        host, port = started.split("/")[2].split(":")
        wires = [held.enter_context(socket.create_connection((host, int(port)), timeout=20)) for _ in range(6)]
        wires[0].sendall(b"POST /mcp HTTP/1.1\r\nHost: a")  # a head that does not end
        assert [wire.recv(1) for wire in reversed(wires)] == [b""] * 6
        assert httpx2.post(started, json=HELLO, headers=GIVEN).status_code == 200


def test_connections_leave_files_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, most in ((256, 128), (1_048_576, http.MAX_CONNECTIONS), (resource.RLIM_INFINITY, http.MAX_CONNECTIONS)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=limit: (soft, soft))
        assert http.most_connections() == most


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"jsonrpc": "2.0"}'])
def test_what_is_no_message_is_refused(url: str, body: bytes) -> None:
    assert httpx2.post(url, content=body, headers=GIVEN).status_code == 400
    modern = {**GIVEN, "mcp-protocol-version": "2026-07-28"}
    assert httpx2.post(url, content=body, headers=modern).status_code == 400


def test_a_name_that_is_not_its_own_is_told_how_to_become_one(url: str) -> None:
    answer = httpx2.post(url, json=PING, headers={**GIVEN, "Host": "other.example"})
    assert (answer.status_code, "--allow-host" in answer.text) == (421, True)


def test_it_may_be_called_by_the_address_that_it_listens_at() -> None:
    with http.listening("127.0.0.2", 0) as listener:
        port = listener.getsockname()[1]
        assert {f"127.0.0.2:{port}", f"localhost:{port}"} <= {*http.names_of(listener)}
        assert "127.0.0.2" not in http.names_of(listener)  # but at port 80, which clients leave out


@pytest.mark.parametrize("host", ["0.0.0.0", "0", "::"])
def test_every_address_needs_a_name_that_clients_call(host: str) -> None:
    with pytest.raises(UsageError, match="--allow-host"):
        http.listening(host, 0)
    with http.listening(host, 0, names=["mcp.example"]) as listener:
        assert f"mcp.example:{listener.getsockname()[1]}" in http.names_of(listener, ["mcp.example"])


def test_a_client_without_the_token_gets_an_error(url: str) -> None:
    async def talked() -> None:
        async with over_http(url, token="wrong" * 5) as client:
            await client.list_tools()

    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(talked())
    assert raised.group_contains(MCPError)


def test_it_ends_while_a_client_is_connected(tmp_path: Path) -> None:
    listener = http.listening("127.0.0.1", 0)
    desk = desk_of(snapshot_of(BROKEN), tmp_path)
    job = sync.start(http.serve(desk.server, listener, Secret(TOKEN)))

    async def talked() -> None:
        async with over_http(http.url_of(listener)) as client:
            await client.list_tools()
            job.cancel()
            assert await asyncio.to_thread(job.wait, 20)

    with suppress(ExceptionGroup, MCPError, httpx2.HTTPError):  # the client may say that its server has gone
        asyncio.run(talked())
    assert job.is_done


def test_a_port_that_is_taken_is_told() -> None:
    with http.listening("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="cannot listen on"):
        http.listening(*taken.getsockname())


def test_a_token_comes_from_a_file_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one-of-the-files-own\n")
    assert token_of(str(file), {VARIABLE: "one-of-the-environment"}) == Secret("one-of-the-files-own")
    assert token_of(None, {VARIABLE: "one-of-the-environment"}) == Secret("one-of-the-environment")
    assert token_of(None, {}) is None
    assert len(made_up().reveal()) > 40
    assert made_up() != made_up()


@pytest.mark.parametrize(
    "text",
    ["", " \n", "a-few-chars", "two words that are long enough", "not\x00printable-is-this", "x" * 5_000, "x" * 99_999],
    ids=lambda text: text[:12],
)
def test_a_token_that_is_none_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(UsageError) as raised:
        token_of(str(file), {})
    assert tokens.VARIABLE not in str(raised.value)
    assert not text.strip() or text.strip() not in str(raised.value)


def test_a_token_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    assert not tokens.is_open_to_others(str(file), {})
    file.chmod(0o640)
    assert tokens.is_open_to_others(str(file), {})


def test_a_snapshot_needs_no_cluster(tmp_path: Path) -> None:
    path = str(tmp_path / "broken.snapshot")
    archive.save(snapshot_of(BROKEN), path)

    async def talked() -> str:
        async with Client(desk_of(kx.load(path), tmp_path).server) as client:
            return text_of(await client.call_tool("list_unhealthy", {"namespace": "shop"}))

    assert "web" in asyncio.run(talked())
