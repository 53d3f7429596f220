"""The one thread of this process that writes to a history file: runs hand over what happens, and never wait for it.

It collects what comes within a moment, text within a quarter of a second, and writes it in one short transaction. What
cannot be written costs the history of these runs and is told once; the runs go on. When there is nothing left to do for
a while, the thread and its connection end.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from kubeagentix.errors import KubeAgentiXError, excerpt
from kubeagentix.history.opening import Opened, is_damaged, open_file, put_aside, reason
from kubeagentix.history.pruning import Limits, is_due, prune
from kubeagentix.history.store import Store, transaction

TEXT_S = 0.25  # how long pieces of text are collected
BATCH_S = 0.02  # the same for everything else, which comes in swarms; not where somebody waits for it
IDLE_S = 2.0  # without a run, before the connection is closed
CLOSING_S = 2.0  # how long the end of the process waits for what is not written yet

Write = Callable[[Store], None]


class Kept(Protocol):
    """Something that is written bit by bit."""

    def take(self) -> list[Write]:
        """What there is to write since last time."""
        ...

    def rewind(self) -> None:
        """Everything is to be written again: the file is another one."""
        ...

    def lose(self) -> None:
        """Nothing more can be written."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        ...


class Writer:
    """Writes to one file. `troubles` holds what the user is to be told, until somebody tells it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.limits = Limits()
        self.troubles: deque[str] = deque()
        self._told: set[str] = set()
        self._open: list[Kept] = []
        self._waiters: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._awaited = threading.Event()
        self._thread: threading.Thread | None = None
        self._opened: Opened | None = None
        self._identity: tuple[int, int] | None = None

    def keep(self, item: Kept) -> None:
        """Writes it from now on, until it has ended."""
        with self._lock:
            self._open.append(item)
            self._start()
        self.hint(is_urgent=True)

    def hint(self, *, is_urgent: bool) -> None:
        """There is something to write, at once or within a quarter of a second."""
        if is_urgent:
            self._urgent.set()
        if not self._wake.is_set():
            self._wake.set()

    def when_written(self, call: Callable[[], object]) -> None:
        """Calls `call`, from the thread, once all that was handed over by now is written or given up."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                call()
                return
            self._waiters.append(call)
        self._awaited.set()
        self.hint(is_urgent=True)

    def flush(self, timeout_s: float = CLOSING_S) -> bool:
        """Waits until all that was handed over is written; whether it was in that time."""
        written = threading.Event()
        self.when_written(written.set)
        return written.wait(timeout_s)

    def abandon(self) -> None:
        """In a forked child: the thread did not come along, and the connection belongs to the parent."""
        for item in self._open:
            item.lose()
        _of_parents.append(self)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._serve, name="kubeagentix-history", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while True:
            is_awake = self._wake.wait(IDLE_S)
            if not is_awake and self._is_over():
                return
            self._urgent.wait(TEXT_S)
            self._awaited.wait(BATCH_S)
            self._wake.clear()
            self._urgent.clear()
            self._awaited.clear()
            self._write()

    def _is_over(self) -> bool:
        with self._lock:
            if self._open or self._waiters or self._wake.is_set():
                return False
            self._close()
            self._thread = None
            return True

    def _write(self) -> None:
        """Everything that there is, in one transaction, and then calls who waits for that."""
        waiting = len(self._waiters)
        items = list(self._open)
        ended = [item for item in items if item.has_ended]  # before it is taken: it may end while it is
        try:
            self._write_all(items)
        except Exception as error:  # noqa: BLE001  whatever it is, it must not reach a run
            self._give_up(items, error)
        with self._lock:
            self._open = [item for item in self._open if item not in ended]
        for _ in range(waiting):
            with suppress(RuntimeError):  # the loop of whoever waited is closed: it did not wait so long
                self._waiters.popleft()()
        if ended and self._opened is not None:
            self._tidy(self._opened.connection)

    def _tidy(self, file: sqlite3.Connection) -> None:
        """Keeps the file within its limits; nobody waits for that."""
        try:
            if is_due(file, self.limits):
                prune(file, self.limits)
        except sqlite3.Error as error:
            if (
                getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL
            ):  # else the next run is told that it is not kept
                self.tell(f"the history could not be pruned: {reason(error)}")
            self._close()

    def _write_all(self, items: list[Kept]) -> None:
        for may_mend in (True, False):
            try:
                store = self._store(items)
                writes = [write for item in items for write in item.take()]
                if writes:
                    with transaction(store.connection):
                        for write in writes:
                            write(store)
            except sqlite3.DatabaseError as error:
                if not (may_mend and is_damaged(error)):
                    raise
                self._close()
                self.tell(put_aside(self.path))
            else:
                return

    def _store(self, items: list[Kept]) -> Store:
        """The file, opened anew if it is not the one that was written to before."""
        if self._opened is None or self._identity != _identity(self.path):
            self._close()
            self._opened = open_file(self.path)
            self._identity = _identity(self.path)
            for notice in self._opened.notices:
                self.tell(notice)
            for item in items:
                item.rewind()
        return Store(self._opened.connection)

    def _give_up(self, items: list[Kept], error: Exception) -> None:
        for item in items:
            item.lose()
        self._close()
        if isinstance(error, KubeAgentiXError):
            what = str(error)
        elif isinstance(error, OSError | sqlite3.Error):
            what = f"cannot write {self.path}: {reason(error)}"
        else:
            what = f"{type(error).__name__}: {excerpt(str(error), 160)}"
        self.tell(f"not kept in the history: {what}", kind="not kept")

    def tell(self, message: str, *, kind: str = "") -> None:
        """Something for the user to know, once; of one kind, the first only."""
        if (kind or message) not in self._told:
            self._told.add(kind or message)
            self.troubles.append(message)

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(sqlite3.Error):
                opened.connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_writers: dict[Path, Writer] = {}
_of_parents: list[Writer] = []  # kept, so that a child never closes what it shares
_lock = threading.Lock()


def writer_of(path: Path, limits: Limits | None = None) -> Writer:
    """The writer of that file in this process, which keeps it within `limits` from now on."""
    with _lock:
        writer = _writers.setdefault(path, Writer(path))
    writer.limits = limits or writer.limits
    return writer


def flush_all() -> None:
    """Waits for everything that is not written yet, for a while."""
    for writer in list(_writers.values()):
        writer.flush()


def _forget_parent() -> None:
    global _lock  # noqa: PLW0603  another thread may have held it when the process forked
    _lock = threading.Lock()
    for writer in _writers.values():
        writer.abandon()
    _writers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
