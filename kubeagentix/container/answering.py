"""What answers at an address: a cluster, something else, or nothing. No credential is sent to find out.

A handshake that the cluster's own authority vouches for is the cluster. Without one to ask (plain HTTP, or
`insecure-skip-tls-verify`), what answers `/version` as an API server does is taken for one.
"""

from __future__ import annotations

import base64
import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kubeagentix.container.endpoints import Use
from kubeagentix.errors import excerpt

TIMEOUT_S = 4.0  # the host is one hop away
_SIGNS = (b'"gitVersion"', b'"kind":"Status"', b'"kind": "Status"')


class Kind(Enum):
    """What was met."""

    CLUSTER = "cluster"
    UNTRUSTED = "untrusted"  # it speaks TLS, with a certificate that is not for this cluster
    OTHER = "other"  # something else answers
    CLOSED = "closed"  # taken, and closed without an answer
    NOTHING = "nothing"  # refused, no route, no answer in time


@dataclass(frozen=True, slots=True)
class Answer:
    """What was met, and the reason in words where it is not a cluster."""

    kind: Kind
    why: str = ""

    @property
    def is_from_afar(self) -> bool:
        """Whether something answered at all."""
        return self.kind in (Kind.CLUSTER, Kind.UNTRUSTED, Kind.OTHER)


def ask(place: tuple[str, int], use: Use, cluster: Mapping[str, Any], *, timeout_s: float = TIMEOUT_S) -> Answer:
    """What answers at `place` where `cluster` is expected."""
    try:
        with socket.create_connection(place, timeout=timeout_s) as connection:
            if use.is_proxy:
                return Answer(Kind.OTHER)  # a proxy waits to be told where to
            if use.scheme == "http":
                return _ask_version(connection, use.host)
            return _ask_by_tls(connection, use, cluster)
    except OSError as error:
        return Answer(Kind.NOTHING, _in_words(error))


def _ask_by_tls(connection: socket.socket, use: Use, cluster: Mapping[str, Any]) -> Answer:
    name = str(cluster.get("tls-server-name") or use.host).rstrip(".")
    try:
        context = _context(cluster)
    except (ssl.SSLError, ValueError):
        return Answer(Kind.UNTRUSTED, "its certificate-authority is no certificate")
    try:
        with context.wrap_socket(connection, server_hostname=name) as wrapped:
            return _ask_version(wrapped, use.host) if cluster.get("insecure-skip-tls-verify") else Answer(Kind.CLUSTER)
    except ssl.SSLCertVerificationError as error:
        return Answer(Kind.UNTRUSTED, error.verify_message)
    except (ssl.SSLEOFError, ConnectionError, TimeoutError) as error:
        is_late = isinstance(error, TimeoutError)
        return Answer(Kind.CLOSED, "no answer in time" if is_late else "the connection is closed at once")
    except ssl.SSLError as error:
        return Answer(Kind.OTHER, f"no TLS: {error.reason or 'it cannot be begun'}")
    except (ValueError, TypeError):  # a NUL is a TypeError to ssl
        return Answer(Kind.UNTRUSTED, f"{excerpt(name, 80)!r} is no name of a server")


def _context(cluster: Mapping[str, Any]) -> ssl.SSLContext:
    if cluster.get("insecure-skip-tls-verify"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # as the kubeconfig asks; nothing secret is sent
        return context
    authority = cluster.get("certificate-authority-data")
    return ssl.create_default_context(cadata=base64.b64decode(authority).decode() if authority else None)


def _ask_version(connection: socket.socket, host: str) -> Answer:
    shown = f"[{host}]" if ":" in host else host
    try:
        connection.sendall(f"GET /version HTTP/1.1\r\nHost: {shown}\r\nConnection: close\r\n\r\n".encode())
        content = b""
        while len(content) < 1 << 16 and (part := connection.recv(1 << 14)):
            content += part
    except TimeoutError:
        return Answer(Kind.CLOSED, "no answer in time")
    except OSError:
        content = b""
    if not content:
        return Answer(Kind.CLOSED, "the connection is closed at once")
    return (
        Answer(Kind.CLUSTER) if any(sign in content for sign in _SIGNS) else Answer(Kind.OTHER, "it is no API server")
    )


def _in_words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "no such host"
    known = {errno.ECONNREFUSED: "connection refused", errno.EHOSTUNREACH: "no route to it"}
    return known.get(error.errno or 0, (error.strerror or str(error)).lower())
