"""`kubeagentix providers`: what each would use here, what is set but ignored, and no secret."""

from __future__ import annotations

import json

import pytest

from kubeagentix.cli.app import main

KEY = "sk-dummy-000000000000000000000000"


def test_without_any_credential_rules_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["providers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("* rules") for line in lines)
    assert any("claude" in line and "not configured: " in line for line in lines)


def test_variables_that_are_used_and_ignored_are_named_and_their_values_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", f"{KEY}1")
    monkeypatch.setenv("GOOGLE_API_KEY", f"{KEY}2")
    assert main(["providers"]) == 0
    out = capsys.readouterr().out
    assert "* openai" in out
    assert "uses OPENAI_API_KEY, model " in out
    assert "GOOGLE_API_KEY is set but ignored: GEMINI_API_KEY comes first" in out
    assert KEY not in out


def test_json_holds_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert main(["providers", "--format", "json"]) == 0
    found = {item["id"]: item for item in json.loads(capsys.readouterr().out)}
    assert list(found) == ["claude_code", "claude", "openai", "gemini", "rules"]
    assert found["openai"]["is_configured"]
    assert found["openai"]["is_next"]
    assert found["openai"]["source"] == "OPENAI_API_KEY"
    assert KEY not in json.dumps(found)


def test_a_test_really_asks_and_says_how_it_went(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert main(["providers", "--test"]) == 1
    out = capsys.readouterr().out
    assert "test failed after" in out
    assert "test: rules answered in" in out
    assert KEY not in out
