"""Gemini's own: signed parts, two names for one key, versions of its API, and a client that must be kept alive."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

import pytest

from kubeagentix import errors
from kubeagentix.domain.messages import Message, Text, Thinking, ToolCall, ToolResult
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.providers import gemini
from tests.providers.asking import ask, end_of, key, provider, request, text_of
from tests.servers.turns import Call, Fail, Say, Step, Think
from tests.servers.wired import GEMINI

STAND_IN = gemini._NO_SIGNATURE


def config(**changes: Any) -> dict[str, Any]:
    return gemini.config_of(request(GEMINI, **changes))


def test_signatures_go_back_on_the_parts_that_they_came_on() -> None:
    with GEMINI.server() as server:
        turn: list[Step] = [
            Think("137?"),
            Say("Let me look.", signature="dGV4dA=="),
            Call("pod_logs", {"name": "pay"}, id="c1", signature="Y2FsbA=="),
            Call("get_events", id="c2"),
        ]
        server.script(turn, Say("Done."))
        asking = provider(GEMINI, server)
        end = end_of(ask(asking, request(GEMINI)))
        results = tuple(
            ToolResult(call_id=call.id, tool_name=call.name, content="killed") for call in end.message.tool_calls
        )
        ask(asking, request(GEMINI, Message.of("user", "Why?"), end.message, Message(role="tool", parts=results)))
        sent = server.requests[1].body["contents"]
    assert sent[1] == {
        "role": "model",
        "parts": [
            {"text": "Let me look."},
            {"text": "", "thoughtSignature": "dGV4dA=="},
            {"functionCall": {"id": "c1", "name": "pod_logs", "args": {"name": "pay"}}, "thoughtSignature": "Y2FsbA=="},
            {"functionCall": {"id": "c2", "name": "get_events", "args": {}}},
        ],
    }
    assert [part["functionResponse"]["id"] for part in sent[2]["parts"]] == ["c1", "c2"]


def test_calls_of_another_model_get_a_stand_in_and_its_thoughts_are_left_out() -> None:
    parts = (
        Thinking(text="hm", signature='["claude/claude-opus-5-5","thinking","c2ln"]'),
        Text(text="Let me look.", signature='["openai","label",{"phase":"commentary"}]'),
        ToolCall(id="c1", name="pod_logs", arguments={}),
        ToolCall(id="c2", name="pod_logs", arguments={}),
    )
    (turn,) = gemini.contents_of([Message(role="assistant", parts=parts)], "gemini-3.8-flash")
    text, first, second = turn["parts"]
    assert text == {"text": "Let me look."}
    assert first["thought_signature"] == STAND_IN
    assert "thought_signature" not in second
    (turn,) = gemini.contents_of([Message(role="assistant", parts=parts)], "gemini-2.5-flash")
    assert STAND_IN not in [part.get("thought_signature") for part in turn["parts"]]


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("gemini-3.8-flash", "v1"),
        ("gemini-3.1-pro-preview", "v1beta"),
        ("gemini-flash-latest", "v1beta"),
    ],
)
def test_preview_models_are_asked_at_the_preview_version(model: str, version: str) -> None:
    with GEMINI.server() as server:
        server.script(Say("Hm."))
        ask(provider(GEMINI, server), request(GEMINI, model=model))
    assert server.requests[0].path == f"/{version}/models/{model}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    "fault",
    [
        Fail("bad_request", message='Invalid JSON payload received. Unknown name "tools": Cannot find field.'),
        Fail("model_not_found", message="models/x is not found for API version v1, or is not supported"),
    ],
)
def test_what_only_the_preview_version_knows_is_asked_there(fault: Fail) -> None:
    with GEMINI.server() as server:
        server.script(fault, Say("Here."))
        events = ask(provider(GEMINI, server), request(GEMINI))
        first, second = server.requests
    assert text_of(events) == "Here."
    assert [recorded.path.split("/")[1] for recorded in (first, second)] == ["v1", "v1beta"]
    assert second.token == first.token
    assert second.headers["x-server-timeout"] == first.headers["x-server-timeout"]


def test_the_server_is_given_the_whole_deadline_not_the_silence() -> None:
    with GEMINI.server() as server:
        server.script(Say("Hm."))
        ask(provider(GEMINI, server, idle_s=3), request(GEMINI, deadline_s=77))
    assert server.requests[0].headers["x-server-timeout"] == "77"


@pytest.mark.parametrize(
    ("model", "mode", "expected"),
    [
        ("gemini-3.8-flash", "auto", {"include_thoughts": True}),
        ("gemini-3.8-flash", "high", {"include_thoughts": True, "thinking_level": "HIGH"}),
        ("gemini-3.8-flash", "off", {"thinking_level": "MINIMAL"}),
        ("gemini-2.5-flash", "off", {"thinking_budget": 0}),
    ],
)
def test_thinking_is_asked_for_as_the_model_has_it(model: str, mode: str, expected: dict[str, Any]) -> None:
    assert config(model=model, thinking=mode)["thinking_config"] == expected


def test_a_model_that_does_not_think_is_asked_again_without() -> None:
    with GEMINI.server() as server:
        server.script(Fail("bad_request", message="Thinking is not enabled for models/x"), Say("Here."))
        assert text_of(ask(provider(GEMINI, server), request(GEMINI))) == "Here."
        assert "thinkingConfig" not in server.requests[1].body["generationConfig"]


def test_a_signed_thought_goes_back() -> None:
    thought = Thinking(text="137?", signature='["gemini/gemini-3.8-flash","thought","0a"]')
    (turn,) = gemini.contents_of([Message(role="assistant", parts=(thought,))], "gemini-3.8-flash")
    assert turn["parts"] == [{"text": "137?", "thought": True, "thought_signature": b"\n"}]


def test_a_wrong_key_is_an_authentication_error_although_the_status_is_400() -> None:
    with GEMINI.server() as server:
        server.script(Fail("authentication"))
        with pytest.raises(errors.AuthenticationError) as caught:
            ask(provider(GEMINI, server), request(GEMINI))
    assert caught.value.detail == "API_KEY_INVALID"


def test_a_client_lives_as_long_as_its_stream() -> None:
    with GEMINI.server() as server:
        server.script([Say("one two three four", pause_s=0.05)] * 3)

        async def run() -> str:
            said = ""
            async for event in provider(GEMINI, server).stream(request(GEMINI), key()):
                gc.collect()
                said += getattr(event, "text", "")
            return said

        assert asyncio.run(run()) == "one two three four" * 3


def from_variable(name: str) -> Credential:
    return Credential(kind="api_key", secret=Secret("dummy-of-the-environment"), source=name)


def test_gemini_api_key_comes_first_and_the_other_is_told_of() -> None:
    readiness = gemini.ready({"GEMINI_API_KEY": "dummy-1", "GOOGLE_API_KEY": "dummy-2"}, None)
    assert readiness.credential is not None
    assert (readiness.credential.source, readiness.credential.secret.reveal()) == ("GEMINI_API_KEY", "dummy-1")
    assert [ignored.name for ignored in readiness.ignored] == ["GOOGLE_API_KEY"]
    alone = gemini.ready({"GOOGLE_API_KEY": "dummy-2"}, None)
    assert alone.credential is not None
    assert alone.credential.source == "GOOGLE_API_KEY"


def test_nothing_of_the_environment_is_in_a_request_with_its_own_credential(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    leaks = {
        "GOOGLE_API_KEY": "dummy-of-the-environment",
        "GEMINI_API_KEY": "dummy-too-of-the-environment",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "project-of-the-environment",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
        "GOOGLE_GENAI_API_VERSION": "of-the-environment",
    }
    for name, value in leaks.items():
        monkeypatch.setenv(name, value)
    with GEMINI.server() as server:
        server.script(Say("Hm."))
        ask(provider(GEMINI, server, leaks), request(GEMINI), key("dummy-own"))
    (recorded,) = server.requests
    assert recorded.token == "dummy-own"
    assert "of-the-environment" not in str(recorded.headers) + recorded.path + str(recorded.body)
    assert "GOOGLE_API_KEY" not in caplog.text  # the client's own warning, which is beside the point


def test_without_a_credential_of_its_own_the_environments_address_and_version_count() -> None:
    with GEMINI.server() as server:
        environ = {"GOOGLE_GEMINI_BASE_URL": server.base_url, "GOOGLE_GENAI_API_VERSION": "beta"}
        server.script(Say("Hm."))
        ask(gemini.build(environ), request(GEMINI), from_variable("GOOGLE_API_KEY"))
    assert server.requests[0].path.startswith("/v1beta/")
    assert server.requests[0].token == "dummy-of-the-environment"


def test_a_project_of_google_cloud_is_told_to_be_unused() -> None:
    readiness = gemini.ready({"GEMINI_API_KEY": "dummy", "GOOGLE_GENAI_USE_VERTEXAI": "true"}, None)
    assert [ignored.name for ignored in readiness.ignored] == ["GOOGLE_GENAI_USE_VERTEXAI"]
