"""The endpoints of a kubeconfig that are on the host's own loopback, where this container has another one.

A cluster's endpoint is its server, or its `proxy-url` where it has one, as that is what is connected to.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from kubeagentix.container.kubeconfigs import Merged

_DEFAULT_PORTS = {"https": 443, "http": 80, "socks5": 1080, "socks5h": 1080}
LOOPBACK, LOOPBACK_6 = "127.0.0.1", "::1"
# Docker Desktop writes this name into the host's own hosts file as 127.0.0.1, and into its kubeconfig; its resolver
# knows it inside containers too, so that it is of the host's loopback only where it leads nowhere else.
DESKTOP_NAME = "kubernetes.docker.internal"


@dataclass(frozen=True, slots=True)
class Use:
    """One cluster that is reached by an endpoint; `host` as the kubeconfig has it."""

    cluster: str
    host: str
    scheme: str
    contexts: tuple[str, ...]

    @property
    def is_proxy(self) -> bool:
        """Whether the endpoint is the proxy, not the server."""
        return self.scheme.endswith("+proxy")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A loopback address and port of the host, and the clusters that are reached by it."""

    address: str
    port: int
    uses: tuple[Use, ...]

    @property
    def name(self) -> str:
        """`127.0.0.1:6443`."""
        return joined(self.address, self.port)

    @property
    def contexts(self) -> list[str]:
        """All contexts that need it."""
        return [context for use in self.uses for context in use.contexts]


def joined(host: str, port: int) -> str:
    """`host:port`, or `[host]:port` for IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def local_endpoints(merged: Merged) -> tuple[Endpoint, ...]:
    """Each distinct one, in the order of the clusters."""
    found: dict[tuple[str, int], list[Use]] = {}
    for name, cluster in merged.clusters.items():
        target = _target(cluster)
        address = local_address(target.hostname or "") if target else None
        if target is None or address is None:
            continue
        scheme = target.scheme + ("+proxy" if cluster.get("proxy-url") else "")
        use = Use(name, target.hostname or "", scheme, tuple(merged.contexts_with("cluster", name)))
        found.setdefault((address, target.port or _DEFAULT_PORTS[target.scheme]), []).append(use)
    return tuple(Endpoint(address, port, tuple(uses)) for (address, port), uses in found.items())


def _target(cluster: Mapping[str, Any]) -> SplitResult | None:
    written = cluster.get("proxy-url") or cluster.get("server") or ""
    try:
        target = urlsplit(written)
        is_usable = target.scheme in _DEFAULT_PORTS and target.hostname and target.port != 0
    except ValueError:  # half of an IPv6 address, or a port that is none
        return None
    return target if is_usable else None


def local_address(host: str) -> str | None:
    """The loopback address that `host` means on the host, or None where it is another machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return LOOPBACK
    if name == DESKTOP_NAME:
        return None if leads_elsewhere(name) else LOOPBACK
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_unspecified:  # a client that connects to 0.0.0.0 reaches its own machine
        return LOOPBACK if address.version == 4 else LOOPBACK_6
    return str(address) if address.is_loopback else None


def leads_elsewhere(name: str) -> bool:
    """Whether this container's resolver knows that name as another machine."""
    return any(not ipaddress.ip_address(address).is_loopback for address in addresses_of(name))


def addresses_of(name: str) -> list[str]:
    """The addresses of a name, of IPv4 first; none where it cannot be resolved."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    addresses = dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found)
    return sorted(addresses, key=lambda address: ":" in address)


def move(merged: Merged, endpoint: Endpoint, address: str, port: int) -> None:
    """Lets the clusters of `endpoint` be reached at `address` and `port`, with the TLS name that they had."""
    for use in endpoint.uses:
        is_reached = (address, port) == (endpoint.address, endpoint.port) and _reaches(use.host, address)
        if not is_reached:
            _rewrite(merged.clusters[use.cluster], use, joined(address, port))


def _reaches(host: str, address: str) -> bool:
    """Whether a client that connects to `host` comes to `address`."""
    name = host.lower()
    if name.endswith("."):  # Go's resolver looks for it in no hosts file
        return False
    return name != DESKTOP_NAME and not (name.endswith(".localhost") and address not in addresses_of(name))


def _rewrite(cluster: dict[str, Any], use: Use, place: str) -> None:
    key = "proxy-url" if use.is_proxy else "server"
    parts = urlsplit(cluster[key])
    login, at, _ = parts.netloc.rpartition("@")
    cluster[key] = parts._replace(netloc=f"{login}{at}{place}").geturl()
    if key == "server":
        cluster.setdefault("tls-server-name", use.host.rstrip("."))
