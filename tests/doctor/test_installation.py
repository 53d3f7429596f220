"""What is missing of the package, and what brings it."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from kubeagentix.doctor import installation
from kubeagentix.doctor.installation import EXTRAS, FEATURES, REQUIRED, missing_of
from tests.doctor.seeing import only, seen

ROOT = Path(__file__).parents[2]


def without(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Has distributions look as if they were of another version, or (empty) not there."""
    real = metadata.version

    def version(name: str) -> str:
        told = versions.get(name.replace("-", "_"), real(name) if name.replace("-", "_") not in versions else "")
        if not told:
            raise metadata.PackageNotFoundError(name)
        return told

    monkeypatch.setattr(metadata, "version", version)


def test_the_tables_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def pairs(lines: list[str]) -> tuple[tuple[str, str], ...]:
        return tuple((name, oldest) for line in lines for name, oldest in re.findall(r"^([\w-]+)>=([\d.]+)", line))

    assert pairs(project["dependencies"]) == REQUIRED
    optional = {name: pairs(lines) for name, lines in project["optional-dependencies"].items()}
    assert {name: optional[name] for name in EXTRAS} == EXTRAS
    assert set(optional) - {*EXTRAS} == {"test", "all"}
    assert set(FEATURES) == set(EXTRAS)


def test_what_is_installed_is_told_in_one_line() -> None:
    found = seen(installation.check)
    assert only(found, "Python").state == "ok"
    assert only(found, "extras").seen.startswith("claude, claude-code, openai, gemini, lab")
    assert not [result for result in found if result.state in ("failed", "warning")]


def test_an_extra_that_is_missing_comes_with_its_feature_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, openai="", keyring="")
    found = seen(installation.check)
    extra = only(found, "extra openai")
    assert (extra.state, extra.seen) == ("not there", "openai is not installed")
    assert extra.do == "for the OpenAI API and servers like it: pip install 'kubeagentix[openai]'"
    assert "pip install 'kubeagentix[keyring" in only(found, "extras for who wants them").do


def test_one_that_is_too_old_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, anthropic="2.9.1")
    extra = only(seen(installation.check), "extra claude")
    assert (extra.state, extra.code, extra.seen) == ("warning", "too_old", "anthropic 2.9.1 is older than 2.12")


def test_a_required_package_that_is_too_old_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, kubernetes="31.0.0")
    result = only(seen(installation.check), "kubeagentix 0")
    assert (result.state, result.seen) == ("failed", "kubernetes 31.0.0 is older than 37")


@pytest.mark.parametrize("version", ["2.12", "2.12.0", "2.100", "3.0rc1", "10"])
def test_newer_ones_will_do(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, anthropic=version)
    assert list(missing_of((("anthropic", "2.12"),))) == []


def test_a_python_that_is_too_new_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 15, 0))
    assert only(seen(installation.check), "Python").state == "warning"
