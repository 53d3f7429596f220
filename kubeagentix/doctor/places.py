"""Where this runs: in a container or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_MARKERS = (".dockerenv", "run/.containerenv")  # of Docker; of podman and buildah


def is_container(root: Path, environ: Mapping[str, str]) -> bool:
    """Whether a container engine has made this file system."""
    in_pod = bool(environ.get("KUBERNETES_SERVICE_HOST")) and (root / "var/run/secrets/kubernetes.io").is_dir()
    return in_pod or any((root / marker).exists() for marker in _MARKERS)


def home_of(environ: Mapping[str, str]) -> Path | None:
    """The home folder; None where there is none to be known."""
    named = environ.get("HOME", "")
    if named:
        return Path(named)
    try:
        return Path("~").expanduser()
    except RuntimeError:  # no HOME, and a user id without an entry in passwd
        return None
