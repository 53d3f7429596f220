"""The access of one cluster on its way to a worker: the only place where this package pickles a credential.

What goes is what the requests to that one cluster need, and no more: its server, its authority, and the token or
certificate of its one user. Files are read here and their content goes along, since a worker may have another disk.
Exec plugins and auth providers stay at home, with their arguments and their environment: they are run here, and what
they give, which is mostly good for minutes, is what goes.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kubeagentix.cluster.client import JSON
from kubeagentix.cluster.identity import EXEC_TIMEOUT_S, check, with_plugin_run
from kubeagentix.cluster.kubeconfig import Access
from kubeagentix.cluster.session import open_session
from kubeagentix.domain.secrets import Secret
from kubeagentix.errors import KubeconfigError, excerpt
from kubeagentix.fleet.ending import Ending
from kubeagentix.recognition.masking import masked

_CLUSTER = (
    *("server", "certificate-authority-data", "tls-server-name", "insecure-skip-tls-verify"),
    *("proxy-url", "disable-compression"),
)
_USER = (
    *("token", "username", "password", "client-certificate-data", "client-key-data"),
    *("as", "as-uid", "as-groups", "as-user-extra"),
)
_ELSEWHERE = (Path(os.devnull),)  # it comes from a file, as none would mean the service account of the worker's pod


class HandedAccess:
    """One cluster's access, which shows itself as a name and a server only. To pickle it hands the credential over."""

    __slots__ = ("_document", "context", "server")

    def __init__(self, context: str, server: str, document: Secret) -> None:
        self.context = context
        self.server = server
        self._document = document

    def __repr__(self) -> str:
        return f"HandedAccess(context={self.context!r}, server={address(self.server)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.context, self.server, self._document.reveal())

    def access(self) -> Access:
        """What a client is made of, where it has arrived."""
        held = msgspec.json.decode(self._document.reveal())
        return Access(
            context=self.context,
            namespace=held["namespace"],
            server=self.server,
            cluster=held["cluster"],
            user=held["user"],
            user_name=held["user_name"],
            folder=Path(os.sep),
            files=_ELSEWHERE,
        )


def _arrived(context: str, server: str, document: str) -> HandedAccess:
    return HandedAccess(context, server, Secret(document))


def address(server: str) -> str:
    """A server's URL without who logs in, and with which password."""
    split = urlsplit(server)
    return masked(split._replace(netloc=split.netloc.rpartition("@")[2]).geturl())


def is_slow(access: Access) -> bool:
    """Whether a program or a server is asked before the access can be handed over."""
    return not {"exec", "auth-provider"}.isdisjoint(access.user)


def hand_over(access: Access, *, timeout_s: float = EXEC_TIMEOUT_S, ending: Ending | None = None) -> HandedAccess:
    """The access with everything in it that requests need. Blocks: files are read, a plugin is run, without a terminal.

    Told by `ending` that nobody waits any more, the plugin is ended. Raises KubeconfigError.
    """
    ending = ending or Ending()
    try:
        check(access)
        user, cluster = _own_user(access, timeout_s, ending), _embedded(access.cluster, ("certificate-authority",))
        if access.is_in_cluster:
            cluster["certificate-authority-data"] = _encoded(access.folder / "ca.crt")
    except (OSError, ValueError, TypeError, AttributeError) as error:  # a field of another type, a file that is gone
        seen = f"what context {access.context!r} holds cannot be used: {excerpt(str(error), 120)}"
        raise KubeconfigError(seen, hint="get a new kubeconfig") from error
    document = {
        "namespace": access.namespace,
        "cluster": {key: cluster[key] for key in _CLUSTER if key in cluster},
        "user": {key: user[key] for key in _USER if key in user},
        "user_name": access.user_name,
    }
    return HandedAccess(access.context, access.server, Secret(msgspec.json.encode(document).decode()))


def _own_user(access: Access, timeout_s: float, ending: Ending) -> dict[str, Any]:
    if access.is_in_cluster:
        return {"token": (access.folder / "token").read_text().strip()}
    if "auth-provider" in access.user:
        return {"token": _provided_token(access)}
    given = with_plugin_run(access, timeout_s=timeout_s, begun=ending.when_told)
    user = _embedded(given.user, ("client-certificate", "client-key"))
    if "token" not in user and "tokenFile" in user:
        user["token"] = Path(str(user["tokenFile"])).read_text().strip()
    return user


def _provided_token(access: Access) -> str:
    """The token that the official client gets from an auth provider, which it refreshes and writes back."""
    session = open_session(access, connections=1)
    try:
        given = session.headers(accept=JSON).get("authorization", "")
    finally:
        session.close()
    scheme, _, token = given.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise KubeconfigError(f"the auth provider of context {access.context!r} gave no token", hint="log in again")
    return token


def _embedded(entry: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """The entry with the files that `keys` name in it."""
    files = {
        f"{key}-data": _encoded(Path(str(entry[key]))) for key in keys if key in entry and f"{key}-data" not in entry
    }
    return {**{key: value for key, value in entry.items() if key not in keys}, **files}


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
