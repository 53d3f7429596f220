"""The test servers are understood by the official clients, and see what a client does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai

from tests.servers.anthropic import AnthropicServer
from tests.servers.gemini import GeminiServer
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Fail, Hang, Say, Step, Think
from tests.servers.wire import WireServer

TURN: list[Step] = [Think("137 means OOM"), Say("Let me look."), Call("pod_logs", {"name": "pay"}, id="c1"), Call("t")]


async def ask_anthropic(server: WireServer) -> AsyncIterator[Any]:
    client = anthropic.AsyncAnthropic(api_key="dummy", base_url=server.base_url, max_retries=0)
    asked: Any = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Why?"}], "system": "SRE"}
    async for event in await client.messages.create(**asked, stream=True):
        yield event


async def ask_responses(server: WireServer) -> AsyncIterator[Any]:
    client = openai.AsyncOpenAI(api_key="dummy", base_url=server.base_url, max_retries=0)
    asked: Any = [{"role": "user", "content": "Why?"}]
    stream = await client.responses.create(model="m", input=asked, instructions="SRE", stream=True)
    async for event in stream:
        yield event


async def ask_chat(server: WireServer) -> AsyncIterator[Any]:
    client = openai.AsyncOpenAI(api_key="dummy", base_url=server.base_url, max_retries=0)
    asked: Any = [{"role": "system", "content": "SRE"}, {"role": "user", "content": "Why?"}]
    async for event in await client.chat.completions.create(model="m", messages=asked, stream=True):
        yield event


async def ask_gemini(server: WireServer) -> AsyncIterator[Any]:
    http = httpx2.AsyncClient()  # else the client would use aiohttp, which is there, too
    options = genai.types.HttpOptions(base_url=server.base_url, httpx_async_client=http)
    client = genai.Client(api_key="dummy", http_options=options)
    config: Any = {"system_instruction": "SRE"}
    async for event in await client.aio.models.generate_content_stream(model="m", contents="Why?", config=config):
        yield event


WIRES = {
    "anthropic": (AnthropicServer, ask_anthropic),
    "responses": (OpenAIServer, ask_responses),
    "chat": (OpenAIServer, ask_chat),
    "gemini": (GeminiServer, ask_gemini),
}


@pytest.mark.parametrize("wire", WIRES)
def test_the_official_client_reads_a_turn(wire: str) -> None:
    make, ask = WIRES[wire]

    async def run() -> str:
        return "".join([str(event.model_dump()) async for event in ask(server)])

    with make() as server:
        server.script(TURN)
        said = asyncio.run(run())
    for part in ("137 ", "look.", "pod_logs", "c1", "pay"):
        assert part in said
    (request,) = server.requests
    assert request.token == "dummy"
    assert (request.heard.model, request.heard.system) == ("m", "SRE")
    assert [(message.role, message.text) for message in request.heard.messages] == [("user", "Why?")]


@pytest.mark.parametrize("wire", WIRES)
def test_a_client_that_goes_away_is_seen(wire: str) -> None:
    make, ask = WIRES[wire]

    async def run() -> None:
        async with asyncio.timeout(1):
            async for _ in ask(server):
                pass

    with make() as server:
        server.script([Say("One moment."), Hang()])
        with pytest.raises(TimeoutError):
            asyncio.run(run())
        assert server.requests[0].gone.wait(2)


@pytest.mark.parametrize("wire", WIRES)
def test_a_token_has_a_script_of_its_own_and_the_end_of_a_script_is_an_error(wire: str) -> None:
    make, ask = WIRES[wire]

    async def run() -> str:
        return "".join([str(event.model_dump()) async for event in ask(server)])

    with make() as server:
        server.script(Fail("overloaded"))
        server.script(Say("mine"), token="dummy")
        assert "mine" in asyncio.run(run())
        with pytest.raises(Exception, match="the script is over"):
            asyncio.run(run())
