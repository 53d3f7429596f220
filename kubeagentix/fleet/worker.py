"""A worker process of the local pool: calls what comes in over standard input, until that ends.

It has no terminal and hears no Ctrl-C, which is for the one who asked; that one ends it, or is gone and so is the pipe.
"""

from __future__ import annotations

import os
import signal

from kubeagentix.fleet.frames import receive, send


def serve() -> None:
    """Serves calls; what the called print goes to standard error, for standard output carries the answers."""
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            function, arguments = receive(calls)
        except EOFError:
            return
        try:
            answer = (True, function(*arguments))
        except BaseException as error:  # noqa: BLE001  whatever it is, it is the caller's
            answer = (False, error)
        try:
            send(answers, answer)
        except OSError:  # nobody waits for it any more
            return
