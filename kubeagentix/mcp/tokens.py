"""The token that a client over HTTP has to show: from a file, from the environment, or made up and told once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping

from kubeagentix.credentials import cleaned
from kubeagentix.domain.secrets import Secret
from kubeagentix.errors import AuthenticationError, UsageError, excerpt
from kubeagentix.paths import expanded

VARIABLE = "KUBEAGENTIX_MCP_TOKEN"
LEAST_CHARS = 16  # what is shorter can be tried out
MOST_CHARS = 4_096  # what is longer fits into no header
_HOW = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def token_of(path: str | None, environ: Mapping[str, str]) -> Secret | None:
    """The token of that file, else of the environment; None where there is neither. Raises UsageError."""
    if path is not None:
        try:
            with expanded(path, environ).open(encoding="utf-8") as file:
                text, source = file.read(2 * MOST_CHARS), f"the file {path}"
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise UsageError(f"cannot read the token file {path}: {excerpt(str(why)).lower()}") from error
    elif environ.get(VARIABLE):
        text, source = environ[VARIABLE], VARIABLE
    else:
        return None
    try:
        token = cleaned(text, source)
    except AuthenticationError as error:
        raise UsageError(error.message, hint=_HOW) from error
    if len(token) < LEAST_CHARS:
        raise UsageError(f"the token of {source} is shorter than {LEAST_CHARS} characters", hint=_HOW)
    if len(token) > MOST_CHARS:
        raise UsageError(f"the token of {source} is longer than {MOST_CHARS:,} characters", hint=_HOW)
    return Secret(token)


def is_open_to_others(path: str, environ: Mapping[str, str]) -> bool:
    """Whether other users of this machine can read that file."""
    return os.name == "posix" and bool(expanded(path, environ).stat().st_mode & 0o044)


def made_up() -> Secret:
    """A new one, of 256 bits."""
    return Secret(secrets.token_urlsafe(32))
