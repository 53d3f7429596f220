"""Where this runs: in a container or not, whose files they are, and how a path is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from kubeagentix.container.notes import KUBECONFIG
from kubeagentix.container.places import STATE_FILE

# Of Docker; of podman, which sets a variable as well, and has no file where /run is mounted anew.
_MARKERS = (".dockerenv", "run/.containerenv")


def is_container(root: Path, environ: Mapping[str, str]) -> bool:
    """Whether a container engine has made this file system."""
    in_pod = bool(environ.get("KUBERNETES_SERVICE_HOST")) and (root / "var/run/secrets/kubernetes.io").is_dir()
    return in_pod or bool(environ.get("container")) or any((root / marker).exists() for marker in _MARKERS)


def shown(path: Path, environ: Mapping[str, str]) -> str:
    """A path as people write it: `~/.kube/config`."""
    home = environ.get("HOME", "").rstrip("/")
    return f"~{text[len(home) :]}" if home and (text := str(path)).startswith(home + "/") else str(path)


def is_closed(path: Path) -> bool:
    """Whether this user may not so much as see whether it is there."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def owner_of(path: Path) -> str:
    """Whose it is, or whose the folder is that keeps it closed, and who asks."""
    for place in (path, *path.parents):
        with suppress(OSError):
            state = place.stat()
            whose = "it belongs" if place == path else f"{place} belongs"
            return f"{whose} to {state.st_uid}:{state.st_gid}, this is {os.getuid()}:{os.getgid()}"
    return f"this is {os.getuid()}:{os.getgid()}"


def to_read_it(root: Path, environ: Mapping[str, str]) -> str:
    """What to do about a file that this user may not read."""
    if is_container(root, environ):
        return "set KUBEAGENTIX_UID and KUBEAGENTIX_GID to its owner's, or start it with --user"
    return "chown it, or run as its owner"


def is_made(kubeconfig: Path) -> bool:
    """Whether the image's start has made it, of the host's: what it did is written beside it."""
    return (kubeconfig.parent / STATE_FILE).exists()


def faults_at_start(kubeconfig: Path) -> Sequence[tuple[str, str]]:
    """(what was wrong, what to do) of each kubeconfig of the host that the image's start could not use."""
    try:
        notes = json.loads((kubeconfig.parent / STATE_FILE).read_text(encoding="utf-8"))["notes"]
        found = [note for note in notes if note.get("is_problem") and note.get("about") == KUBECONFIG]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()  # another check tells that it cannot be read
    return [(str(note.get("text") or ""), str(note.get("hint") or "")) for note in found]


def home_of(environ: Mapping[str, str]) -> Path | None:
    """The home folder; None where there is none to be known."""
    named = environ.get("HOME", "")
    if named:
        return Path(named)
    try:
        return Path("~").expanduser()
    except RuntimeError:  # no HOME, and a user id without an entry in passwd
        return None
