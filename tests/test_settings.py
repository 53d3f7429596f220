"""Settings: the environment over a file over the defaults, and one line for every mistake."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kubeagentix.errors import ConfigurationError
from kubeagentix.settings import Settings, load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "kx.toml"


def loaded(config: Path, text: str, **environ: str) -> Settings:
    config.write_text(text)
    return load_settings({"KUBEAGENTIX_CONFIG": str(config), **environ})


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings({"HOME": str(tmp_path)}) == Settings()


def test_the_file_in_the_home_folder_is_read(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "kubeagentix"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("deadline_s = 5")
    assert load_settings({"HOME": str(tmp_path)}).deadline_s == 5.0


def test_a_variable_wins_over_the_file(config: Path) -> None:
    settings = loaded(config, 'deadline_s = 5\nrender = "static"', KUBEAGENTIX_DEADLINE_S="7.5")
    assert settings == Settings(deadline_s=7.5, render="static")


def test_an_empty_variable_counts_as_not_set(config: Path) -> None:
    assert loaded(config, "deadline_s = 5", KUBEAGENTIX_DEADLINE_S="").deadline_s == 5.0


def test_rules_to_ignore_are_tables(config: Path) -> None:
    first, second = loaded(
        config,
        """
        [[ignore]]
        reason = ["Lint/*", "OOMKilled"]
        object = "deploy/shop/web-*"
        until = 2026-12-31
        why = "known"
        [[ignore]]
        labels = {app = "web"}
        """,
    ).ignore
    assert (first.reason, first.object) == (("Lint/*", "OOMKilled"), ("Deployment/shop/web-*",))
    assert (first.until, first.why, first.source) == (date(2026, 12, 31), "known", f"[[ignore]] 1 in {config}")
    assert second.labels == "app=web"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deadlin_s = 5", r"unknown key 'deadlin_s' in .*kx\.toml; did you mean deadline_s\?"),
        ("zzz = 5", r"unknown key 'zzz' in .*; the keys are deadline_s, provider, model, render"),
        ("deadline_s = 'soon'", r"deadline_s in .*kx\.toml is 'soon'; it must be a number"),
        ("deadline_s = -1", r"deadline_s in .* is '-1'; it must be a number above 0"),
        ("deadline_s = true", r"it must be a number above 0"),
        ("deadline_s = nan", r"it must be a number above 0"),
        ("deadline_s = [1]", r"it must be a number"),
        ("render = 'loud'", r"render in .* is 'loud'; it must be one of live, static"),
        ("render = 5", r"one of live, static"),
        ("prometheus_url = 5", r"prometheus_url in .* is '5'; it must be a text"),
        ("ignore = 'x'", r"ignore in .* is 'x'; it must be tables, each beginning with \[\[ignore\]\]"),
        ("[ignore]\nreason = 'x'", r"it must be tables, each beginning with \[\[ignore\]\]"),
        ("[[ignores]]\nreason = 'x'", r"unknown key 'ignores' in .*; did you mean ignore\?"),
        ("[[ignore]]\nresaon = 'x'", r"unknown key 'resaon' in \[\[ignore\]\] 1 in .*kx\.toml; did you mean reason"),
        ("[[ignore]]\nreason = 'x'\n[[ignore]]\nreason = 5", r"reason of \[\[ignore\]\] 2 in .*kx\.toml is 5"),
        ("[[ignore]]\nreason = 'x'\nrender = 'live'", r"unknown key 'render' in .*; it is a setting: put it above"),
        ("deadline_s = ", r"cannot read the config file .*kx\.toml: Invalid value"),
    ],
)
def test_a_mistake_in_the_file_names_file_and_key(config: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        loaded(config, text)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_variable_names_it(config: Path) -> None:
    with pytest.raises(ConfigurationError, match="KUBEAGENTIX_RENDER is 'loud'; it must be one of live, static"):
        loaded(config, "", KUBEAGENTIX_RENDER="loud")


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no config file .*nowhere"):
        load_settings({"KUBEAGENTIX_CONFIG": str(tmp_path / "nowhere")})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the config file"):
        load_settings({"KUBEAGENTIX_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    "text",
    [
        f"deadline_s = {'9' * 400}",
        f"deadline_s = {'9' * 5000}",
        f"deadline_s = 0x{'f' * 5000}",
        f"render = 0x{'f' * 5000}",
        f"[[ignore]]\nreason = 0x{'f' * 5000}",
        f"[[ignore]]\nuntil = 0x{'f' * 5000}",
        "deadline_s = " + "[" * 5000,
        "[[ignore]]\nuntil = 2026-99-99",
    ],
)
def test_what_python_cannot_count_is_told_in_one_line(config: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        loaded(config, text)


def test_without_a_home_to_be_known_there_is_no_config_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    assert load_settings({}) == Settings()
