from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubeagentix.claude_cli.switches import Switches, switches_of
from kubeagentix.claude_cli.tokens import checked, chosen, ignored, variable_for
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.errors import AuthenticationError
from tests.claude_cli.running import LOGIN, token

OAT = "sk-ant-oat01-abc"
KEY = "sk-ant-api03-abc"


def choice(environ: dict[str, str]) -> Credential | None:
    return chosen(environ, switches_of(environ))


def with_login(home: Path, folder: str = ".claude") -> None:
    (home / folder).mkdir()
    (home / folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": {"accessToken": "x"}}))


@pytest.mark.parametrize("text", [f"  {OAT}\n", f'"{OAT}"', f"authToken: {OAT}", f"Bearer {OAT}", f"'{OAT}' "])
def test_what_pasting_adds_is_taken_off(text: str) -> None:
    assert checked(token(text), Switches()).secret.reveal() == OAT


@pytest.mark.parametrize(
    ("text", "detail", "reason"),
    [
        ("sk-ant-oat01-abc\n  def", "token_rejected", "line break"),
        ("", "token_rejected", "empty"),
        (KEY, "api_key_as_token", "API key"),
        (f'"{KEY}"', "api_key_as_token", "API key"),
        ("sk-proj-abc", "api_key_as_token", "API key"),
    ],
)
def test_what_cannot_be_a_token_is_refused_with_the_reason(text: str, detail: str, reason: str) -> None:
    with pytest.raises(AuthenticationError, match=reason) as raised:
        checked(token(text), Switches())
    assert raised.value.detail == detail
    assert "abc" not in f"{raised.value}{raised.value!r}"


def test_an_api_key_is_taken_only_where_it_is_allowed() -> None:
    key = Credential(kind="api_key", secret=Secret(KEY), source="the request")
    assert checked(key, Switches(allow_api_key=True)).kind == "api_key"
    with pytest.raises(AuthenticationError, match="API key"):
        checked(key, Switches())


def test_a_login_is_left_to_the_cli() -> None:
    assert checked(LOGIN, Switches()) is LOGIN


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({"CLAUDE_CODE_OAUTH_TOKEN": OAT, "CLAUDE_CODE_AUTH_TOKEN": "b"}, "CLAUDE_CODE_OAUTH_TOKEN"),
        ({"CLAUDE_CODE_AUTH_TOKEN": OAT, "ANTHROPIC_AUTH_TOKEN": "b"}, "CLAUDE_CODE_AUTH_TOKEN"),
        ({"CLAUDE_CODE_OAUTH_TOKEN": " ", "ANTHROPIC_AUTH_TOKEN": OAT}, "ANTHROPIC_AUTH_TOKEN"),
        ({"CLAUDE_CODE_OAUTH_TOKEN": OAT, "ANTHROPIC_API_KEY": KEY}, "CLAUDE_CODE_OAUTH_TOKEN"),
        (
            {"CLAUDE_CODE_OAUTH_TOKEN": OAT, "ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_ALLOW_API_KEY": "true"},
            "ANTHROPIC_API_KEY",
        ),
    ],
)
def test_the_first_of_the_variables_is_used(environ: dict[str, str], source: str) -> None:
    found = choice(environ)
    assert found is not None
    assert found.source == source


@pytest.mark.parametrize("environ", [{"ANTHROPIC_API_KEY": KEY}, {"ANTHROPIC_AUTH_TOKEN": KEY}, {}])
def test_an_api_key_alone_is_no_credential(environ: dict[str, str], tmp_path: Path) -> None:
    assert choice({**environ, "HOME": str(tmp_path)}) is None


def test_a_login_comes_after_the_tokens(tmp_path: Path) -> None:
    with_login(tmp_path)
    found = choice({"HOME": str(tmp_path)})
    assert found is not None
    assert (found.kind, found.source) == ("login", "the local login in ~/.claude")
    found = choice({"HOME": str(tmp_path), "CLAUDE_CODE_OAUTH_TOKEN": OAT})
    assert found is not None
    assert found.kind == "auth_token"


def test_a_login_is_looked_for_where_the_configuration_is(tmp_path: Path) -> None:
    with_login(tmp_path, "own")
    own = str(tmp_path / "own")
    for environ in ({"CLAUDE_CONFIG_DIR": own}, {"CLAUDE_CODE_CONFIG_DIR": own, "CLAUDE_CODE_ISOLATE_CONFIG": "1"}):
        found = choice({"HOME": str(tmp_path), **environ})
        assert found is not None
        assert found.source == "the local login in ~/own"
    assert choice({"HOME": str(tmp_path)}) is None


def test_an_isolated_configuration_holds_no_login(tmp_path: Path) -> None:
    with_login(tmp_path)
    assert choice({"HOME": str(tmp_path), "CLAUDE_CODE_ISOLATE_CONFIG": "true"}) is None


def test_what_is_set_and_not_used_is_listed_with_the_reason() -> None:
    environ = {
        "CLAUDE_CODE_OAUTH_TOKEN": OAT,
        "CLAUDE_CODE_AUTH_TOKEN": "",
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "ANTHROPIC_API_KEY": KEY,
    }
    why = {variable.name: variable.why for variable in ignored(environ, choice(environ))}
    assert set(why) == {"CLAUDE_CODE_AUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"}
    assert "blank" in why["CLAUDE_CODE_AUTH_TOKEN"]
    assert "API key" in why["ANTHROPIC_AUTH_TOKEN"]
    assert "CLAUDE_CODE_ALLOW_API_KEY" in why["ANTHROPIC_API_KEY"]


def test_a_token_goes_by_the_variable_of_its_kind() -> None:
    assert variable_for(token(OAT)) == "CLAUDE_CODE_OAUTH_TOKEN"
    assert variable_for(token("gateway", "ANTHROPIC_AUTH_TOKEN")) == "ANTHROPIC_AUTH_TOKEN"
    assert variable_for(token(OAT, "ANTHROPIC_AUTH_TOKEN")) == "CLAUDE_CODE_OAUTH_TOKEN"
    assert variable_for(Credential(kind="api_key", secret=Secret(KEY), source="x")) == "ANTHROPIC_API_KEY"
