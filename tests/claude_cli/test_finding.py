from __future__ import annotations

from pathlib import Path

import pytest

from kubeagentix.claude_cli import finding
from kubeagentix.claude_cli.finding import OLDEST, bundled_path, find
from kubeagentix.errors import ClientError
from tests.claude_cli.running import a_cli


def test_the_cli_of_the_sdk_is_there_and_recent() -> None:
    """It is a part that these tests need: without it they fail, they are not skipped."""
    program = find({"PATH": ""})
    assert program.path == bundled_path()
    assert program.origin == "claude-agent-sdk"


def test_a_path_in_the_environment_comes_first(tmp_path: Path) -> None:
    path = a_cli(tmp_path, "", version="2.2.0")
    program = find({"CLAUDE_CODE_CLI_PATH": str(path), "PATH": ""})
    assert (program.path, program.version, program.origin) == (path, (2, 2, 0), "CLAUDE_CODE_CLI_PATH")


def test_a_bare_name_in_it_is_looked_for_on_path(tmp_path: Path) -> None:
    path = a_cli(tmp_path, "")
    assert find({"CLAUDE_CODE_CLI_PATH": "claude", "PATH": str(tmp_path)}).path == path


def test_without_the_sdk_the_one_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "bundled_path", lambda: None)
    path = a_cli(tmp_path, "")
    program = find({"PATH": str(tmp_path)})
    assert (program.path, program.origin) == (path, "PATH")


@pytest.mark.parametrize("environ", [{"PATH": "/nowhere"}, {"PATH": "", "CLAUDE_CODE_CLI_PATH": "/nowhere/claude"}])
def test_none_is_an_error_that_says_how_to_get_one(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "bundled_path", lambda: None)
    with pytest.raises(ClientError) as raised:
        find(environ)
    assert raised.value.detail == "cli_missing"
    assert "kubeagentix[claude-code]" in raised.value.hint


@pytest.mark.parametrize("version", ["2.0.60", "2.1.0", "2.1.99"])
def test_one_that_is_too_old_names_the_flags_that_are_needed(tmp_path: Path, version: str) -> None:
    with pytest.raises(ClientError) as raised:
        find({"CLAUDE_CODE_CLI_PATH": str(a_cli(tmp_path, "", version=version))})
    assert raised.value.detail == "cli_too_old"
    assert version in raised.value.message
    assert "--no-session-persistence" in raised.value.message


def test_the_oldest_that_is_known_to_work_is_taken(tmp_path: Path) -> None:
    path = a_cli(tmp_path, "", version=".".join(map(str, OLDEST)))
    assert find({"CLAUDE_CODE_CLI_PATH": str(path)}).version == OLDEST


def test_one_that_is_only_half_installed_tells_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "claude"
    path.write_text("#!/bin/sh\necho 'Error: claude native binary not installed.' >&2\nexit 1\n")
    path.chmod(0o755)
    with pytest.raises(ClientError, match="native binary not installed") as raised:
        find({"CLAUDE_CODE_CLI_PATH": str(path)})
    assert raised.value.detail == "cli_broken"


def test_it_is_asked_once_and_again_when_it_changed(tmp_path: Path) -> None:
    path = a_cli(tmp_path, "", version="2.1.200")
    environ = {"CLAUDE_CODE_CLI_PATH": str(path)}
    assert find(environ).version == find(environ).version == (2, 1, 200)
    a_cli(tmp_path, "# updated", version="2.1.300")
    assert find(environ).version == (2, 1, 300)
