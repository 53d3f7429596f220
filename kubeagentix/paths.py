"""Paths as people write them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def expanded(path: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The path with `~` led to the home folder of `environ`; as it stands where nobody knows whose home is meant."""
    home = environ.get("HOME")
    if path.startswith("~/") and home:
        return Path(home, path[2:])
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user; or no HOME, and no entry in passwd, as in some containers
        return Path(path)
