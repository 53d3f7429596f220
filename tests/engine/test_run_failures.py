"""What careless callers, weak models, broken tools and crashing providers do to a run: it ends, and says how."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.events import (
    ModelFinished,
    RunFailed,
    RunFinished,
    RunRecord,
    StopReason,
    ToolCallReady,
    UsageReported,
)
from kubeagentix.domain.messages import Message, Text, ToolCall, ToolResult, Usage
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.requests import ModelRequest, Price
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.engine.engine import Engine
from kubeagentix.errors import (
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    OverloadedError,
    QuotaError,
    UsageError,
)
from kubeagentix.testing import ScriptedProvider, scripted_plugin
from tests.engine.test_run import ask, engine_of, events_of, failed, finished, notices, results, say, tool

MINE = Credential(kind="api_key", secret=Secret("mine-and-nobody-elses"), source="the request")


class Raising:
    """A provider that raises what it should not."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def stream(self, _: ModelRequest, __: Credential) -> Any:
        for text in ("", "never"):
            if text:
                yield say(text)
            raise self.error


def within(seconds: float, engine: Engine, **options: Any) -> list[RunRecord]:
    """The events of a run, which has to be over by then."""

    async def collect() -> list[RunRecord]:
        stream = engine.stream("why?", options=RunOptions(**options), with_findings=False)
        async with asyncio.timeout(seconds):
            return [record async for record in stream]

    return asyncio.run(collect())


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        *({"max_turns": value} for value in (0, -1, "3", 2.5, True)),
        *({"max_tool_calls": value} for value in (-1, "x", None)),
        *({"deadline_s": value} for value in (0, -1, "5", float("nan"), float("inf"))),
        *({"max_tokens": value} for value in (0, -1, "many")),
        *({"temperature": value} for value in ("hot", -1)),
        {"thinking": "wild"},
        {"provider": 3},
        {"target": "deploy/web"},
        {"tools_allowed": "look"},
        {"tools_denied": (1,)},
        {"credential": "sk-not-to-be-seen"},
    ],
    ids=str,
)
def test_an_option_that_no_run_could_keep_to_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))) as caught:
        RunOptions(**wrong)
    assert "sk-not-to-be-seen" not in str(caught.value)


def test_no_tool_call_at_all_may_be_allowed() -> None:
    records = events_of(engine_of(scripted_plugin(ScriptedProvider([say("ok")]))), max_tool_calls=0, deadline_s=1)
    assert finished(records).text == "ok"


def test_a_question_that_is_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="not int"):
        engine_of(scripted_plugin(ScriptedProvider([say("ok")]))).begin(5)  # type: ignore[arg-type]


