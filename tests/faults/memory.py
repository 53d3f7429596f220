"""How much memory this process takes at most."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def forget_peak() -> None:
    """The peak counts from now on. Source: `clear_refs` in proc(5); some sandboxes do not allow it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """The most so far. getrusage() tells at least that of the process which started this one."""
    found = _PEAK.search(Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024
