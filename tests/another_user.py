"""Files of somebody else, whoever the tests are run by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def as_another(*paths: Path) -> Iterator[None]:
    """Those paths belong to somebody else, and cannot be read by us, whoever we are."""
    is_root = os.geteuid() == 0
    modes = [(path, path.stat().st_mode & 0o7777) for path in paths]
    for path in paths:
        path.chmod(0o700 if is_root and path.is_dir() else 0o600 if is_root else 0)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for path, mode in modes:
            path.chmod(mode)
