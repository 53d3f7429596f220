from __future__ import annotations

from pathlib import Path

import pytest

from kubeagentix.claude_cli.switches import Switches, config_dir_of, state_file_of, switches_of
from kubeagentix.errors import ConfigurationError


def test_nothing_set_is_on_and_apart_from_all_settings() -> None:
    assert switches_of({}) == Switches()
    assert Switches().enabled
    assert Switches().setting_sources == ""


def test_all_of_them_are_read() -> None:
    switches = switches_of(
        {
            "ENABLE_CLAUDE_CODE_PROVIDER": "0",
            "CLAUDE_CODE_ALLOW_API_KEY": "TRUE",
            "CLAUDE_CODE_ISOLATE_CONFIG": "yes",
            "CLAUDE_CODE_CONFIG_DIR": "~/kx",
            "CLAUDE_CODE_SETTING_SOURCES": "project, local",
            "CLAUDE_CODE_TIMEOUT_MS": "45000",
            "KUBEAGENTIX_CLAUDE_CODE_CHANNEL": "cli",
            "HOME": "/home/anna",
        }
    )
    assert switches == Switches(
        enabled=False,
        allow_api_key=True,
        isolate_config=True,
        config_dir=Path("/home/anna/kx"),
        setting_sources="project,local",
        timeout_s=45.0,
        channel="cli",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ENABLE_CLAUDE_CODE_PROVIDER", "maybe"),
        ("CLAUDE_CODE_TIMEOUT_MS", "45s"),
        ("CLAUDE_CODE_TIMEOUT_MS", "0"),
        ("CLAUDE_CODE_SETTING_SOURCES", "user,world"),
        ("KUBEAGENTIX_CLAUDE_CODE_CHANNEL", "http"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        switches_of({name: text})


@pytest.mark.parametrize(
    ("environ", "folder", "state"),
    [
        ({}, "/h/.claude", "/h/.claude.json"),
        ({"CLAUDE_CONFIG_DIR": "/c"}, "/c", "/c/.claude.json"),
        ({"CLAUDE_CONFIG_DIR": "/c", "CLAUDE_CODE_CONFIG_DIR": "/d"}, "/d", "/d/.claude.json"),
    ],
)
def test_the_state_is_beside_the_default_folder_and_inside_of_a_named_one(
    environ: dict[str, str], folder: str, state: str
) -> None:
    environ = {"HOME": "/h", **environ}
    switches = switches_of(environ)
    found = config_dir_of(environ, switches)
    assert found == Path(folder)
    assert state_file_of(found, environ, switches) == Path(state)


def test_without_a_home_to_be_known_there_is_a_place_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    assert config_dir_of({}, Switches()) == Path("~/.claude")
