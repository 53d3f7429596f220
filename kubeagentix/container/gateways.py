"""The name or address by which the host is reached from inside this container."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from kubeagentix.container.endpoints import addresses_of

VARIABLE = "KUBEAGENTIX_HOST_GATEWAY"
NAMES = ("host.docker.internal", "host.containers.internal")  # of Docker and of podman


@dataclass(frozen=True, slots=True)
class Gateway:
    """What leads to the host; `is_this_machine` where that is where we are (`--network host`)."""

    name: str
    address: str
    is_this_machine: bool


def find_gateway(environ: Mapping[str, str]) -> Gateway | None:
    """The one that the variable names, else the first name that resolves; None where the host has no name here."""
    chosen = environ.get(VARIABLE, "").strip().strip("[]")
    for name in (chosen,) if chosen else NAMES:
        addresses = addresses_of(name)
        if addresses:
            return Gateway(name, addresses[0], _is_own(addresses[0], is_chosen=bool(chosen)))
    return None


def _is_own(address: str, *, is_chosen: bool) -> bool:
    known = ipaddress.ip_address(address)
    if known.is_loopback:  # named on purpose, it is another address of this machine that stands for the host
        return not is_chosen
    family = socket.AF_INET if known.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family) as tried:
            tried.bind((address, 0))  # only to an address of one's own
    except OSError:
        return False
    return True
