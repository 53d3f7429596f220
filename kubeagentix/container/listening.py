"""Where a bridge can listen: at the endpoint's own address and port, or at another port of loopback."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kubeagentix.container.endpoints import LOOPBACK, LOOPBACK_6, Endpoint, addresses_of

PUBLISHED_PORT = 8888  # Jupyter's, which the image publishes


@dataclass(frozen=True, slots=True)
class Listening:
    """An address and port to listen at; `why_moved` says what kept it from the endpoint's own."""

    address: str
    port: int
    why_moved: str = ""


def reserved_ports(command: Iterable[str]) -> set[int]:
    """The ports that the command is about to listen on itself."""
    words = list(command)
    given = [word.partition("=")[2] for word in words if word.startswith(("--port=", "--ServerApp.port="))]
    given += [after for word, after in itertools.pairwise(words) if word in ("--port", "-p")]
    return {PUBLISHED_PORT, *(int(word) for word in given if word.isascii() and word.isdigit())}


def choose(endpoint: Endpoint, reserved: Collection[int]) -> Listening:
    """Where to listen for `endpoint`. Raises OSError where there is no port at all."""
    if endpoint.port in reserved:
        return Listening(LOOPBACK, _free_port(), f"port {endpoint.port} is kept for the command")
    refusal = listen_error(endpoint.address, endpoint.port)
    if refusal is None and _is_taken_beside(endpoint):
        refusal = errno.EADDRINUSE
    if refusal is None:
        return Listening(endpoint.address, endpoint.port)
    return Listening(LOOPBACK, _free_port(), _in_words(refusal, endpoint))


def listen_error(address: str, port: int) -> int | None:
    """The errno with which listening there fails, or None. Nothing is taken by asking."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((address, port))
    except OSError as error:
        return error.errno or errno.EIO
    return None


def is_listening(address: str, port: int) -> bool:
    """Whether somebody listens there; no connection is made."""
    return listen_error(address, port) == errno.EADDRINUSE


def _is_taken_beside(endpoint: Endpoint) -> bool:
    # `localhost` may be ::1 first: whoever listens there is met in our place.
    by_name = any(use.host.rstrip(".") == "localhost" for use in endpoint.uses)
    return by_name and LOOPBACK_6 in addresses_of("localhost") and is_listening(LOOPBACK_6, endpoint.port)


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind((LOOPBACK, 0))
        return int(tried.getsockname()[1])


def _in_words(refusal: int, endpoint: Endpoint) -> str:
    if refusal == errno.EACCES:
        return f"port {endpoint.port} needs a privilege"
    if refusal == errno.EADDRINUSE:
        return f"port {endpoint.port} is taken in the container"
    if refusal in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return f"the container has no {endpoint.address}"
    return f"{endpoint.name}: {os.strerror(refusal).lower()}"
