"""Who is asked about a change: whoever sits at the terminal or the notebook. In a script nobody is, and none is made.

What is shown is the request as it is, without anything that could steer a terminal; what counts as an answer is what
is typed after it was shown, by the person, and nothing that was typed or piped in before.
"""

from __future__ import annotations

import contextlib
import select
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest, Approver
from kubeagentix.report.text import clean_block, clean_line

NO_TERMINAL = "standard input and output are no terminal, so nobody can approve a change"
NO_READER = "nobody sits at this notebook: the kernel may not ask for input"
_EVERYTHING = 1_000_000  # lines, characters: a request is shown whole


def person() -> Approver:
    """Whoever can be asked from here."""
    if _is_kernel():
        return at_notebook
    return at_terminal if is_terminal() else in_script


def is_terminal() -> bool:
    """Whether somebody reads what is written, and can type an answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def in_script(_: ApprovalRequest) -> ApprovalAnswer:
    """Nobody: a script has to bring its own `approve=`."""
    return ApprovalAnswer(decision="refused", by="", why=NO_TERMINAL)


def at_terminal(request: ApprovalRequest) -> ApprovalAnswer:
    """Shows the change and waits for a line, until the request expires. Raises KeyboardInterrupt."""
    sys.stderr.write(f"\n{shown(request)}\n")
    sys.stderr.flush()
    _drop_typed_ahead()  # and not behind the question, which would lose the answer of whoever is quick
    sys.stderr.write(f"{question(request)} ")
    sys.stderr.flush()
    with _interruptible():
        line = _line(request)
    if line is None:
        sys.stderr.write("\ntoo late: the request has expired, and nothing was changed\n")
        return ApprovalAnswer(decision="refused", by="", why="no answer came in time")
    return meant(line, request, by="terminal")


def at_notebook(request: ApprovalRequest) -> ApprovalAnswer:
    """Shows the change in the cell, and asks below it. Raises KeyboardInterrupt."""
    print(shown(request), flush=True)  # noqa: T201  a cell's output
    try:
        with _interruptible():
            line = input(f"{question(request)} ")
    except (EOFError, NotImplementedError):  # StdinNotImplementedError: nbconvert, nbval, papermill
        print(f"not done: {NO_READER}", flush=True)  # noqa: T201
        return ApprovalAnswer(decision="refused", by="", why=NO_READER)
    answer = meant(line, request, by="notebook")
    if answer.decision != "refused" and datetime.now(UTC) >= request.expires_at:
        print("too late: the request has expired, and nothing was changed", flush=True)  # noqa: T201
    return answer


def shown(request: ApprovalRequest) -> str:
    """The whole request as text: what, where, and what it would do by the API server's dry run."""
    where = f" (cluster {request.ref.cluster})" if request.ref is not None and request.ref.cluster else ""
    diff = clean_block(request.diff, max_lines=_EVERYTHING, max_chars=_EVERYTHING)
    told = diff or "(a tool of your own: what it changes cannot be shown)"
    head = clean_line(f"Change: {request.summary}{where}", _EVERYTHING)
    return "\n".join([head, *(f"  {line}" for line in told.split("\n"))])


def question(request: ApprovalRequest) -> str:
    """What can be answered."""
    always = "a = always for this, in this session; " if request.may_be_always else ""
    return f"Make this change? y = yes, once; {always}anything else = no:"


def meant(line: str, request: ApprovalRequest, *, by: str) -> ApprovalAnswer:
    """The answer that a typed line stands for: no, unless it says yes in so many letters."""
    word = line.strip().lower()
    if word in ("y", "yes"):
        return ApprovalAnswer(decision="once", by=by)
    if word in ("a", "always") and request.may_be_always:
        return ApprovalAnswer(decision="always", by=by)
    return ApprovalAnswer(decision="refused", by=by)


def _is_kernel() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Within it an interrupt is a KeyboardInterrupt: loops would only take note of it, and the question would stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _drop_typed_ahead() -> None:
    """Forgets what was typed before the question was shown: it cannot have been meant as an answer."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not Unix, or no terminal after all
        import termios  # noqa: PLC0415  there is none on Windows

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _line(request: ApprovalRequest) -> str | None:
    """A typed line, "" at the end of input; None where none came before the request expired."""
    left_s = (request.expires_at - datetime.now(UTC)).total_seconds()
    with contextlib.suppress(OSError, ValueError):  # select takes no terminal on Windows
        if not select.select([sys.stdin], [], [], max(0.0, left_s))[0]:
            return None
    return sys.stdin.readline()
