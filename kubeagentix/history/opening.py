"""Opens the file for one connection: private, in WAL mode where the file system can, and never at a run's cost.

What is unusual is told in `notices`: a file or folder that others could read (it is narrowed), a file system without
WAL, a damaged file (it is put aside under another name, and a new one begun).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from kubeagentix.errors import HistoryError, excerpt
from kubeagentix.history.schema import migrate, version_of

T = TypeVar("T")

BUSY_S = 10.0  # how long another process may write before it is an error; it takes milliseconds
RETRY_S = 0.02
_SIDE_FILES = ("-wal", "-shm", "-journal")
# As SQLite numbers them; its messages are for people, and sqlite3's own names came with Python 3.11.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@dataclass(slots=True)
class Opened:
    """A connection that is ready for use, and what the user should know about its file."""

    connection: sqlite3.Connection
    notices: tuple[str, ...] = ()


def open_file(path: Path) -> Opened:
    """Opens or creates the file, brought to the current version. Raises HistoryError with the reason if it cannot."""
    notices: list[str] = []
    try:
        _prepare(path, notices)
        try:
            connection = _connected(path, notices)
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
            notices.append(put_aside(path))
            _prepare(path, notices)
            connection = _connected(path, notices)
    except (OSError, sqlite3.Error) as error:
        raise HistoryError(f"cannot use {path}: {reason(error)}") from error
    return Opened(connection=connection, notices=tuple(notices))


def open_reading(path: Path) -> sqlite3.Connection | None:
    """A connection to read from, or None if there is no file yet. Raises HistoryError."""
    return open_file(path).connection if path.exists() else None


def reason(error: Exception) -> str:
    """Why, in a few words."""
    if is_busy(error):
        return f"another process has held it for {BUSY_S:.0f} s"
    return excerpt((error.strerror if isinstance(error, OSError) else "") or str(error), 160)


def is_damaged(error: Exception) -> bool:
    """Whether the file is no database, or one that is broken."""
    return _code(error) in _DAMAGED


def is_busy(error: Exception) -> bool:
    """Whether somebody else is at it, and waiting helps."""
    return _code(error) in _BUSY


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits refine it


def _prepare(path: Path, notices: list[str]) -> None:
    """The folder and the file with the rights they are to have, whatever the umask."""
    folder = path.parent
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        for item in (path, *(Path(f"{path}{suffix}") for suffix in _SIDE_FILES)):
            _narrow(item, 0o600, notices)
    else:
        os.fchmod(handle, 0o600)
        os.close(handle)
    if folder.name == "kubeagentix":  # ours; a folder that `history_file` names may be anybody's
        _narrow(folder, 0o700, notices)


def _narrow(path: Path, mode: int, notices: list[str]) -> None:
    try:
        seen = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    if seen & 0o077:
        path.chmod(mode)
        notices.append(f"others could read {path} (mode {seen:04o}); it is {mode:04o} now")


def connected(path: Path) -> sqlite3.Connection:
    """A bare connection; transactions are begun and ended in so many words."""
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _connected(path: Path, notices: list[str]) -> sqlite3.Connection:
    connection = connected(path)
    try:
        patiently(lambda: version_of(connection, str(path)))  # before anything is set: a file of others' stays as it is
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts for a file that is new: then pruning shrinks it
        mode = patiently(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        if mode != "wal":
            notices.append(f"the file system of {path} has no shared memory: writers there wait for each other")
        connection.execute("PRAGMA synchronous = NORMAL")
        patiently(lambda: migrate(connection, str(path)))
    except BaseException:
        connection.close()
        raise
    return connection


def patiently(work: Callable[[], T]) -> T:
    """Does `work` again as long as another process is at the file; some steps do not wait for it by themselves."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
            time.sleep(RETRY_S)


def put_aside(path: Path) -> str:
    """Renames a file that is damaged, unless another process has done so by now; what to tell of it."""
    with _alone_in(path.parent):
        if not _is_broken(path):
            return f"{path} was damaged, and was put aside meanwhile"
        aside = f"{path}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        for suffix in ("", *_SIDE_FILES):
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return f"the history file was damaged: it is put aside as {aside}, and a new one is begun"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_broken(path: Path) -> bool:
    if not path.exists():
        return False
    with closing(connected(path)) as connection:
        try:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
        except sqlite3.DatabaseError as error:
            return is_damaged(error)
