"""Quick Dx with a model: its view beside the analyzers', and the analyzers' alone where none can be had."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import ModelEvent, TextDelta, ToolCallReady, UsageReported
from kubeagentix.domain.messages import ToolCall, Usage
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.engine import quick
from kubeagentix.engine.engine import Engine
from kubeagentix.errors import AuthenticationError, ContextWindowError, ProviderError
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.testing import ScriptedProvider, log_of, scripted_plugin, snapshot_of

CRASHING = """
kind: Pod
metadata: {name: NAME, namespace: shop}
spec: {containers: [{name: app, image: web:1}]}
status:
  phase: Running
  containerStatuses:
  - name: app
    restartCount: 7
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-01-15T11:59:45Z"}}
"""
RULES = scripted_plugin(ScriptedProvider([TextDelta(text="by template")]), "rules", is_language_model=False)


def diagnosed(*plugins: ProviderPlugin, pods: int = 1, **options: Any) -> Diagnosis:
    names = ["web", *(f"worker-{number}" for number in range(pods - 1))]
    pictured = snapshot_of(
        *(CRASHING.replace("NAME", name) for name in names),
        logs=[log_of(name, "app", "FATAL: DATABASE_URL is not set", namespace="shop") for name in names],
    )
    known = {item.id: item for item in (*plugins, RULES)}
    engine = Engine(pictured, plugins=known, tools={}, environ={})
    return asyncio.run(quick.diagnose(engine, Target(), options=RunOptions(**options)))


def conclude(request: ModelRequest, **changed: Any) -> list[ModelEvent]:
    """Cites the first evidence id that the request shows."""
    cited = next(word for word in request.messages[0].text.split() if word.startswith("e-"))
    claim = {"title": "a variable is missing", "confidence": 0.9, "evidence": [cited]}
    arguments = {"root_cause": "Pod web lacks DATABASE_URL", "hypotheses": [claim], "remedies": ["set it"], **changed}
    return [ToolCallReady(call=ToolCall(id="c1", name="submit_answer", arguments=arguments))]


def test_a_models_view_stands_beside_the_analyzers_findings() -> None:
    used = UsageReported(usage=Usage(input_tokens=100, output_tokens=20))
    dx = diagnosed(scripted_plugin(ScriptedProvider([conclude, used])), provider="claude")
    assert (dx.mode, dx.provider, dx.model) == ("agentic", "claude", "claude-model")
    assert dx.hypotheses[0].root.name == "web"
    assert dx.answer is not None
    assert dx.answer.root_cause == "Pod web lacks DATABASE_URL"
    assert dx.answer.hypotheses[0].is_supported
    assert dx.usage == {"input_tokens": 100, "output_tokens": 20, "cached_tokens": 0}
    assert [item.label for item in dx.attempts] == ["full selected"]
    written = json.loads(dx.to_json())
    assert written["answer"]["root_cause"] == dx.answer.root_cause
    for text in (dx.to_text(), dx.to_markdown(), dx.to_html()):
        assert "Pod web lacks DATABASE" in text.replace("&#95;", "_").replace("\\_", "_")


def test_the_model_is_shown_findings_and_evidence_as_data() -> None:
    provider = ScriptedProvider([conclude])
    diagnosed(scripted_plugin(provider), provider="claude")
    said = provider.requests[0].messages[0].text
    assert "CrashLoopBackOff/MissingVariable" in said
    assert "<cluster_data id=" in said
    assert "submit_answer" in [tool.name for tool in provider.requests[0].tools]


def test_the_model_sees_no_credential_of_the_findings() -> None:
    log = "FATAL: cannot reach postgres://app:hunter2-Zq7x@db:5432: connection refused"
    pictured = snapshot_of(CRASHING.replace("NAME", "web"), logs=[log_of("web", "app", log, namespace="shop")])
    provider = ScriptedProvider([conclude])
    engine = Engine(pictured, plugins={"claude": scripted_plugin(provider), "rules": RULES}, tools={}, environ={})
    asyncio.run(quick.diagnose(engine, Target(), options=RunOptions(provider="claude")))
    assert "hunter2" not in repr(provider.requests)
    assert "postgres://app:[MASKED-1]@db:5432" in provider.requests[0].messages[0].text


def test_without_a_model_the_analyzers_answer_stands_and_says_so() -> None:
    dx = diagnosed()
    assert (dx.mode, dx.provider) == ("rules", "rules")
    assert dx.hypotheses
    assert any("no model was asked" in note for note in dx.notes)


def test_where_every_model_fails_the_analyzers_answer_stands_with_the_reasons() -> None:
    down = scripted_plugin(ScriptedProvider([AuthenticationError("token refused", hint="log in again")]))
    also = scripted_plugin(ScriptedProvider([AuthenticationError("no key")]), "openai")
    dx = diagnosed(down, also, provider="claude")
    assert dx.mode == "rules"
    assert dx.hypotheses
    assert dx.answer is None
    assert [(item.provider, item.error) for item in dx.attempts] == [
        ("claude", "authentication"),
        ("openai", "authentication"),
    ]
    assert dx.notes[-2:] == (
        "claude (full selected) failed: token refused; log in again",
        "no model was used: no key",
    )


def test_who_failed_before_the_one_that_answered_is_noted() -> None:
    down = scripted_plugin(ScriptedProvider([AuthenticationError("token refused")]))
    dx = diagnosed(down, scripted_plugin(ScriptedProvider([conclude]), "openai"), provider="claude")
    assert (dx.mode, dx.provider) == ("agentic", "openai")
    assert "claude (full selected) failed: token refused" in dx.notes


def test_pinned_the_providers_own_error_is_raised() -> None:
    down = scripted_plugin(ScriptedProvider([AuthenticationError("token refused")]))
    with pytest.raises(ProviderError, match="token refused"):
        diagnosed(down, provider="claude", fallback=False)


def test_a_question_that_is_too_long_is_asked_again_in_a_compact_form() -> None:
    def turn(request: ModelRequest) -> Iterable[ModelEvent]:
        if len(request.messages[0].text) > limit:
            raise ContextWindowError("too long")
        return conclude(request)

    probe = ScriptedProvider([conclude])
    diagnosed(scripted_plugin(probe), pods=20, provider="claude")
    limit = len(probe.requests[0].messages[0].text) - 1
    dx = diagnosed(scripted_plugin(ScriptedProvider([turn])), pods=20, provider="claude")
    assert dx.mode == "agentic"
    assert [(item.label, item.error) for item in dx.attempts] == [
        ("full selected", "context_window"),
        ("compact selected", ""),
    ]


def test_an_answer_in_prose_is_read_too() -> None:
    dx = diagnosed(
        scripted_plugin(ScriptedProvider([TextDelta(text="Root cause: DATABASE_URL is missing.")])), provider="claude"
    )
    assert dx.answer is not None
    assert "DATABASE_URL is missing" in dx.answer.root_cause
    assert dx.answer.form == "prose"


def test_evidence_that_does_not_exist_is_reported() -> None:
    def turn(request: ModelRequest) -> Iterable[ModelEvent]:
        return conclude(request, hypotheses=[{"title": "x", "evidence": ["e-ffffffffff"]}])

    dx = diagnosed(scripted_plugin(ScriptedProvider([turn])), provider="claude")
    assert any("e-ffffffffff" in note for note in dx.notes)
    assert "unsupported" in dx.to_text()


def test_a_view_that_differs_is_shown_as_a_disagreement() -> None:
    def turn(request: ModelRequest) -> Iterable[ModelEvent]:
        *_, cited = (word for word in request.messages[0].text.split() if word.startswith("e-"))
        claim = {"title": "the other one", "evidence": [cited]}
        return conclude(request, root_cause="it is the other one", hypotheses=[claim])

    dx = diagnosed(scripted_plugin(ScriptedProvider([turn])), pods=2, provider="claude")
    assert dx.answer is not None
    assert dx.answer.disagreements
    assert "disagrees" in dx.to_text()


def test_where_no_model_is_wanted_none_is_asked() -> None:
    provider = ScriptedProvider([conclude])
    for pinned in (True, False):
        dx = diagnosed(scripted_plugin(provider), provider="rules", fallback=not pinned)
        assert dx.mode == "rules"
        assert "no model was asked: rules is none" in dx.notes
    assert not provider.requests
    assert diagnosed(scripted_plugin(provider)).mode == "agentic"
