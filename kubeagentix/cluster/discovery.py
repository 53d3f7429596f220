"""Which server this is, and under which API version it serves each kind.

Two requests tell: `/version`, and `/apis`, which lists the group versions. A group version that is served need not
hold every resource (batch/v1 had no CronJobs before Kubernetes 1.21), so a kind has candidates, best first; a list
answered 404 goes on to the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.domain.resources import Kind
from kubeagentix.errors import ApiError, ForbiddenError


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a server offers. `groups` maps API groups to versions; None where it may not be asked."""

    server_version: str
    groups: Mapping[str, frozenset[str]] | None

    def versions(self, kind: Kind) -> tuple[str, ...]:
        """The versions to try for `kind`, best first; none where the server lacks its group."""
        if not kind.group or self.groups is None:
            return kind.versions
        offered = self.groups.get(kind.group, frozenset())
        return tuple(version for version in kind.versions if version in offered)


async def discover(client: Client, deadline: Deadline) -> Served:
    """Ask the server what it is; one that forbids these questions (403) may still answer others.

    Raises UnreachableError, UnauthorizedError, KubeconfigError, and ApiError where no API server answers.
    """
    version, groups = await asyncio.gather(
        client.ask("/version", what="the server's version", deadline=deadline),
        client.ask("/apis", what="the server's API groups", deadline=deadline),
    )
    if version.status not in (200, 403) and groups.status not in (200, 403):
        version.checked("the server's version")
    try:
        server_version = str(_field(version.json("the server's version"), "gitVersion") or "")
    except (ForbiddenError, ApiError) as error:
        if isinstance(error, ApiError) and error.status == 200:
            raise
        server_version = ""
    try:
        served = _groups(groups.json("the server's API groups"))
    except (ForbiddenError, ApiError):
        served = None
    return Served(server_version=server_version, groups=served)


def list_path(kind: Kind, version: str, namespace: str | None) -> str:
    """The path of the list of `kind`: of one namespace, or (None) of all."""
    root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
    inside = f"/namespaces/{namespace}" if namespace is not None and kind.is_namespaced else ""
    return f"{root}{inside}/{kind.plural}"


def _groups(document: Any) -> dict[str, frozenset[str]] | None:
    groups = _field(document, "groups")
    if not isinstance(groups, list):
        return None
    return {
        str(_field(group, "name")): frozenset(
            str(_field(version, "version")) for version in _entries(group, "versions")
        )
        for group in groups
    }


def _entries(document: Any, name: str) -> list[Any]:
    found = _field(document, name)
    return found if isinstance(found, list) else []


def _field(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, dict) else None
