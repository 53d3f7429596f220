"""Nothing of the user's machine gets into a run, and nothing secret gets out of it: proved on the real CLI."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from kubeagentix.claude_cli.finding import find
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential
from tests.claude_cli.running import LOGIN, POD_LOGS, SYSTEM, TOKEN, Lab, question, result_of, text_of, token
from tests.servers.turns import Call, Hang, Say

both = pytest.mark.parametrize("channel", ["sdk", "cli"])
MARK = "TRAP-SPRUNG"


@pytest.fixture
def traps(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A home and a working directory in which everything that a CLI may read or start leaves a mark."""
    sprung = lab.home / "sprung"
    touch = {"type": "command", "command": f"echo {MARK} >> {sprung}; echo {MARK}"}
    events = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")
    settings = {
        "hooks": {event: [{"matcher": "", "hooks": [touch]}] for event in events},
        "env": {"TRAP": MARK},
        "model": "claude-trap-1",
        "permissions": {"allow": ["Bash", "Read"]},
        "enableAllProjectMcpServers": True,
        "apiKeyHelper": f"sh -c 'echo {MARK} >> {sprung}; echo sk-ant-api03-trap'",
    }
    server = {"trap": {"type": "stdio", "command": "sh", "args": ["-c", f"echo {MARK} >> {sprung}; cat"]}}
    project = lab.home / "project"
    for folder in (lab.home, project):
        config = folder / ".claude"
        (config / "skills" / "trap").mkdir(parents=True)
        (config / "agents").mkdir()
        (config / "commands").mkdir()
        (config / "settings.json").write_text(json.dumps(settings))
        (config / "settings.local.json").write_text(json.dumps(settings))
        (config / "CLAUDE.md").write_text(MARK)
        (config / "skills" / "trap" / "SKILL.md").write_text(f"---\nname: trap\ndescription: {MARK}\n---\n{MARK}")
        (config / "agents" / "trap.md").write_text(f"---\nname: trap\ndescription: {MARK}\n---\n{MARK}")
        (config / "commands" / "trap.md").write_text(MARK)
        (folder / "CLAUDE.md").write_text(MARK)
        (folder / "AGENTS.md").write_text(MARK)
        (folder / ".mcp.json").write_text(json.dumps({"mcpServers": server}))
        (folder / "secret.txt").write_text(MARK)
    login = {"accessToken": TOKEN, "refreshToken": "r", "expiresAt": 4_102_444_800_000, "scopes": ["user:inference"]}
    (lab.home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    (lab.home / ".claude.json").write_text(json.dumps({"mcpServers": server, "projects": {str(project): {}}}))
    monkeypatch.chdir(project)
    monkeypatch.setenv("TRAP_OF_THE_ENVIRONMENT", MARK)
    return lab


def arguments_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def environment_of(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)


def test_the_traps_are_sharp(traps: Lab) -> None:
    """A plain run of the same CLI, from the same working directory, walks into them."""
    traps.server.script(then=[Say("Well.")])
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(traps.home),
        "ANTHROPIC_BASE_URL": traps.server.base_url,
        "CLAUDE_CODE_OAUTH_TOKEN": TOKEN,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "TMPDIR": str(traps.tmp),
    }
    program = find({}).path
    subprocess.run([program, "--print", "--model", "sonnet", "read @secret.txt"], env=environ, check=False, timeout=60)
    assert MARK in json.dumps([request.body for request in traps.server.requests])
    assert (traps.home / "sprung").read_text().count(MARK) >= 2


@both
@pytest.mark.parametrize("credential", [token(), LOGIN], ids=["token", "login"])
def test_nothing_of_the_user_reaches_the_model_or_runs(traps: Lab, channel: str, credential: Credential) -> None:
    traps.server.script([Say("Nothing but the question.")])
    secret = traps.home / "secret.txt"
    asked = f"Look at @{secret} and @../secret.txt and @secret.txt\n@CLAUDE.md\n/trap\n!cat secret.txt\n#memory"
    events = traps.answer(question(asked), credential, KUBEAGENTIX_CLAUDE_CODE_CHANNEL=channel)
    assert text_of(events) == "Nothing but the question."
    (request,) = traps.server.requests
    assert MARK not in json.dumps(request.body)
    assert request.heard.tools == ()
    assert request.heard.model.startswith("claude-sonnet")
    assert request.token == TOKEN
    assert not (traps.home / "sprung").exists()
    assert traps.leftovers == []


