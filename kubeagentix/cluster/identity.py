"""Who asks: client certificates looked at before use, and exec plugins run as kubectl runs them.

A certificate that has expired, or a plugin that is not installed, is told before any request: the server would only
say 401. The plugin is run here, with a time limit; the official client logs its failure and goes on as nobody.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubeagentix.cluster.kubeconfig import Access
from kubeagentix.errors import KubeconfigError, excerpt

EXEC_TIMEOUT_S = 60.0  # a plugin may open a browser and wait for its user
_CONFIG_EXTENSION = "client.authentication.k8s.io/exec"  # the cluster extension handed to plugins as their config


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecCredential:
    """What a plugin gave: a token, or a client certificate with its key (PEM); `expires_at` None: not told."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    expires_at: datetime | None = None


def check(access: Access) -> None:
    """Look at files, certificate and plugin of `access` without using them. Raises KubeconfigError."""
    if "certificate-authority-data" not in access.cluster:
        _require_file(access.cluster.get("certificate-authority"), f"certificate-authority of {access.context!r}")
    user = access.user
    for key in ("client-certificate", "client-key"):
        if f"{key}-data" not in user:
            _require_file(user.get(key), f"{key} of user {access.user_name!r}")
    if "token" not in user:
        _require_file(user.get("tokenFile"), f"token file of user {access.user_name!r}")
    _check_certificate(access)
    if "exec" in user:
        _exec_command(access)


Begun = Callable[[Callable[[], None]], None]  # is given what ends the plugin, once that runs


def run_exec_plugin(access: Access, *, timeout_s: float = EXEC_TIMEOUT_S, begun: Begun | None = None) -> ExecCredential:
    """Run the plugin of `access` and return what it gave. Blocks.

    With `begun` it has no terminal at all, hears no Ctrl-C, and ends with all that it has started. Raises
    KubeconfigError.
    """
    spec = access.user["exec"]
    command = _exec_command(access)
    arguments = [str(item) for item in spec.get("args") or ()]
    what = f"the exec plugin {spec['command']!r} of user {access.user_name!r}"
    is_interactive = spec.get("interactiveMode") != "Never" and sys.stdin is not None and sys.stdin.isatty()
    try:
        environment = _exec_environment(access, is_interactive=is_interactive)
        done = _run([command, *arguments], environment, timeout_s, begun, is_interactive=is_interactive)
    except subprocess.TimeoutExpired as error:
        raise KubeconfigError(f"{what} gave no answer within {timeout_s:g} s", hint=_try_it(spec)) from error
    except OSError as error:
        raise KubeconfigError(f"{what} could not be started: {error.strerror}", hint=_try_it(spec)) from error
    if done.returncode != 0:
        said = excerpt(done.stderr or "") or "it said nothing"
        raise KubeconfigError(f"{what} failed with exit code {done.returncode}: {said}", hint=_try_it(spec))
    return _read_credential(done.stdout, what, spec)


def _run(
    words: list[str], environment: Mapping[str, str], timeout_s: float, begun: Begun | None, *, is_interactive: bool
) -> subprocess.CompletedProcess[str]:
    process = subprocess.Popen(
        words,
        env=environment,
        stdin=None if is_interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # At a terminal its prompts must be seen; elsewhere its complaint belongs into the error.
        stderr=None if is_interactive else subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=begun is not None,
    )

    def end() -> None:
        if process.poll() is not None:
            return
        if begun is not None and hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()

    with process:
        try:
            if begun is not None:
                begun(end)
            said, complained = process.communicate(timeout=timeout_s)
        except BaseException:
            end()
            raise
    return subprocess.CompletedProcess(words, process.returncode, said, complained)


def with_plugin_run(access: Access, *, timeout_s: float = EXEC_TIMEOUT_S, begun: Begun = lambda _: None) -> Access:
    """The access with what its exec plugin gave instead of the plugin; the same where it has none. Blocks.

    The plugin is told that nobody sits at a terminal, and has none. Raises KubeconfigError, also for one that must ask
    somebody.
    """
    spec = access.user.get("exec")
    if not isinstance(spec, dict) or "token" in access.user or "tokenFile" in access.user:
        return access
    if spec.get("interactiveMode") == "Always":
        raise KubeconfigError("its exec plugin must ask you something", hint="run kubectl with it, in a terminal")
    quiet = replace(access, user={**access.user, "exec": {**spec, "interactiveMode": "Never"}})
    given = run_exec_plugin(quiet, timeout_s=timeout_s, begun=begun)
    user = {key: value for key, value in access.user.items() if key != "exec"}
    if given.token:
        user["token"] = given.token
    if given.certificate and given.key:
        pair = {"client-certificate-data": given.certificate, "client-key-data": given.key}
        user |= {key: base64.b64encode(pem.encode()).decode() for key, pem in pair.items()}
    return replace(access, user=user)


