"""Whether a proxy of the environment would catch the requests to a server: as kubectl decides it.

Source: https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from kubeagentix.cluster.session import is_loopback

_INTERNAL = (".local", ".internal", ".lan", ".svc", ".intern", ".corp", ".home.arpa")


def proxy_for(server: str, environ: Mapping[str, str], proxy_url: str = "") -> str:
    """The variable that names the proxy which would carry requests to `server`; empty if they go there directly.

    `proxy_url` is that of the kubeconfig, which goes before all variables.
    """
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port
    if proxy_url or not host or is_loopback(server):
        return ""
    names = (f"{parts.scheme.upper()}_PROXY", f"{parts.scheme}_proxy")
    variable = next((name for name in names if environ.get(name, "").strip()), "")
    skipped = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    return "" if not variable or is_skipped(host, port, skipped) else variable


def is_skipped(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether that list names the host: by itself, its domain, its network, or `*`."""
    return any(_is_meant(host.lower(), port, entry.strip().lower()) for entry in no_proxy.split(",") if entry.strip())


def _is_meant(host: str, port: int | None, entry: str) -> bool:
    if entry == "*":
        return True
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and ("[" in name or ":" not in name):
        if port is not None and int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    address = _address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    return host == entry.lstrip("*").lstrip(".") or host.endswith("." + entry.lstrip("*").lstrip("."))


def is_internal(server: str) -> bool:
    """Whether a server is one that a proxy to the outside is unlikely to reach."""
    host = (urlsplit(server).hostname or "").lower()
    address = _address(host)
    return address.is_private if address is not None else "." not in host or host.endswith(_INTERNAL)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
