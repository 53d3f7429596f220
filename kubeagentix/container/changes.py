"""Sees when the host's kubeconfig changes after it was copied: a cluster made anew has another port and authority."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from kubeagentix.container.notes import Note, listed, problem

LOOK_S = 2.0
Seen = tuple[int, int, int] | None  # None: not there, or not to be looked at


def watch(paths: Sequence[Path], tell: Callable[[Note], None]) -> None:
    """Tells once, from a thread, which of them have changed since now."""
    before = [_seen(path) for path in paths]
    threading.Thread(target=_look, args=(paths, before, tell), name="kubeconfigs", daemon=True).start()


def _look(paths: Sequence[Path], before: Sequence[Seen], tell: Callable[[Note], None]) -> None:
    while True:
        time.sleep(LOOK_S)
        changed = [str(path) for path, seen in zip(paths, before, strict=True) if _seen(path) != seen]
        if changed:
            text = f"{listed(changed)} has changed on the host since it was copied"
            tell(problem(text, "start the container anew to take it over (`docker compose restart`)"))
            return


def _seen(path: Path) -> Seen:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
