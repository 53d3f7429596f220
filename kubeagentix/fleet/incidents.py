"""The same incident on many clusters, told once: `ImagePullBackOff of registry.example on 37 of 200 clusters`.

Two root causes are one incident if they have the same reason and either blame the same thing outside of the clusters
(a registry, a host), or want the same image that cannot be had, or are the same object by name (machines: of the same
kind, as their names differ everywhere), or are workloads that run the same images under other names. These relations
are followed through. Of a reason the part after the slash counts too, but for what is shared and for images.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kubeagentix.domain.diagnosis import ResourceRef, Severity, digest
from kubeagentix.fleet.report import ClusterReport, RootCause

_MACHINES = ("Node", "PersistentVolume", "CSINode", "VolumeAttachment")  # named anew in each cluster
_MADE_UP = re.compile(r"-[a-z0-9]{5,10}(?:-[a-z0-9]{5})?$")  # what controllers add to the names of pods and Jobs
_GENERATED = ("Pod", "Job", "ReplicaSet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One of an incident's root causes: in which cluster, and which. `where` are the options that lead there."""

    cluster: str
    root: RootCause
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident. `affected` has the surest root cause first; `clusters` are names in the fleet, each cluster once.

    `of` is how many clusters were read. `id` stays the same from run to run.
    """

    id: str
    title: str
    reason: str
    severity: Severity
    clusters: tuple[str, ...]
    of: int
    affected: tuple[Affected, ...]
    since: datetime | None = None

    @property
    def example(self) -> Affected:
        """The one to look at first."""
        return self.affected[0]

    @property
    def spread(self) -> str:
        """`37 of 200 clusters`."""
        return f"{len(self.clusters)} of {self.of} cluster{'' if self.of == 1 else 's'}"


def incidents_of(reports: Sequence[ClusterReport]) -> tuple[Incident, ...]:
    """All incidents, worst first: by severity, then by the number of clusters, then by how sure they are."""
    affected = [
        Affected(cluster=report.name, root=root, where=report.where) for report in reports for root in report.roots
    ]
    identities = {report.name: report.identity or report.name for report in reports}
    read = len({identities[report.name] for report in reports if report.is_read})
    found = [_incident(group, identities, read) for group in _groups(affected)]
    return tuple(sorted(found, key=_worst_first))


def _worst_first(item: Incident) -> tuple[int, int, float, str, str]:
    return (-item.severity.rank, -len(item.clusters), -item.example.root.confidence, item.title, item.id)


def _groups(affected: Sequence[Affected]) -> Iterator[list[Affected]]:
    """Those with a key in common are together, and those with a key in common with one of them."""
    leaders = list(range(len(affected)))

    def leader(of: int) -> int:
        while leaders[of] != of:
            leaders[of] = leaders[leaders[of]]
            of = leaders[of]
        return of

    first: dict[tuple[str, ...], int] = {}
    for place, item in enumerate(affected):
        for key in keys_of(item.root):
            leaders[leader(place)] = leader(first.setdefault(key, place))
    groups: dict[int, list[Affected]] = defaultdict(list)
    for place, item in enumerate(affected):
        groups[leader(place)].append(item)
    yield from groups.values()


def keys_of(root: RootCause) -> tuple[tuple[str, ...], ...]:
    """What tells that a root cause is the same as another one; one in common is enough."""
    head, ref = root.reason.partition("/")[0], root.root
    if root.shared is not None:
        return (("shared", head, root.shared.kind, root.shared.name),)
    if root.image:
        return (("image", head, root.image), _named(root))
    if ref.kind in _MACHINES:
        return (("machine", root.reason, ref.kind),)
    running = (("running", root.reason, *root.images),) if root.images else ()
    return (_named(root), *running)


def _named(root: RootCause) -> tuple[str, ...]:
    ref = root.root
    name = _MADE_UP.sub("", ref.name) if ref.kind in _GENERATED else ref.name
    return ("object", root.reason, ref.kind, ref.namespace, name)


def _incident(group: list[Affected], identities: dict[str, str], read: int) -> Incident:
    group.sort(key=lambda item: (-item.root.severity.rank, -item.root.confidence, item.cluster, item.root.root.key))
    best = group[0].root
    clusters = {identities[item.cluster]: item.cluster for item in reversed(group)}
    reason = Counter(item.root.reason for item in group).most_common(1)[0][0]
    return Incident(
        id=digest("i", *min(key for item in group for key in keys_of(item.root))),
        title=_title(group, reason),
        reason=reason,
        severity=best.severity,
        clusters=tuple(sorted(clusters.values())),
        of=read,
        affected=tuple(group),
        since=min((item.root.since for item in group if item.root.since is not None), default=None),
    )


def _title(group: Sequence[Affected], reason: str) -> str:
    """The reason and what it is about: what all share, else the object, else how many objects."""
    roots = [item.root for item in group]
    shared = {root.shared for root in roots}
    if len(shared) == 1 and (one := shared.pop()) is not None:
        return f"{reason} of {one.kind.lower()} {one.name}"
    images = {root.image for root in roots}
    if len(images) == 1 and (image := images.pop()):
        return f"{reason} of image {image}"
    return f"{reason} of {_objects(roots)}"


def _objects(roots: Sequence[RootCause]) -> str:
    refs: set[ResourceRef] = {root.root for root in roots}
    if len(refs) == 1:
        return str(refs.pop())
    kinds = sorted({ref.kind for ref in refs})
    what = f"{len(refs)} {kinds[0]}s" if len(kinds) == 1 else f"{len(refs)} objects"
    images = {root.images for root in roots}
    if len(images) == 1 and (common := images.pop()):
        return f"{what} with image {common[0]}"
    return f"{what}, such as {min(refs, key=lambda ref: ref.key)}"
