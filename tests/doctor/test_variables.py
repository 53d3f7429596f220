"""Variables that do nothing, and near misses that do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kubeagentix.doctor import variables
from kubeagentix.doctor.variables import known_names
from tests.doctor.seeing import only, seen

ROOT = Path(__file__).parents[2]
KEY = "sk-ant-api03-dummy000000000000000000"
TOKEN = "sk-ant-oat01-dummy00000000000000000000"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_odd_is_one_line() -> None:
    (result,) = seen(variables.check)
    assert result.state == "ok"


def test_a_key_that_nobody_uses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", TOKEN)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setattr("kubeagentix.wire.readiness.is_installed", lambda _: False)  # so no provider takes it
    result = only(seen(variables.check), "ANTHROPIC_API_KEY")
    assert (result.state, result.code) == ("warning", "unused")
    assert result.do == "unset ANTHROPIC_API_KEY if it is stale"
    assert KEY not in repr(result)


def test_one_that_another_provider_uses_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", TOKEN)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    result = only(seen(variables.check), "ANTHROPIC_API_KEY")
    assert result.state == "ok"
    assert result.seen.startswith("used by claude; claude_code leaves it alone")


@pytest.mark.parametrize("name", ["CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "KUBECONFIG", "KUBEAGENTIX_PROVIDER"])
def test_a_blank_one_is_told_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "  ")
    found = [result for result in seen(variables.check) if result.what == name]
    assert [result.code for result in found] == ["blank"]


def test_a_misspelt_setting_has_a_near_match(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_PROVDER", "claude")
    monkeypatch.setenv("KUBEAGENTIX_TEST_SOMETHING", "1")
    (result,) = seen(variables.check)
    assert (result.what, result.code) == ("KUBEAGENTIX_PROVDER", "unknown")
    assert result.do == "did you mean KUBEAGENTIX_PROVIDER?"


def names_in(*files: Path) -> set[str]:
    return {name for file in files for name in re.findall(r"\bKUBEAGENTIX_[A-Z_]*[A-Z]\b", file.read_text())}


OF_THE_IMAGE = (*ROOT.glob("docker/*.sh"), *ROOT.glob("compose*.yaml"), *ROOT.glob("Dockerfile"))


def test_every_name_that_the_project_reads_is_known() -> None:
    read = names_in(*ROOT.glob("kubeagentix/**/*.py"), *OF_THE_IMAGE)
    assert read - {*known_names()} - {*variables.OTHER_NAMES} - {"KUBEAGENTIX_TEST"} == set()


def test_every_name_that_is_known_is_read_or_a_setting() -> None:
    modules = [file for file in ROOT.glob("kubeagentix/**/*.py") if file.parent.name != "doctor"]
    assert {*variables.ALSO_KNOWN} - names_in(*modules, *OF_THE_IMAGE) == set()


def test_names_of_others_and_older_names_are_told_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_API_KEY", KEY)
    monkeypatch.setenv("CLAUDE_CODE_AUTH_TOKEN", TOKEN)
    found = seen(variables.check)
    assert only(found, "CLAUDE_API_KEY").do == "set ANTHROPIC_API_KEY instead"
    assert only(found, "CLAUDE_CODE_AUTH_TOKEN").do == "rename it to CLAUDE_CODE_OAUTH_TOKEN"
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [("KUBEAGENTIX_HISTORY", "perhaps"), ("CLAUDE_CODE_ALLOW_API_KEY", "perhaps"), ("KUBEAGENTIX_CONFIG", "/nowhere")],
)
def test_a_value_that_cannot_be_meant_fails(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    result = only(seen(variables.check), "settings")
    assert (result.state, result.code) == ("failed", "configuration")


def pointing(folder: Path, server: str) -> str:
    path = folder / "config"
    path.write_text(
        f"current-context: a\ncontexts: [{{name: a, context: {{cluster: a}}}}]\n"
        f"clusters: [{{name: a, cluster: {{server: '{server}'}}}}]\n"
    )
    return str(path)


def test_a_proxy_that_would_catch_an_address_within_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pw@proxy.example:3128")
    result = only(seen(variables.check, kubeconfig=pointing(tmp_path, "https://10.1.2.3:6443")), "HTTPS_PROXY")
    assert (result.state, result.do) == ("warning", "add 10.1.2.3 to NO_PROXY")
    assert "pw" not in repr(result)


@pytest.mark.parametrize("server", ["https://127.0.0.1:6443", "https://api.example.org", "https://10.9.9.9"])
def test_near_misses_of_that_are_silent(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "10.9.0.0/16")
    assert [result.state for result in seen(variables.check, kubeconfig=pointing(tmp_path, server))] == ["ok"]


def test_another_address_of_a_models_server_is_told_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://me:pw@gateway.example")
    (result,) = seen(variables.check)
    assert (result.what, result.state, "gateway" in repr(result)) == ("ANTHROPIC_BASE_URL", "ok", False)


def test_what_compose_sets_from_nothing_on_the_host_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    given = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["kubeagentix"]["environment"]
    blank = [name for name, value in given.items() if value and re.search(r":-(\$\{\w+:-\})?\}", value)]
    assert "KUBEAGENTIX_HOST_KUBECONFIG" in blank
    for name in blank:
        monkeypatch.setenv(name, "")
    assert [result.state for result in seen(variables.check)] == ["ok"]
