"""What a provider says of the environment around its credential: what counts, and what is set for nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from kubeagentix.domain.requests import IgnoredVariable, Readiness
from kubeagentix.errors import excerpt
from kubeagentix.wire.loading import is_installed

# Of the process, for any credential: the HTTP client reads them.
TRANSPORT = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def base_url_of(environ: Mapping[str, str], own_variable: str, variable: str) -> str:
    """The address of a server other than the official one, if one is named.

    `own_variable` is KubeAgentiX's and counts for every request; `variable` is the SDK's and is left empty where the
    request brings its own credential, which must not go to wherever the environment points.
    """
    return environ.get(own_variable, "").strip() or (environ.get(variable, "").strip() if variable else "")


def with_surroundings(
    found: Readiness,
    environ: Mapping[str, str],
    *,
    module: str,
    extra: str,
    own_url: str,
    url: str,
    variables: tuple[str, ...],
    never: Mapping[str, str],
    is_ambient: bool,
) -> Readiness:
    """`found`, with what is passed on and what is ignored.

    Not configured where the client is not installed, or a variable that counts names no address.
    `variables` count only with a credential of the environment, `never` (with its reason) not at all.
    """
    if not is_installed(module):
        why_not = f"its client is not installed: pip install 'kubeagentix[{extra}]'"
        return replace(found, credential=None, why_not=why_not)
    misled = next((name for name in (own_url, url if is_ambient else "") if environ.get(name, "").strip()), "")
    if found.credential is not None and misled and not _is_address(environ[misled].strip()):
        why_not = (
            f"{misled} is no address of a server, such as https://host/v1: {excerpt(bare_url(environ[misled]), 60)!r}"
        )
        return replace(found, credential=None, why_not=why_not)
    passed_on = [own_url, *((url, *variables) if is_ambient else ()), *TRANSPORT, *TRUST]
    if environ.get(own_url) and is_ambient:
        passed_on.remove(url)
    why = f"{own_url} comes first" if is_ambient else "the request brings its own credential"
    ignored = [] if found.credential is None else [name for name in (url, *variables) if name not in passed_on]
    return replace(
        found,
        ignored=(
            *found.ignored,
            *(IgnoredVariable(name=name, why=why) for name in ignored if environ.get(name)),
            *(IgnoredVariable(name=name, why=reason) for name, reason in never.items() if environ.get(name)),
        ),
        passed_on=tuple(f"{name}={_shown(name, environ[name])}" for name in passed_on if environ.get(name)),
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a number, or ValueError
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)


def _shown(name: str, value: str) -> str:
    """A value without what may be secret: user and password of a URL, the values of headers."""
    if name.endswith("_HEADERS"):
        return ", ".join(line.partition(":")[0].strip() + ": …" for line in value.split("\n") if ":" in line)
    return bare_url(value) if "://" in value else value


def bare_url(url: str) -> str:
    """An address without user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
