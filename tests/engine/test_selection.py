"""Who is asked, in which order, as whom."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.credentials import from_environ
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.requests import Readiness
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.engine.selection import Candidate, Choice, candidates, find
from kubeagentix.errors import AuthenticationError, NotConfiguredError, UsageError
from kubeagentix.testing import ScriptedProvider, scripted_plugin

MINE = Credential(kind="api_key", secret=Secret("mine"), source="the request")


def plugin(name: str) -> ProviderPlugin:
    def ready(environ: Mapping[str, str], credential: Credential | None) -> Readiness:
        return from_environ(environ, [(f"{name.upper()}_KEY", "api_key")], credential, "get one")

    options = {"ready": ready, "model_variables": (f"{name.upper()}_MODEL",)}
    return scripted_plugin(ScriptedProvider([]), name, **options)


ALL = {name: plugin(name) for name in ("claude", "claude_code", "gemini", "openai")}
ALL["rules"] = scripted_plugin(ScriptedProvider([]), "rules", is_language_model=False)


def chosen(environ: dict[str, str], *choices: Choice, **options: object) -> list[Candidate]:
    return candidates(RunOptions(**options), choices, ALL, environ)  # type: ignore[arg-type]


def names(found: list[Candidate]) -> list[str]:
    return [f"{item.plugin.id} {item.label}" for item in found]


def test_without_anything_said_the_first_that_is_configured_is_asked_and_rules_last() -> None:
    assert names(chosen({})) == ["rules selected"]
    assert names(chosen({"OPENAI_KEY": "a", "GEMINI_KEY": "b"})) == [
        "openai selected",
        "gemini fallback",
        "rules fallback",
    ]


def test_the_requests_choice_goes_before_the_sessions_and_that_before_the_settings() -> None:
    environ = {f"{name}_KEY": "x" for name in ("CLAUDE", "OPENAI", "GEMINI")}
    session, settings = Choice(provider="openai", model="gpt"), Choice(provider="claude")
    assert names(chosen(environ, session, settings, provider="gemini"))[0] == "gemini selected"
    assert names(chosen(environ, session, settings))[0] == "openai selected"
    assert names(chosen(environ, Choice(), settings))[0] == "claude selected"


def test_a_model_counts_for_the_provider_it_was_chosen_with() -> None:
    environ = {"CLAUDE_KEY": "x", "OPENAI_KEY": "y", "OPENAI_MODEL": "gpt-of-the-environment"}
    first, second, _ = chosen(environ, Choice(provider="claude", model="opus"), provider="claude")
    assert (first.model, second.model) == ("opus", "gpt-of-the-environment")
    (other, *_) = chosen(environ, Choice(provider="claude", model="opus"), provider="openai")
    assert other.model == "gpt-of-the-environment"


def test_a_model_without_a_provider_is_the_first_ones() -> None:
    assert chosen({"OPENAI_KEY": "x"}, model="gpt-mini")[0].model == "gpt-mini"


def test_a_named_provider_that_is_not_configured_is_tried_first_with_its_reason() -> None:
    first, *rest = chosen({"OPENAI_KEY": "x"}, provider="claude")
    assert isinstance(first.error, NotConfiguredError)
    assert "CLAUDE_KEY is not set" in str(first.error)
    assert names(rest) == ["openai fallback", "rules fallback"]


def test_pinned_it_is_the_only_one_or_an_error() -> None:
    assert names(chosen({"CLAUDE_KEY": "x", "OPENAI_KEY": "y"}, provider="claude", fallback=False)) == [
        "claude selected"
    ]
    with pytest.raises(NotConfiguredError, match="CLAUDE_KEY is not set"):
        chosen({"OPENAI_KEY": "y"}, provider="claude", fallback=False)


def test_a_credential_of_the_request_makes_its_provider_configured_and_no_other() -> None:
    found = chosen({}, provider="claude", credential=MINE)
    assert (found[0].plugin.id, found[0].source) == ("claude", "the request")
    assert names(found)[1:] == ["rules fallback"]


def test_credentials_by_provider_make_others_ready_to_be_asked_after_the_first() -> None:
    theirs = Credential(kind="api_key", secret=Secret("theirs"), source="the request")
    found = chosen({"OPENAI_KEY": "x"}, provider="openai", credentials={"gemini": MINE, "claude-code": theirs})
    assert names(found) == ["openai selected", "claude_code fallback", "gemini fallback", "rules fallback"]
    assert [item.source for item in found[:3]] == ["OPENAI_KEY", "the request", "the request"]
    assert (found[1].credential, found[2].credential) == (theirs, MINE)
    assert names(chosen({}, credentials={"gemini": MINE})) == ["gemini selected", "rules fallback"]


def test_of_several_credentials_for_a_provider_the_requests_own_counts() -> None:
    other = Credential(kind="api_key", secret=Secret("other"), source="the session")
    session = Choice(provider="openai", credential=other, credentials={"gemini": other, "claude": other})
    first, *rest = chosen({"GEMINI_KEY": "x"}, session, credential=None, credentials={"openai": MINE, "claude": MINE})
    assert (first.plugin.id, first.credential) == ("openai", MINE)
    assert {item.plugin.id: item.source for item in rest[:2]} == {"claude": "the request", "gemini": "the session"}
    named = chosen({}, session, provider="openai", credential=MINE, credentials={"openai": other})
    assert named[0].credential == MINE
    assert MINE.secret.reveal() not in repr(RunOptions(credentials={"openai": MINE}))


def test_a_session_that_holds_a_credential_gives_it_to_its_own_provider_only() -> None:
    session = Choice(provider="claude", credential=MINE)
    assert chosen({}, session)[0].credential == MINE
    other = chosen({"OPENAI_KEY": "y"}, session, provider="openai")[0]
    assert other.source == "OPENAI_KEY"


@pytest.mark.parametrize("spelled", ["claude_code", "claude-code", " Claude-Code "])
def test_dashes_and_capitals_do_not_matter(spelled: str) -> None:
    assert find(ALL, spelled).id == "claude_code"


def test_an_unknown_name_is_answered_with_the_nearest_or_all() -> None:
    with pytest.raises(UsageError, match="did you mean gemini"):
        find(ALL, "gemni")
    with pytest.raises(UsageError, match="the providers are claude_code, claude, openai, gemini, rules"):
        find(ALL, "watson")


def test_a_pinned_request_has_no_second_candidate_even_if_it_names_nobody() -> None:
    assert names(chosen({"OPENAI_KEY": "a", "GEMINI_KEY": "b"}, fallback=False)) == ["openai selected"]


def test_one_whose_credential_is_broken_is_told_and_not_passed_over_in_silence() -> None:
    environ = {"CLAUDE_CODE_KEY": "torn\nin two", "CLAUDE_KEY": "stale", "OPENAI_KEY": "also torn"}
    found = chosen(environ)
    assert names(found) == ["claude_code selected", "claude fallback", "rules fallback"]
    assert isinstance(found[0].error, AuthenticationError)
    with pytest.raises(AuthenticationError, match="CLAUDE_CODE_KEY is broken by a blank"):
        chosen(environ, fallback=False)
    assert names(chosen(environ, provider="claude")) == ["claude selected", "rules fallback"]
    assert names(chosen({"OPENAI_KEY": "torn key"})) == ["openai selected", "rules fallback"]


def test_a_sessions_credential_for_nobody_is_refused_and_not_left_unused() -> None:
    with pytest.raises(UsageError, match="not for whom"):
        chosen({"OPENAI_KEY": "a"}, Choice(credential=MINE))
    with pytest.raises(UsageError, match="not for whom"):
        chosen({"OPENAI_KEY": "a"}, Choice(credential=MINE), provider="openai")
    assert chosen({}, Choice(provider="openai"), credential=MINE)[0].credential == MINE
