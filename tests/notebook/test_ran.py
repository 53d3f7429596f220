"""The line of what ran: there when it is wanted, with every attempt, and nothing of others' text as HTML."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.utils.capture import capture_output

from kubeagentix.domain.answers import Attempt
from kubeagentix.domain.events import RunFinished
from kubeagentix.domain.messages import Usage
from kubeagentix.notebook import ran


def finished(*attempts: Attempt) -> RunFinished:
    last = attempts[-1]
    return RunFinished(
        reason="stop",
        provider=last.provider,
        model=last.model,
        attempt=last.label,
        credential_source=last.credential_source,
        usage=Usage(),
        elapsed_s=1.0,
        tool_calls=0,
        turns=1,
        attempts=attempts,
    )


FIRST = Attempt(
    label="selected",
    provider="openai",
    model="gpt-x",
    credential_source="OPENAI_API_KEY",
    error="rate_limit",
    message="<img src=x> too many\nrequests",
)
SECOND = Attempt(
    label="fallback", provider="gemini", model="flash", credential_source="what was entered in this notebook"
)


def test_it_names_provider_model_and_attempt() -> None:
    assert ran.bundle(finished(SECOND))["text/plain"] == (
        "ran: gemini / flash / fallback, credential from what was entered in this notebook: answered"
    )


def test_a_fallback_shows_every_attempt_and_foreign_text_as_text() -> None:
    bundle = ran.bundle(finished(FIRST, SECOND))
    first, second = bundle["text/plain"].splitlines()
    assert first.startswith("ran: openai / gpt-x / selected, credential from OPENAI_API_KEY: failed (rate_limit)")
    assert second.strip().startswith("gemini / flash / fallback")
    assert "<img" not in bundle["text/html"]


@pytest.mark.parametrize("cell", ["%config KubeAgentix.show_provider_debug = True", ""])
def test_kdx_shows_it_where_it_is_wanted(shell: Any, broken: str, cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_output() as captured:
        shell.run_cell(f"{cell}\n%kdx --snapshot {broken} --provider rules").raise_error()
    shown = [output.data["text/plain"] for output in captured.outputs if "ran:" in output.data["text/plain"]]
    assert shown == (["ran: rules: the analyzers alone"] if cell else [])


def test_the_variable_wants_it_too(shell: Any, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_SHOW_PROVIDER_DEBUG", "true")
    with capture_output() as captured:
        shell.run_cell(f"%kdx --snapshot {broken}").raise_error()
    assert "ran: rules: the analyzers alone" in [output.data["text/plain"] for output in captured.outputs]
