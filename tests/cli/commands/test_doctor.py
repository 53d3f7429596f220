"""`kubeagentix doctor`: exit codes, formats, and that it works for whoever has nothing set up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubeagentix.cli.app import main
from tests.cluster.conftest import FakeApi, api, status

__all__ = ("api",)
TOKEN = "sk-ant-oat01-dummy00000000000000000000"


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_a_fresh_machine_has_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "rules: needs no credential, asked first" in out
    assert "try `kubeagentix demo`" in out
    assert "failed" not in out


def test_a_cluster_that_answers_is_told(api: FakeApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--kubeconfig", str(api.kubeconfig(tmp_path)), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["is_ok"]
    seen = {(item["check"], item["state"], item["what"]) for item in found["results"]}
    assert ("Clusters", "ok", "lab") in seen
    assert ("Kubeconfig", "ok", "current context lab") in seen


def test_what_failed_is_exit_code_1(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("/version", status(401, "Unauthorized"))
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "  failed     lab: cannot read /version: 401 Unauthorized" in out
    assert out.splitlines()[-1].startswith("1 failed, ")


@pytest.mark.parametrize(
    "words",
    [
        ["--tests"],
        ["--timeout", "0"],
        ["--timeout", "nan"],
        ["--timeout", "soon"],
        ["--context", "a", "--all-contexts"],
        ["--format", "yaml"],
        ["prod"],
    ],
)
def test_bad_usage_is_exit_code_2_and_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.startswith("error: ")
    assert seen.err.count("\n") == 1


def test_no_secret_is_ever_printed(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = {
        "CLAUDE_CODE_OAUTH_TOKEN": TOKEN,
        "ANTHROPIC_API_KEY": "sk-ant-api03-dummy1111111111111111",
        "OPENAI_API_KEY": "sk-dummy-2222222222222222222222",
        "GEMINI_API_KEY": "broken key 33333333333",
        "CLAUDE_API_KEY": "dummy-44444444444444444",
        "KUBEAGENTIX_OPENAI_KEY": "dummy-5555555555555555",
        "HTTPS_PROXY": "http://user:dummy-6666666@proxy.invalid:3128",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / ".claude"
    folder.mkdir()
    login = {"accessToken": "dummy-7777777777", "refreshToken": "dummy-88888888888", "expiresAt": 1000}
    (folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    (tmp_path / ".claude.json").write_text('{"primaryApiKey": "dummy-99999999999')
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path, user={"token": "dummy-aaaaaaaaaaaa"})))
    main(["doctor"])
    main(["doctor", "--format", "json"])
    seen = capsys.readouterr()
    everything = seen.out + seen.err
    for part in ("dummy", "3333333", "6666666", "correct"):
        assert part not in everything.replace("dummy-context", "")
    assert "CLAUDE_API_KEY" in everything


@pytest.mark.parametrize("home", [None, "/dev/null/home", ""])
def test_without_a_home_it_still_says_what_it_can(home: str | None, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    if home is not None:
        environ["HOME"] = home
    ended = subprocess.run(
        [sys.executable, "-m", "kubeagentix", "doctor", "--format", "json"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.stderr == ""
    found = json.loads(ended.stdout)
    assert not [item for item in found["results"] if item["code"] == "broken"]
    assert ended.returncode == (0 if found["is_ok"] else 1)
