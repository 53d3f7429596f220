"""A private folder for one run: configuration, temporary files, cache and an empty working directory, all 0700.

The folder is locked by the process that made it. What a process that was killed left behind holds no lock any more, and
the next run removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from kubeagentix.claude_cli.locking import FileLock

_PREFIX = "kubeagentix-claude-"
_LOCK = "in-use"


class Place:
    """The folder of one run; `remove` takes it away with all that is in it."""

    def __init__(self) -> None:
        _sweep()
        self.root, self._lock = _locked_folder()
        for folder in (self.config, self.tmp, self.cache, self.cwd):
            folder.mkdir(mode=0o700)

    @property
    def config(self) -> Path:
        """For CLAUDE_CONFIG_DIR."""
        return self.root / "config"

    @property
    def tmp(self) -> Path:
        """For TMPDIR."""
        return self.root / "tmp"

    @property
    def cache(self) -> Path:
        """For XDG_CACHE_HOME."""
        return self.root / "cache"

    @property
    def cwd(self) -> Path:
        """The working directory, and HOME where there is no login to find."""
        return self.root / "cwd"

    def write(self, name: str, text: str) -> Path:
        """A file that only this user can read."""
        path = self.root / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        return path

    def remove(self) -> None:
        """Removes the folder, also where something is still being written into it."""
        for _ in range(3):
            shutil.rmtree(self.root, ignore_errors=True)
            if not self.root.exists():
                break
        self._lock.release()


def _locked_folder() -> tuple[Path, FileLock]:
    while True:
        root = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = FileLock(root / _LOCK)
        if lock.try_acquire():  # no other run took it for one left behind
            return root, lock


def _sweep() -> None:
    """Removes folders whose process is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not (folder / _LOCK).exists() or folder.is_symlink():  # being made this moment, or not ours
            continue
        lock = FileLock(folder / _LOCK)
        try:
            is_left = lock.try_acquire()
        except OSError:  # another user's
            continue
        if is_left:
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
