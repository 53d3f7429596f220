"""The official client's configuration and connection pool for one access, and the headers its requests carry.

Only these two parts of the `kubernetes` package are used; its models and API classes are never imported. Building a
session may run an exec plugin or refresh a token over the network, so it happens at the first request, on a worker.
"""

from __future__ import annotations

import binascii
import importlib
import ipaddress
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubeagentix.cluster.certificates import AUTHORITY, CERTIFICATE, KEY, split, use_client_certificate
from kubeagentix.cluster.exchange import make_breakable
from kubeagentix.cluster.identity import ExecCredential, run_exec_plugin
from kubeagentix.cluster.kubeconfig import Access
from kubeagentix.errors import KubeAgentiXError, KubeconfigError, excerpt

if TYPE_CHECKING:
    import urllib3

USER_AGENT = "kubeagentix"
EXPIRY_SKEW = timedelta(seconds=30)  # a credential this close to its end is renewed before it is used


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A connection pool, and how its requests say who asks. `is_renewable`: a new one may know a newer credential."""

    pool: urllib3.PoolManager = field(repr=False)
    configuration: Any = field(repr=False)
    extra_headers: tuple[tuple[str, str], ...] = field(repr=False)
    expires_at: datetime | None
    is_renewable: bool
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def is_expired(self) -> bool:
        """Whether its credential is at its end."""
        return self.expires_at is not None and self.expires_at - EXPIRY_SKEW <= datetime.now(UTC)

    def close(self) -> None:
        """Close the connections that are idle now, and the others as soon as they are."""
        for key in self.pool.pools.keys():  # noqa: SIM118  no plain mapping
            with suppress(KeyError):  # it may have gone since
                self.pool.pools[key].close()
        self.pool.clear()

    def headers(self, *, accept: str) -> urllib3.HTTPHeaderDict:
        """The headers of one request. May refresh a token (OIDC, service account), so it can block."""
        import urllib3  # noqa: PLC0415  80 ms to import

        headers = urllib3.HTTPHeaderDict({"accept": accept, "user-agent": USER_AGENT})
        # Inflating costs more than it saves where bytes cross no wire.
        headers["accept-encoding"] = "identity" if is_loopback(self.configuration.host) else "gzip"
        with self._lock:  # the official client's refresh hooks are not made for threads
            settings = self.configuration.auth_settings()
        for setting in settings.values():
            if setting["in"] == "header" and setting.get("value"):
                headers[setting["key"]] = setting["value"].strip()
        for name, value in self.extra_headers:
            headers.add(name, value)
        return headers


def open_session(access: Access, *, connections: int) -> Session:
    """A session for `access` with room for that many connections. Blocks. Raises KubeconfigError."""
    try:
        _import_official()
        return _open(access, connections)
    except KubeAgentiXError:
        raise
    except Exception as error:  # the official loader and its token refreshes raise nearly anything
        raise KubeconfigError(
            f"the access of context {access.context!r} cannot be used: {excerpt(str(error)) or type(error).__name__}",
            hint="see whether kubectl works with it",
        ) from error


_importing = threading.Lock()


def _import_official() -> None:
    """Imports the official package at the first request, as it takes 300 ms; one thread alone, or others lack names."""
    with _importing:
        for name in ("kubernetes.client.rest", "kubernetes.config.incluster_config"):
            importlib.import_module(name)


def _open(access: Access, connections: int) -> Session:
    from kubernetes.client import Configuration  # noqa: PLC0415  imported above
    from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415

    configuration = Configuration()
    credential = ExecCredential()
    certificates: dict[str, bytes] = {}
    if access.is_in_cluster:
        _load_in_cluster(configuration, access)
    elif "auth-provider" in access.user:
        _load_with_auth_provider(configuration, access)
    else:
        if "exec" in access.user and "token" not in access.user and "tokenFile" not in access.user:
            credential = run_exec_plugin(access)
        certificates = _load_static(configuration, access, credential)
    configuration.connection_pool_maxsize = connections
    if is_loopback(access.server) and "proxy-url" not in access.cluster:
        configuration.proxy = None  # as in kubectl, HTTPS_PROXY is not for this machine
    if not configuration.verify_ssl:
        _accept_unverified()
    pool = RESTClientObject(configuration).pool_manager
    if not certificates.keys().isdisjoint((CERTIFICATE, KEY)):
        use_client_certificate(pool, certificates, access.user)
    make_breakable(pool.connection_from_url(access.server))
    return Session(
        pool=pool,
        configuration=configuration,
        extra_headers=tuple(_impersonation(access.user)),
        expires_at=credential.expires_at,
        is_renewable=access.is_in_cluster or not {"exec", "auth-provider", "tokenFile"}.isdisjoint(access.user),
    )


def _load_static(configuration: Any, access: Access, credential: ExecCredential) -> dict[str, bytes]:
    """Loads all but client certificates that are no files, which are returned."""
    from kubernetes.config import load_kube_config_from_dict  # noqa: PLC0415  300 ms to import

    try:
        user, certificates = split(access.user)
        cluster, authorities = split(access.cluster)
    except binascii.Error as error:
        raise KubeconfigError(
            f"a certificate or key of context {access.context!r} is not base64", hint="get a new kubeconfig"
        ) from error
    user.pop("exec", None)
    if credential.token:
        user["token"] = credential.token
    if credential.certificate and credential.key:
        certificates = {CERTIFICATE: credential.certificate.encode(), KEY: credential.key.encode()}
    document = _single_context(access.context, {**cluster, "server": access.server}, user)
    load_kube_config_from_dict(document, client_configuration=configuration)  # type: ignore[no-untyped-call]
    if AUTHORITY in authorities:
        configuration.ca_cert_data = authorities[AUTHORITY].decode()
    return certificates


def _single_context(name: str, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
    }


def _load_with_auth_provider(configuration: Any, access: Access) -> None:
    # From the files themselves: a refreshed token is written back, as kubectl does, or the next refresh would fail.
    from kubernetes.config import kube_config  # noqa: PLC0415  300 ms to import

    files = kube_config.ENV_KUBECONFIG_PATH_SEPARATOR.join(str(path) for path in access.files)
    kube_config.load_kube_config(  # type: ignore[no-untyped-call]
        config_file=files, context=access.context, client_configuration=configuration
    )


def _load_in_cluster(configuration: Any, access: Access) -> None:
    from kubernetes.config.incluster_config import InClusterConfigLoader  # noqa: PLC0415  300 ms to import

    loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
        token_filename=str(access.folder / "token"), cert_filename=str(access.folder / "ca.crt")
    )
    loader.load_and_set(configuration)  # type: ignore[no-untyped-call]


def _accept_unverified() -> None:
    # The kubeconfig asks for it (insecure-skip-tls-verify); kubectl does not warn at each request either.
    import urllib3  # noqa: PLC0415  80 ms to import

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _impersonation(user: Mapping[str, Any]) -> list[tuple[str, str]]:
    # `as`, `as-uid`, `as-groups`, `as-user-extra` of the kubeconfig, which the official loader leaves out.
    headers = [(name, str(user[key])) for key, name in _IMPERSONATE.items() if key in user]
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{key}", str(value)) for value in values]
    return headers


_IMPERSONATE = {"as": "Impersonate-User", "as-uid": "Impersonate-Uid"}


def is_loopback(url: str) -> bool:
    """Whether that URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
