"""Trying a provider out: a real call that ends, whatever the provider does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kubeagentix.domain.events import TextDelta
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential
from kubeagentix.engine import probing
from kubeagentix.engine.probing import Trial, statuses, tried
from kubeagentix.testing import ScriptedProvider, scripted_plugin


def trial(provider: Any) -> Trial:
    plugin = scripted_plugin(provider)
    (status,) = statuses({"claude": plugin}, {})
    found = asyncio.run(tried(status, plugin, {})).trial
    assert found is not None
    return found


def test_a_provider_that_answers_is_timed() -> None:
    found = trial(ScriptedProvider([TextDelta(text="ready")]))
    assert (found.is_ok, found.model) == (True, "claude-model")
    assert found.first_token_s is not None


def test_a_crash_is_a_result_that_holds_no_secret() -> None:
    found = trial(ScriptedProvider([RuntimeError("bad dummy-of-the-environment")]))
    assert not found.is_ok
    assert "RuntimeError" in found.error
    assert "dummy-of" not in found.error


def test_a_provider_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        async def stream(self, _: ModelRequest, __: Credential) -> Any:
            await asyncio.sleep(60)
            yield TextDelta(text="")

    monkeypatch.setattr(probing, "PROBE_S", 0.05)
    assert trial(Silent()).error == "no answer within 0.05 s"
