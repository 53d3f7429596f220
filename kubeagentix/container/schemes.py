"""Servers that are written without a scheme: client-go takes them, and here they get the one that it would use.

Source: client-go, rest/url_utils.go (defaultServerUrlFor): https where there is something of TLS, else http.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from kubeagentix.container.kubeconfigs import Merged
from kubeagentix.container.notes import Note

_OF_CLUSTER = ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify")
_OF_USER = ("client-certificate", "client-certificate-data")


def complete(merged: Merged) -> list[Note]:
    """Gives each such server its scheme; a note of each."""
    notes = []
    for name, cluster in merged.clusters.items():
        server = cluster.get("server", "")
        if not _is_bare(server):
            continue
        users = [merged.users.get(_user_of(merged, context), {}) for context in merged.contexts_with("cluster", name)]
        has_tls = _holds(cluster, _OF_CLUSTER) or any(_holds(user, _OF_USER) for user in users)
        cluster["server"] = f"{'https' if has_tls else 'http'}://{server}"
        text = f"the server of cluster {name!r} has no scheme: it is taken as {cluster['server']}, as kubectl takes it"
        notes.append(Note(text, "write it so in the kubeconfig"))
    return notes


def _is_bare(server: str) -> bool:
    if not server or "//" in server or server.startswith("/"):
        return False
    try:
        parts = urlsplit(f"//{server}")
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # half of an IPv6 address, or a port that is none
        return False


def _user_of(merged: Merged, context: str) -> str:
    return str(merged.contexts[context].get("user", ""))


def _holds(entry: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    return any(entry.get(key) for key in keys)
