"""The Claude API's own: what it caches, how it is asked to think, what it signs, and what of the environment counts."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kubeagentix import errors
from kubeagentix.domain.events import Notice
from kubeagentix.domain.messages import Message, Text, Thinking, ToolCall, ToolResult, Usage
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.providers import claude
from tests.providers.asking import ask, end_of, key, provider, request, text_of
from tests.servers.turns import Call, Fail, Say, Think
from tests.servers.wired import CLAUDE

CACHED = {"type": "ephemeral"}


def body(**changes: Any) -> dict[str, Any]:
    return claude.body_of(request(CLAUDE, **changes))


def from_variable(name: str, text: str = "dummy-of-the-environment") -> Credential:
    return Credential(kind="api_key", secret=Secret(text), source=name)


def test_importing_it_does_not_import_the_sdk() -> None:
    code = "import sys, kubeagentix.providers.claude; print({'anthropic', 'httpx2', 'openai'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_thinking_goes_back_with_its_signature_as_it_came() -> None:
    with CLAUDE.server() as server:
        server.script([Think("137?", signature="c2ln"), Think("", signature="ZW5j", is_hidden=True), Call("pod_logs")])
        server.script(Say("Done."))
        asking = provider(CLAUDE, server)
        end = end_of(ask(asking, request(CLAUDE)))
        (call,) = end.message.tool_calls
        result = ToolResult(call_id=call.id, tool_name="pod_logs", content="killed")
        ask(asking, request(CLAUDE, Message.of("user", "Why?"), end.message, Message(role="tool", parts=(result,))))
        sent = server.requests[1].body["messages"]
    assert sent[1]["content"] == [
        {"type": "thinking", "thinking": "137?", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZW5j"},
        {"type": "tool_use", "id": call.id, "name": "pod_logs", "input": {}},
    ]


def test_thinking_of_another_model_or_provider_is_left_out() -> None:
    foreign = (
        Thinking(text="hm", signature='["claude/claude-opus-5-5","thinking","c2ln"]'),
        Thinking(text="hm", signature='["openai","reasoning",{"id":"rs_1"}]'),
        Thinking(text="hm", signature="whatever"),
        Thinking(text="hm"),
        Text(text="It ran out of memory."),
    )
    sent = body(messages=(Message.of("user", "Why?"), Message(role="assistant", parts=foreign)))
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "It ran out of memory."}]


def test_system_tools_and_the_last_message_are_cached() -> None:
    sent = body()
    assert sent["system"] == [{"type": "text", "text": "You are an SRE.", "cache_control": CACHED}]
    assert sent["messages"][-1]["content"][-1]["cache_control"] == CACHED
    assert str(sent).count("cache_control") == 2


def test_cached_and_written_input_count_as_input() -> None:
    with CLAUDE.server() as server:
        server.usage = Usage(input_tokens=100, output_tokens=9, cached_tokens=60, cache_write_tokens=30)
        server.script(Say("Hm."))
        events = ask(provider(CLAUDE, server), request(CLAUDE))
    assert [event.usage for event in events if event.kind == "usage_reported"] == [server.usage]


@pytest.mark.parametrize(
    ("model", "mode", "thinking", "effort"),
    [
        ("claude-sonnet-5-5", "auto", "adaptive", None),
        ("claude-sonnet-5-5", "high", "adaptive", "high"),
        ("claude-sonnet-5-5", "off", "disabled", None),
        ("claude-opus-5-5", "off", "adaptive", "low"),  # it refuses to have it switched off
        ("claude-fable-5-2", "off", "adaptive", "low"),
        ("claude-haiku-4-5-20251001", "auto", None, None),  # from before adaptive thinking
        ("claude-sonnet-4-5", "high", None, None),
        ("claude-sonnet-4-6", "auto", "adaptive", None),
    ],
)
def test_thinking_is_asked_for_as_the_model_has_it(
    model: str, mode: str, thinking: str | None, effort: str | None
) -> None:
    sent = body(model=model, thinking=mode)
    assert sent.get("thinking", {}).get("type") == thinking
    assert sent.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(
    ("model", "mode", "tokens"),
    [
        ("claude-sonnet-5-5", "auto", 10 + 8_192),
        ("claude-sonnet-5-5", "off", 10),
        ("claude-opus-5-5", "off", 10 + 8_192),
        ("claude-haiku-4-5", "high", 10),
    ],
)
def test_there_is_room_for_thinking_where_there_is_some(model: str, mode: str, tokens: int) -> None:
    assert body(model=model, thinking=mode, max_output_tokens=10)["max_tokens"] == tokens


@pytest.mark.parametrize(
    ("named", "asked"),
    [("opus[1m]", "claude-opus-5-5"), ("sonnet", "claude-sonnet-5-5"), ("claude-opus-5[1m]", "claude-opus-5")],
)
def test_short_names_of_claude_code_are_understood(named: str, asked: str) -> None:
    with CLAUDE.server() as server:
        server.script(Say("Hm."))
        ask(provider(CLAUDE, server), request(CLAUDE, model=named))
    assert server.heard[0].model == asked


def test_a_forced_tool_switches_thinking_off_where_that_can_be() -> None:
    sent = body(must_call="pod_logs")
    assert sent["tool_choice"] == {"type": "tool", "name": "pod_logs"}
    assert sent["thinking"] == {"type": "disabled"}


def test_a_model_that_refuses_forced_tools_is_asked_in_words() -> None:
    sent = body(model="claude-opus-5-5", must_call="pod_logs")
    assert "tool_choice" not in sent
    assert "You must use the tool pod_logs" in sent["messages"][-1]["content"][-1]["text"]
    assert sent["system"] == body(model="claude-opus-5-5")["system"]  # to which earlier thinking is bound


def test_results_come_first_in_the_users_turn() -> None:
    call = ToolCall(id="c1", name="pod_logs", arguments={})
    messages = (
        Message.of("user", "Why?"),
        Message(role="assistant", parts=(Text(text=" "), call)),
        Message(role="tool", parts=(ToolResult(call_id="c1", tool_name="pod_logs", content="killed", is_error=True),)),
        Message.of("user", "Answer now."),
    )
    sent = body(messages=messages)["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]
    assert [block["type"] for block in sent[1]["content"]] == ["tool_use"]
    assert [block["type"] for block in sent[2]["content"]] == ["tool_result", "text"]
    assert sent[2]["content"][0]["is_error"] is True


def test_a_model_that_does_not_think_like_that_is_asked_again_without() -> None:
    with CLAUDE.server() as server:
        server.script(Fail("bad_request", message="adaptive thinking is not supported on this model"), Say("Here."))
        events = ask(provider(CLAUDE, server), request(CLAUDE))
        first, second = server.requests
    assert text_of(events) == "Here."
    assert "thinking" in first.body
    assert "thinking" not in second.body
    assert [event.code for event in events if isinstance(event, Notice)] == ["adjusted"]


def test_a_used_up_plan_says_when_it_starts_anew() -> None:
    with CLAUDE.server() as server:
        server.script(Fail("quota"))
        with pytest.raises(errors.QuotaError) as caught:
            ask(provider(CLAUDE, server), request(CLAUDE))
    assert caught.value.resets_at == datetime.fromtimestamp(1795608000, UTC)
    assert caught.value.retry_after_s == 3600


def test_a_server_that_says_that_there_is_no_use_is_not_asked_again() -> None:
    with CLAUDE.server() as server:
        server.script(then=Fail("server", headers={"x-should-retry": "false"}))
        with pytest.raises(errors.OverloadedError):
            ask(provider(CLAUDE, server), request(CLAUDE))
        assert len(server.requests) == 1


SIGNED = Thinking(text="137?", signature='["claude/claude-sonnet-5-5","thinking","c2ln"]')
THOUGHT = (
    Message.of("user", "Why?"),
    Message(role="assistant", parts=(SIGNED, Text(text="It ran out of memory."))),
    Message.of("user", "And now?"),
)


def test_thinking_that_no_longer_fits_is_dropped_by_the_api_and_not_refused() -> None:
    with CLAUDE.server() as server:
        server.script(then=Say("Hm."))
        asking = provider(CLAUDE, server)
        ask(asking, request(CLAUDE))
        ask(asking, request(CLAUDE, model="claude-sonnet-4-6"))
        first, second = server.requests
    assert first.body["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
    assert first.headers["anthropic-beta"] == claude.BINDING_BETA
    assert "block_binding" not in second.body["thinking"]
    assert "anthropic-beta" not in second.headers


def test_a_beta_of_the_environment_is_kept_beside_ours() -> None:
    with CLAUDE.server() as server:
        environ = {"ANTHROPIC_CUSTOM_HEADERS": "Anthropic-Beta: theirs-1", "ANTHROPIC_BASE_URL": server.base_url}
        server.script(Say("Hm."))
        ask(claude.build(environ), request(CLAUDE), from_variable("ANTHROPIC_API_KEY"))
    assert server.requests[0].headers["anthropic-beta"] == f"theirs-1,{claude.BINDING_BETA}"


@pytest.mark.parametrize(
    ("message", "left_out"),
    [
        ("messages.1.content.0: Invalid `signature` in `thinking` block.", "'signature': 'c2ln'"),
        ("Unexpected value(s) for the `anthropic-beta` header", "block_binding"),
        ("thinking.adaptive.block_binding: Extra inputs are not permitted", "block_binding"),
    ],
)
def test_what_is_refused_about_thinking_is_left_out(message: str, left_out: str) -> None:
    with CLAUDE.server() as server:
        server.script(Fail("bad_request", message=message), Say("Here."))
        events = ask(provider(CLAUDE, server), request(CLAUDE, *THOUGHT))
        first, second = (str(recorded.body) for recorded in server.requests)
    assert text_of(events) == "Here."
    assert left_out in first
    assert left_out not in second
    assert "adaptive" in second


def test_a_forced_tool_that_is_refused_is_asked_for_in_words() -> None:
    with CLAUDE.server() as server:
        server.script(Fail("bad_request", message="tool_choice forces tool use, which is not supported"), Say("Here."))
        ask(provider(CLAUDE, server), request(CLAUDE, must_call="pod_logs"))
        second = server.requests[1].body
    assert "tool_choice" not in second
    assert "You must use the tool pod_logs" in second["messages"][-1]["content"][0]["text"]


def test_switched_off_thinking_takes_earlier_thinking_with_it() -> None:
    assert "c2ln" in str(body(messages=THOUGHT))
    assert "c2ln" not in str(body(messages=THOUGHT, thinking="off"))


LEAKS = "X-Team: of-the-environment\nAuthorization: Bearer of-the-environment\nanthropic-version: 2023-06-01"


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    profile = {"base_url": "http://127.0.0.1:9", "authentication": {"type": "oauth_token"}}
    (tmp_path / "configs" / "work.json").write_text(json.dumps(profile))
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", LEAKS)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy-of-the-environment")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "dummy-token-of-the-environment")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "work")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")


@pytest.mark.usefixtures("leaky")
@pytest.mark.parametrize("kind", ["api_key", "auth_token"])
def test_nothing_of_the_environment_is_in_a_request_with_its_own_credential(kind: Any) -> None:
    credential = Credential(kind=kind, secret=Secret("dummy-own"), source="the request")
    environ = {"ANTHROPIC_CUSTOM_HEADERS": LEAKS, "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    with CLAUDE.server() as server:
        server.script(Say("Hm."))
        ask(provider(CLAUDE, server, environ), request(CLAUDE), credential)
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer dummy-own"
    assert headers["anthropic-version"] == "2026-10-21"
    assert "of-the-environment" not in str(headers)
    assert "x-api-key" not in headers


def test_without_a_request_of_its_own_the_environments_address_and_headers_count() -> None:
    with CLAUDE.server() as server:
        environ = {"ANTHROPIC_CUSTOM_HEADERS": "X-Team: sre", "ANTHROPIC_BASE_URL": server.base_url}
        server.script(Say("Hm."))
        ask(claude.build(environ), request(CLAUDE), from_variable("ANTHROPIC_API_KEY"))
    headers = server.requests[0].headers
    assert headers["x-team"] == "sre"
    assert server.requests[0].token == "dummy-of-the-environment"


def test_a_credential_of_the_request_does_not_go_where_the_environment_points() -> None:
    built = claude.Claude(environ={"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"})
    assert built._base_url(key()) == claude.OFFICIAL_URL
    assert built._base_url(from_variable("ANTHROPIC_API_KEY")) == "http://127.0.0.1:9"


def test_ready_tells_what_is_passed_on_without_secrets() -> None:
    environ = {
        "ANTHROPIC_API_KEY": "dummy",
        "ANTHROPIC_BASE_URL": "https://me:hidden@gateway.example/v1?key=hidden",
        "ANTHROPIC_CUSTOM_HEADERS": "X-Team: hidden",
        "HTTPS_PROXY": "http://me:hidden@proxy.example:3128",
        "ANTHROPIC_PROFILE": "work",
    }
    readiness = claude.ready(environ, None)
    assert readiness.passed_on == (
        "ANTHROPIC_BASE_URL=https://gateway.example/v1",
        "ANTHROPIC_CUSTOM_HEADERS=X-Team: …",
        "HTTPS_PROXY=http://proxy.example:3128",
    )
    assert [ignored.name for ignored in readiness.ignored] == ["ANTHROPIC_PROFILE"]
    brought = claude.ready(environ, key())
    assert {ignored.name for ignored in brought.ignored} >= {"ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"}
    assert brought.passed_on == ("HTTPS_PROXY=http://proxy.example:3128",)


def test_a_subscriptions_token_is_never_sent() -> None:
    with pytest.raises(errors.AuthenticationError, match="claude_code"):
        claude.ready({}, key("sk-ant-oat01-dummy"))
    readiness = claude.ready({"ANTHROPIC_AUTH_TOKEN": "sk-ant-oat01-dummy"}, None)
    assert readiness.credential is None
    assert [ignored.name for ignored in readiness.ignored] == ["ANTHROPIC_AUTH_TOKEN"]
    with_key = claude.ready({"ANTHROPIC_AUTH_TOKEN": "sk-ant-oat01-dummy", "ANTHROPIC_API_KEY": "dummy"}, None)
    assert with_key.credential is not None


def test_without_the_client_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubeagentix.wire.readiness.is_installed", lambda _: False)
    readiness = claude.ready({"ANTHROPIC_API_KEY": "dummy"}, None)
    assert readiness.credential is None
    assert "pip install 'kubeagentix[claude]'" in readiness.why_not
