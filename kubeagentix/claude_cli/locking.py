"""One run at a time where a login's configuration is shared, across processes too.

The CLI renews its login's token, and two that do so at once log each other out.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

_LOOK_EVERY_S = 0.05


class FileLock:
    """A lock that the system drops with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Takes the lock if it is free; whether it is held now. Raises OSError where the file cannot be made."""
        import fcntl  # noqa: PLC0415  not on Windows, where the rest of the package has to be importable

        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    async def acquire(self) -> None:
        """Waits until the lock is free; may be cancelled at any time."""
        while not self.try_acquire():  # noqa: ASYNC110  no other process sets an event here
            await asyncio.sleep(_LOOK_EVERY_S)

    def release(self) -> None:
        """Gives the lock back, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lock_of(config: Path, environ: Mapping[str, str]) -> FileLock:
    """The lock of a configuration: the same file for whoever shares it, outside of the user's configuration."""
    name = f"claude-code-{hashlib.sha256(str(config.resolve()).encode()).hexdigest()[:16]}.lock"
    cache = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/"), ".cache"), "kubeagentix")
    for folder in (cache, Path(tempfile.gettempdir(), f"kubeagentix-{os.getuid()}")):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:  # a home that cannot be written
            continue
        if os.access(folder, os.W_OK):
            return FileLock(folder / name)
    return FileLock(Path(tempfile.gettempdir(), f"kubeagentix-{os.getuid()}-{name}"))
