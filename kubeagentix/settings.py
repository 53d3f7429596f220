"""What a user can set once: environment variables over a TOML file, as one frozen Settings, read once.

The file is `~/.config/kubeagentix/config.toml`, or the one that KUBEAGENTIX_CONFIG names. Its keys are the fields of
Settings; the variable of a key is `KUBEAGENTIX_` and the key in capitals, and wins. Rules to ignore known findings are
tables named `[[ignore]]`, and stand in the file only.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from kubeagentix.domain.ignoring import KEYS, IgnoreRule, rule_of
from kubeagentix.errors import ConfigurationError, UsageError, excerpt
from kubeagentix.paths import expanded

PREFIX = "KUBEAGENTIX_"
DEFAULT_FILE = "~/.config/kubeagentix/config.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, with their defaults.

    `deadline_s`: seconds that reading a cluster may take; what is late becomes a gap.
    `render`: `live` shows progress in a notebook, `static` publishes the result only.
    `prometheus_url`: where metrics are asked for; empty looks for Prometheus in the cluster.
    `provider`, `model`: who is asked where nothing else is said; empty for the first that is configured.
    `history`: whether conversations, runs and diagnoses are kept. `history_file`: where; by default in
    `$XDG_STATE_HOME/kubeagentix`. `history_days`, `history_mb`: what is older goes, and the oldest beyond that size.
    `audit_log`: where changes are written down; empty for `~/.local/state/kubeagentix/audit.jsonl`, `off` for nowhere.
    `anonymize`: names of objects, hosts and images are hidden from models.
    `show_provider_debug`: provider, model and attempts are shown after each run of a notebook.
    `ignore`: rules to ignore known findings.
    """

    deadline_s: float = 60.0
    provider: str = ""
    model: str = ""
    render: str = "live"
    prometheus_url: str = ""
    history: bool = True
    history_file: str = ""
    history_days: float = 90.0
    history_mb: float = 200.0
    audit_log: str = ""
    anonymize: bool = False
    show_provider_debug: bool = False
    ignore: tuple[IgnoreRule, ...] = ()


_SWITCHES = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
_CHOICES = {"render": ("live", "static")}


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings of this environment. Raises ConfigurationError, naming the file or variable and the key."""
    known = {field.name: field.default for field in fields(Settings)}
    values: dict[str, Any] = {}
    for source, key, value in (*_from_file(environ, known), *_from_environ(environ, known)):
        values[key] = _checked(source, key, value, known[key])
    return Settings(**values)


def place_of(key: str, environ: Mapping[str, str]) -> str:
    """Where a setting that is set comes from: its variable, or the key in the config file."""
    if environ.get(PREFIX + key.upper()):
        return PREFIX + key.upper()
    return f"{key} in {expanded(environ.get(PREFIX + 'CONFIG', '') or DEFAULT_FILE, environ)}"


def _from_environ(environ: Mapping[str, str], known: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    named = ((PREFIX + key.upper(), key) for key in known if key != "ignore")
    return [(name, key, environ[name]) for name, key in named if environ.get(name)]


def _from_file(environ: Mapping[str, str], known: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    chosen = environ.get(PREFIX + "CONFIG", "")
    path = expanded(chosen or DEFAULT_FILE, environ)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not chosen:
            return []
        raise ConfigurationError(f"there is no config file {path}", hint="KUBEAGENTIX_CONFIG names it") from None
    except (OSError, ValueError, RecursionError) as error:  # tomllib lets int()'s and date()'s own errors through
        raise ConfigurationError(f"cannot read the config file {path}: {excerpt(str(error))}") from error
    if _has_huge_number(content):
        raise ConfigurationError(f"{path} holds a number of more than 64 bits", hint="TOML has none")
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
            raise ConfigurationError(f"unknown key {excerpt(key, 60)!r} in {path}", hint=hint)
    return [(str(path), key, value) for key, value in content.items()]


def _has_huge_number(value: Any) -> bool:
    # Python refuses to print one of some thousand digits, so that it could not even be shown in an error.
    if isinstance(value, dict | list):
        return any(map(_has_huge_number, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and value.bit_length() > 64


def _checked(source: str, key: str, value: Any, default: Any) -> Any:
    if key == "ignore":
        return _rules(source, value)
    if key in _CHOICES:
        if value in _CHOICES[key]:
            return value
        raise _refused(source, key, value, f"one of {', '.join(_CHOICES[key])}")
    if isinstance(default, bool):
        switched = _SWITCHES.get(str(value).strip().lower())
        if switched is None:
            raise _refused(source, key, value, "on or off")
        return switched
    if isinstance(default, str):
        if isinstance(value, str) and value.isprintable():
            return value.strip()
        raise _refused(source, key, value, "a text")
    try:
        number = type(default)(value)
    except (TypeError, ValueError, OverflowError):
        raise _refused(source, key, value, "a number") from None
    if isinstance(value, bool) or not 0 < number < float("inf"):
        raise _refused(source, key, value, "a number above 0")
    return number


def _rules(source: str, value: Any) -> tuple[IgnoreRule, ...]:
    if not isinstance(value, list):
        raise _refused(source, "ignore", value, "tables, each beginning with [[ignore]]")
    return tuple(_rule(given, f"[[ignore]] {number} in {source}") for number, given in enumerate(value, start=1))


def _rule(given: Any, where: str) -> IgnoreRule:
    for field in fields(Settings):
        if isinstance(given, dict) and field.name in given and field.name not in KEYS:
            hint = "it is a setting: put it above the first [[ignore]]"
            raise ConfigurationError(f"unknown key {field.name!r} in {where}", hint=hint)
    try:
        return rule_of(given, where)
    except UsageError as error:
        raise ConfigurationError(error.message, hint=error.hint) from error


def _refused(source: str, key: str, value: Any, wanted: str) -> ConfigurationError:
    where = f"{source} is" if source.startswith(PREFIX) else f"{key} in {source} is"
    return ConfigurationError(f"{where} {excerpt(str(value), 60)!r}", hint=f"it must be {wanted}")
