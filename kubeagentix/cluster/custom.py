"""Reads custom resources: every kind that some operator has defined, as far as the time goes.

Definitions tell the kinds, or (where they may not be listed) discovery. There may be hundreds of them, and theirs are
the least of a picture's objects, so few are read at a time, each in small pages, until a bound or the deadline; what
is left out is told in a few gaps, never in one for each kind.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.discovery import Served
from kubeagentix.cluster.lists import Listing, ListRequest, read_list
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.extensions import CustomResourceDefinition
from kubeagentix.domain.resources import Kind, custom_kind, is_custom
from kubeagentix.errors import ClusterError, ForbiddenError

MAX_KINDS = 250  # Crossplane's larger providers define a thousand
MAX_OBJECTS = 500  # of one kind: reports and endpoints come by the ten thousand
MAX_GROUPS = 60  # asked one by one where definitions may not be listed
PAGE_SIZE = 100  # an object may be as large as 1 MiB
AT_A_TIME = 4  # half of the client's workers, so that logs are read meanwhile
SHOWN = 5
_VERSION = re.compile(r"v(?P<major>\d+)(?:(?P<stage>alpha|beta)(?P<minor>\d+))?")
_STAGES = {"alpha": 0, "beta": 1, None: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomListings:
    """What came of it: listings by the names of their kinds, and what could not be read."""

    listings: Mapping[str, Listing]
    gaps: tuple[Gap, ...] = ()


def kinds_of(definitions: Iterable[CustomResourceDefinition]) -> tuple[Kind, ...]:
    """The kinds that `definitions` define and that may have a status, each in its storage version if that is served."""
    found = []
    for definition in definitions:
        spec = definition.spec
        served = [version for version in spec.versions if version.served]
        version = next((item for item in served if item.storage), served[0] if served else None)
        if version is not None and version.has_status and is_custom(spec.group, spec.names.kind):
            found.append((spec.group, spec.names.kind, spec.names.plural, version.name, spec.scope == "Namespaced"))
    return _kinds(found)


async def discover_kinds(client: Client, served: Served, deadline: Deadline) -> tuple[Kind, ...]:
    """The kinds of all groups that are not Kubernetes' own, as discovery tells them; what it does not tell is left."""
    groups = sorted(group for group in served.groups or () if is_custom(group, "") and not _is_metrics(group))
    limit = asyncio.Semaphore(AT_A_TIME)

    async def discover(group: str) -> list[tuple[str, str, str, str, bool]]:
        version = max((served.groups or {})[group], key=_priority)
        try:
            async with limit:
                answer = await client.ask(f"/apis/{group}/{version}", what=f"the API group {group}", deadline=deadline)
            document = answer.json(f"the API group {group}")
        except ClusterError:
            return []
        return [(group, kind, plural, version, namespaced) for kind, plural, namespaced in _listable(document)]

    found = await asyncio.gather(*(discover(group) for group in groups[:MAX_GROUPS]))
    return _kinds(item for items in found for item in items)


def _is_metrics(group: str) -> bool:
    return group == "metrics.k8s.io" or group.endswith(".metrics.k8s.io")


def _priority(version: str) -> tuple[int, int, int, str]:
    """Kubernetes' own order of versions: v2 before v1 before v1beta2 before v1alpha1."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (-1, 0, 0, version)
    return (_STAGES[match["stage"]], int(match["major"]), int(match["minor"] or 0), version)


def _listable(document: object) -> Iterator[tuple[str, str, bool]]:
    """(kind, plural, whether namespaced) of the resources of an APIResourceList that have a status."""
    entries = document.get("resources") if isinstance(document, dict) else None
    resources = [item for item in entries if isinstance(item, dict)] if isinstance(entries, list) else []
    names = {str(item.get("name")) for item in resources}
    for item in resources:
        name, kind, verbs = str(item.get("name", "")), item.get("kind"), item.get("verbs")
        if isinstance(kind, str) and isinstance(verbs, list) and "list" in verbs and f"{name}/status" in names:
            yield kind, name, item.get("namespaced") is True


def _kinds(found: Iterable[tuple[str, str, str, str, bool]]) -> tuple[Kind, ...]:
    unique = sorted({(group, kind): item for item in found for group, kind in [item[:2]]}.items())
    counts = Counter(kind for (_, kind), _ in unique)
    taken = {kind for kind, count in counts.items() if count > 1}
    return tuple(
        custom_kind(group, kind, plural, version, is_namespaced=namespaced, taken=taken)
        for _, (group, kind, plural, version, namespaced) in unique
        if is_custom(group, kind)
    )


async def read_custom(
    client: Client, kinds: Sequence[Kind], namespace: str | None, deadline: Deadline
) -> CustomListings:
    """The objects of `kinds` in a namespace (and those of no namespace), or in all. Raises KubeconfigError only."""
    limit = asyncio.Semaphore(AT_A_TIME)

    async def read(kind: Kind) -> Listing:
        request = ListRequest(
            kind=kind, versions=kind.versions, namespace=namespace, page_size=PAGE_SIZE, max_items=MAX_OBJECTS
        )
        async with limit:
            return await read_list(client, request, deadline)

    chosen = kinds[:MAX_KINDS]
    tasks = [asyncio.ensure_future(read(kind)) for kind in chosen]
    try:
        listings = dict(zip(chosen, await asyncio.gather(*tasks), strict=True))
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    return CustomListings(
        listings={kind.name: listing for kind, listing in listings.items() if listing.items is not None},
        gaps=tuple(_gaps(listings, kinds[MAX_KINDS:], namespace, deadline)),
    )


def _gaps(
    listings: Mapping[Kind, Listing], left_out: Sequence[Kind], namespace: str | None, deadline: Deadline
) -> Iterator[Gap]:
    place = f"in namespace {namespace}" if namespace is not None else "in all namespaces"
    for kind, listing in listings.items():
        yield from listing.gaps
        if listing.items and (listing.error is not None or listing.is_cut):
            what = f"{kind.plural}.{kind.group} {place} after the first {len(listing.items)}"
            why = (
                listing.error.message if listing.error is not None else f"no more than {MAX_OBJECTS} of a kind are read"
            )
            yield Gap(what=what, why=why, kind=kind.name, namespace=namespace or "")

    def unread(is_meant: Callable[[ClusterError], bool]) -> list[Kind]:
        return [
            kind
            for kind, listing in listings.items()
            if listing.error is not None and not listing.items and is_meant(listing.error)
        ]

    def is_late(error: ClusterError) -> bool:
        return isinstance(error.__cause__, TimeoutError)

    def is_refused(error: ClusterError) -> bool:
        return isinstance(error, ForbiddenError)

    refused = unread(is_refused)
    if namespace is not None:  # whoever works in one namespace does not expect to see what belongs to none
        refused = [kind for kind in refused if kind.is_namespaced]
    yield from _together(refused, place, "403 Forbidden: ask for list on them")
    yield from _together(unread(is_late), place, f"not read within {deadline.seconds:.3g} s")
    yield from _together(
        unread(lambda error: not is_late(error) and not is_refused(error)), place, "the server failed to list them"
    )
    yield from _together(left_out, place, f"no more than {MAX_KINDS} kinds are read")


def _together(kinds: Sequence[Kind], place: str, why: str) -> Iterator[Gap]:
    if kinds:
        names = ", ".join(f"{kind.plural}.{kind.group}" for kind in kinds[:SHOWN])
        more = f" and {len(kinds) - SHOWN} more kinds" if len(kinds) > SHOWN else ""
        yield Gap(what=f"custom resources {place}: {names}{more}", why=why)
