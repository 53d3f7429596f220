"""Writes a result to a file that is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kubeagentix.errors import NotFoundError, UsageError, excerpt

PRIVATE, PUBLIC = 0o600, 0o666


def check_writable(path: str) -> None:
    """Raises NotFoundError or UsageError if `path` cannot become a file, before any work is done for it."""
    folder = Path(path).absolute().parent
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"cannot write {path}: {folder} is a file, not a folder", hint="name another place")
    if not folder.is_dir():
        raise NotFoundError(f"cannot write {path}: there is no folder {folder}", hint="create it first")
    if Path(path).is_dir():
        raise UsageError(f"cannot write {path}: it is a folder", hint="name a file in it")
    is_device = Path(path).exists() and not Path(path).is_file()
    folder = Path(path).resolve().parent  # a link is followed
    if folder.is_dir() and not is_device and not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {path}: {folder} cannot be written to", hint="name another place")


def write_file(path: str, text: str, *, mode: int = PUBLIC) -> None:
    """Writes `text` in one step, so that no reader sees half of it. `mode` is narrowed by the umask."""
    check_writable(path)
    try:
        if Path(path).exists() and not Path(path).is_file():  # a device or a pipe cannot be replaced
            Path(path).write_text(text, encoding="utf-8")
        else:
            _replace(Path(path).resolve(), text, mode)
    except OSError as error:
        message = f"cannot write {path}: {excerpt(error.strerror or str(error))}"
        raise UsageError(message, hint="name another place") from error


def _replace(target: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # 0600 from the start
    try:
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123  a descriptor
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(mode & ~umask)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
