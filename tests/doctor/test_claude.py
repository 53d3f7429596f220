"""The CLI, its state file and its login, of which nothing is shown but its end."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.claude_cli import finding
from kubeagentix.doctor import claude
from kubeagentix.doctor.results import CheckResult
from tests.another_user import as_another
from tests.doctor.seeing import only, seen

HOUR_MS = 3_600_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".claude").mkdir()
    return tmp_path


def write_login(home: Path, **fields: Any) -> Path:
    path = home / ".claude/.credentials.json"
    login = {"accessToken": "dummy-access-1234567", "refreshToken": "dummy-refresh-1234567", **fields}
    path.write_text(json.dumps({"claudeAiOauth": {key: value for key, value in login.items() if value is not None}}))
    return path


def now_ms() -> float:
    return time.time() * 1000


def told(results: Sequence[CheckResult], what: str) -> tuple[str, str]:
    result = only(results, what)
    assert "dummy" not in f"{result.what}{result.seen}{result.do}"
    return result.state, result.code


def test_the_real_cli_is_told_with_its_version_and_origin() -> None:
    result = only(seen(claude.check), "claude")
    assert result.state == "ok"
    assert "from claude-agent-sdk" in result.seen


def test_none_is_not_there_and_a_wrong_path_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(finding, "bundled_path", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert told(seen(claude.check), "claude") == ("not there", "cli_missing")
    monkeypatch.setenv("CLAUDE_CODE_CLI_PATH", "/nowhere/claude")
    assert only(seen(claude.check), "claude").state == "failed"


def test_one_that_is_too_old_fails_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "claude"
    path.write_text("#!/bin/sh\necho '2.0.60 (Claude Code)'\n")
    path.chmod(0o755)
    monkeypatch.setenv("CLAUDE_CODE_CLI_PATH", str(path))
    result = only(seen(claude.check), "claude")
    assert (result.state, "2.0.60" in result.seen) == ("failed", True)
    assert "pip install -U 'kubeagentix[claude-code]'" in result.do


def test_left_out_it_is_not_looked_at(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    write_login(home, expiresAt=1)
    monkeypatch.setenv("ENABLE_CLAUDE_CODE_PROVIDER", "false")
    (result,) = seen(claude.check)
    assert result.state == "not there"


def test_a_login_that_holds_is_fine(home: Path) -> None:
    write_login(home, expiresAt=now_ms() + HOUR_MS)
    result = only(seen(claude.check), "login")
    assert result.state == "ok"
    assert result.seen.startswith("~/.claude/.credentials.json, valid until ")


def test_an_expired_login_that_can_be_renewed_is_a_warning(home: Path) -> None:
    write_login(home, expiresAt=now_ms() - HOUR_MS)
    assert told(seen(claude.check), "login") == ("warning", "expired")


def test_an_expired_login_that_cannot_be_renewed_fails(home: Path) -> None:
    write_login(home, expiresAt=now_ms() - HOUR_MS, refreshToken=None)
    result = only(seen(claude.check), "login")
    assert (result.state, result.code) == ("failed", "expired")
    assert result.do.startswith("run `claude`, then /login")


@pytest.mark.parametrize("odd", [None, "tomorrow", -1e300, 1e300, [], True])
def test_a_date_that_is_none_is_no_failure(odd: Any, home: Path) -> None:
    write_login(home, expiresAt=odd)
    assert only(seen(claude.check), "login").code in ("", "expired")


@pytest.mark.parametrize("text", ["{", "", "[]", "\x00\xff"])
def test_a_damaged_login_fails(text: str, home: Path) -> None:
    (home / ".claude/.credentials.json").write_text(text)
    assert told(seen(claude.check), "login") == ("failed", "corrupted")


def test_a_damaged_state_file_is_told_with_its_backups(home: Path) -> None:
    (home / ".claude.json").write_text('{"oauthAccount": {"emailAddress": "dummy@example.org"')
    assert told(seen(claude.check), ".claude.json") == ("warning", "corrupted")
    assert "starts afresh" in only(seen(claude.check), ".claude.json").do
    (home / ".claude/backups").mkdir()
    (home / ".claude/backups/.claude.json.backup.1700000000000").write_text('{"numStartups": 1}')
    (home / ".claude.json.backup").write_text("{broken")
    result = only(seen(claude.check), ".claude.json")
    assert result.seen == "is damaged; 1 valid backup"
    assert "newest valid one" in result.do


def test_a_state_file_that_is_whole_is_not_mentioned(home: Path) -> None:
    (home / ".claude.json").write_text('{"numStartups": 1}')
    assert [result.what for result in seen(claude.check)] == ["claude"]


def test_a_folder_in_place_of_the_state_file_is_told_for_where_one_is(home: Path, tmp_path: Path) -> None:
    (home / ".claude.json").mkdir()
    outside = only(seen(claude.check), ".claude.json")
    assert (outside.state, outside.code) == ("warning", "folder")
    assert outside.do.startswith("rmdir ~/.claude.json")
    root = tmp_path / "root"
    root.mkdir()
    (root / ".dockerenv").touch()
    assert "On the host: rmdir ~/.claude.json" in only(seen(claude.check, root=root), ".claude.json").do


def test_another_folder_that_is_named_is_the_one_that_is_looked_at(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_login(home, expiresAt=1, refreshToken=None)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "other"))
    assert [result.what for result in seen(claude.check)] == ["claude"]
    monkeypatch.setenv("CLAUDE_CODE_ISOLATE_CONFIG", "true")
    assert only(seen(claude.check), "login").state == "not there"


def test_a_folder_of_somebody_else_fails_unless_there_is_a_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_login(home, expiresAt=1)
    seen(claude.check)  # so that all is loaded
    with as_another(home / ".claude"):
        failed = only(seen(claude.check), "login")
        monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-dummy0000000000000000")
        warned = only(seen(claude.check), "login")
    assert (failed.state, failed.code) == ("failed", "unreadable")
    assert " belongs to " in failed.seen
    assert (warned.state, warned.code) == ("warning", "unreadable")


def test_a_login_that_expired_is_no_failure_beside_a_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_login(home, expiresAt=1, refreshToken=None)
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-dummy0000000000000000")
    assert told(seen(claude.check), "login") == ("warning", "expired")
