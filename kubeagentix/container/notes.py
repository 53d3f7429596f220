"""What was done and what could not be, a line each, for `docker logs` and for the doctor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from kubeagentix.errors import excerpt
from kubeagentix.recognition.masking import masked

MAX_NAMES = 3  # how many names a line lists
MAX_CHARS = 800  # of a text or a hint, which name files and contexts of others
KUBECONFIG = "kubeconfig"  # what a note is about where a whole file of these is not used


@dataclass(frozen=True, slots=True)
class Note:
    """One line: what was seen, and what to do (`hint`) where it is a problem.

    Whatever it was made of, it holds no line break, no control character, and no credential.
    """

    text: str
    hint: str = ""
    is_problem: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        for name in ("text", "hint"):
            object.__setattr__(self, name, _cleaned(getattr(self, name)))

    @property
    def line(self) -> str:
        """Both in one line."""
        return f"{self.text}; {self.hint}" if self.hint else self.text


def _cleaned(text: str) -> str:
    line = excerpt(text, 2 * MAX_CHARS)  # what is cut through is masked before
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    return excerpt(masked(shown), MAX_CHARS)


def problem(text: str, hint: str = "", *, about: str = "") -> Note:
    """A note of something that does not work."""
    return Note(text, hint, is_problem=True, about=about)


def tell(note: Note) -> None:
    """Writes it where `docker logs` shows it."""
    with suppress(OSError):  # nobody reads it
        sys.stderr.write(f"kubeagentix: {note.line}\n")
        sys.stderr.flush()


def listed(names: Sequence[str]) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(excerpt(name) for name in names[:MAX_NAMES])
    return shown + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")


def counted(number: int, what: str) -> str:
    """`1 context`, `2 contexts`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
