from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeagentix.claude_cli.environment import arguments, child_environment, config_for, passed_on
from kubeagentix.claude_cli.places import Place
from kubeagentix.claude_cli.switches import Switches, switches_of
from tests.claude_cli.running import LOGIN, TOKEN, question, token

NOISE = {
    "ANTHROPIC_API_KEY": "sk-ant-api03-stale",
    "ANTHROPIC_AUTH_TOKEN": "stale",
    "ANTHROPIC_CUSTOM_HEADERS": "x-secret: 1",
    "ANTHROPIC_MODEL": "claude-trap-1",
    "CLAUDECODE": "1",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "CLAUDE_CODE_ENTRYPOINT": "cli",
    "AWS_SECRET_ACCESS_KEY": "aws",
    "KUBECONFIG": "/k",
    "NODE_OPTIONS": "--require /trap.js",
    "LD_PRELOAD": "/trap.so",
    "XDG_RUNTIME_DIR": "/run/user/0",
}
PASSED = {
    "PATH": "/bin",
    "LANG": "C.UTF-8",
    "ANTHROPIC_BASE_URL": "https://gateway.example/claude",
    "HTTPS_PROXY": "http://anna:secret@proxy.example:3128",
    "NO_PROXY": "127.0.0.1",
    "NODE_EXTRA_CA_CERTS": "/ca.pem",
    "SSL_CERT_FILE": "/ca.pem",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = Place()
    yield made
    made.remove()


def test_a_child_gets_what_is_allowed_and_nothing_else(place: Place) -> None:
    environ = {**NOISE, **PASSED, "HOME": "/home/anna"}
    config = config_for(token(), environ, Switches(), place)
    child = child_environment(token(), environ, config, place, question())
    assert PASSED.items() <= child.items()
    assert not set(NOISE) & set(child)
    assert child["CLAUDE_CODE_OAUTH_TOKEN"] == TOKEN
    assert child["CLAUDE_CODE_DISABLE_ATTACHMENTS"] == "1"
    assert child["HOME"] == str(place.cwd)


def test_a_login_keeps_its_home_and_its_configuration(place: Place) -> None:
    environ = {"HOME": "/home/anna"}
    config = config_for(LOGIN, environ, Switches(), place)
    child = child_environment(LOGIN, environ, config, place, question())
    assert (config.folder, config.is_shared) == (None, True)
    assert child["HOME"] == "/home/anna"
    assert not {"CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY"} & set(child)
    assert child["TMPDIR"] == str(place.tmp)


@pytest.mark.parametrize(
    ("source", "environ", "is_shared"),
    [
        ("the request", {}, False),
        ("the request", {"CLAUDE_CODE_CONFIG_DIR": "/d"}, False),  # it uses nothing of the environment's
        ("CLAUDE_CODE_OAUTH_TOKEN", {"CLAUDE_CODE_CONFIG_DIR": "/d", "CLAUDE_CODE_OAUTH_TOKEN": TOKEN}, True),
        ("CLAUDE_CODE_OAUTH_TOKEN", {"CLAUDE_CODE_OAUTH_TOKEN": TOKEN}, False),
    ],
)
def test_a_token_has_a_configuration_of_its_own(
    place: Place, source: str, environ: dict[str, str], is_shared: bool
) -> None:
    config = config_for(token(source=source), environ, switches_of(environ), place)
    assert config.is_shared is is_shared
    assert config.folder == (Path("/d") if is_shared else place.config)


def test_settings_of_the_environment_are_not_for_a_request_that_brings_its_token() -> None:
    switches = Switches(setting_sources="user")
    environ = {"CLAUDE_CODE_OAUTH_TOKEN": TOKEN}
    own = arguments(question(), token(), environ, switches, Path("/p"))
    environs = arguments(question(), token(source="CLAUDE_CODE_OAUTH_TOKEN"), environ, switches, Path("/p"))
    assert own[own.index("--setting-sources") + 1] == ""
    assert environs[environs.index("--setting-sources") + 1] == "user"


def test_what_is_passed_on_is_shown_without_passwords() -> None:
    shown = passed_on({**NOISE, **PASSED}, Switches(setting_sources="user"))
    assert "ANTHROPIC_BASE_URL=https://gateway.example/claude" in shown
    assert "HTTPS_PROXY=http://…@proxy.example:3128" in shown
    assert "CLAUDE_CODE_SETTING_SOURCES=user" in shown
    assert "secret" not in " ".join(shown)
