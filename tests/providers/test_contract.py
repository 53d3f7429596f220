"""What every provider that speaks to an API keeps to, each on its official client and its own wire."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from contextlib import suppress
from datetime import date
from typing import Any

import pytest

from kubeagentix import errors
from kubeagentix.domain.events import ModelFinished, Notice, ThinkingDelta, UsageReported
from kubeagentix.domain.messages import Message, ToolCall, ToolResult, Usage
from tests.providers.asking import KEY, ask, asked, calls_of, end_of, key, provider, request, text_of
from tests.servers.turns import (
    Call,
    Cut,
    Disconnect,
    Fail,
    Fault,
    Garble,
    Hang,
    Pause,
    Ping,
    Reply,
    Say,
    Step,
    Stop,
    Think,
)
from tests.servers.wired import WIRED, Wired

every = pytest.mark.parametrize("wired", WIRED, ids=str)

FAULTS: dict[Fault, type[errors.ProviderError]] = {
    "authentication": errors.AuthenticationError,
    "permission": errors.PermissionDeniedError,
    "billing": errors.QuotaError,
    "quota": errors.QuotaError,
    "rate_limit": errors.RateLimitError,
    "overloaded": errors.OverloadedError,
    "server": errors.OverloadedError,
    "model_not_found": errors.ModelNotFoundError,
    "context_window": errors.ContextWindowError,
    "bad_request": errors.ProviderError,
}


def one_of(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@every
def test_text_and_thinking_come_in_pieces_and_the_whole_message_last(wired: Wired) -> None:
    with wired.server() as server:
        server.script([Think("137 means OOM."), Say("It ran out of memory.")])
        events = ask(provider(wired, server), request(wired))
    assert text_of(events) == "It ran out of memory."
    assert len([event for event in events if event.kind == "text_delta"]) == 5
    assert "".join(event.text for event in one_of(events, ThinkingDelta)) == "137 means OOM."
    end = end_of(events)
    assert (end.stop_reason, end.message.text) == ("stop", "It ran out of memory.")
    assert end.model == wired.plugin.default_model
    assert len(one_of(events, ModelFinished)) == 1


@every
def test_usage_counts_all_of_the_input_and_what_was_cached(wired: Wired) -> None:
    with wired.server() as server:
        server.script(Say("Hm."))
        events = ask(provider(wired, server), request(wired))
    (report,) = one_of(events, UsageReported)
    assert report.usage == Usage(input_tokens=25, output_tokens=40, cached_tokens=3, thinking_tokens=12)


@every
def test_parallel_calls_come_with_their_arguments(wired: Wired) -> None:
    with wired.server() as server:
        server.script([Say("Let me look."), Call("pod_logs", {"name": "pay", "tail": [1, 2]}), Call("get_events")])
        events = ask(provider(wired, server), request(wired))
    first, second = calls_of(events)
    assert (first.name, first.arguments, first.origin) == ("pod_logs", {"name": "pay", "tail": [1, 2]}, "native")
    assert (second.name, second.arguments) == ("get_events", {})
    assert first.id != second.id
    assert end_of(events).stop_reason == "tool_calls"
    assert end_of(events).message.tool_calls == (first, second)


@every
def test_a_round_trip_sends_back_calls_and_results_whole(wired: Wired) -> None:
    with wired.server() as server:
        server.script([Think("Hm."), Say("Let me look."), Call("pod_logs", {"name": "pay"}), Call("get_events")])
        server.script(Say("Done."))
        asking = provider(wired, server)
        end = end_of(ask(asking, request(wired)))
        first, second = end.message.tool_calls
        results = (
            ToolResult(call_id=first.id, tool_name=first.name, content="no such pod", is_error=True),
            ToolResult(call_id=second.id, tool_name=second.name, content="OOMKilled"),
        )
        question = Message.of("user", "Why?")
        events = ask(asking, request(wired, question, end.message, Message(role="tool", parts=results)))
    assert text_of(events) == "Done."
    heard = server.heard[1]
    said = [message for message in heard.messages if message.role == "assistant"]
    assert "".join(message.text for message in said) == "Let me look."
    calls = [call for message in said for call in message.tool_calls]
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        (first.id, "pod_logs", {"name": "pay"}),
        (second.id, "get_events", {}),
    ]
    answered = [part for message in heard.messages for part in message.parts if isinstance(part, ToolResult)]
    assert [(part.call_id, part.content.removeprefix("Error: ")) for part in answered] == [
        (first.id, "no such pod"),
        (second.id, "OOMKilled"),
    ]
    assert answered[0].is_error or answered[0].content.startswith("Error: ")
    assert not answered[1].is_error


@every
def test_the_request_carries_system_tools_and_the_tool_that_has_to_be_called(wired: Wired) -> None:
    with wired.server() as server:
        server.script(Say("Hm."), Call("pod_logs", {"name": "x"}))
        asking = provider(wired, server)
        ask(asking, request(wired))
        ask(asking, request(wired, must_call="pod_logs"))
    first, second = server.heard
    assert (first.model, first.system) == (wired.plugin.default_model, "You are an SRE.")
    assert (first.tools, first.must_call) == (("pod_logs", "get_events"), "")
    assert second.must_call == "pod_logs"


@every
def test_a_conversation_goes_on_when_tools_are_withheld(wired: Wired) -> None:
    call = ToolCall(id="mcp:1/2", name="pod_logs", arguments={"name": "pay"}, origin="markup")
    result = ToolResult(call_id="mcp:1/2", tool_name="pod_logs", content="killed")
    messages = (
        Message.of("user", "Why?"),
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=(result,)),
        Message.of("user", "Answer now."),
    )
    with wired.server() as server:
        server.script(Say("OOM."))
        events = ask(provider(wired, server), request(wired, *messages, tools=()))
    assert text_of(events) == "OOM."
    body = server.requests[0].body
    assert not body.get("tools") or body["tool_choice"] == {"type": "none"}


@every
def test_tools_that_must_not_be_called_are_there_all_the_same(wired: Wired) -> None:
    with wired.server() as server:
        server.script(Say("OOM."))
        ask(provider(wired, server), request(wired, may_call=False))
    (heard,) = server.heard
    assert (heard.tools, heard.may_call) == (("pod_logs", "get_events"), False)


@every
def test_no_more_tokens_is_a_stop_of_its_own(wired: Wired) -> None:
    with wired.server() as server:
        server.script(then=[Say("It ran"), Stop("max_tokens")])
        asking = provider(wired, server)
        ask(asking, request(wired, max_output_tokens=1_000))
        events = ask(asking, request(wired, max_output_tokens=1_100))
    assert end_of(events).stop_reason == "max_tokens"
    first, second = server.heard
    assert second.max_tokens - first.max_tokens == 100


@every
def test_a_refusal_is_an_error(wired: Wired) -> None:
    with wired.server() as server:
        server.script([Say("I can"), Stop("refused")])
        with pytest.raises(errors.RefusedError) as caught:
            ask(provider(wired, server), request(wired))
    assert caught.value.provider == wired.plugin.id


@every
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_its_class(wired: Wired, fault: Fault) -> None:
    with wired.server() as server:
        server.script(then=Fail(fault))
        with pytest.raises(errors.ProviderError) as caught:
            ask(provider(wired, server), request(wired))
    error = caught.value
    assert type(error) is FAULTS[fault]
    assert error.provider == wired.plugin.id
    assert len(server.requests) == (3 if error.retryable else 1)
    assert_hidden(error)


@every
@pytest.mark.parametrize("fault", ["overloaded", "rate_limit", "server"])
def test_an_error_in_a_stream_has_its_class_and_is_not_tried_again_once_text_was_shown(
    wired: Wired, fault: Fault
) -> None:
    with wired.server() as server:
        server.script([Say("Let me look."), Fail(fault)], then=Say("twice"))
        with pytest.raises(FAULTS[fault]):
            ask(provider(wired, server), request(wired))
        assert len(server.requests) == 1


@every
def test_an_error_in_a_stream_that_said_nothing_yet_is_tried_again(wired: Wired) -> None:
    with wired.server() as server:
        server.script([Ping(), Fail("overloaded")], Say("Here."))
        events = ask(provider(wired, server), request(wired))
    assert text_of(events) == "Here."
    (notice,) = one_of(events, Notice)
    assert notice.code == "retry"
    assert "(2 of 3)" in notice.message


@every
def test_retry_after_is_kept_and_seen(wired: Wired) -> None:
    with wired.server() as server:
        server.script(Fail("rate_limit", retry_after=0.3), Say("Here."))
        events = ask(provider(wired, server), request(wired))
        first, second = server.requests
    assert second.at - first.at >= 0.3
    assert events[0].kind == "notice"
    assert text_of(events) == "Here."


@every
def test_a_retry_after_that_is_too_long_is_not_waited_for(wired: Wired) -> None:
    with wired.server() as server:
        server.script(then=Fail("rate_limit", retry_after=3600))
        with pytest.raises(errors.RateLimitError) as caught:
            ask(provider(wired, server), request(wired))
    assert caught.value.retry_after_s == 3600
    assert len(server.requests) == 1


@every
def test_a_wait_for_the_next_try_can_be_cancelled(wired: Wired) -> None:
    async def run() -> float:
        task = asyncio.create_task(asked(provider(wired, server), request(wired), key()))
        await asyncio.to_thread(server.wait_for, 1)
        await asyncio.sleep(0.2)
        started = time.monotonic()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return time.monotonic() - started

    with wired.server() as server:
        server.script(then=Fail("rate_limit", retry_after=10))
        assert asyncio.run(run()) < 0.3
        assert len(server.requests) == 1


STALLS: dict[str, list[Step]] = {
    "before headers": [Hang()],
    "after headers": [Ping(), Hang()],
    "mid-stream": [Say("Let me look."), Hang()],
}


@every
@pytest.mark.parametrize("stall", STALLS)
def test_silence_is_a_timeout(wired: Wired, stall: str) -> None:
    with wired.server() as server:
        server.script(then=STALLS[stall])
        started = time.monotonic()
        with pytest.raises(errors.ModelTimeoutError, match="silent"):
            ask(provider(wired, server, idle_s=0.4), request(wired))
        assert time.monotonic() - started < 5
        assert server.requests[0].gone.wait(1)


@every
def test_a_slow_answer_is_no_silence(wired: Wired) -> None:
    with wired.server() as server:
        server.script([Say("One"), Pause(0.5), Say("Two"), Pause(0.5), Say("Three"), Pause(0.5)])
        events = ask(provider(wired, server, idle_s=0.9), request(wired))
    assert text_of(events) == "OneTwoThree"


@every
def test_a_connection_that_breaks_before_the_answer_is_tried_again(wired: Wired) -> None:
    with wired.server() as server:
        server.script(Disconnect(), [Ping(), Disconnect()], Say("Here."))
        assert text_of(ask(provider(wired, server), request(wired))) == "Here."


BREAKS: dict[str, tuple[Step, type[errors.ProviderError]]] = {
    "disconnect": (Disconnect(), errors.ConnectionFailedError),
    "cut": (Cut(), errors.ConnectionFailedError),
    "garble": (Garble(), errors.MalformedAnswerError),
}


@every
@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_in_the_middle_has_its_class(wired: Wired, name: str) -> None:
    step, kind = BREAKS[name]
    with wired.server() as server:
        server.script([Say("Let me look."), step])
        with pytest.raises(kind) as caught:
            ask(provider(wired, server), request(wired))
    assert caught.value.retryable
    assert_hidden(caught.value)


@every
def test_nobody_at_the_address_is_a_connection_error(wired: Wired) -> None:
    with wired.server() as server:
        environ = {wired.url_variable: "http://127.0.0.1:9/v1"}
        with pytest.raises(errors.ConnectionFailedError, match=r"127\.0\.0\.1:9"):
            ask(provider(wired, server, environ), request(wired))


@every
def test_a_gateways_page_is_an_error_with_its_status(wired: Wired) -> None:
    with wired.server() as server:
        server.script(then=Reply(502))
        with pytest.raises(errors.OverloadedError, match="502"):
            ask(provider(wired, server), request(wired))


@every
def test_a_page_in_place_of_a_stream_is_an_error(wired: Wired) -> None:
    with wired.server() as server:
        server.script(then=Reply(200, "<html>Log in</html>"))
        with pytest.raises((errors.ConnectionFailedError, errors.MalformedAnswerError)):
            ask(provider(wired, server), request(wired))


@every
@pytest.mark.parametrize("way", ["close", "cancel"])
def test_ending_a_stream_ends_the_connection(wired: Wired, way: str) -> None:
    async def run() -> float:
        stream: Any = provider(wired, server).stream(request(wired), key())
        await anext(stream)
        started = time.monotonic()
        if way == "close":
            await stream.aclose()
        else:
            task = asyncio.create_task(drain(stream))
            await asyncio.sleep(0.05)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(server.requests[0].gone.wait, 2)
        return time.monotonic() - started

    with wired.server() as server:
        server.script([Say("Let me look."), Hang()])
        assert asyncio.run(run()) < 0.5
        assert server.requests[0].gone.is_set()


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


@every
def test_two_streams_side_by_side_do_not_mix(wired: Wired) -> None:
    async def run() -> tuple[str, str]:
        asking = provider(wired, server)
        both = [asked(asking, request(wired), key(token)) for token in ("dummy-first", "dummy-second")]
        first, second = await asyncio.gather(*both)
        return text_of(first), text_of(second)

    with wired.server() as server:
        server.script([Say("one one one one", pause_s=0.02)] * 5, token="dummy-first")
        server.script([Say("two two two two", pause_s=0.02)] * 5, token="dummy-second")
        said = asyncio.run(run())
        assert {recorded.token for recorded in server.requests} == {"dummy-first", "dummy-second"}
    assert said == ("one one one one" * 5, "two two two two" * 5)


@every
def test_the_turns_of_a_run_share_a_connection_and_no_cookie(wired: Wired) -> None:
    async def run() -> None:
        asking = provider(wired, server)
        for token in ("dummy-first", "dummy-second"):
            await asked(asking, request(wired), key(token))

    with wired.server() as server:
        server.cookie = "session=of-the-first"
        server.script(Say("One."), Say("Two."))
        asyncio.run(run())
        first, second = server.requests
    assert first.port == second.port
    assert "cookie" not in second.headers


@every
def test_a_secret_is_in_no_event_repr_error_or_log(wired: Wired, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with wired.server() as server:
        server.script([Think("Hm."), Say("Let me look."), Call("pod_logs", {"name": "x"})])
        server.script(Fail("authentication", message=f"Incorrect API key provided: {KEY}."))
        asking = provider(wired, server)
        events = ask(asking, request(wired))
        assert KEY not in repr(events)
        assert KEY not in repr(asking)
        with pytest.raises(errors.AuthenticationError) as caught:
            ask(asking, request(wired))
        assert server.requests[0].token == KEY
    assert_hidden(caught.value)
    assert KEY not in caplog.text


def assert_hidden(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    assert KEY not in shown


@every
def test_arguments_that_are_no_json_are_told_or_refused(wired: Wired) -> None:
    with wired.server() as server:
        server.script(then=[Call("pod_logs", '{"name": "pay')])
        if wired.plugin.id == "gemini":  # its API never hands such a call out
            with pytest.raises(errors.MalformedAnswerError):
                ask(provider(wired, server), request(wired))
            return
        (call,) = calls_of(ask(provider(wired, server), request(wired)))
    assert (call.arguments, call.malformed) == ({}, '{"name": "pay')


@every
def test_a_call_with_malformed_arguments_can_go_back(wired: Wired) -> None:
    call = ToolCall(id="c1", name="pod_logs", arguments={}, malformed='{"na')
    result = ToolResult(call_id="c1", tool_name="pod_logs", content="arguments are not JSON", is_error=True)
    messages = (
        Message.of("user", "Why?"),
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=(result,)),
    )
    with wired.server() as server:
        server.script(Say("Sorry."))
        ask(provider(wired, server), request(wired, *messages))
    (sent,) = [found for message in server.heard[0].messages for found in message.tool_calls]
    assert sent.arguments == {}


@every
def test_nothing_is_asked_for_that_the_api_refuses(wired: Wired) -> None:
    with wired.server() as server:
        server.script(then=Say("Hm."))
        ask(provider(wired, server), request(wired, temperature=0.1))
    body = server.requests[0].body
    if wired.name in ("claude", "openai-responses"):
        assert not {"temperature", "top_p", "top_k"} & set(body)
    else:
        assert "0.1" in str(body)


@every
def test_ready_finds_its_variable_and_names_what_it_ignores(wired: Wired) -> None:
    with wired.server() as server:
        environ = wired.environ(server, key=KEY)
        readiness = wired.plugin.ready(environ, None)
        brought = wired.plugin.ready(environ, key("dummy-other"))
    assert readiness.credential is not None
    assert readiness.credential.source == wired.key_variable
    assert f"{wired.url_variable}={server.base_url}" in readiness.passed_on
    assert brought.credential == key("dummy-other")
    assert wired.key_variable in {ignored.name for ignored in brought.ignored}
    assert KEY not in repr(readiness) + repr(brought)


@every
def test_the_default_model_has_a_dated_price(wired: Wired) -> None:
    plugin = wired.plugin
    price = next(price for name, price in plugin.prices.items() if plugin.default_model.startswith(name))
    assert date.fromisoformat(price.date) > date(2026, 1, 1)
    assert price.cached < price.input < price.output


@every
def test_without_a_variable_it_says_what_to_set(wired: Wired) -> None:
    readiness = wired.plugin.ready({}, None)
    assert readiness.credential is None
    assert wired.key_variable in readiness.why_not


def test_the_contract_covers_every_provider_that_has_an_sdk() -> None:
    assert {wired.plugin.id for wired in WIRED} == {"claude", "openai", "gemini"}
