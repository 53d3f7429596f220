"""The check of types takes minutes on a fresh machine and one core, so it begins when the first test does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MYPY = Path(sys.executable).parent / "mypy"
_begun: list[subprocess.Popen[str]] = []


def begin() -> None:
    """Begins it, once."""
    if not _begun:
        _begun.append(subprocess.Popen([MYPY], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))


def ended() -> tuple[int, str]:
    """Waits for it; its exit code and what it says."""
    begin()
    said, _ = _begun[0].communicate()
    return _begun[0].returncode, said


def stop() -> None:
    """Ends it, if nobody waited for it."""
    for process in _begun:
        if process.poll() is None:
            process.kill()
            process.wait()
