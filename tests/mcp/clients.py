"""The official client on our server: in this process, over HTTP on loopback, or over a real process' pipes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from kubeagentix import sync
from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ToolPlugin
from kubeagentix.domain.diagnosis import Effect
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.secrets import Secret
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.engine.engine import Engine
from kubeagentix.engine.workbench import Workbench
from kubeagentix.mcp import http
from kubeagentix.mcp.serving import Desk
from kubeagentix.own_tools import tools
from tests.planted import TOKENS

T = TypeVar("T")
ERAS = ("legacy", "auto")  # of the protocol: with a handshake, and without
PLANTED = TOKENS["github"]
SCALE = {"name": "deploy/checkout", "replicas": 5}
ROOT = Path(__file__).parents[2]
TOKEN = "a-token-that-only-tests-know"


def desk_of(
    source: Cluster | Snapshot,
    home: Path,
    *,
    own: Mapping[str, ToolPlugin] | None = None,
    **options: Any,
) -> Desk:
    engine = Engine(
        source,
        namespace="orders",
        tools=tools if own is None else own,
        environ={"HOME": str(home), "PATH": os.environ["PATH"]},
    )
    return Desk(Workbench(engine, RunOptions(**options)))


def with_client(
    make: Callable[[], Desk], talk: Callable[[Client], Awaitable[T]], mode: str = "legacy", **callbacks: Any
) -> T:
    """What `talk` makes of a client that is connected in this process."""

    async def talked() -> T:
        desk = make()
        try:
            async with Client(desk.server, mode=mode, **callbacks) as client:
                return await talk(client)
        finally:
            await desk.close()

    return asyncio.run(talked())


@contextmanager
def served(make: Callable[[], Desk], hosts: tuple[str, ...] = ()) -> Iterator[str]:
    """The URL of a server over HTTP."""
    listener = http.listening("127.0.0.1", 0)

    async def work() -> None:
        desk = make()
        try:
            await http.serve(desk.server, listener, Secret(TOKEN), hosts)
        finally:
            await desk.close()

    url, job = http.url_of(listener), sync.start(work())
    try:
        yield url
    finally:
        job.cancel()
        assert job.wait(10)


@asynccontextmanager
async def over_http(url: str, mode: str = "legacy", token: str = TOKEN, **callbacks: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as given,
        Client(streamable_http_client(url, http_client=given), mode=mode, **callbacks) as client,
    ):
        yield client


def program(*words: str, **environ: str) -> StdioServerParameters:
    """`kubeagentix mcp` as a client would start it."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "kubeagentix", "mcp", *words],
        env={"PYTHONPATH": str(ROOT), **environ},
    )


@asynccontextmanager
async def over_stdio(parameters: StdioServerParameters, errors: Path, mode: str = "auto") -> AsyncIterator[Client]:
    with errors.open("w") as log:
        async with Client(stdio_client(parameters, log), mode=mode) as client:
            yield client


def plugin_of(handler: Any, name: str = "own", effect: Effect = "read", **parameters: Any) -> Mapping[str, ToolPlugin]:
    spec = ToolSpec(
        name=name,
        description="One of the user's own.",
        parameters={"type": "object", "properties": parameters, "additionalProperties": False},
        effect=effect,
    )
    return {name: ToolPlugin(spec=spec, handler=handler, source="this notebook")}


def text_of(result: types.CallToolResult) -> str:
    (piece,) = result.content
    assert isinstance(piece, types.TextContent)
    return piece.text
