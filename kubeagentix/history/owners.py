"""Which process works at a run, and whether it still lives: how a run that was killed is told from one that goes on."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

FOREIGN_S = 3600.0  # a run of another machine that began longer ago is over; none may take that long


def this_process() -> str:
    """Machine, process id and start time, which a later process of the same id does not share."""
    return f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())}"


def is_alive(owner: str, started_at: float) -> bool:
    """Whether the process that owns a run is there; of another machine's, that the run began not long ago."""
    host, _, rest = owner.partition(" ")
    pid, _, started = rest.partition(" ")
    if host != socket.gethostname() or not pid.isdigit():
        return time.time() - started_at < FOREIGN_S
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # it is there, and somebody else's
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """The start time in ticks since boot, where the system tells (Linux), else nothing."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # a program's name may hold anything
    return "" if fields[0] == "Z" else fields[19]
