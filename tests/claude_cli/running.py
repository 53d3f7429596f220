"""Runs the real CLI through the provider against a scripted API on loopback, and looks at what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.claude_cli.watchdog import Limits
from kubeagentix.domain.events import ModelEvent, ModelFinished, Notice, TextDelta, ThinkingDelta
from kubeagentix.domain.messages import Message, ToolCall, ToolResult
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.errors import ProviderError
from kubeagentix.providers.claude_code import ClaudeCode
from tests.servers.anthropic import AnthropicServer

TOKEN = "sk-ant-oat01-a-token-for-tests-only"
SYSTEM = "You are a diagnostician with the codeword heliotrope."
LOGIN = Credential(kind="login", secret=Secret(""), source="the local login in ~/.claude")
POD_LOGS = ToolSpec(
    name="pod_logs",
    description="The end of a pod's log.",
    parameters={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
)
RESTART = ToolSpec(name="restart", description="Restarts a pod.", parameters=POD_LOGS.parameters, effect="write")


def token(text: str = TOKEN, source: str = "the request") -> Credential:
    return Credential(kind="auth_token", secret=Secret(text), source=source)


@dataclass
class Lab:
    """A home, a folder for temporary files, and an API: all that a run can reach."""

    server: AnthropicServer
    home: Path
    tmp: Path
    environ: dict[str, str] = field(default_factory=dict)
    limits: Limits | None = None

    def provider(self, **more: str) -> ClaudeCode:
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "ANTHROPIC_BASE_URL": self.server.base_url,
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody there: nothing gets out
            "NO_PROXY": "127.0.0.1",
        }
        return ClaudeCode({**environ, **self.environ, **more}, self.limits)

    async def ask(
        self, request: ModelRequest | None = None, credential: Credential | None = None, **more: str
    ) -> list[ModelEvent]:
        stream = self.provider(**more).stream(request or question(), credential or token())
        return [event async for event in stream]

    def answer(
        self, request: ModelRequest | None = None, credential: Credential | None = None, **more: str
    ) -> list[ModelEvent]:
        return asyncio.run(self.ask(request, credential, **more))

    def failure(
        self, request: ModelRequest | None = None, credential: Credential | None = None, **more: str
    ) -> ProviderError:
        with pytest.raises(ProviderError) as raised:
            self.answer(request, credential, **more)
        return raised.value

    async def asked(self) -> None:
        """Waits until the API has been asked."""
        while not self.server.requests:  # noqa: ASYNC110  it is asked in another thread
            await asyncio.sleep(0.02)

    @property
    def children(self) -> list[int]:
        """The processes that run with a place of this lab."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.tmp).encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    @property
    def leftovers(self) -> list[str]:
        return [path.name for path in self.tmp.iterdir()]


def question(
    text: str = "Why is checkout failing?",
    *,
    tools: tuple[ToolSpec, ...] = (),
    run_tool: Callable[[ToolCall], Awaitable[ToolResult]] | None = None,
    messages: tuple[Message, ...] = (),
    **options: Any,
) -> ModelRequest:
    asked = messages or (Message.of("user", text),)
    return ModelRequest(model="sonnet", system=SYSTEM, messages=asked, tools=tools, run_tool=run_tool, **options)


def result_of(call: ToolCall, content: str, *, is_error: bool = False) -> ToolResult:
    return ToolResult(call_id=call.id, tool_name=call.name, content=content, is_error=is_error)


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thought_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ThinkingDelta))


def notices_of(events: list[ModelEvent]) -> list[str]:
    return [event.code for event in events if isinstance(event, Notice)]


def finish_of(events: list[ModelEvent]) -> ModelFinished:
    last = events[-1]
    assert isinstance(last, ModelFinished)
    return last


def said_by_user(body: Mapping[str, Any]) -> str:
    """All the text of the user's messages that reached the API."""
    return "\n".join(_texts(body["messages"], role="user"))


def _texts(messages: list[Mapping[str, Any]], role: str) -> Iterator[str]:
    for message in messages:
        if message["role"] != role:
            continue
        content = message["content"]
        blocks = [{"text": content}] if isinstance(content, str) else content
        yield from (block["text"] for block in blocks if "text" in block)


def a_cli(folder: Path, script: str, version: str = "2.1.330") -> Path:
    """A program that says it is Claude Code and then does as the script says."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "claude"
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{version} (Claude Code)"; exit 0; fi\n{script}\n')
    path.chmod(0o755)
    return path
