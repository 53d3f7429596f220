"""MCP over HTTP on loopback: for whoever has the token and names this server, side by side, and for nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx2
import pytest
from mcp import Client, MCPError

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.cluster import archive
from kubeagentix.domain.secrets import Secret
from kubeagentix.errors import UsageError
from kubeagentix.mcp import http, tokens
from kubeagentix.mcp.tokens import VARIABLE, made_up, token_of
from kubeagentix.testing import snapshot_of
from tests.cli.conftest import BROKEN
from tests.mcp.clients import ERAS, TOKEN, desk_of, over_http, served, text_of

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
    "text", ["", " \n", "a-few-chars", "two words that are long enough", "not\x00printable-is-this"]
)
def test_a_token_that_is_none_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(UsageError) as raised:
        token_of(str(file), {})
    assert tokens.VARIABLE not in str(raised.value)
    assert not text.strip() or text.strip() not in str(raised.value)


def test_a_snapshot_needs_no_cluster(tmp_path: Path) -> None:
    path = str(tmp_path / "broken.snapshot")
    archive.save(snapshot_of(BROKEN), path)

    async def talked() -> str:
        async with Client(desk_of(kx.load(path), tmp_path).server) as client:
            return text_of(await client.call_tool("list_unhealthy", {"namespace": "shop"}))

    assert "web" in asyncio.run(talked())