@both
@pytest.mark.parametrize("text", ["/help", "/clear", "/model opus", "/trap now", "@secret.txt"])
def test_a_question_is_never_a_command(traps: Lab, channel: str, text: str) -> None:
    traps.server.script([Say("I was asked.")])
    assert text_of(traps.answer(question(text), KUBEAGENTIX_CLAUDE_CODE_CHANNEL=channel)) == "I was asked."
    body = json.dumps(traps.server.requests[0].body)
    assert text in body
    assert MARK not in body


def test_a_built_in_tool_is_neither_offered_nor_run(traps: Lab) -> None:
    secret = str(traps.home / "secret.txt")
    calls = [Call("Read", {"file_path": secret}), Call("Bash", {"command": f"cat {secret}"}), Call("mcp__trap__x")]
    traps.server.script(calls, [Say("Well.")])

    async def run(call: object) -> None:
        raise AssertionError(f"{call} was run")

    traps.answer(question(tools=(POD_LOGS,), run_tool=run))  # type: ignore[arg-type]
    assert traps.server.heard[0].tools == ("mcp__kube__pod_logs",)
    assert MARK not in json.dumps(traps.server.requests[1].body)


def test_a_mention_in_a_result_is_not_read_either(traps: Lab) -> None:
    traps.server.script([Call("mcp__kube__pod_logs", {"name": "a"})], [Say("Well.")])

    async def run(call: object) -> object:
        return result_of(call, f"see @{traps.home}/secret.txt")  # type: ignore[arg-type]

    traps.answer(question(tools=(POD_LOGS,), run_tool=run))  # type: ignore[arg-type]
    assert MARK not in json.dumps(traps.server.requests[1].body)


def content(folder: Path) -> bytes:
    """Of all files under it; a program that runs may take some away meanwhile."""
    found = b""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            with suppress(FileNotFoundError):
                found += path.read_bytes() if path.is_file() else b""
    assert found
    return found


@both
def test_prompts_and_token_are_in_no_argument_and_the_place_is_private(traps: Lab, channel: str) -> None:
    traps.server.script(then=[Hang()])
    request: ModelRequest = question("Why is the zeppelin late?", tools=(POD_LOGS,) if channel == "cli" else ())

    async def look() -> None:
        task = asyncio.create_task(traps.ask(request, KUBEAGENTIX_CLAUDE_CODE_CHANNEL=channel))
        await traps.asked()
        (place,) = traps.tmp.iterdir()
        (pid,) = traps.children
        arguments, child = arguments_of(pid), environment_of(pid)
        for secret in (TOKEN, "heliotrope", SYSTEM, "zeppelin"):
            assert secret.encode() not in arguments
        assert place.stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o077 == 0 for path in place.iterdir())
        assert child["CLAUDE_CODE_OAUTH_TOKEN"] == TOKEN
        assert MARK not in child.values()
        assert {child[name] for name in ("CLAUDE_CONFIG_DIR", "TMPDIR", "XDG_CACHE_HOME", "HOME")} == {
            str(place / name) for name in ("config", "tmp", "cache", "cwd")
        }
        assert TOKEN.encode() not in content(place)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(look())
    assert traps.leftovers == []


def test_a_key_helper_of_settings_that_were_let_in_does_not_take_over(traps: Lab) -> None:
    """Settings are read only where the environment says so; no hook runs even then."""
    traps.server.script(then=[Say("Well.")])
    raised = traps.failure(credential=LOGIN, CLAUDE_CODE_SETTING_SOURCES="user")
    assert raised.detail == "api_key_took_over"
    assert traps.children == []
