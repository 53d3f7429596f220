"""`kx.chat`, `kx.Engine`, `kx.providers` and `kx.diagnose(provider=…)`, as a script or a cell calls them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.domain.events import RunRecord
from kubeagentix.errors import NotFoundError, ProviderError, UsageError
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Fail, Say
from tests.servers.wire import Recorded, WireServer

KEY = "dummy-key-of-this-test"


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("database-disk-full") as running:
        kx.use(None)
        yield running
    kx.use(None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as running:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield running


def conclude(request: Recorded) -> list[Any]:
    cited = re.findall(r"\be-[0-9a-f]{10}\b", str(request.body))[0]
    claim = {"title": "disk full", "confidence": "90%", "evidence": [cited]}
    return [Call("submit_answer", {"root_cause": "ledger-db has no disk left", "hypotheses": [claim]})]


def test_a_question_is_answered_by_the_first_that_is_configured(demo: kx.Demo, server: WireServer) -> None:
    server.script([Call("list_namespaces")], [Say("It is the disk.")])
    heard: list[RunRecord] = []
    reply = kx.chat("why?", cluster=demo, told=heard.append)
    assert (reply.text, reply.finished.provider) == ("It is the disk.", "openai")
    assert reply.finished.credential_source == "OPENAI_API_KEY"
    assert tuple(heard) == reply.records
    assert "openai / " in reply._repr_html_()
    assert KEY not in repr(reply.records)


def test_a_reply_in_a_cell_does_nothing_that_the_model_says(demo: kx.Demo, server: WireServer) -> None:
    server.script([Say('**so** <img src=x onerror="run()"> ![leak](http://192.0.2.1/) [go](javascript:run())')])
    reply = kx.chat("why?", cluster=demo)
    shown = reply._repr_html_()
    assert "<strong>so</strong>" in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown
    assert not hasattr(reply, "_repr_markdown_")  # which JupyterLab would run


def test_without_a_key_the_rules_answer(demo: kx.Demo) -> None:
    reply = kx.chat("why is banking failing?", cluster=demo)
    assert reply.finished.provider == "rules"
    assert "ledger-db" in str(reply)


def test_a_conversation_goes_on(demo: kx.Demo, server: WireServer) -> None:
    server.script([Say("the disk")], [Say("since Monday")])
    first = kx.chat("why?", cluster=demo, provider="openai")
    kx.chat("since when?", cluster=demo, provider="openai", conversation=first.conversation)
    said = [message.text for message in server.heard[1].messages]
    assert said[1:] == ["the disk", "since when?"]


def test_a_credential_counts_for_one_call(demo: kx.Demo, server: WireServer) -> None:
    server.script([Say("a")], [Say("b")])
    kx.chat("why?", cluster=demo, provider="openai", credential="another-dummy-key")
    kx.chat("why?", cluster=demo, provider="openai")
    assert [request.token for request in server.requests] == ["another-dummy-key", KEY]


def test_a_credential_for_nobody_is_refused(demo: kx.Demo) -> None:
    with pytest.raises(UsageError, match="not for whom"):
        kx.chat("why?", cluster=demo, credential="dummy")


def test_quick_dx_with_a_provider_has_its_view(demo: kx.Demo, server: WireServer) -> None:
    server.script(conclude)
    dx = kx.diagnose(cluster=demo, provider="openai")
    assert (dx.mode, dx.provider) == ("agentic", "openai")
    assert dx.answer is not None
    assert dx.answer.hypotheses[0].confidence == 0.9
    assert dx.hypotheses[0].root.name == "ledger-db"
    assert "openai / " in dx.to_text()


def test_quick_dx_asks_nobody_unless_it_is_told_to(demo: kx.Demo, server: WireServer) -> None:
    assert kx.diagnose(cluster=demo).mode == "rules"
    assert server.requests == []


def test_a_provider_that_fails_costs_the_diagnosis_nothing(demo: kx.Demo, server: WireServer) -> None:
    server.script(then=[Fail("authentication")])
    dx = kx.diagnose(cluster=demo, provider="openai")
    assert (dx.mode, dx.hypotheses[0].root.name) == ("rules", "ledger-db")
    assert any(note.startswith("no model was used: ") for note in dx.notes)
    with pytest.raises(ProviderError):
        kx.diagnose(cluster=demo, provider="openai", fallback=False)


def test_chat_and_diagnose_work_in_a_running_loop_too(demo: kx.Demo, server: WireServer) -> None:
    server.script([Say("a")], conclude)

    async def cell() -> tuple[kx.Reply, kx.Diagnosis]:
        return await kx.achat("why?", cluster=demo), await kx.adiagnose(cluster=demo, provider="openai")

    reply, dx = asyncio.run(cell())
    assert (reply.text, dx.mode) == ("a", "agentic")


def test_the_engine_streams_events(demo: kx.Demo, server: WireServer) -> None:
    server.script([Say("one two")])

    async def kinds() -> list[str]:
        engine = kx.Engine(demo, provider="openai")
        return [record.event.kind async for record in engine.stream("why?", with_findings=False)]

    assert asyncio.run(kinds()) == ["run_started", "notice", "text_delta", "text_delta", "run_finished"]


def test_providers_are_a_mapping_that_says_what_they_would_use(server: WireServer) -> None:
    assert list(kx.providers) == ["claude", "claude_code", "gemini", "openai", "rules"]
    assert kx.providers["claude-code"].id == "claude_code"
    assert "nobody" not in kx.providers
    with pytest.raises(KeyError):
        kx.providers["nobody"]
    shown = repr(kx.providers)
    assert "* openai" in shown
    assert "uses OPENAI_API_KEY" in shown
    assert KEY not in shown


def test_a_provider_can_be_tried_out(server: WireServer) -> None:
    server.script(then=[Say("ready")])
    found = {item.id: item for item in kx.providers.status(test=True)}
    trial = found["openai"].trial
    assert trial is not None
    assert trial.is_ok
    assert trial.first_token_s is not None
    assert found["claude"].trial is None


def test_a_conversation_that_is_new_is_gone_on_with(demo: kx.Demo, server: WireServer) -> None:
    from kubeagentix.engine.conversation import Conversation  # noqa: PLC0415

    server.script([Say("the disk")], [Say("since Monday")])
    conversation = Conversation()
    kx.chat("why?", cluster=demo, provider="openai", conversation=conversation)
    kx.chat("since when?", cluster=demo, provider="openai", conversation=conversation)
    assert [message.role for message in conversation.messages] == ["user", "assistant", "user", "assistant"]
    assert "the disk" in str(server.requests[1].body)


def test_a_listener_that_leaves_ends_the_run_and_nothing_else(demo: kx.Demo) -> None:
    def leave(_: RunRecord) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        kx.chat("why?", cluster=demo, provider="rules", told=leave)
    assert kx.chat("why?", cluster=demo, provider="rules").text


def test_options_of_another_kind_are_refused(demo: kx.Demo) -> None:
    with pytest.raises(UsageError, match=r"kx\.RunOptions, not str"):
        kx.chat("why?", cluster=demo, options="fast")  # type: ignore[call-overload]


def test_a_credential_for_whoever_comes_first_is_refused(demo: kx.Demo) -> None:
    with pytest.raises(UsageError, match="not for whom"):
        kx.chat("why?", cluster=demo, provider="auto", credential=KEY)


def test_what_is_missing_is_a_not_found_error(demo: kx.Demo) -> None:
    with pytest.raises(NotFoundError, match="no namespace 'nope'"):
        kx.chat("why?", cluster=demo, namespace="nope", provider="rules")


def test_a_status_shows_no_control_characters_and_says_who_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_MODEL", "\x1b[31mred")
    assert "\x1b" not in repr(kx.providers)
    monkeypatch.setenv("KUBEAGENTIX_PROVIDER", "nobody")
    assert "the settings name one that there is not" in repr(kx.providers)


def test_a_namespace_that_a_snapshot_does_not_hold_is_not_healthy(demo: kx.Demo) -> None:
    picture = kx.take_snapshot(demo, namespace="records")
    with pytest.raises(NotFoundError, match="does not hold namespace 'shop'"):
        kx.chat("why?", cluster=picture, namespace="shop", provider="rules")
