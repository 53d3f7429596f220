"""OpenAI's own: encrypted reasoning, which wire is spoken to whom, servers without tools, and the environment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubeagentix import errors
from kubeagentix.domain.events import Notice, TextDelta
from kubeagentix.domain.messages import Message, Text, Thinking, ToolCall, ToolResult
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.providers import openai
from kubeagentix.wire import chat, responses
from kubeagentix.wire.markup import MarkupParser
from kubeagentix.wire.markup_prompt import call_as_markup
from kubeagentix.wire.retry import RetryPolicy
from tests.providers.asking import ask, calls_of, end_of, key, provider, request, text_of
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Fail, Say, Think
from tests.servers.wired import CHAT, RESPONSES

CONVERSATION = (
    Message.of("user", "Why?"),
    Message(
        role="assistant", parts=(Text(text="Let me look."), ToolCall(id="c1", name="pod_logs", arguments={"n": 1}))
    ),
    Message(role="tool", parts=(ToolResult(call_id="c1", tool_name="pod_logs", content="killed"),)),
)


def body(**changes: Any) -> dict[str, Any]:
    return responses.body_of(request(RESPONSES, **changes))


def from_variable(name: str = "OPENAI_API_KEY") -> Credential:
    return Credential(kind="api_key", secret=Secret("dummy-of-the-environment"), source=name)


def codes(events: list[Any]) -> list[str]:
    return [event.code for event in events if isinstance(event, Notice)]


def test_reasoning_goes_back_encrypted_as_it_came() -> None:
    with RESPONSES.server() as server:
        server.script([Think("137?", signature="ZW5j"), Say("Let me look."), Call("pod_logs", id="c1")], Say("Done."))
        asking = provider(RESPONSES, server)
        end = end_of(ask(asking, request(RESPONSES)))
        result = Message(role="tool", parts=(ToolResult(call_id="c1", tool_name="pod_logs", content="killed"),))
        ask(asking, request(RESPONSES, Message.of("user", "Why?"), end.message, result))
        first, second = (recorded.body for recorded in server.requests)
    assert (first["store"], first["include"]) == (False, ["reasoning.encrypted_content"])
    assert second["input"][1:] == [
        {
            "type": "reasoning",
            "id": "rs_1_0",
            "summary": [{"type": "summary_text", "text": "137?"}],
            "encrypted_content": "ZW5j",
        },
        {"role": "assistant", "content": "Let me look."},
        {"type": "function_call", "call_id": "c1", "name": "pod_logs", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "killed"},
    ]


def test_the_label_of_a_message_goes_back() -> None:
    said = Text(text="Let me look.", signature='["openai","label",{"phase":"commentary"}]')
    sent = body(messages=(Message(role="assistant", parts=(said, Thinking(text="of another"))),))
    assert sent["input"] == [{"role": "assistant", "content": "Let me look.", "phase": "commentary"}]


@pytest.mark.parametrize(
    ("model", "mode", "reasoning"),
    [
        ("gpt-6.2-sol", "auto", {"summary": "auto"}),
        ("gpt-6.2-sol", "high", {"summary": "auto", "effort": "high"}),
        ("gpt-6.2-sol", "off", {"effort": "low"}),  # it refuses `none`
        ("gpt-5.4-mini", "off", {"effort": "none"}),
        ("o4-mini", "off", {"effort": "low"}),
        ("gpt-4.1", "high", None),
        ("gpt-5.2-chat-latest", "auto", None),
    ],
)
def test_reasoning_is_asked_for_as_the_model_has_it(model: str, mode: str, reasoning: Any) -> None:
    sent = body(model=model, thinking=mode, temperature=0.1)
    assert sent.get("reasoning") == reasoning
    assert ("temperature" in sent) == (reasoning is None)


@pytest.mark.parametrize(("model", "tokens"), [("gpt-6.2-sol", 16 + 8_192), ("gpt-5.4-mini", 16), ("gpt-4.1", 16)])
def test_there_is_room_for_reasoning_where_there_is_some(model: str, tokens: int) -> None:
    assert body(model=model, thinking="off", max_output_tokens=1)["max_output_tokens"] == tokens


def test_tools_are_not_strict() -> None:
    assert [tool["strict"] for tool in body()["tools"]] == [False, False]


@pytest.mark.parametrize(
    ("message", "left_out"),
    [
        ("Your organization must be verified to generate reasoning summaries.", '"summary": "auto"'),
        ("The encrypted content could not be verified.", '"encrypted_content": "x"'),
        ("Reasoning is not supported with this model.", '"include"'),
    ],
)
def test_what_an_account_may_not_ask_for_is_left_out_and_said(message: str, left_out: str) -> None:
    earlier = Thinking(
        signature='["openai","reasoning",{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"x"}]'
    )
    messages = (Message.of("user", "Why?"), Message(role="assistant", parts=(earlier,)), Message.of("user", "And?"))
    with RESPONSES.server() as server:
        server.script(Fail("bad_request", message=message), Say("Here."))
        events = ask(provider(RESPONSES, server), request(RESPONSES, *messages))
        first, second = (json.dumps(recorded.body) for recorded in server.requests)
    assert text_of(events) == "Here."
    assert codes(events) == ["adjusted"]
    assert left_out in first
    assert left_out not in second


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, True),
        ({openai.OWN_URL_VARIABLE: "https://eu.api.openai.com/v1"}, True),
        ({openai.OWN_URL_VARIABLE: "https://mine.openai.azure.com/openai/v1"}, True),
        ({openai.OWN_URL_VARIABLE: "http://localhost:11434/v1"}, False),
        ({openai.OWN_URL_VARIABLE: "https://openai.com.example/v1"}, False),
        ({openai.OWN_URL_VARIABLE: "http://localhost:11434/v1", openai.API_VARIABLE: "responses"}, True),
    ],
)
def test_openai_is_asked_by_responses_and_others_by_chat(environ: dict[str, str], expected: bool) -> None:
    address = environ.get(openai.OWN_URL_VARIABLE, openai.OFFICIAL_URL)
    assert openai._uses_responses(environ, address) is expected


def test_a_server_without_tools_is_asked_by_markup_from_then_on() -> None:
    said = '<function_calls>\n<invoke name="pod_logs">\n<parameter name="name">pay</parameter>\n</invoke>\n'
    with OpenAIServer(takes_tools=False) as server:
        server.script(then=Say(said))
        asking = provider(CHAT, server)
        events = ask(asking, request(CHAT))
        assert codes(events) == ["markup"]
        assert text_of(events) == said
        assert codes(ask(asking, request(CHAT, *CONVERSATION))) == []
        _, second, third = server.requests
    assert "tools" not in second.body
    assert "<function_calls>" in second.heard.system
    assert "pod_logs" in second.heard.system
    assert third.heard.system == second.heard.system
    roles = [entry["role"] for entry in third.body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert '<invoke name="pod_logs">' in third.body["messages"][2]["content"]
    assert "killed" in third.body["messages"][3]["content"]


def test_markup_of_such_a_server_is_what_the_parser_of_markup_reads() -> None:
    call = ToolCall(id="c1", name="pod_logs", arguments={"name": "pay", "tail": 5}, origin="markup")
    with OpenAIServer(takes_tools=False) as server:
        server.script(then=Say("Let me look.\n" + call_as_markup(call), piece=3))
        events = ask(provider(CHAT, server), request(CHAT))
    parser = MarkupParser(("pod_logs",))
    found = [piece for event in events if isinstance(event, TextDelta) for piece in parser.feed(event.text)]
    (read,) = [piece for piece in [*found, *parser.finish()] if isinstance(piece, ToolCall)]
    assert (read.name, read.arguments, read.origin) == ("pod_logs", {"name": "pay", "tail": 5}, "markup")


@pytest.mark.parametrize(
    "message",
    [
        "registry.ollama.ai/library/tiny does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "tools param requires --jinja flag",
    ],
)
def test_servers_say_in_many_ways_that_they_take_no_tools(message: str) -> None:
    assert chat.is_about_tools(errors.ProviderError(message))


@pytest.mark.parametrize(
    "message",
    [
        "Invalid 'tools[0].function.name': string too long",
        "Unrecognized request argument supplied: tool_choice",
        "model does not support tool_choice",
    ],
)
def test_a_fault_of_a_tool_is_no_lack_of_tools(message: str) -> None:
    assert not chat.is_about_tools(errors.ProviderError(message))


@pytest.mark.parametrize("name", ["stream_options", "temperature"])
def test_what_a_server_does_not_know_is_left_out(name: str) -> None:
    with CHAT.server() as server:
        server.script(Fail("bad_request", message=f"Unrecognized request argument: {name}"), Say("Here."))
        events = ask(provider(CHAT, server), request(CHAT, temperature=0.5))
        assert name not in server.requests[1].body
    assert (text_of(events), codes(events)) == ("Here.", ["adjusted"])


def test_max_tokens_gets_its_newer_name_where_that_is_asked_for() -> None:
    with CHAT.server() as server:
        message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        server.script(Fail("bad_request", message=message), Say("Here."))
        ask(provider(CHAT, server), request(CHAT, max_output_tokens=9))
        assert server.requests[1].body["max_completion_tokens"] == 9


def test_calls_that_are_all_numbered_0_are_told_apart_by_id() -> None:
    class Piece:
        def __init__(self, call_id: str | None, name: str | None, arguments: str) -> None:
            self.index, self.id = 0, call_id
            self.function = type("Function", (), {"name": name, "arguments": arguments})

    reading = chat._Reading(asked=None)  # type: ignore[arg-type]
    for piece in (Piece("a", "pod_logs", '{"n":'), Piece(None, None, "1}"), Piece("b", "get_events", "{}")):
        reading.take_call(piece)
    assert [(call.id, call.name, call.arguments) for call in reading.calls()] == [
        ("a", "pod_logs", {"n": 1}),
        ("b", "get_events", {}),
    ]


def test_chat_sends_calls_and_results_in_its_own_form() -> None:
    sent = chat.body_of(request(CHAT, *CONVERSATION), by_markup=False)["messages"]
    assert sent[2:] == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "pod_logs", "arguments": '{"n": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "killed"},
    ]


def test_a_call_cut_off_by_the_token_limit_is_not_made_up() -> None:
    with CHAT.server() as server:
        server.script([Call("pod_logs", '{"name": "pa'), Fail("server")])
        with pytest.raises(errors.OverloadedError):
            ask(provider(CHAT, server, retries=RetryPolicy(attempts=1)), request(CHAT))


def test_a_model_that_a_server_does_not_have_is_named_otherwise() -> None:
    with CHAT.server() as server:
        server.script(then=Fail("model_not_found"))
        with pytest.raises(errors.ModelNotFoundError, match="OPENAI_MODEL"):
            ask(provider(CHAT, server), request(CHAT))


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    leaks = {
        "OPENAI_API_KEY": "dummy-of-the-environment",
        "OPENAI_ADMIN_KEY": "dummy-admin-of-the-environment",
        "OPENAI_ORG_ID": "org-of-the-environment",
        "OPENAI_PROJECT_ID": "project-of-the-environment",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_CUSTOM_HEADERS": "X-Team: of-the-environment\nAuthorization: Bearer of-the-environment\n"
        "OpenAI-Organization: other-of-the-environment",
    }
    for name, value in leaks.items():
        monkeypatch.setenv(name, value)
    return leaks


@pytest.mark.parametrize("wired", [RESPONSES, CHAT], ids=str)
def test_nothing_of_the_environment_is_in_a_request_with_its_own_credential(wired: Any, leaky: dict[str, str]) -> None:
    with wired.server() as server:
        server.script(Say("Hm."))
        ask(provider(wired, server, leaky), request(wired), key("dummy-own"))
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer dummy-own"
    assert "of-the-environment" not in str(headers)
    assert not {"openai-organization", "openai-project"} & set(headers)


def test_without_a_credential_of_its_own_the_environments_organisation_counts() -> None:
    with CHAT.server() as server:
        environ = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_ORG_ID": "org-1",
            "OPENAI_PROJECT_ID": "project-1",
            "OPENAI_CUSTOM_HEADERS": "X-Team: sre",
        }
        server.script(Say("Hm."))
        ask(openai.build(environ), request(CHAT), from_variable())
    headers = server.requests[0].headers
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-1", "project-1")
    assert headers["x-team"] == "sre"
    assert server.requests[0].token == "dummy-of-the-environment"


def test_a_server_of_ones_own_needs_no_key() -> None:
    with CHAT.server() as server:
        environ = {"OPENAI_BASE_URL": server.base_url}
        readiness = openai.ready(environ, None)
        assert readiness.credential is not None
        assert readiness.credential.source == "OPENAI_BASE_URL"
        server.script([Say("Hm."), Call("pod_logs")])
        events = ask(openai.build(environ), request(CHAT), readiness.credential)
    assert [call.name for call in calls_of(events)] == ["pod_logs"]
    assert openai.ready({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, None).credential is None
