"""Runs a module as a program for as long as the process lives that has started it: `python -m … MODULE ARGUMENTS`.

A process that is killed ends nothing that it has started, but the system closes its end of a pipe, which is stdin here.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_S = 15.0  # for the program to end by itself


def main(module: str, *arguments: str) -> None:
    """Runs it, without an input of its own."""
    tether, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    threading.Thread(target=_end_with, args=(tether,), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(tether: int) -> None:
    while os.read(tether, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
