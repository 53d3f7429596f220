"""The audit log: what was asked, answered and done about changes, a JSON object a line, in a file that only grows.

It is written before what it tells of is done: a change that cannot be written down is not made. Each line is one
write to a file that is opened for appending, so that several processes may share it. It holds names and decisions,
never what an object holds.
"""

from __future__ import annotations

import getpass
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kubeagentix.errors import ConfigurationError, UsageError, excerpt

OFF = "off"
MAX_TEXT = 300  # characters of one value: a line stays well below what one write takes at once
FILE = "kubeagentix/audit.jsonl"
Entry = Mapping[str, Any]
AuditDecision = Literal[
    "not_allowed",  # the run may not write, or the policy refuses it
    "not_permitted",  # RBAC does not allow it
    "rehearsal_failed",
    "asked",
    "approved_once",
    "approved_always",
    "granted_earlier",
    "refused",
    "expired",
    "changed_meanwhile",
    "performed",
    "failed",
]


class AuditLog:
    """Appends to `path`; None: nothing is written down, because the user said so."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def write(self, decision: AuditDecision, **told: str) -> None:
        """One line. Raises ConfigurationError where it cannot be written."""
        if self.path is None:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"at": at, "decision": decision, **_short(told), "user": _user(), "pid": os.getpid()}
        line = json.dumps(entry, ensure_ascii=True) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _append(self.path, line.encode())
        except OSError as error:
            what = f"cannot write the audit log {self.path}: {excerpt(error.strerror or str(error))}"
            raise ConfigurationError(
                what, hint="no change is made without it; audit_log names another, or off"
            ) from error


def audit_log(setting: str, environ: Mapping[str, str]) -> AuditLog:
    """The log that the setting `audit_log` names: a path, `off`, or empty for the usual place."""
    if setting == OFF:
        return AuditLog(None)
    home = _home(environ)
    if setting:
        named = home / setting[2:] if setting.startswith("~/") else Path(setting)
        if not named.is_absolute():
            raise ConfigurationError(f"audit_log is {excerpt(setting, 60)!r}", hint="it must be a whole path, or off")
        return AuditLog(named)
    state = environ.get("XDG_STATE_HOME", "")
    return AuditLog((Path(state) if Path(state).is_absolute() else home / ".local" / "state") / FILE)


def _home(environ: Mapping[str, str]) -> Path:
    """The home folder; where none is known, one that nothing can be written to, so that no change is made."""
    if environ.get("HOME"):
        return Path(environ["HOME"])
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and a user without an entry in passwd, as in some containers
        return Path(os.devnull)


def entries(log: AuditLog) -> Iterator[Entry]:
    """What the log holds, oldest first; a line that is damaged is told as such. Raises UsageError without a log."""
    if log.path is None:
        raise UsageError("there is no audit log: the setting audit_log is off")
    try:
        with log.path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip():
                    yield _read(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"cannot read the audit log {log.path}: {excerpt(error.strerror or str(error))}") from error


def _read(line: str) -> Entry:
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {"decision": "damaged", "summary": excerpt(line, MAX_TEXT)}


def _append(path: Path, line: bytes) -> None:
    # Not blocking: a pipe with nobody at its other end would be waited for.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(path, flags, 0o600)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no plain file")
        if found.st_mode & 0o077 and hasattr(os, "fchmod"):
            os.fchmod(handle, 0o600)
        if os.write(handle, line) != len(line):
            raise OSError("the disk is full")
        os.fsync(handle)
    finally:
        os.close(handle)


def _short(told: Mapping[str, str]) -> dict[str, str]:
    return {key: excerpt(value, MAX_TEXT) for key, value in told.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user need not have a name
        return ""
