"""Runs the command as a child: signals go on to it and all it has started, and its exit code is ours."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from kubeagentix.container.notes import problem, tell

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as a shell says it


class Forwarding:
    """Takes signals from the start. Those that come before there is a child end the program, as they would have."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._is_starting = False
        self._early: list[int] = []  # they came while it was being started
        for number in FORWARDED:
            signal.signal(number, self._take)

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)
        elif self._is_starting:
            self._early.append(number)
        elif number not in (signal.SIGUSR1, signal.SIGUSR2):
            raise SystemExit(128 + number)

    def run(self, command: Sequence[str], environ: Mapping[str, str]) -> int:
        """Runs it to its end; its exit code, or 128 and the signal's number."""
        self._is_starting = True
        try:
            # A group of its own, as a signal to ours would reach it twice; Ctrl-C at a terminal then is for it alone.
            child = subprocess.Popen(command, env=environ, process_group=0)
        except (FileNotFoundError, NotADirectoryError):
            tell(problem(f"there is no program {command[0]!r}", "name one of the image"))
            return NOT_FOUND
        except OSError as error:
            tell(problem(f"{command[0]!r} cannot be run: {(error.strerror or str(error)).lower()}"))
            return NOT_EXECUTABLE
        self._child = child
        for number in self._early:
            self._take(number, None)
        with _terminal_for(child):
            code = child.wait()
        return 128 - code if code < 0 else code


@contextmanager
def _terminal_for(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Lets the child be what the terminal, if there is one, talks to."""
    try:
        is_ours = os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        is_ours = False
    if not is_ours:
        yield
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or handing it over, and taking it back, would stop us
    with suppress(OSError):
        os.tcsetpgrp(0, child.pid)
        os.killpg(child.pid, signal.SIGCONT)  # it may have been stopped by reading too early
    try:
        yield
    finally:
        with suppress(OSError):
            os.tcsetpgrp(0, os.getpgrp())
