"""Finds and merges kubeconfig files as kubectl does, and picks one context: who asks which server.

An explicit file stands alone. Otherwise `KUBECONFIG` (several files, merged: the first to name a cluster, a user, a
context or the current context wins), else `~/.kube/config`, else the service account of the pod this runs in.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubeagentix.errors import KubeconfigError, excerpt
from kubeagentix.paths import expanded

IN_CLUSTER = "in-cluster"  # the name kubectl gives to the context of a pod's own service account
SERVICE_ACCOUNT_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where the kubelet mounts it
MAX_NAMES = 8  # how many names a message lists
# Values that are paths, relative to the file they stand in.
_CLUSTER_PATHS = ("certificate-authority",)
_USER_PATHS = ("client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextInfo:
    """One context of the merged kubeconfig; `namespace` is its default one."""

    name: str
    cluster: str
    server: str
    namespace: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One context, resolved: the server and the identity, with absolute paths. Holds credentials: not for printing.

    `folder` is that of the file the user entry came from; `files` are all that were merged (none: in-cluster).
    """

    context: str
    namespace: str
    server: str
    cluster: Mapping[str, Any] = field(repr=False)
    user: Mapping[str, Any] = field(repr=False)
    user_name: str
    folder: Path
    files: tuple[Path, ...]

    @property
    def is_in_cluster(self) -> bool:
        """Whether this is the service account of the pod this runs in."""
        return not self.files


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Mapping[str, Any]
    folder: Path


@dataclass(frozen=True, slots=True)
class _Merged:
    files: tuple[Path, ...]
    current: str
    contexts: Mapping[str, _Entry]
    clusters: Mapping[str, _Entry]
    users: Mapping[str, _Entry]

    @property
    def where(self) -> str:
        return ", ".join(str(path) for path in self.files)


def list_contexts(kubeconfig: str | os.PathLike[str] | None = None) -> tuple[ContextInfo, ...]:
    """The contexts that `connect` accepts, in the files' order; one named `in-cluster` inside a pod without a file.

    Raises KubeconfigError.
    """
    merged = _read(kubeconfig)
    if merged is None:
        own = _in_cluster()
        return (
            ContextInfo(
                name=own.context, cluster=own.context, server=own.server, namespace=own.namespace, is_current=True
            ),
        )
    return tuple(
        ContextInfo(
            name=name,
            cluster=str(entry.value.get("cluster") or ""),
            server=_server_of(merged, str(entry.value.get("cluster") or "")),
            namespace=str(entry.value.get("namespace") or "default"),
            is_current=name == merged.current,
        )
        for name, entry in merged.contexts.items()
    )


def resolve(context: str | None = None, kubeconfig: str | os.PathLike[str] | None = None) -> Access:
    """The access of that context (None: the current one). Reads files only. Raises KubeconfigError."""
    merged = _read(kubeconfig)
    if merged is None:
        if context not in (None, IN_CLUSTER):
            raise KubeconfigError(
                f"there is no context {context!r}: no kubeconfig file was found",
                hint=f"name a file, or leave the context out to use this pod's own service account ({IN_CLUSTER})",
            )
        return _in_cluster()
    name = context or merged.current
    if not name:
        raise KubeconfigError(f"{merged.where} sets no current-context", hint=_choose_one_of(merged.contexts))
    entry = merged.contexts.get(name)
    if entry is None:
        said_by = "asked for" if context else f"the current-context of {merged.where}"
        raise KubeconfigError(
            f"there is no context {name!r} ({said_by})", hint=nearest(name, merged.contexts, of="contexts")
        )
    return _access(merged, name, entry)


def resolve_each(
    kubeconfig: str | os.PathLike[str] | None = None,
) -> tuple[str, Mapping[str, Access | KubeconfigError]]:
    """(the current context, empty if none is set; of every context its access, or why it has none).

    The current one need not be among them. The files are read once. Raises KubeconfigError.
    """
    merged = _read(kubeconfig)
    if merged is None:
        return IN_CLUSTER, {IN_CLUSTER: _in_cluster()}
    return merged.current, {name: _access_or_error(merged, name, entry) for name, entry in merged.contexts.items()}


def _access_or_error(merged: _Merged, name: str, entry: _Entry) -> Access | KubeconfigError:
    try:
        return _access(merged, name, entry)
    except KubeconfigError as error:
        return error


def nearest(wanted: str, names: Iterable[str], *, of: str) -> str:
    """A hint that offers the names most like `wanted`, or lists a few: `did you mean shop? namespaces: …`."""
    known = sorted(excerpt(name) for name in names)
    close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    listed = ", ".join(known[:MAX_NAMES]) + (f" and {len(known) - MAX_NAMES} more" if len(known) > MAX_NAMES else "")
    listing = f"{of}: {listed}" if known else f"there are no {of}"
    return f"did you mean {' or '.join(close)}? {listing}" if close else listing


def _choose_one_of(contexts: Mapping[str, _Entry]) -> str:
    return f"choose one with --context (context= in Python); {nearest('', contexts, of='contexts')}"


