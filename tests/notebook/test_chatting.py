"""A chat in a notebook, without a browser: what is asked, shown, kept and taken back, against a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix import agent, sync
from kubeagentix.domain.answers import Attempt
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.events import (
    Failure,
    Notice,
    RunFailed,
    RunFinished,
    TextDelta,
    ThinkingDelta,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.messages import ToolCall, ToolResult, Usage
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.approvals import by_answer
from kubeagentix.errors import AuthenticationError, UsageError
from kubeagentix.notebook import transcripts
from kubeagentix.notebook.chatting import DEAF, Chat, Place, as_cell, clicked_in, commands
from kubeagentix.notebook.choice import KubeAgentix
from kubeagentix.notebook.open_chat import OpenChat
from kubeagentix.notebook.turns import Turn
from kubeagentix.notebook.widgets.chat import ChatView
from tests.notebook.test_kernel import silent_server
from tests.notebook.test_view import Screen
from tests.servers.anthropic import AnthropicServer
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Fail, Hang, Say
from tests.servers.wire import WireServer

__all__ = ["silent_server"]  # a fixture

POD = ResourceRef(kind="Pod", namespace="orders", name="checkout-1")
READ = Evidence.of(POD, "log", "DATABASE_URL is missing", excerpt="fatal: DATABASE_URL\x1b[31m is missing")
CALL = ToolCall(id="c1", name="pod_logs", arguments={"pod": "checkout-1"})
HOSTILE = '<script>alert(1)</script> <img src="http://192.0.2.1/x"> [go](javascript:alert(1))'


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as running:
        kx.use(None)
        yield running
    kx.use(None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as running:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
        yield running


@pytest.fixture
def chat(demo: kx.Demo) -> Chat:
    return Chat(KubeAgentix(), Place(cluster=demo, history=False))


def ended(text: str = "", **more: Any) -> RunFinished:
    told: dict[str, Any] = {"reason": "stop", "elapsed_s": 1.0, "tool_calls": 1, "turns": 2, "text": text, **more}
    return RunFinished(
        provider="openai", model="m", attempt="selected", credential_source="OPENAI_API_KEY", usage=Usage(), **told
    )


def a_turn(*events: Any, view: Any = None) -> Turn:
    turn = Turn(1, "why?", [view] if view is not None else [])
    turn.known = lambda: {READ.id: READ}
    for event in events:
        turn.told(event)
    return turn


def kinds(turn: Turn) -> list[str]:
    return [part["kind"] for part in turn.parts.values()]


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  the model is on another thread
        await asyncio.sleep(0.01)


def test_events_become_parts_in_their_order_and_a_view_sees_them() -> None:
    view = ChatView(lambda *_: None, mode="cell")
    screen = Screen(view)
    turn = a_turn(
        ThinkingDelta(text="137 "),
        ThinkingDelta(text="means"),
        TextDelta(text="I look."),
        ToolCallReady(call=CALL),
        ToolCallFinished(
            call=CALL, result=ToolResult(call_id="c1", tool_name="pod_logs", content="fatal", elapsed_s=0.44)
        ),
        TextDelta(text=f"It lacks a variable [{READ.id}]."),
        Notice(code="retry", message="asked again"),
        Notice(code="attempt", message="which the line of what ran says as well"),
        ended(),
        view=view,
    )
    screen.check()
    assert kinds(turn) == ["question", "thinking", "text", "tool", "text", "notice", "ran"]
    tool = turn.parts["1.c1"]
    assert (tool["state"], tool["seconds"], tool["result"]) == ("done", 0.4, "fatal")
    assert "kx-cite" in "".join(part.get("tail", "") + part.get("html", "") for part in screen.parts.values())
    assert screen.parts[READ.id]["excerpt"] == "fatal: DATABASE_URL is missing"
    assert turn.text == f"I look.\n\nIt lacks a variable [{READ.id}]."


def test_a_view_that_comes_later_shows_all_of_it_and_follows() -> None:
    turn = a_turn(TextDelta(text="one\n\ntwo "))
    view = ChatView(lambda *_: None, mode="open")
    screen = Screen(view)
    turn.show_in(view)
    turn.told(TextDelta(text="three"))
    turn.told(ended())
    screen.check()
    shown = next(part for part in screen.parts.values() if part["kind"] == "text")
    assert shown["html"] + shown["tail"] == "<p>one</p>\n<p>two three</p>\n"


def test_what_was_cut_short_says_so() -> None:
    turn = a_turn(ToolCallReady(call=CALL), ended(reason="cancelled"))
    assert turn.parts["1.c1"]["state"] == "stopped"
    assert "ended by cancelled" in turn.parts["1.ran"]["text"]
    assert turn.parts["1.ran"]["suggestions"] == []


def test_a_run_that_failed_is_an_error_with_its_hint() -> None:
    turn = a_turn(RunFailed(error=Failure(code="x", message="no \x1b[31mkey", hint="set one")))
    assert (turn.parts["1.error"]["text"], turn.parts["1.error"]["hint"]) == ("no key", "set one")


@pytest.mark.parametrize(
    ("decision", "why", "state"),
    [
        ("once", "", "approved"),
        ("always", "", "always"),
        ("refused", "", "refused"),
        ("refused", "no answer came in time", "expired"),
    ],
)
def test_a_change_is_shown_whole_and_with_its_verdict(decision: Any, why: str, state: str) -> None:
    diff = "\n".join(f"+ line {number}" for number in range(500))
    request = ApprovalRequest(
        id="approval-1", call=CALL, summary="scale it", diff=diff, expires_at=datetime.now(UTC) + timedelta(minutes=1)
    )
    answer = ApprovalAnswer(decision=decision, by="notebook", why=why)
    turn = a_turn(ToolApprovalRequested(request=request))
    assert turn.parts["1.approval-1"]["state"] == "open"
    assert turn.parts["1.approval-1"]["diff"] == diff
    turn.told(ToolApprovalAnswered(request_id="approval-1", call_id="c1", answer=answer))
    assert turn.parts["1.approval-1"]["state"] == state
    assert transcripts.STATES[state] in transcripts.html([turn])


def test_attempts_are_listed_where_that_is_asked_for() -> None:
    tried = Attempt(label="selected", provider="claude", model="c", credential_source="X", message="down", error="x")
    turn = a_turn()
    turn.is_verbose = True
    turn.told(ended(attempts=(tried,)))
    assert turn.parts["1.ran"]["attempts"] == ["claude / c / selected, credential from X: failed (x): down"]


def test_the_report_is_html_that_can_do_nothing_and_says_it_in_words() -> None:
    result = ToolResult(call_id="c1", tool_name="pod_logs", content=HOSTILE, is_error=True, evidence=(READ,))
    turn = Turn(1, HOSTILE)
    for event in (
        ToolCallReady(call=CALL),
        ToolCallFinished(call=CALL, result=result),
        TextDelta(text=HOSTILE),
        ended(),
    ):
        turn.told(event)
    page = transcripts.html([turn])
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "<style" not in page
    assert page.count("<details>") == 2  # the call, and the evidence
    assert "❌ failed" in page
    assert "fatal: DATABASE_URL" in page
    plain = transcripts.markdown([turn])
    assert plain.startswith("**You:** ")
    assert "- `pod_logs(pod=checkout-1)`: ❌ failed" in plain
    assert READ.id in plain


def test_an_answer_goes_on_in_the_conversation_and_can_be_taken_back(chat: Chat, server: WireServer) -> None:
    server.script([Call("list_namespaces")], [Say("the variable")], [Say("since Monday")], [Say("Tuesday")])
    assert chat.ask("why?").text == "the variable"
    assert chat.ask("since when?").text == "since Monday"
    assert chat.take_back() == "since when?"
    assert chat.ask("since when, really?").text == "Tuesday"
    said = [message.text for message in server.heard[-1].messages]
    assert "the variable" in said
    assert "since Monday" not in said
    assert [turn.question for turn in chat.turns] == ["why?", "since when, really?"]
    assert kinds(chat.turns[0]) == ["question", "findings", "tool", "text", "ran"]
    assert "since when, really?" in chat.to_markdown()
    chat.new()
    assert chat.to_markdown() == ""
    assert len(chat.conversation) == 0


def test_a_credential_that_was_entered_is_enough_to_be_asked(
    chat: Chat, server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    chat.choice.enter("openai", "sk-entered-in-this-test")
    server.script(then=[Say("It lacks a variable.")])
    assert chat.ask("why?").finished.provider == "openai"
    assert "sk-entered-in-this-test" in str(server.requests[0].headers)


def test_who_is_asked_after_a_failure_is_asked_with_what_was_entered(
    chat: Chat, server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AnthropicServer() as other:
        monkeypatch.setenv("KUBEAGENTIX_CLAUDE_BASE_URL", other.base_url)
        monkeypatch.delenv("OPENAI_API_KEY")
        chat.choice.enter("claude", "sk-ant-api03-entered-for-claude")
        chat.choice.enter("openai", "sk-entered-for-openai")
        chat.choice.use("claude")
        other.script([Fail("authentication")])
        server.script([Say("It lacks a variable.")])
        reply = chat.ask("why?")
        assert (reply.finished.provider, reply.finished.attempt) == ("openai", "fallback")
        assert "sk-ant-api03-entered-for-claude" in str(other.requests[0].headers)
        assert "sk-entered-for-openai" in str(server.requests[0].headers)
        assert "entered-for-claude" not in str(server.requests)
        assert "entered-for-openai" not in str(other.requests)
        assert "entered-for" not in chat.to_markdown() + repr(reply)


def test_a_failed_question_leaves_the_chat_usable(chat: Chat, server: WireServer) -> None:
    server.script([Fail("authentication")], [Say("fine")])
    chat.place = Place(cluster=chat.place.cluster, options=RunOptions(provider="openai", fallback=False), history=False)
    with pytest.raises(AuthenticationError):
        chat.ask("why?")
    assert kinds(chat.turns[0])[-1] == "error"
    with pytest.raises(UsageError, match="no provider"):
        sync.run(chat.answered(chat.begin("and?"), replace(chat.place, options=RunOptions(provider="nope")), by_answer))
    assert kinds(chat.turns[1]) == ["question", "error"]
    assert not chat.is_running
    assert chat.ask("and now?").text == "fine"


def test_stop_keeps_what_came(chat: Chat, server: WireServer) -> None:
    server.script([Say("so far"), Hang()])

    async def stopped() -> kx.Reply:
        turn = chat.begin("why?")
        work = asyncio.ensure_future(chat.answered(turn, chat.place, by_answer))
        await until(lambda: "so far" in turn.text)
        with pytest.raises(UsageError, match="still answering"):
            chat.begin("another")
        chat.hear("stop", {})
        return await work

    reply = asyncio.run(stopped())
    assert reply.finished.reason == "cancelled"
    assert "so far" in chat.turns[0].text


def test_stop_counts_also_before_there_is_a_run(
    chat: Chat, server: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script([Say("never asked for")])
    seen: list[str] = []

    def slowly(*asked: Any, **more: Any) -> Any:
        chat.hear("stop", {})  # while it is still looked for whom to ask
        seen.append("stopped")
        return engine(*asked, **more)

    engine = agent.Engine
    monkeypatch.setattr(agent, "Engine", slowly)
    reply = chat.ask("why?")
    assert (reply.finished.reason, seen) == ("cancelled", ["stopped"])
    assert server.requests == []
    assert "ended by cancelled" in chat.turns[0].parts["1.ran"]["text"]
    turn = chat.begin("and?")  # and nothing of it has begun
    chat.stop()
    assert sync.run(chat.answered(turn, chat.place, by_answer)).finished.reason == "cancelled"
    monkeypatch.undo()


def test_stop_while_the_cluster_is_read_ends_it(chat: Chat, server: WireServer, silent_server: Path) -> None:
    place = Place(cluster=kx.connect(kubeconfig=str(silent_server)), history=False)
    kx.use(None)

    async def stopped() -> kx.Reply:
        turn = chat.begin("why?")
        work = asyncio.ensure_future(chat.answered(turn, place, by_answer))
        await until(lambda: chat._run is not None and chat._run.records != [])
        chat.hear("stop", {})
        return await work

    assert asyncio.run(stopped()).finished.reason == "cancelled"
    assert server.requests == []


def test_cancelling_tells_how_it_ended(chat: Chat, server: WireServer) -> None:
    server.script([Say("so far"), Hang()])

    async def cancelled() -> None:
        turn = chat.begin("why?")
        work = asyncio.ensure_future(chat.answered(turn, chat.place, by_answer))
        await until(lambda: "so far" in turn.text)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancelled())
    assert kinds(chat.turns[0])[-1] == "ran"
    assert not chat.is_running


@pytest.mark.parametrize("decision", ["nonsense", "refused", "once"])
def test_a_click_decides_and_nothing_else_does(chat: Chat, demo: kx.Demo, server: WireServer, decision: str) -> None:
    server.script([Call("scale_workload", {"name": "deploy/checkout", "replicas": 5})], then=[Say("I tried.")])
    view = ChatView(chat.hear, mode="cell")
    screen = Screen(view)
    place = Place(cluster=demo, namespace="orders", options=RunOptions(allow_writes=True), history=False)

    async def clicked() -> None:
        turn = chat.begin("scale it", view)
        work = asyncio.ensure_future(chat.answered(turn, place, clicked_in(view)))
        await until(lambda: "approval" in kinds(turn))
        asked = next(part for part in turn.parts.values() if part["kind"] == "approval")
        screen.say({"intent": "answer", "request": asked["request"], "decision": decision})
        if decision == "nonsense":
            await asyncio.sleep(0.1)
            assert turn.parts[asked["id"]]["state"] == "open"
            chat.stop()
        await work

    asyncio.run(clicked())
    found = demo._running.store.get("Deployment", "orders", "checkout")
    assert found is not None
    assert (found["spec"]["replicas"] == 5) == (decision == "once")


def test_where_no_click_arrives_the_cell_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def at_notebook(request: ApprovalRequest) -> ApprovalAnswer:
        asked.append(request.id)
        return ApprovalAnswer(decision="refused", by="notebook")

    monkeypatch.setattr("kubeagentix.asking.at_notebook", at_notebook)
    monkeypatch.setattr("kubeagentix.notebook.view.PROBE_S", 0.01)
    view = ChatView(lambda *_: None, mode="cell")
    request = ApprovalRequest(id="r", call=CALL, summary="s", diff="", expires_at=datetime.now(UTC))
    answer: Any = clicked_in(view)(request)
    assert sync.run(answer).decision == "refused"
    assert asked == ["r"]
    assert view.state["hint"] == DEAF


def test_commands_of_an_answer_become_cells() -> None:
    answer = "Run `kubectl get pods`, or `ls`:\n```\n$ kubectl logs web\nkubectl -n x get po\n```\nkubectl is fine"
    assert commands(answer)[:3] == ["kubectl get pods", "kubectl logs web", "kubectl -n x get po"]
    assert as_cell("kubectl get pods") == "!kubectl get pods"
    assert as_cell("a\nb") == "%%bash\na\nb"


def test_an_answer_is_shown_in_one_more_place_while_it_streams(server: WireServer, demo: kx.Demo) -> None:
    server.script([Say("word " * 400, pause_s=0.001)])
    chat = OpenChat(KubeAgentix(), Place(cluster=demo, history=False))
    screens: list[Screen] = []

    async def asked() -> None:
        work = asyncio.ensure_future(chat.answered(chat.begin("why?"), chat.place, by_answer))
        await until(lambda: "word" in chat.turns[0].text)
        screens.append(Screen(await asyncio.to_thread(chat._view)))
        assert not work.done()
        await work

    asyncio.run(asked())
    screens[0].check()
    parts = screens[0].parts.values()
    assert [part["kind"] for part in parts if part["kind"] != "evidence"] == kinds(chat.turns[0])
    assert "".join(part.get("html", "") + part.get("tail", "") for part in parts).count("word") == 400
    assert screens[0].state["running"] is False
