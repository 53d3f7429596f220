"""Remedies as kubectl commands that can be pasted, built from references to objects."""

from __future__ import annotations

import json
from collections.abc import Mapping

from kubeagentix.domain.diagnosis import Remedy, ResourceRef


def arguments(ref: ResourceRef) -> str:
    """`deployment/web -n shop`: how kubectl is told of an object."""
    place = f" -n {ref.namespace}" if ref.namespace else ""
    return f"{ref.kind.lower()}/{ref.name}{place}"


def describe(ref: ResourceRef, why: str = "") -> Remedy:
    """Show an object with its events."""
    return Remedy(title=f"Look at {ref}", command=f"kubectl describe {arguments(ref)}", effect="read", why=why)


def read(title: str, command: str, namespace: str = "", why: str = "") -> Remedy:
    """A command that changes nothing; `command` comes without `kubectl` and without `-n`."""
    return Remedy(title=title, command=_complete(command, namespace), effect="read", why=why)


def write(title: str, command: str, namespace: str = "", why: str = "") -> Remedy:
    """A command that changes the cluster; `command` comes without `kubectl` and without `-n`."""
    return Remedy(title=title, command=_complete(command, namespace), effect="write", why=why)


def edit(ref: ResourceRef, title: str, why: str = "") -> Remedy:
    """Open an object in an editor."""
    return Remedy(title=title, command=f"kubectl edit {arguments(ref)}", effect="write", why=why)


def select(ref: ResourceRef, changes: Mapping[str, str | None], meant: ResourceRef) -> Remedy:
    """The command that gives the Service those pairs of its selector, None for one to drop."""
    patch = json.dumps({"spec": {"selector": dict(changes)}}, separators=(",", ":"))
    command = f"patch service {ref.name} --type=merge -p '{patch}'"
    return write(f"Let it select the pods of {meant}", command, ref.namespace)


def labels_argument(labels: dict[str, str]) -> str:
    """`app=web,tier=front`: a selector as kubectl takes it after `-l`."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _complete(command: str, namespace: str) -> str:
    return f"kubectl {command} -n {namespace}" if namespace else f"kubectl {command}"
