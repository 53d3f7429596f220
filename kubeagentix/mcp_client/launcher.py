"""Starts a user's MCP server: `python launcher.py PROGRAM WORDS…`. Runs by itself, and imports nothing of this package.

The server ends as soon as we do, also where we are killed (Linux' PR_SET_PDEATHSIG). What it writes goes through here,
so that a line without an end is cut off here, and not gathered in the process that holds the user's notebook.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

MAX_LINE_BYTES = 8_000_000
_CHUNK = 65_536


def launch(words: list[str]) -> int:
    """Runs the program to its end, or to the end of our patience with it."""
    _end_with_the_parent()
    if not hasattr(os, "fork"):
        _become(words)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _end_with_the_parent()
        os.dup2(writing, 1)
        os.close(reading)
        os.close(writing)
        _become(words)
    os.close(writing)
    os.close(0)  # the end of its input is for the server to see
    if _relayed(reading, 1):
        return 0
    os.write(2, f"it wrote a line of more than {MAX_LINE_BYTES:,} bytes, and was ended\n".encode())
    os.kill(child, signal.SIGKILL)
    return 1


def _relayed(reading: int, writing: int) -> bool:
    """Whether all that is read could be passed on."""
    length = 0  # of the line that has not ended yet
    while data := os.read(reading, _CHUNK):
        first, last = data.find(b"\n"), data.rfind(b"\n")
        if length + (len(data) if first < 0 else first) > MAX_LINE_BYTES:
            return False
        length = length + len(data) if last < 0 else len(data) - last - 1
        try:
            while data:
                data = data[os.write(writing, data) :]
        except OSError:  # nobody reads any more
            break
    return True


def _become(words: list[str]) -> NoReturn:
    try:
        os.execvp(words[0], words)  # noqa: S606  a program of the user's
    except OSError as error:
        os.write(2, f"it cannot be started: {error.strerror}\n".encode())
        os._exit(127)


def _end_with_the_parent() -> None:
    try:
        import ctypes  # noqa: PLC0415  not everywhere

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    except (AttributeError, ImportError, OSError, TypeError):
        pass


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
