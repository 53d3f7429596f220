"""The kubeconfig: each file, the current context, and what each context names that is not there or has expired."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kubeagentix.cluster.identity import check as check_identity
from kubeagentix.cluster.kubeconfig import Access, list_contexts, nearest, resolve_each
from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.places import faults_at_start, home_of, is_closed, is_made, owner_of, shown, to_read_it
from kubeagentix.errors import KubeconfigError, excerpt
from kubeagentix.paths import expanded
from kubeagentix.toolkit.wording import count_of
from kubeagentix.wire.readiness import bare_url

SOON = timedelta(days=7)
READ_S = 5.0  # for a file that may be on a server which is gone
FEW = 6  # contexts that are told one by one where something is wrong with more than the current one
_HANGS = "is it on a server that is gone, or a pipe that nobody writes to?"
_NONE = "name one with --kubeconfig or KUBECONFIG; without a cluster, try `kubeagentix demo`"


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells about the files, then about the contexts in them."""
    files = files_of(about)
    there = [path for path in files if await _is_there(path, about, tell)]
    if files and not there:
        return
    try:
        contexts = await contexts_of(about)
    except KubeconfigError as error:
        if not there:
            seen = error.message.removeprefix("no kubeconfig: ")
            tell.absent("kubeconfig", seen, _NONE, code="none")
        elif not any(result.state == "failed" for result in tell.results):
            tell.error("kubeconfig", error)  # else a file has told it
        return
    await about.in_thread(lambda: _tell_contexts(contexts, about, tell))


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts by name, each with its access or why it has none, and which one is asked where none is named."""

    each: Mapping[str, Access | KubeconfigError]
    current: str

    def access(self, name: str) -> Access:
        """That of a context whose files and plugins are there. Raises KubeconfigError."""
        found = self.each.get(name)
        if found is None:
            raise KubeconfigError(f"there is no context {name!r}", hint=nearest(name, self.each, of="contexts"))
        if isinstance(found, KubeconfigError):
            raise found
        try:
            check_identity(found)
        except (OSError, ValueError, TypeError, AttributeError) as error:  # fields of some other type than is due
            seen = f"what context {name!r} holds cannot be used: {excerpt(str(error), 120)}"
            raise KubeconfigError(seen, hint="get a new kubeconfig") from error
        return found


async def contexts_of(about: Surroundings) -> Contexts:
    """All of them; the files are read once for all checks. Raises KubeconfigError."""
    try:
        async with asyncio.timeout(READ_S):
            return await about.once("contexts", lambda: _read(about))
    except TimeoutError as error:
        raise KubeconfigError(f"it could not be read within {READ_S:g} s", hint=_HANGS) from error


def _read(about: Surroundings) -> Contexts:
    current, each = resolve_each(about.kubeconfig)
    return Contexts(each, about.context or current)


async def _is_there(path: Path, about: Surroundings, tell: Tell) -> bool:
    """Tells about one file; whether it is there."""
    try:
        async with asyncio.timeout(READ_S):
            return await about.in_thread(lambda: _tell_file(path, about, tell))
    except TimeoutError:
        tell.failed(shown(path, about.environ), f"could not be read within {READ_S:g} s", _HANGS, code="timeout")
        return True


def files_of(about: Surroundings) -> tuple[Path, ...]:
    """The files that would be merged, there or not; none where nothing names one and the usual one is not there."""
    if about.kubeconfig is not None:
        return (expanded(about.kubeconfig, about.environ),)
    named = [expanded(part, about.environ) for part in about.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    home = home_of(about.environ)
    usual = home / ".kube/config" if home is not None else None
    return tuple(named) or ((usual,) if usual is not None and (os.path.lexists(usual) or is_closed(usual)) else ())


def _tell_file(path: Path, about: Surroundings, tell: Tell) -> bool:
    """Tells about one file; whether it is there."""
    what = shown(path, about.environ)
    if is_closed(path) or (path.exists() and not os.access(path, os.R_OK)):
        do = to_read_it(about.root, about.environ)
        tell.failed(what, f"cannot be read: {owner_of(path)}", do, code="unreadable")
    elif not path.exists():
        _tell_missing(path, about, tell)
        return False
    elif path.is_dir():
        is_empty = not any(path.iterdir())
        do = "Docker makes one where a file that is mounted does not exist: mount a file" if is_empty else "name a file"
        tell.failed(what, "is an empty folder" if is_empty else "is a folder, not a file", do, code="folder")
    elif path.is_fifo():
        tell.ok(what, "a pipe, which can be read once only")
    else:
        _tell_content(path, what, tell)
    return True


def _tell_missing(path: Path, about: Surroundings, tell: Tell) -> None:
    if is_made(path):
        faults = faults_at_start(path)
        for fault, do in faults:
            tell.failed("kubeconfig", f"as the container started: {fault}", do, code="unusable")
        if faults:
            return
        seen = "none was there when the container started"
        tell.absent("kubeconfig", seen, "mount ~/.kube, or use the demo cluster", code="none")
        return
    is_from_variable = about.kubeconfig is None and bool(about.environ.get("KUBECONFIG"))
    do = "take it out of KUBECONFIG, or unset that" if is_from_variable else "check the path"
    seen = "is named by KUBECONFIG and does not exist" if is_from_variable else "does not exist"
    has_others = len(files_of(about)) > 1
    (tell.warning if has_others else tell.failed)(shown(path, about.environ), seen, do, code="missing")


def _tell_content(path: Path, what: str, tell: Tell) -> None:
    try:
        contexts = list_contexts(path)
    except KubeconfigError as error:
        tell.error(what, error)
        return
    count = count_of(len(contexts), "context")
    made = ", made of the host's when the container started" if is_made(path) else ""
    (tell.ok if contexts else tell.warning)(what, f"{count}{made}" if contexts else "holds no context")


def _tell_contexts(contexts: Contexts, about: Surroundings, tell: Tell) -> None:
    _tell_chosen(contexts, about, tell)
    others = [name for name in contexts.each if name != contexts.current]
    broken = [(name, error) for name in others if (error := _error_of(name, contexts)) is not None]
    for name, error in broken if about.all_contexts else broken[:FEW]:
        tell.error(f"context {name}", error, is_failure=about.all_contexts)
    if len(broken) > FEW and not about.all_contexts:
        tell.warning("other contexts", f"{len(broken) - FEW} more cannot be used", "see all with --all-contexts")
    elif others and not broken:
        tell.ok("other contexts", f"{len(others)}, each with its files and plugins there")


def _tell_chosen(contexts: Contexts, about: Surroundings, tell: Tell) -> None:
    name = contexts.current
    what = f"context {name}" if about.context else f"current context {name}" if name else "current context"
    if not name:
        do = f"choose one: kubectl config use-context NAME; {nearest('', contexts.each, of='contexts')}"
        tell.failed(what, "none is set", do, code="kubeconfig")
        return
    try:
        access = contexts.access(name)
    except KubeconfigError as error:
        tell.error(what, error)
        return
    ends = certificate_end(access)
    who = "as the service account of this pod" if access.is_in_cluster else f"as {access.user_name or 'nobody'}"
    if ends is not None and ends - datetime.now(UTC) < SOON:
        seen = f"its client certificate expires on {ends:%Y-%m-%d %H:%M} UTC"
        tell.warning(what, seen, "get a new kubeconfig before that", code="expires_soon")
    else:
        until = f", certificate valid until {ends:%Y-%m-%d}" if ends is not None else ""
        tell.ok(what, f"{bare_url(access.server)} {who}{until}")


def _error_of(name: str, contexts: Contexts) -> KubeconfigError | None:
    try:
        contexts.access(name)
    except KubeconfigError as error:
        return error
    return None


def certificate_end(access: Access) -> datetime | None:
    """When the client certificate ends; None without one that can be read."""
    from cryptography import x509  # noqa: PLC0415  40 ms to import, and many identities are tokens

    data, path = access.user.get("client-certificate-data"), access.user.get("client-certificate")
    if data is None and path is None:
        return None
    try:
        pem = base64.b64decode(str(data)) if data is not None else Path(str(path)).read_bytes()
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except (OSError, ValueError, binascii.Error):
        return None


def has_authority(access: Access) -> bool:
    """Whether the authority of the cluster, if one is named, is a certificate."""
    data, path = access.cluster.get("certificate-authority-data"), access.cluster.get("certificate-authority")
    if not data and not path:
        return True
    try:
        pem = base64.b64decode(str(data)) if data else Path(str(path)).read_bytes()
        ssl.create_default_context(cadata=pem.decode())
    except (OSError, ValueError):  # an ssl.SSLError is an OSError
        return False
    return True


check = Check(name="Kubeconfig", run=run)
