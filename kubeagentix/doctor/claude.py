"""The `claude` program: which one would be run, and whether its state can be read. Nothing is asked of a model.

What it says of the login holds no part of it: only that it is there, and until when.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubeagentix.claude_cli.finding import OLDEST, Program, find
from kubeagentix.claude_cli.switches import Switches, config_dir_of, state_file_of, switches_of
from kubeagentix.claude_cli.tokens import TOKEN_VARIABLES
from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.places import is_closed, is_container, owner_of, shown, to_read_it
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
    version = ".".join(map(str, program.version))
    tell.ok("claude", f"{version} from {program.origin} ({shown(program.path, about.environ)})")


def _tell_configuration(about: Surroundings, switches: Switches, tell: Tell) -> None:
    folder = config_dir_of(about.environ, switches)
    if folder is None:
        tell.absent("login", "kept apart by CLAUDE_CODE_ISOLATE_CONFIG", "unset that to use a login of this machine")
        return
    _tell_state(state_file_of(folder, about.environ, switches), folder, about, tell)
    _tell_login(folder / ".credentials.json", about, tell)


def _tell_state(state: Path, folder: Path, about: Surroundings, tell: Tell) -> None:
    what = shown(state, about.environ)
    if is_closed(state) or (state.exists() and not os.access(state, os.R_OK)):
        do = to_read_it(about.root, about.environ)
        tell.warning(what, f"cannot be read: {owner_of(state)}", do, code="unreadable")
    elif state.is_dir():
        _tell_folder(what, about, tell)
    elif not state.exists():
        return
    elif _document(state) is None:
        backups = [*folder.glob("backups/.claude.json.backup*"), *state.parent.glob(".claude.json.backup*")]
        whole = sum(bool(_document(path)) for path in backups)
        seen = f"is damaged; {whole} valid backup{'' if whole == 1 else 's'}"
        do = "the next run takes the newest valid one" if whole else "the next run sets it aside and starts afresh"
        tell.warning(what, seen, do, code="corrupted")
    elif not os.access(state, os.W_OK):
        tell.warning(what, "cannot be written", "mount it writable, or set CLAUDE_CODE_OAUTH_TOKEN", code="read_only")


def _tell_folder(what: str, about: Surroundings, tell: Tell) -> None:
    if is_container(about.root, about.environ):
        why = "Docker makes one where there is no such file on the host; the CLI works without it"
        tell.warning(what, "is a folder", f"{why}. On the host: rmdir ~/.claude.json, then log in", code="folder")
    else:
        why = "Docker makes one where a file that it is to mount does not exist"
        tell.warning(what, "is a folder", f"rmdir {what}: {why}; the CLI makes the file itself", code="folder")


def _tell_login(path: Path, about: Surroundings, tell: Tell) -> None:
    where = shown(path, about.environ)
    has_token = any(about.environ.get(name, "").strip() for name in TOKEN_VARIABLES)
    told = tell.warning if has_token else tell.failed  # a token goes before the login
    if is_closed(path) or (path.exists() and not os.access(path, os.R_OK)):
        do = to_read_it(about.root, about.environ)
        told("login", f"{where} cannot be read: {owner_of(path)}", do, code="unreadable")
        return
    document = _document(path) if path.exists() else {}
    if document is None:
        told("login", f"{where} is damaged", _LOG_IN, code="corrupted")
        return
    login = document.get("claudeAiOauth")
    if isinstance(login, dict):  # else the providers' check says who is asked as whom
        _tell_expiry(_Login.of(login), where, tell, told, is_writable=os.access(path, os.W_OK))


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


def _tell_expiry(login: _Login, where: str, tell: Tell, told: Callable[..., None], *, is_writable: bool) -> None:
    what = "login"
    if login.expires_at is None:
        tell.ok(what, f"{where}, without a date of its end")
        return
    moment = f"{login.expires_at:%Y-%m-%d %H:%M} UTC"
    if login.expires_at > datetime.now(UTC):
        tell.ok(what, f"{where}, valid until {moment}" + (", then renewed by itself" if login.is_renewable else ""))
    elif not login.is_renewable:
        told(what, f"{where} expired on {moment}, and cannot be renewed", _LOG_IN, code="expired")
    elif not is_writable:
        seen = f"{where} expired on {moment}; the CLI can renew it, but not write it down"
        tell.warning(what, seen, f"make it writable for this user, or {_LOG_IN}", code="expired")
    else:
        seen = f"{where} expired on {moment}; the CLI renews it with the next call"
        tell.warning(what, seen, f"if that fails: {_LOG_IN}", code="expired")


def _document(path: Path) -> Mapping[str, Any] | None:
    """The JSON object in it; None if there is none that can be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


check = Check(name=NAME, run=run)
