"""The same run over every real client: a scripted model on loopback, tools on the demo cluster, one answer."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.cluster.connection import Cluster
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import RunFinished, RunRecord, TextDelta, ToolCallFinished
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.engine import quick
from kubeagentix.engine.conversation import Conversation
from kubeagentix.engine.engine import Engine
from kubeagentix.providers.claude_code import plugin as claude_code
from tests.servers.anthropic import AnthropicServer
from tests.servers.turns import Call, Fail, Hang, Say
from tests.servers.wire import Recorded, WireServer
from tests.servers.wired import CHAT, CLAUDE, GEMINI, RESPONSES, Wired
from tests.spans import exporter

SUBSCRIPTION, KEY = "sk-ant-oat01-dummy-of-this-test", "dummy-key-of-this-test"
CHANNEL = "KUBEAGENTIX_CLAUDE_CODE_CHANNEL"
MARKUP = """<function_calls>
<invoke name="{name}">
<parameter name="namespace">banking</parameter>
</invoke>
</function_calls>"""


@dataclass(frozen=True)
class Client:
    """A real client on a scripted server. `prefix`: what the client puts before the names of our tools."""

    name: str
    wired: Wired
    prefix: str = ""
    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.name

    def environ(self, server: WireServer, home: Path) -> dict[str, str]:
        own = {"HOME": str(home), "PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", **dict(self.settings)}
        if self.wired.plugin is claude_code:
            return {**own, "ANTHROPIC_BASE_URL": server.base_url}
        return {**own, **self.wired.environ(server)}

    @property
    def token(self) -> str:
        return SUBSCRIPTION if self.wired.plugin is claude_code else KEY

    def credential(self, text: str = "") -> Credential:
        kind: Any = "auth_token" if self.wired.plugin is claude_code else "api_key"
        return Credential(kind=kind, secret=Secret(text or self.token), source="the request")

    def ask(self, name: str) -> list[Any]:
        """A turn in which the model asks for a tool of ours, in this client's own way."""
        if (CHANNEL, "cli") in self.settings:
            return [Say("I look. " + MARKUP.format(name=name), piece=7)]
        return [Say("I look. "), Call(f"{self.prefix}{name}", {"namespace": "banking"})]


CODE = Wired("claude_code", claude_code, AnthropicServer, "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN")
CLIENTS = (
    Client("claude", CLAUDE),
    Client("openai-responses", RESPONSES),
    Client("openai-chat", CHAT),
    Client("gemini", GEMINI),
    Client("claude_code-sdk", CODE, prefix="mcp__kube__", settings=((CHANNEL, "sdk"),)),
    Client("claude_code-cli", CODE, settings=((CHANNEL, "cli"),)),
)
every = pytest.mark.parametrize("client", CLIENTS, ids=str)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with kx.demo("database-disk-full") as demo:
        yield demo.cluster
    kx.use(None)


@contextmanager
def serving(client: Client) -> Iterator[WireServer]:
    with client.wired.server() as server:
        yield server


def engine(client: Client, cluster: Cluster, server: WireServer, home: Path, **changes: Any) -> Engine:
    plugins = {key: registry.providers()[key] for key in (client.wired.plugin.id, "rules")}
    return Engine(cluster, plugins=plugins, environ=client.environ(server, home), **changes)


def options(client: Client, **changes: Any) -> RunOptions:
    chosen: dict[str, Any] = {"provider": client.wired.plugin.id, "credential": client.credential(), "fallback": False}
    return RunOptions(**{**chosen, **changes})


async def records_of(engine: Engine, chosen: RunOptions, question: str = "why?") -> list[RunRecord]:
    return [record async for record in engine.stream(question, options=chosen, with_findings=False)]


def finished(records: list[RunRecord]) -> RunFinished:
    last = records[-1].event
    assert isinstance(last, RunFinished), last
    return last


