"""Which hosts a certificate is for (RFC 6125: a wildcard stands for exactly one label)."""

from __future__ import annotations

import re

from kubeagentix.domain.storage import TlsCertificate

_COMMON_NAME = re.compile(r"(?:^|,)CN=([^,+]+)")


def names_of(certificate: TlsCertificate) -> tuple[str, ...]:
    """Its alternative names, or the common name of old certificates that have none."""
    common = _COMMON_NAME.search(certificate.subject)
    return certificate.dns_names or ((common[1],) if common else ())


def covers(names: tuple[str, ...], host: str) -> bool:
    """Whether one of `names` stands for `host` (which may itself be a wildcard)."""
    return any(_stands_for(name.lower(), host.lower()) for name in names)


def _stands_for(name: str, host: str) -> bool:
    if name == host:
        return True
    wildcard, _, parent = name.partition(".")
    first, _, rest = host.partition(".")
    return wildcard == "*" and bool(first) and first != "*" and parent == rest
