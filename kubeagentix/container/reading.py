"""Files of the host, read here: why one cannot be, in words, and what to do about it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_BYTES = 1 << 20  # of a certificate or key; a bundle of authorities has a fifth of that


def read(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file of a reasonable size. Raises OSError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise OSError("is no regular file")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except ValueError as error:  # a NUL in its name
        raise OSError("has a name that no file can have") from error
    if len(content) > max_bytes:
        raise OSError(f"holds more than {max_bytes >> 20} MiB")
    return content


def reason(error: OSError, path: Path) -> str:
    """`is not in the container`, `cannot be read by user 1000 (…)`: what follows the file's name."""
    if error.errno == errno.ENOENT and os.path.islink(path):  # noqa: PTH114  of pathlib, it may fail
        return f"is a link to {os.readlink(path)}, which is not in the container"  # noqa: PTH115  readlink as written
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "is not in the container"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"cannot be read by user {os.geteuid()}{_whose(path)}"
    return error.strerror.lower() if error.strerror else str(error)


def where_to_mount(path: Path, error: OSError) -> str:
    """What to do so that it can be read."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return "compose.yaml takes the ids of the owner of ~/.kube; else start with `--user` and those ids"
    if os.path.islink(path):  # noqa: PTH114
        return "mount what it leads to at the same path"
    return "mount it at that path, or embed it on the host with `kubectl config view --raw --flatten`"


def _whose(path: Path) -> str:
    for place in (path, *path.parents):
        try:
            seen = place.stat()
        except OSError:
            continue
        what = "it" if place == path else f"the folder {place}"
        return f": {what} belongs to user {seen.st_uid} with mode {stat.S_IMODE(seen.st_mode):o}"
    return ""
