"""Whether Claude Code holds a login of its own: looked up in its files, without running it and without reading a token.

On macOS the login itself is in the keychain, and only the account's name in the state file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def login_in(folder: Path, environ: Mapping[str, str]) -> str:
    """What kind of login this configuration holds, in words; empty if none."""
    if _object(folder / ".credentials.json").get("claudeAiOauth"):
        return "the local login"
    is_default = folder == Path(environ.get("HOME", "/"), ".claude")
    state = _object((folder.parent if is_default else folder) / ".claude.json")
    if state.get("oauthAccount"):
        return "the local login (keychain)" if _has_keychain() else ""
    return "the Console login" if state.get("primaryApiKey") else ""


def _has_keychain() -> bool:
    return Path("/usr/bin/security").exists()  # macOS


def _object(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
