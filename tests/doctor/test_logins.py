"""Which credential each provider would use; really asked only where that is wanted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubeagentix.doctor import logins
from tests.doctor.seeing import only, seen

KEY = "sk-dummy-000000000000000000000000"
TOKEN = "sk-ant-oat01-dummy00000000000000000000"


def test_without_any_credential_all_but_rules_are_not_there() -> None:
    found = {result.what: result.state for result in seen(logins.check)}
    assert found.pop("rules") == "ok"
    assert found == dict.fromkeys(("claude_code", "claude", "openai", "gemini"), "not there")


def test_each_names_its_credential_and_the_first_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", TOKEN)
    found = seen(logins.check)
    assert only(found, "claude_code").seen == "uses CLAUDE_CODE_OAUTH_TOKEN, model sonnet, asked first"
    assert only(found, "openai").seen.startswith("uses OPENAI_API_KEY, model ")
    assert KEY not in repr(found)
    assert TOKEN not in repr(found)


def test_a_local_login_is_named_by_its_place(tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/.credentials.json").write_text(json.dumps({"claudeAiOauth": {"accessToken": "dummy"}}))
    assert "uses the local login in ~/.claude" in only(seen(logins.check), "claude_code").seen


def test_a_wrapped_token_fails_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", TOKEN[:20] + "\n" + TOKEN[20:])
    result = only(seen(logins.check), "claude_code")
    assert (result.state, result.code) == ("failed", "unusable")
    assert result.seen.startswith("CLAUDE_CODE_OAUTH_TOKEN is set, but ")
    assert "line break" in result.seen
    assert TOKEN[20:] not in repr(result)


def test_the_advice_is_that_of_where_one_is(tmp_path: Path) -> None:
    outside = only(seen(logins.check), "claude_code")
    assert "/login" in outside.do
    assert "-e CLAUDE_CODE_OAUTH_TOKEN" not in outside.do
    (tmp_path / ".dockerenv").touch()
    inside = only(seen(logins.check, root=tmp_path), "claude_code")
    assert "-e CLAUDE_CODE_OAUTH_TOKEN" in inside.do
    assert "Docker:" not in inside.do


def test_the_one_that_the_settings_name_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_PROVIDER", "gemini")
    result = only(seen(logins.check), "gemini")
    assert (result.state, result.code) == ("failed", "not_configured")
    assert "the settings name it" in result.seen
    monkeypatch.setenv("KUBEAGENTIX_PROVIDER", "gemmini")
    assert only(seen(logins.check), "provider").state == "failed"


def test_a_config_file_that_is_broken_does_not_hide_the_providers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("provider = [")
    monkeypatch.setenv("KUBEAGENTIX_CONFIG", str(tmp_path / "config.toml"))
    assert only(seen(logins.check), "rules").state == "ok"


def test_really_asked_a_server_that_is_not_there_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    found = [result for result in seen(logins.check, test=True) if "test" in result.seen]
    assert {result.what: result.state for result in found} == {"rules": "ok", "openai": "failed"}
    assert "test failed after" in only(found, "openai").seen