# --- broken tools -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), TimeoutError("no route"), MemoryError()])
def test_a_tool_may_break_in_any_way(error: BaseException) -> None:
    async def broken(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        raise error

    provider = ScriptedProvider([ask("look", name="web")], [say("never mind")])
    records = within(5, engine_of(scripted_plugin(provider), tools=[tool("look", broken)]))
    assert type(error).__name__ in results(records)[0].content
    assert "took longer" not in results(records)[0].content
    assert (finished(records).reason, finished(records).text) == ("stop", "never mind")


def test_whatever_tears_a_run_down_it_has_its_terminal_event() -> None:
    async def broken(_: Mapping[str, Any], __: ToolContext) -> ToolOutput:
        raise GeneratorExit

    provider = ScriptedProvider([ask("look", name="web")], [say("never mind")])
    assert (
        failed(within(5, engine_of(scripted_plugin(provider), tools=[tool("look", broken)]))).error.code == "internal"
    )


# --- weak models ------------------------------------------------------------------------------------------------------


def test_a_call_with_damaged_arguments_is_not_run() -> None:
    ran = []

    async def lists(arguments: Mapping[str, Any], _: ToolContext) -> ToolOutput:
        ran.append(arguments)
        return ToolOutput(text="all")

    spec = ToolSpec(name="list", description="lists", parameters={"type": "object", "properties": {"ns": {}}})
    damaged = ToolCallReady(call=ToolCall(id="c1", name="list", arguments={}, malformed='{"ns": "sho'))
    provider = ScriptedProvider([damaged], [ask("list", "c2")], [say("ok")])
    engine = engine_of(scripted_plugin(provider), tools=[ToolPlugin(spec=spec, handler=lists)])
    first, second = results(events_of(engine))
    assert first.is_error
    assert '{"ns": "sho' in first.content
    assert (second.content, ran) == ("all", [{}])


def test_calls_that_a_server_numbers_anew_in_every_answer_are_told_apart() -> None:
    submitted = ask("submit_answer", "call_0", root_cause="the disk is full", hypotheses=[])
    provider = ScriptedProvider(
        [ask("look", "call_0", name="a"), ask("look", "call_0", name="b")],
        [ask("look", "call_0", name="c")],
        [submitted],
    )
    records = events_of(engine_of(scripted_plugin(provider)), wants_answer=True)
    answer = finished(records).answer
    assert answer is not None
    assert answer.root_cause == "the disk is full"
    ready = [record.event.call.id for record in records if isinstance(record.event, ToolCallReady)]
    assert len(set(ready)) == len(ready) == 4
    *_, last = provider.requests
    sent = [part for message in last.messages for part in message.parts]
    asked = [part.id for part in sent if isinstance(part, ToolCall)]
    assert asked == ready[:3]
    assert [part.call_id for part in sent if isinstance(part, ToolResult)] == asked
    *looked, received = results(records)
    assert [result.content[:9] for result in looked] == ["look of a", "look of b", "look of c"]
    assert (received.tool_name, received.is_error) == ("submit_answer", False)


def stopping(reason: StopReason, text: str) -> ModelFinished:
    parts = (Text(text=text),) if text else ()
    return ModelFinished(stop_reason=reason, message=Message(role="assistant", parts=parts), model="m")


def test_an_answer_that_is_cut_off_says_so() -> None:
    records = events_of(
        engine_of(scripted_plugin(ScriptedProvider([say("It is the d"), stopping("max_tokens", "It")])))
    )
    assert finished(records).reason == "max_tokens"
    assert "cut_off" in notices(records)


def test_a_model_that_refuses_is_followed_by_the_next() -> None:
    refusing = scripted_plugin(ScriptedProvider([stopping("refused", "")]))
    assert failed(events_of(engine_of(refusing))).error.code == "refused"
    records = events_of(engine_of(refusing, scripted_plugin(ScriptedProvider([say("hello")]), "openai")))
    assert (finished(records).provider, finished(records).text) == ("openai", "hello")


# --- providers that break ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("mine-and-nobody-elses"), SystemExit(1), asyncio.CancelledError()])
def test_a_provider_that_crashes_is_followed_by_the_next(error: BaseException) -> None:
    engine = engine_of(scripted_plugin(Raising(error)), scripted_plugin(ScriptedProvider([say("hello")]), "openai"))
    records = within(5, engine, provider="claude", credential=MINE)
    end = finished(records)
    assert (end.provider, end.text) == ("openai", "hello")
    assert [item.error for item in end.attempts] == ["internal", ""]
    assert "mine-and-nobody-elses" not in repr(records)


def test_a_provider_that_cannot_be_built_is_followed_by_the_next() -> None:
    def broken(_: Mapping[str, str]) -> Any:
        raise OSError("no room")

    up = scripted_plugin(ScriptedProvider([say("hello")]), "openai")
    records = events_of(engine_of(scripted_plugin(ScriptedProvider([]), build=broken), up))
    assert finished(records).text == "hello"
    assert "attempt_failed" in notices(records)


@pytest.mark.parametrize("place", range(180, 260, 7))
def test_no_part_of_a_secret_is_told_where_a_message_is_cut(place: int) -> None:
    records = within(
        5,
        engine_of(scripted_plugin(Raising(ValueError("x" * place + "mine-and-nobody-elses")))),
        provider="claude",
        credential=MINE,
        fallback=False,
    )
    assert "mine-" not in repr(records)


def test_a_secret_in_a_providers_own_message_is_not_told_either() -> None:
    down = scripted_plugin(
        ScriptedProvider([OverloadedError("for mine-and-nobody-elses", hint="mine-and-nobody-elses")])
    )
    up = scripted_plugin(ScriptedProvider([say("hello")]), "openai")
    for engine in (engine_of(down), engine_of(down, up)):
        assert "mine-and" not in repr(events_of(engine, provider="claude", credential=MINE))


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("refused", hint="log in", detail="token_expired"),
        QuotaError("used up"),
        NotFoundError("no namespace shop", hint="did you mean shopping?"),
        ForbiddenError("cannot list pods"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_run_raises_the_error_it_failed_with(error: Exception) -> None:
    engine = engine_of(scripted_plugin(ScriptedProvider([error])))
    with pytest.raises(type(error)) as caught:
        asyncio.run(engine.run("why?", with_findings=False))
    assert str(caught.value) == str(error)
    assert getattr(caught.value, "detail", "") == getattr(error, "detail", "")


# --- what it cost -----------------------------------------------------------------------------------------------------


def test_what_a_failed_attempt_used_is_counted() -> None:
    used = UsageReported(usage=Usage(input_tokens=100, output_tokens=1))
    down = scripted_plugin(ScriptedProvider([ask("look", name="a"), used], [used, OverloadedError("down")]))
    up = scripted_plugin(ScriptedProvider([say("hello"), used]), "openai")
    end = finished(events_of(engine_of(down, up)))
    assert end.usage.input_tokens == 300
    assert end.tool_calls == 1


def test_what_a_cancelled_call_used_is_counted() -> None:
    class Hanging:
        async def stream(self, _: ModelRequest, __: Credential) -> Any:
            yield UsageReported(usage=Usage(input_tokens=100))
            await asyncio.sleep(60)

    assert finished(within(5, engine_of(scripted_plugin(Hanging())), deadline_s=0.1)).usage.input_tokens == 100


def test_the_cost_is_unknown_where_that_of_a_part_is() -> None:
    used = UsageReported(usage=Usage(input_tokens=1_000_000))
    down = scripted_plugin(ScriptedProvider([used, OverloadedError("down")]))
    price = {"openai-": Price(input=3.0, output=15.0, cached=0.3, date="2026-11-01")}
    up = scripted_plugin(ScriptedProvider([say("hello"), used]), "openai", prices=price)
    assert finished(events_of(engine_of(down, up))).usage.cost_usd is None
    assert finished(events_of(engine_of(up))).usage.cost_usd == pytest.approx(3.0)


def test_an_interrupt_that_does_not_wake_the_loop_ends_a_silent_run() -> None:
    """As a notebook's kernel does it: from a signal handler, by a cancel that an idle loop does not see."""

    class Silent:
        async def stream(self, _: ModelRequest, __: Credential) -> Any:
            await asyncio.sleep(20)
            yield say("")

    async def interrupted() -> RunFinished | RunFailed:
        run = engine_of(scripted_plugin(Silent())).begin("why?", with_findings=False)
        waiting = asyncio.create_task(run.wait())
        threading.Timer(0.2, waiting.cancel).start()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        last = run.records[-1].event
        assert isinstance(last, RunFinished | RunFailed)
        return last

    began = time.monotonic()
    end = asyncio.run(interrupted())
    assert time.monotonic() - began < 3
    assert isinstance(end, RunFinished)
    assert end.reason == "cancelled"


def test_an_attempt_that_is_cut_short_is_recorded() -> None:
    class Hanging:
        async def stream(self, _: ModelRequest, __: Credential) -> Any:
            yield say("so far")
            await asyncio.sleep(60)

    down = scripted_plugin(ScriptedProvider([OverloadedError("down")]))
    end = finished(within(5, engine_of(down, scripted_plugin(Hanging(), "openai")), deadline_s=0.2))
    assert [(item.provider, item.error) for item in end.attempts] == [("claude", "overloaded"), ("openai", "deadline")]
