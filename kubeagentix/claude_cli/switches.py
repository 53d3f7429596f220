"""The variables that turn the provider on and off and say where Claude Code keeps its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kubeagentix.errors import ConfigurationError, excerpt
from kubeagentix.paths import expanded

Channel = Literal["", "sdk", "cli"]
_NO = ("0", "false", "no", "off")
_YES = ("1", "true", "yes", "on")
_SOURCES = ("user", "project", "local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What the environment says of how to run the CLI.

    `config_dir`: the configuration to run with in place of the user's own, kept. `isolate_config`: never the user's
    own. `setting_sources`: settings that may be read (by default none, so no hook and no CLAUDE.md).
    """

    enabled: bool = True
    allow_api_key: bool = False
    isolate_config: bool = False
    config_dir: Path | None = None
    setting_sources: str = ""
    timeout_s: float | None = None
    channel: Channel = ""


def switches_of(environ: Mapping[str, str]) -> Switches:
    """The switches of this environment. Raises ConfigurationError, naming the variable."""
    folder = environ.get("CLAUDE_CODE_CONFIG_DIR", "").strip()
    return Switches(
        enabled=_flag(environ, "ENABLE_CLAUDE_CODE_PROVIDER", default=True),
        allow_api_key=_flag(environ, "CLAUDE_CODE_ALLOW_API_KEY", default=False),
        isolate_config=_flag(environ, "CLAUDE_CODE_ISOLATE_CONFIG", default=False),
        config_dir=expanded(folder, environ) if folder else None,
        setting_sources=_sources(environ),
        timeout_s=_timeout(environ),
        channel=_channel(environ),
    )


def config_dir_of(environ: Mapping[str, str], switches: Switches) -> Path | None:
    """The folder of the configuration a login is looked for in; None where the user's own is to be left alone."""
    if switches.config_dir is not None:
        return switches.config_dir
    if switches.isolate_config:
        return None
    named = environ.get("CLAUDE_CONFIG_DIR", "").strip()
    return expanded(named, environ) if named else expanded("~/.claude", environ)


def state_file_of(folder: Path, environ: Mapping[str, str], switches: Switches) -> Path:
    """Where the CLI keeps its global state: inside of a folder that is named, beside the one that is not."""
    is_named = switches.config_dir is not None or environ.get("CLAUDE_CONFIG_DIR", "").strip()
    return (folder if is_named else folder.parent) / ".claude.json"


def _flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in _YES or text in _NO:
        return text in _YES
    raise ConfigurationError(f"{name} is {excerpt(text, 40)!r}", hint="it must be true or false")


def _sources(environ: Mapping[str, str]) -> str:
    given = [part.strip() for part in environ.get("CLAUDE_CODE_SETTING_SOURCES", "").split(",") if part.strip()]
    if wrong := [part for part in given if part not in _SOURCES]:
        what = f"CLAUDE_CODE_SETTING_SOURCES has {excerpt(wrong[0], 40)!r}"
        raise ConfigurationError(what, hint=f"it must be some of {', '.join(_SOURCES)}, or empty")
    return ",".join(given)


def _timeout(environ: Mapping[str, str]) -> float | None:
    text = environ.get("CLAUDE_CODE_TIMEOUT_MS", "").strip()
    if not text:
        return None
    if not text.isdigit() or int(text) == 0:
        raise ConfigurationError(f"CLAUDE_CODE_TIMEOUT_MS is {excerpt(text, 40)!r}", hint="it must be milliseconds")
    return int(text) / 1000


def _channel(environ: Mapping[str, str]) -> Channel:
    name = "KUBEAGENTIX_CLAUDE_CODE_CHANNEL"
    text = environ.get(name, "").strip().lower()
    if text == "sdk":
        return "sdk"
    if text == "cli":
        return "cli"
    if text:
        raise ConfigurationError(f"{name} is {excerpt(text, 40)!r}", hint="it must be sdk or cli")
    return ""