def _access(merged: _Merged, name: str, context: _Entry) -> Access:
    cluster_name = str(context.value.get("cluster") or "")
    cluster = merged.clusters.get(cluster_name)
    if cluster is None:
        raise KubeconfigError(
            f"context {name!r} names the cluster {cluster_name!r}, which {merged.where} does not hold",
            hint=nearest(cluster_name, merged.clusters, of="clusters"),
        )
    server = str(cluster.value.get("server") or "")
    if not _is_url(server):
        raise KubeconfigError(
            f"cluster {cluster_name!r} of {merged.where} has no usable server: {_shown(server)}",
            hint="it should look like https://host:6443",
        )
    user_name = str(context.value.get("user") or "")
    user = merged.users.get(user_name)
    if user_name and user is None:
        raise KubeconfigError(
            f"context {name!r} names the user {user_name!r}, which {merged.where} does not hold",
            hint=nearest(user_name, merged.users, of="users"),
        )
    user = user or _Entry({}, cluster.folder)
    return Access(
        context=name,
        namespace=str(context.value.get("namespace") or "default"),
        server=server.rstrip("/"),
        cluster=_absolute(cluster, _CLUSTER_PATHS),
        user=_absolute(user, _USER_PATHS),
        user_name=user_name,
        folder=user.folder,
        files=merged.files,
    )


def _shown(server: str) -> str:
    """Without who logs in, and with which password."""
    login, at, place = server.rpartition("@")
    return excerpt(f"{login.partition('//')[0]}//…@{place}" if at else server) or "none set"


def _is_url(server: str) -> bool:
    try:
        split = urlsplit(server)
        return split.scheme in ("https", "http") and bool(split.hostname) and split.port != 0
    except ValueError:  # half of an IPv6 address, or a port that is none
        return False


def _absolute(entry: _Entry, path_keys: tuple[str, ...]) -> dict[str, Any]:
    # Empty values count as absent, as in kubectl; the official loader would take them for set.
    values = {key: value for key, value in entry.value.items() if value not in (None, "")}
    return {key: str(entry.folder / str(value)) if key in path_keys else value for key, value in values.items()}


def _in_cluster() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    namespace_file = SERVICE_ACCOUNT_FOLDER / "namespace"
    namespace = namespace_file.read_text().strip() if namespace_file.is_file() else "default"
    return Access(
        context=IN_CLUSTER,
        namespace=namespace,
        server=f"https://{address}",
        cluster={},
        user={},
        user_name="service account",
        folder=SERVICE_ACCOUNT_FOLDER,
        files=(),
    )


def _is_in_cluster() -> bool:
    return (
        bool(os.environ.get("KUBERNETES_SERVICE_HOST") and os.environ.get("KUBERNETES_SERVICE_PORT"))
        and (SERVICE_ACCOUNT_FOLDER / "token").is_file()
    )


def _read(kubeconfig: str | os.PathLike[str] | None) -> _Merged | None:
    """The merged files, or None where a pod's service account stands in for them."""
    if kubeconfig is not None:
        path = expanded(os.fspath(kubeconfig))
        if os.path.isdir(path):  # noqa: PTH112  Path's own raises where a folder may not be entered
            raise KubeconfigError(f"{path} is a folder, not a kubeconfig file", hint="name a file in it")
        if not _is_there(path):  # a pipe will do
            raise KubeconfigError(f"there is no kubeconfig file {path}", hint="check the path")
        return _merge((path,))
    named = [expanded(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    candidates = named or [expanded("~/.kube/config")]
    files = tuple(path for path in candidates if _is_there(path))
    if files:
        return _merge(files)
    if _is_in_cluster():
        return None
    tried = ", ".join(str(path) for path in candidates)
    raise KubeconfigError(
        f"no kubeconfig: {'KUBECONFIG names ' if named else ''}{tried}, which does not exist, and this is no pod",
        hint="name one with --kubeconfig (kubeconfig= in Python) or KUBECONFIG; without a cluster, try the demo",
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # of a folder on the way; to read it says so
        return True


def _merge(files: tuple[Path, ...]) -> _Merged:
    current = ""
    sections: dict[str, dict[str, _Entry]] = {"contexts": {}, "clusters": {}, "users": {}}
    for path in files:
        document = _parse(path)
        current = current or str(document.get("current-context") or "")
        for section, entries in sections.items():
            for name, value in _named_entries(path, document, section):
                entries.setdefault(name, _Entry(value, path.parent.absolute()))
    return _Merged(files, current, sections["contexts"], sections["clusters"], sections["users"])


def _parse(path: Path) -> Mapping[str, Any]:
    # 20 ms to import, which `import kubeagentix` shall not cost
    from kubeagentix.cluster.foreign_yaml import ForeignYamlError, load_all  # noqa: PLC0415

    try:
        documents = load_all(path.read_text(encoding="utf-8"))
        if len(documents) > 1:
            raise ForeignYamlError("it holds more than one document")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text file"
        raise KubeconfigError(f"cannot read the kubeconfig {path}: {reason}", hint="check the path") from error
    except ForeignYamlError as error:
        reason = f" {error}" if error.line else f": {error}"
        raise KubeconfigError(
            f"the kubeconfig {path} is no YAML{reason}", hint="`kubectl config view` should print it"
        ) from error
    document = documents[0] if documents else None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise KubeconfigError(
            f"the kubeconfig {path} holds a {type(document).__name__}, not the fields of a kubeconfig",
            hint="`kubectl config view` should print it",
        )
    return document


def _named_entries(path: Path, document: Mapping[str, Any], section: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    entries = document.get(section) or []
    if not isinstance(entries, list):
        raise KubeconfigError(f"`{section}` of the kubeconfig {path} is no list", hint="see `kubectl config view`")
    for entry in entries:
        value = entry.get(section.removesuffix("s")) or {} if isinstance(entry, dict) else None
        if not isinstance(value, dict) or not entry.get("name"):
            raise KubeconfigError(
                f"the kubeconfig {path} has an entry in `{section}` without a name or fields",
                hint="see `kubectl config view`",
            )
        yield str(entry["name"]), value


def _server_of(merged: _Merged, cluster: str) -> str:
    entry = merged.clusters.get(cluster)
    return str(entry.value.get("server") or "") if entry else ""
