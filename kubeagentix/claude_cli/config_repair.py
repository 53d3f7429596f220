"""A damaged `.claude.json` stops every run of the CLI, which leaves it where it is: here it is put right before a run.

The damaged file is set aside first, then the newest backup that can be read takes its place; without one the CLI starts
afresh. Backups are in `backups/` of the configuration folder, and in older versions beside the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from kubeagentix.claude_cli.outcomes import failed
from kubeagentix.domain.events import Notice
from kubeagentix.errors import excerpt

_SETTLE_S = 0.1  # a file that is damaged this long is not just being written


def repair(state: Path, folder: Path) -> Notice | None:
    """Puts the state file right if it is damaged, and says what was done. Raises ClientError if it cannot."""
    if not _is_damaged(state):
        return None
    time.sleep(_SETTLE_S)
    if not _is_damaged(state):
        return None
    try:
        return _repaired(state, folder)
    except OSError as error:
        what = f"{state} is damaged and could not be put right: {excerpt(str(error))}"
        raise failed("config_corrupted", what) from error


def _repaired(state: Path, folder: Path) -> Notice:
    backups = folder / "backups"
    backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    backup = next((path for path in _newest_first(state, backups) if _is_usable(path)), None)
    aside = backups / f"{state.name}.corrupted.{time.time_ns() // 1_000_000}"
    state.replace(aside)
    if backup is None:
        message = f"{state} was damaged: it is now {aside}; no backup was valid, so Claude Code starts afresh"
        return Notice(code="config_fresh", message=message)
    fresh = state.with_name(f"{state.name}.{os.getpid()}.restored")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(backup.read_bytes())
    fresh.replace(state)
    message = f"{state} was damaged: it is now {aside}, and {backup} took its place"
    return Notice(code="config_restored", message=message)


def _is_damaged(state: Path) -> bool:
    try:
        json.loads(state.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return True
    except OSError:  # not there, or not ours to read: the CLI starts afresh
        return False
    return False


def _is_usable(path: Path) -> bool:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and bool(value)


def _newest_first(state: Path, backups: Path) -> Iterator[Path]:
    found = [*backups.glob(f"{state.name}.backup*"), *state.parent.glob(f"{state.name}.backup*")]
    yield from sorted(found, key=_made_at, reverse=True)


def _made_at(path: Path) -> float:
    stamp = re.search(r"\.(\d{10,})$", path.name)
    return int(stamp[1]) / 1000 if stamp else path.stat().st_mtime
