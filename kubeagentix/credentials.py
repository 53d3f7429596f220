"""Finds the one Credential of one request, and keeps none.

What the request brings comes first, then the environment. Text that was pasted is cleaned of what pasting adds; text
that cannot be what it is said to be is refused before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kubeagentix.domain.requests import IgnoredVariable, Readiness
from kubeagentix.domain.secrets import Credential, CredentialKind, Secret
from kubeagentix.errors import AuthenticationError

Variable = tuple[str, CredentialKind]

_PREFIX = re.compile(r"(?i)^(api[-_]?key|api|auth[-_]?token|auth|bearer|token)\s*[:=]\s*|^bearer\s+")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
_KEY_WORDS = ("api",)


def given(text: str, kind: CredentialKind, source: str = "the request") -> Credential:
    """A credential that somebody typed or pasted, cleaned; a prefix (`api:`, `authToken:`, `Bearer `) tells its kind.

    Raises AuthenticationError if nothing is left, or if it has characters that no header may carry.
    """
    match = _PREFIX.match(text.strip().strip(_QUOTES).strip())
    if match is not None:
        kind = "api_key" if (match[1] or "").lower().startswith(_KEY_WORDS) else "auth_token"
    return Credential(kind=kind, secret=Secret(cleaned(text, source)), source=source)


def cleaned(text: str, source: str) -> str:
    """A pasted key or token without blanks around it, quotes and prefix. Raises AuthenticationError."""
    bare = _PREFIX.sub("", text.strip().strip(_QUOTES).strip()).strip().strip(_QUOTES).strip()
    if not bare:
        raise AuthenticationError(f"the credential of {source} is empty", hint="paste it again, or leave it out")
    if re.search(r"\s", bare):
        what = f"the credential of {source} is broken by a blank or a line break"
        raise AuthenticationError(what, hint="it was wrapped when it was copied: copy it again as one line")
    if not bare.isascii() or not bare.isprintable():
        what = f"the credential of {source} has characters that no key or token has"
        raise AuthenticationError(what, hint="copy it again from where it was issued")
    return bare


def from_environ(
    environ: Mapping[str, str], variables: Sequence[Variable], credential: Credential | None, hint: str
) -> Readiness:
    """The request's credential, or else that of the first of `variables` that is set; the others are ignored."""
    first = next(((name, kind) for name, kind in variables if environ.get(name, "").strip()), None)
    rest = [name for name, _ in variables if environ.get(name) and (first is None or name != first[0])]
    if credential is not None:
        every = [name for name, _ in variables if environ.get(name)]
        ignored = tuple(IgnoredVariable(name=name, why="the request brings its own credential") for name in every)
        return Readiness(credential=credential, ignored=ignored)
    blank = [name for name in rest if not environ[name].strip()]
    ignored = tuple(
        IgnoredVariable(name=name, why="it is blank" if name in blank else f"{first[0] if first else ''} comes first")
        for name in rest
    )
    if first is None:
        names = " or ".join(name for name, _ in variables)
        what = f"{names} is not set" if not blank else f"{' and '.join(blank)} is blank"
        return Readiness(credential=None, why_not=f"{what}; {hint}", ignored=ignored)
    name, kind = first
    secret = Secret(cleaned(environ[name], name))
    return Readiness(credential=Credential(kind=kind, secret=secret, source=name), ignored=ignored)
