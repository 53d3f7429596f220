"""Standard output as the program uses it: whatever the terminal's encoding, and with errors of one line."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TextIO

from kubeagentix.errors import UsageError, excerpt

# What the reports draw with, for a terminal without Unicode; everything else is written as an escape.
_PLAIN = {"└": "`", "│": "|", "…": "...", "→": "->"}
_ERRORS = "kubeagentix"


def prepare() -> None:
    """Makes the streams usable: one that is closed swallows what is written, and no character is refused."""
    codecs.register_error(_ERRORS, _replaced)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  as long as the process


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(char) or _escape(char) for char in error.object[error.start : error.end]), error.end


def _escape(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode()


def write(text: str, *, is_document: bool = False) -> None:
    """Writes to standard output, a document (JSON, HTML, Markdown) always as UTF-8.

    Raises UsageError if that fails (a full disk), BrokenPipeError if nobody reads.
    """
    try:
        if is_document and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon()
        message = f"cannot write to standard output: {excerpt(error.strerror or str(error))}"
        raise UsageError(message, hint="write to a file with --output, or elsewhere") from error


def abandon() -> None:
    """Leads what is still buffered to nowhere: the interpreter flushes once more as it ends, which must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