def _require_file(path: Any, what: str) -> None:
    if path is not None and ("\0" in str(path) or not os.access(str(path), os.R_OK)):
        seen = "is not readable" if os.access(str(path).replace("\0", ""), os.F_OK) else "does not exist"
        raise KubeconfigError(f"the {what} is {path}, which {seen}", hint="get a new kubeconfig or mend the path")


def _check_certificate(access: Access) -> None:
    pem = _client_certificate(access)
    if pem is None:
        return
    from cryptography import x509  # noqa: PLC0415  40 ms to import, and many identities are tokens

    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise KubeconfigError(
            f"the client certificate of user {access.user_name!r} is no PEM certificate", hint="get a new kubeconfig"
        ) from error
    ended = certificate.not_valid_after_utc
    if ended < datetime.now(UTC):
        raise KubeconfigError(
            f"the client certificate of user {access.user_name!r} expired on {ended:%Y-%m-%d %H:%M} UTC",
            hint="get a new kubeconfig (on kubeadm: `kubeadm certs renew admin.conf`)",
        )


def _client_certificate(access: Access) -> bytes | None:
    data, path = access.user.get("client-certificate-data"), access.user.get("client-certificate")
    if data is not None:
        try:
            return base64.b64decode(str(data), validate=False)
        except binascii.Error as error:
            raise KubeconfigError(
                f"client-certificate-data of user {access.user_name!r} is not base64", hint="get a new kubeconfig"
            ) from error
    return Path(str(path)).read_bytes() if path is not None else None


def _exec_command(access: Access) -> str:
    spec = access.user["exec"]
    name = str(spec.get("command") or "") if isinstance(spec, dict) else ""
    if not name:
        raise KubeconfigError(f"user {access.user_name!r} has an exec plugin without a command", hint="see its `exec`")
    # A path is relative to the kubeconfig, a bare name is looked up on PATH.
    command = str(access.folder / name) if os.path.dirname(name) else name  # noqa: PTH120  Path hides the leading "./"
    found = shutil.which(command, path=_extra_environment(spec).get("PATH")) if "\0" not in command else None
    if found is None:
        advice = excerpt(str(spec.get("installHint") or "")) or "install it, or put it on PATH"
        raise KubeconfigError(
            f"the exec plugin {name!r} of user {access.user_name!r} is not installed (not found on PATH)", hint=advice
        )
    return found


def _exec_environment(access: Access, *, is_interactive: bool) -> dict[str, str]:
    spec = access.user["exec"]
    info: dict[str, Any] = {"interactive": is_interactive}
    if spec.get("provideClusterInfo"):
        info["cluster"] = _cluster_info(access.cluster)
    request = {"apiVersion": spec.get("apiVersion", ""), "kind": "ExecCredential", "spec": info}
    return {**os.environ, **_extra_environment(spec), "KUBERNETES_EXEC_INFO": json.dumps(request)}


def _extra_environment(spec: Mapping[str, Any]) -> dict[str, str]:
    entries = spec.get("env")
    named = [item for item in entries if isinstance(item, dict)] if isinstance(entries, list) else []
    return {str(item.get("name")): str(item.get("value") or "") for item in named}


def _cluster_info(cluster: Mapping[str, Any]) -> dict[str, Any]:
    fields = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    info = {key: cluster[key] for key in fields if key in cluster}
    if "certificate-authority" in cluster and "certificate-authority-data" not in cluster:
        authority = Path(str(cluster["certificate-authority"])).read_bytes()
        info["certificate-authority-data"] = base64.b64encode(authority).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == _CONFIG_EXTENSION:
            info["config"] = extension.get("extension")
    return info


def _read_credential(output: str, what: str, spec: Mapping[str, Any]) -> ExecCredential:
    try:
        answer = json.loads(output)
        status = answer.get("status") or {}
        credential = ExecCredential(
            token=status.get("token") or "",
            certificate=status.get("clientCertificateData") or "",
            key=status.get("clientKeyData") or "",
            expires_at=_moment(status.get("expirationTimestamp")),
        )
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        # What it printed may be a credential: it is not repeated.
        raise KubeconfigError(f"{what} printed no ExecCredential JSON", hint=_try_it(spec)) from error
    if not credential.token and not (credential.certificate and credential.key):
        raise KubeconfigError(f"{what} gave neither a token nor a certificate with its key", hint=_try_it(spec))
    return credential


def _moment(text: str | None) -> datetime | None:
    moment = datetime.fromisoformat(text) if text else None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _try_it(spec: Mapping[str, Any]) -> str:
    # Without its arguments: some hold a password.
    return f"run {excerpt(str(spec['command']))} by hand to see why"
