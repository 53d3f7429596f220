"""The `claude` program: which one would be run, and whether its state can be read. Nothing is asked of a model.

What it says of the login holds no part of it: only that it is there, and until when.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubeagentix.claude_cli.finding import OLDEST, Program, find
from kubeagentix.claude_cli.switches import Switches, config_dir_of, state_file_of, switches_of
from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.errors import ClientError, ConfigurationError

NAME = "Claude Code"
_LOG_IN = "run `claude`, then /login; or set CLAUDE_CODE_OAUTH_TOKEN to what `claude setup-token` prints"
_BROKEN = {
    "cli_too_old": f"pip install -U 'kubeagentix[claude-code]' brings one; {'.'.join(map(str, OLDEST))} is the oldest",
    "cli_broken": "pip install --force-reinstall claude-agent-sdk, or name another with CLAUDE_CODE_CLI_PATH",
}
_FETCH = "pip install 'kubeagentix[claude-code]' brings it; only the provider claude_code needs it"


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells about the program, then about its configuration and login."""
    try:
        switches = switches_of(about.environ)
    except ConfigurationError as error:
        tell.error("switches", error)
        switches = Switches()
    if not switches.enabled:
        tell.absent("claude_code", "left out: ENABLE_CLAUDE_CODE_PROVIDER is false", "unset it to use a subscription")
        return
    await about.in_thread(lambda: _tell_program(about, tell))
    await about.in_thread(lambda: _tell_configuration(about, switches, tell))


def _tell_program(about: Surroundings, tell: Tell) -> None:
    try:
        program: Program = find(about.environ)
    except ClientError as error:
        if error.detail == "cli_missing" and not about.environ.get("CLAUDE_CODE_CLI_PATH", "").strip():
            tell.absent("claude", error.message, _FETCH, code="cli_missing")
        else:
            tell.failed("claude", error.message, _BROKEN.get(error.detail, "correct the path, or unset it"))
        return
    tell.ok("claude", str(program))


def _tell_configuration(about: Surroundings, switches: Switches, tell: Tell) -> None:
    folder = config_dir_of(about.environ, switches)
    if folder is None:
        tell.absent("login", "kept apart by CLAUDE_CODE_ISOLATE_CONFIG", "unset that to use a login of this machine")
        return
    _tell_state(state_file_of(folder, about.environ, switches), folder, tell)
    _tell_login(folder / ".credentials.json", tell)


def _tell_state(state: Path, folder: Path, tell: Tell) -> None:
    if state.is_dir():
        seen = "is an empty folder" if not any(state.iterdir()) else "is a folder"
        why = "Docker makes one where a file that is mounted does not exist; the CLI works without it"
        tell.warning(str(state), seen, f"{why}; remove it and mount an existing file", code="folder")
    elif not state.exists():
        return
    elif not os.access(state, os.R_OK):
        tell.warning(str(state), "cannot be read by this user", f"chown it: {_owner(state)}", code="unreadable")
    elif _document(state) is None:
        backups = [*folder.glob("backups/.claude.json.backup*"), *state.parent.glob(".claude.json.backup*")]
        whole = sum(bool(_document(path)) for path in backups)
        do = "the next run takes the newest valid backup" if whole else "the next run sets it aside and starts afresh"
        tell.warning(str(state), f"is damaged; {whole} valid backups", do, code="corrupted")
    elif not os.access(state, os.W_OK):
        tell.warning(
            str(state), "cannot be written", "mount it writable, or set CLAUDE_CODE_OAUTH_TOKEN", code="read_only"
        )


def _tell_login(path: Path, tell: Tell) -> None:
    if path.exists() and not os.access(path, os.R_OK):
        tell.failed("login", f"{path} cannot be read by this user", f"chown it: {_owner(path)}", code="unreadable")
        return
    document = _document(path) if path.exists() else {}
    if document is None:
        tell.failed("login", f"{path} is damaged", _LOG_IN, code="corrupted")
        return
    login = document.get("claudeAiOauth")
    if not isinstance(login, dict):
        return  # the providers' check says who is asked as whom
    _tell_expiry(_Login.of(login), path, tell)


@dataclass(frozen=True, slots=True)
class _Login:
    """What may be known of a login."""

    expires_at: datetime | None
    is_renewable: bool

    @classmethod
    def of(cls, login: Mapping[str, Any]) -> _Login:
        ends = login.get("expiresAt")
        try:
            expires_at = datetime.fromtimestamp(float(ends) / 1000, UTC) if ends else None
        except (TypeError, ValueError, OverflowError, OSError):
            expires_at = None
        return cls(expires_at, bool(login.get("refreshToken")))


def _tell_expiry(login: _Login, path: Path, tell: Tell) -> None:
    what = "login"
    if login.expires_at is None:
        tell.ok(what, f"{path}, without a date of its end")
        return
    moment = f"{login.expires_at:%Y-%m-%d %H:%M} UTC"
    if login.expires_at > datetime.now(UTC):
        tell.ok(what, f"{path}, valid until {moment}" + (", then renewed by itself" if login.is_renewable else ""))
    elif not login.is_renewable:
        tell.failed(what, f"{path} expired on {moment}, and cannot be renewed", _LOG_IN, code="expired")
    elif not os.access(path, os.W_OK):
        seen = f"{path} expired on {moment}; the CLI can renew it, but not write it down"
        tell.warning(what, seen, f"mount it writable, chown it ({_owner(path)}), or {_LOG_IN}", code="expired")
    else:
        seen = f"{path} expired on {moment}; the CLI renews it with the next call"
        tell.warning(what, seen, f"if that fails ({NAME} then says so): {_LOG_IN}", code="expired")


def _owner(path: Path) -> str:
    state = path.stat()
    return f"it belongs to {state.st_uid}:{state.st_gid}, this is {os.getuid()}:{os.getgid()}"


def _document(path: Path) -> Mapping[str, Any] | None:
    """The JSON object in it; None if there is none that can be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


check = Check(name=NAME, run=run)
