"""What a run leaves behind in this process: files, sockets, threads, child processes, temporary files and locks.

    with nothing_left(folder) as left: ...

What the library keeps on purpose is let through, and bounded: the one loop thread of `kubeagentix.sync` with the
descriptors of its loop, and for each open Cluster at most as many idle workers as it has connections, which end by
themselves, and those connections until it is closed.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeagentix.cluster.client import WORKERS
from kubeagentix.cluster.workers import Workers

SETTLE_S = 6.0  # as long as an idle worker waits for work, and a little
_LOOP = "kubeagentix-loop"


@dataclass(frozen=True)
class _Seen:
    descriptors: Counter[str]
    threads: Counter[str]
    busy: int
    children: frozenset[int]
    files: frozenset[str]


@contextmanager
def nothing_left(*folders: Path) -> Iterator[None]:
    """Raises AssertionError where the block leaves anything behind; temporary files are looked for in `folders`."""
    before = _look(folders)
    yield
    until = time.monotonic() + SETTLE_S
    while (left := _left(before, _look(folders))) and time.monotonic() < until:
        time.sleep(0.02)
    assert not left, f"left behind: {'; '.join(left)}"


def _left(before: _Seen, now: _Seen) -> list[str]:
    return [
        *(f"descriptor {name} ({count})" for name, count in (now.descriptors - before.descriptors).items()),
        *(f"thread {name}" for name in now.threads - before.threads if not _is_kept(name)),
        *(["a worker that is still at it"] * now.busy),
        *(f"process {_command(pid)}" for pid in now.children - before.children),
        *(f"file {name}" for name in sorted(now.files - before.files)),
    ]


def _is_kept(thread: str) -> bool:
    # The workers themselves are counted by their pools, below.
    return thread == _LOOP or thread.startswith("kubeagentix ")


def _busy_workers() -> int:
    """How many threads of the library's pools are at work; that none has more than its share is asserted."""
    pools = [item for item in gc.get_objects() if type(item) is Workers]
    assert all(pool._threads <= WORKERS for pool in pools)
    return sum(pool._threads - pool._idle + len(pool._jobs) for pool in pools)


def _look(folders: tuple[Path, ...]) -> _Seen:
    return _Seen(
        descriptors=_descriptors(),
        threads=Counter(thread.name for thread in threading.enumerate()),
        busy=_busy_workers(),
        children=_children(),
        files=frozenset(str(path) for folder in folders for path in folder.rglob("*")),
    )


def _descriptors() -> Counter[str]:
    """The kinds of open descriptors; a file's is its path, sockets and pipes are counted."""
    found: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:  # the listing's own
            continue
        found[target.partition(":")[0] if target.startswith(("socket:", "pipe:", "anon_inode:")) else target] += 1
    return found


def _children() -> frozenset[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found |= {int(pid) for pid in (task / "children").read_text().split()}
        except OSError:  # the thread has ended
            continue
    return frozenset(found)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:120] or f"{pid} (a zombie)"
    except OSError:
        return str(pid)
