"""Certificates and keys in Secrets: whether they are in their time, belong together, and which a failure speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.pods import PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import Secret, TlsCertificate

EXPIRES_SOON = timedelta(days=30)
# Issuers renew when a third of a certificate's life is left; a short-lived one is overdue at a quarter, not at 30 days.
_OVERDUE_SHARE = 4
KEY_MISMATCH = "TLSKeyMismatch"
_MISMATCH = re.compile(
    r"private key does not match public key|private key type does not match public key type|key values mismatch"
    r"|KEY_VALUES_MISMATCH|key and certificate do not match|certificate and private key do not match",
    re.IGNORECASE,
)


def validity(certificate: TlsCertificate, now: datetime) -> tuple[str, str, str] | None:
    """(reason, what is wrong, its dates) of a certificate that is out of its time, or nearly."""
    starts, ends = certificate.not_before, certificate.not_after
    if ends is not None and ends <= now:
        return "TLSCertificateExpired", "has expired", f"It was valid until {ends:%Y-%m-%d %H:%M}."
    if starts is not None and starts > now:
        return "TLSCertificateNotYetValid", "is not valid yet", f"It is valid from {starts:%Y-%m-%d %H:%M}."
    if ends is not None and ends - now < _last_stretch(starts, ends):
        return "TLSCertificateExpiring", "is about to expire", f"It is valid until {ends:%Y-%m-%d %H:%M}."
    return None


def _last_stretch(starts: datetime | None, ends: datetime) -> timedelta:
    return EXPIRES_SOON if starts is None else min(EXPIRES_SOON, (ends - starts) / _OVERDUE_SHARE)


def mounted_secrets(spec: PodSpec) -> Iterator[str]:
    """The names of the Secrets that a pod mounts, whole or in part."""
    for volume in spec.volumes:
        if volume.secret is not None:
            yield volume.secret.secret_name
        for source in volume.projected.sources if volume.projected is not None else ():
            if source.secret is not None:
                yield source.secret.name


def mismatched(snapshot: Snapshot, namespace: str, spec: PodSpec, line: str) -> tuple[ResourceRef, ...]:
    """The mounted Secrets whose key is not their certificate's, if that is what `line` of a log complains of."""
    if not _MISMATCH.search(line):
        return ()
    found = (snapshot.get(Secret, namespace, name) for name in dict.fromkeys(mounted_secrets(spec)))
    return tuple(snapshot.ref(item) for item in found if item is not None and item.key_fits is False)
