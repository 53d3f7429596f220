"""What a caller passes that is of another type than it should be: said in one line, before anything is made of it."""

from __future__ import annotations

import os

from kubeagentix.errors import UsageError


def check_names(**given: object) -> None:
    """Raises UsageError for an argument that is neither a text nor left out."""
    for name, value in given.items():
        if not isinstance(value, str | None):
            raise UsageError(f"{name}= is a text, not {type(value).__name__}", hint="or leave it out")


def check_path(**given: object) -> None:
    """Raises UsageError for an argument that is neither a path nor left out."""
    for name, value in given.items():
        if not isinstance(value, str | os.PathLike | None):
            raise UsageError(f"{name}= is a path, not {type(value).__name__}", hint="or leave it out")
