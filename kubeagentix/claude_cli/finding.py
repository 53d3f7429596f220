"""Where the Claude Code CLI is, and whether it is one that can be asked safely.

The flags that keep a run apart from its user's files are the measure: a CLI without them is refused, never run without.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kubeagentix.claude_cli.outcomes import failed
from kubeagentix.errors import excerpt
from kubeagentix.paths import expanded

Version = tuple[int, int, int]

# The oldest that was seen to keep to FLAGS and to serve tools by the control protocol. 2.1.0 knows the flags, and sends
# requests of its own with its built-in tools all the same.
OLDEST: Version = (2, 1, 100)
FLAGS = (
    "--tools",
    "--setting-sources",
    "--strict-mcp-config",
    "--no-session-persistence",
    "--disable-slash-commands",
    "--system-prompt-file",
)
_PROBE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A CLI that can be run; `origin` says how it was found."""

    path: Path
    version: Version
    origin: str

    def __str__(self) -> str:
        return f"{self.path} {'.'.join(map(str, self.version))} ({self.origin})"


def find(environ: Mapping[str, str]) -> Program:
    """The CLI that CLAUDE_CODE_CLI_PATH names, else the one of claude-agent-sdk, else `claude` on PATH.

    Raises ClientError if there is none, if it does not start, or if it is too old.
    """
    path, origin = _located(environ)
    state = path.stat()
    version = _version(path, state.st_mtime_ns, state.st_size)
    if version < OLDEST:
        seen = ".".join(map(str, version))
        what = f"Claude Code {seen} ({path}) is older than {'.'.join(map(str, OLDEST))}, which it takes"
        raise failed("cli_too_old", f"{what} to keep a run apart from your files ({', '.join(FLAGS)})")
    return Program(path=path, version=version, origin=origin)


def _located(environ: Mapping[str, str]) -> tuple[Path, str]:
    search = environ.get("PATH", "")
    named = environ.get("CLAUDE_CODE_CLI_PATH", "").strip()
    if named:
        found = shutil.which(str(expanded(named, environ)), path=search)
        if found is None:
            raise failed("cli_missing", f"CLAUDE_CODE_CLI_PATH is {excerpt(named, 120)}, and no program is there")
        return Path(found), "CLAUDE_CODE_CLI_PATH"
    bundled = bundled_path()
    if bundled is not None:
        return bundled, "claude-agent-sdk"
    found = shutil.which("claude", path=search)
    if found is None:
        raise failed("cli_missing", "the Claude Code CLI is not installed: no claude-agent-sdk, no claude on PATH")
    return Path(found), "PATH"


def bundled_path() -> Path | None:
    """The CLI inside the installed claude-agent-sdk, which is not imported for this."""
    spec = importlib.util.find_spec("claude_agent_sdk")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "_bundled", "claude")
        if path.is_file():
            return path
    return None


@cache
def _version(path: Path, _mtime_ns: int, _size: int) -> Version:
    try:
        asked = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise failed("cli_broken", f"{path} --version did not answer: {excerpt(str(error))}") from error
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", asked.stdout)
    if asked.returncode != 0 or match is None:
        said = excerpt(asked.stderr or asked.stdout) or f"exit code {asked.returncode}"
        raise failed("cli_broken", f"{path} --version did not tell a version: {said}")
    return int(match[1]), int(match[2]), int(match[3])