@every
def test_tools_really_run_and_the_answer_follows_from_them(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script(client.ask("list_unhealthy"), [Say("The database is down.")])
        records = asyncio.run(records_of(engine(client, cluster, server, tmp_path), options(client)))
        last = server.requests[-1]
    results = [record.event.result for record in records if isinstance(record.event, ToolCallFinished)]
    assert [(result.tool_name, result.is_error) for result in results] == [("list_unhealthy", False)]
    assert "balances" in results[0].content
    assert "balances" in str(last.body)  # the model was given what the tool found
    end = finished(records)
    assert end.text.replace("\n", "") == "I look. The database is down."
    assert (end.provider, end.reason, end.tool_calls) == (client.wired.plugin.id, "stop", 1)
    assert end.credential_source == "the request"
    assert client.token not in repr(records)
    assert end.usage.output_tokens > 0
    kinds = [record.event.kind for record in records]
    assert kinds.index("tool_call_ready") < kinds.index("tool_call_finished") < len(kinds) - 2


@pytest.mark.parametrize("client", CLIENTS[:3], ids=str)  # those whose API hands such a call out
def test_arguments_that_are_no_json_are_told_to_the_model(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script([Call("list_unhealthy", '{"names')], client.ask("list_unhealthy"), [Say("Done.")])
        records = asyncio.run(records_of(engine(client, cluster, server, tmp_path), options(client)))
    results = [record.event.result for record in records if isinstance(record.event, ToolCallFinished)]
    assert [result.is_error for result in results] == [True, False]
    assert '{"names' in results[0].content
    assert "no JSON object" in str(server.requests[1].body)
    assert finished(records).text.endswith("Done.")


@every
def test_text_arrives_in_pieces(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    with serving(client) as server:
        server.script([Say("one two three four five", pause_s=0.02)])
        records = asyncio.run(records_of(engine(client, cluster, server, tmp_path), options(client)))
    assert len([record for record in records if isinstance(record.event, TextDelta)]) >= 5


@every
def test_quick_dx_has_a_models_view_that_cites_real_evidence(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    def conclude(request: Recorded) -> list[Any]:
        cited = re.findall(r"\be-[0-9a-f]{10}\b", str(request.body))[0]
        claim = {"title": "disk full", "confidence": 0.9, "evidence": [cited]}
        answer = {"root_cause": "ledger-db has no disk left", "hypotheses": [claim], "remedies": []}
        if (CHANNEL, "cli") in client.settings:
            return [Say("```json\n" + str(answer).replace("'", '"') + "\n```")]
        return [Call(f"{client.prefix}submit_answer", answer)]

    with serving(client) as server:
        server.script(conclude, then=[Say("")])
        asked = engine(client, cluster, server, tmp_path)
        dx = asyncio.run(quick.diagnose(asked, Target(), options=options(client)))
    assert (dx.mode, dx.provider) == ("agentic", client.wired.plugin.id), (dx.notes, dx.attempts)
    assert dx.answer is not None
    assert dx.answer.root_cause == "ledger-db has no disk left"
    assert dx.answer.hypotheses[0].is_supported
    assert dx.hypotheses[0].root.name == "ledger-db"


@every
def test_a_refused_credential_is_that_providers_own_error_or_the_next_ones_turn(
    client: Client, cluster: Cluster, tmp_path: Path
) -> None:
    with serving(client) as server:
        server.script(then=[Fail("authentication")])
        asked = engine(client, cluster, server, tmp_path)
        pinned = asyncio.run(records_of(asked, options(client)))
        free = asyncio.run(records_of(asked, options(client, fallback=True)))
    assert pinned[-1].event.kind == "run_failed"
    assert client.token not in repr(pinned)
    assert (finished(free).provider, finished(free).attempt) == ("rules", "fallback")


@every
def test_a_run_is_cancelled_within_a_second(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    async def cancelled(asked: Engine) -> tuple[list[RunRecord], float]:
        run = asked.begin("why?", options=options(client), with_findings=False)
        loop, began = asyncio.get_running_loop(), 0.0
        async for record in run:
            if isinstance(record.event, TextDelta) and not began:
                began = loop.time()
                run.cancel()
        return run.records, loop.time() - began

    with serving(client) as server:
        server.script([Say("so far"), Hang()])
        records, seconds = asyncio.run(cancelled(engine(client, cluster, server, tmp_path)))
        assert server.requests[0].gone.wait(2)
    assert finished(records).reason == "cancelled"
    assert seconds < 1


@every
def test_two_runs_side_by_side_keep_their_credentials_apart(client: Client, cluster: Cluster, tmp_path: Path) -> None:
    tokens = [f"{client.token}-{name}" for name in ("one", "two")]

    async def both(asked: Engine) -> list[list[RunRecord]]:
        chosen = [options(client, credential=client.credential(text)) for text in tokens]
        return await asyncio.gather(*(records_of(asked, item) for item in chosen))

    with serving(client) as server:
        for text in tokens:
            server.script([Say(f"answer for {text[-3:]}", pause_s=0.03)], token=text)
        found = asyncio.run(both(engine(client, cluster, server, tmp_path)))
    assert [finished(records).text for records in found] == ["answer for one", "answer for two"]


@every
def test_no_secret_is_in_a_log_a_repr_the_history_or_a_span(
    client: Client, cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    spans = exporter()
    conversation = Conversation()

    async def ask(asked: Engine) -> list[RunRecord]:
        return [
            record
            async for record in asked.stream(
                "why?", options=options(client), conversation=conversation, with_findings=False
            )
        ]

    with serving(client) as server:
        server.script(client.ask("list_unhealthy"), [Say("It is the disk.")], then=[Fail("authentication")])
        asked = engine(client, cluster, server, tmp_path, provider="rules")
        records = [*asyncio.run(ask(asked)), *asyncio.run(ask(asked))]
    assert records[-1].event.kind == "run_failed"
    written = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "execute_tool list_unhealthy" in written
    for text in (caplog.text, written, repr(records), repr(asked), repr(conversation.messages), repr(options(client))):
        assert client.token not in text
        assert client.token[8:] not in text
