"""Volumes that cannot be attached or mounted, so that a pod stays in ContainerCreating.

All events of the pod count: the kubelet reports the cause ("configmap … not found") and, every two minutes, only
that it waited in vain ("timed out waiting for the condition"). Once a container runs, old events say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.config_uses import others_missing
from kubeagentix.analysis.containers import blocking_event
from kubeagentix.analysis.meant import about_key, about_object, object_meant
from kubeagentix.analysis.restless import restless_pods
from kubeagentix.analysis.scheduler.placement import claim_names
from kubeagentix.analysis.shortfall import broken_nodes
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.troubles import (
    Trouble,
    describe_pod,
    edit_workload,
    event_evidence,
    findings,
    sentence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Remedy, ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, PersistentVolumeClaim, Secret
from kubeagentix.domain.volumes import Volume

_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_VOLUME = re.compile(r'for volume "([^"]+)"|unmounted volumes=\[([^\]\s]+)')
_OBJECT = re.compile(r'(?i)\b(configmap|secret)s? "([^"]+)" not found')
_KEY = re.compile(r"references non-existent (?:config|secret) key: (\S+)")
_CLAIM = re.compile(r'(?i)persistentvolumeclaims? "([^"]+)" not found|PVC \S+/(\S+): .*not found')
_HOST_PATH = re.compile(r"(?i)hostPath type check failed: (?P<said>.+)|path \"(?P<absent>[^\"]+)\" does not exist")
_MULTI_ATTACH = re.compile(r"(?i)multi-attach|already exclusively attached|already used by pod")
_KUBELET_PATH = re.compile(r"/\S*/pods/[0-9a-f-]{36}/[^\s:]*")
_ACCOUNT = re.compile(r'(?i)serviceaccounts? "([^"]+)" not found')
# What drivers and the node's mount program say: (refinement, words, pattern), in the order to try.
# Source: pkg/volume/csi, pkg/volume/plugins.go; util-linux, nfs-utils and cifs-utils.
_DRIVERS = (
    (
        "DriverNotFound",
        "the node has no driver for it",
        r"no CSIDriver object|list of registered CSI drivers|no volume plugin matched|driver name \S+ not found",
    ),
    (
        "FileSystemUnknown",
        "the node does not know such a file system (what mounts it is not installed there)",
        (
            r"unknown filesystem type|/sbin/mount\.<type> helper|you might need a /sbin/mount\."
            r"|\"?mount(?:\.\w+)?\"?: executable file not found"
        ),
    ),
    ("AccessDenied", "its server does not let the node mount it", r"access denied by server|mount error\(13\)"),
    (
        "PathNotFound",
        "its server has no such path",
        r"reason given by server: No such file or directory|mount error\(2\)",
    ),
    (
        "ServerUnreachable",
        "its server does not answer",
        (
            r"mount\S*: .*(?:Connection (?:timed out|refused)|No route to host|Network is unreachable|Host is down)"
            r"|Failed to resolve server|mount error\((?:110|111|112|113|115)\)"
        ),
    ),
    (
        "FileSystem",
        "its file system cannot be mounted",
        r"wrong fs type|(?:bad|can't read) superblock|Structure needs cleaning|fsck found",
    ),
    (
        "NotPermitted",
        "its driver is refused",
        r"code = (?:PermissionDenied|Unauthenticated)|AccessDenied|not authorized|UnauthorizedOperation",
    ),
)
_DRIVER_PATTERNS = tuple((name, words, re.compile(pattern, re.IGNORECASE)) for name, words, pattern in _DRIVERS)
_TIMEOUT = re.compile(r"(?i)timed out waiting|context deadline exceeded|timeout expired waiting")
_CERTAIN = 2  # the rank from which the message itself is the cause
_KINDS: dict[str, type[ConfigMap] | type[Secret]] = {"configmap": ConfigMap, "secret": Secret}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """`rank`: how telling it is; the most telling event of a pod speaks for it."""

    reason: str
    phrase: str
    rank: int
    volume: str = ""
    points_at: tuple[ResourceRef, ...] = ()
    hint: str = ""


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and volume: `FailedMount` and `FailedAttachVolume` with their refinements."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for pod in restless_pods(snapshot):
        if blocking_event(snapshot, pod, *_EVENTS) is None:
            continue
        events = [event for event in snapshot.events_for(pod) if event.reason in _EVENTS]
        judged = [(event, _judge(snapshot, pod, event)) for event in events]
        judged = [(event, verdict) for event, verdict in judged if not _came_since(snapshot, event, verdict)]
        if not judged:
            continue
        best = max(verdict.rank for _, verdict in judged)
        if best < _CERTAIN and sum(event.times for event in events) < 2:
            continue  # a single vague failure is what a slow start of the kubelet's caches causes
        told = [(event, verdict) for event, verdict in judged if verdict.rank == best]
        yield _trouble(snapshot, pod, *told[0], others=[event for event, _ in judged if event is not told[0][0]])


def _came_since(snapshot: Snapshot, event: Event, verdict: _Verdict) -> bool:
    """Whether what was missing was made after the kubelet last looked; it looks again within two minutes."""
    found = [snapshot.find(ref) for ref in verdict.points_at if verdict.reason.endswith("NotFound")]
    made = [item.metadata.creation_timestamp if item is not None else None for item in found]
    return bool(made) and all(
        moment is not None and event.seen_at is not None and moment >= event.seen_at for moment in made
    )


def _trouble(snapshot: Snapshot, pod: Pod, event: Event, verdict: _Verdict, others: list[Event]) -> Trouble:
    volume = f"volume {verdict.volume}" if verdict.volume else "a volume"
    return Trouble(
        pod=pod,
        part=verdict.volume,
        reason=verdict.reason,
        title=f"{volume} cannot be mounted: {verdict.phrase}",
        cause=f"The kubelet says: {_said(event.message)}{f' {verdict.hint}' if verdict.hint else ''}",
        evidence=tuple(event_evidence(snapshot, item, pod) for item in (event, *others[:1])),
        confidence=0.95 if verdict.rank >= _CERTAIN else 0.7,
        remedies=_remedies(snapshot, pod, verdict),
        points_at=verdict.points_at,
        since=event.first_timestamp,
    )


def _said(message: str) -> str:
    """The message without the paths of the kubelet, and of a mount program only its output."""
    head, _, output = message.partition("\nMounting command:")
    told = f"{head}: {output.partition('Output: ')[2]}" if output else message
    return sentence(_KUBELET_PATH.sub("…", told.partition("dmesg(1)")[0]))


def _judge(snapshot: Snapshot, pod: Pod, event: Event) -> _Verdict:
    message = event.message
    match = _VOLUME.search(message)
    name = _pod_volume(snapshot, pod, (match[1] or match[2]) if match is not None else "")
    if (missing := _OBJECT.search(message)) is not None:
        return _missing_object(snapshot, pod, name, _KINDS[missing[1].lower()], missing[2])
    if (key := _KEY.search(message)) is not None:
        return _missing_key(snapshot, pod, name, key[1])
    if (claim := _CLAIM.search(message)) is not None:
        ref = snapshot.named("PersistentVolumeClaim", pod.namespace, claim[1] or claim[2].rstrip(":"))
        phrase = f"PersistentVolumeClaim {ref.name} does not exist"
        return _Verdict(reason="FailedMount/VolumeClaimNotFound", phrase=phrase, rank=3, volume=name, points_at=(ref,))
    if (account := _ACCOUNT.search(message)) is not None:
        ref = snapshot.named("ServiceAccount", pod.namespace, account[1])
        phrase = f"no token can be had, as ServiceAccount {ref.name} does not exist"
        return _Verdict(
            reason="FailedMount/ServiceAccountNotFound", phrase=phrase, rank=3, volume=name, points_at=(ref,)
        )
    return _other(snapshot, pod, event, name)


def _other(snapshot: Snapshot, pod: Pod, event: Event, name: str) -> _Verdict:
    claims = _claims(snapshot, pod, name)
    if event.reason == "FailedAttachVolume":
        is_taken = _MULTI_ATTACH.search(event.message) is not None
        holders = _holders(snapshot, pod, claims) if is_taken else ()
        return _Verdict(
            reason=f"FailedAttachVolume{'/MultiAttach' if is_taken else ''}",
            phrase="it is still attached to another node" if is_taken else "it cannot be attached to the node",
            rank=3 if is_taken else 2,
            volume=name,
            points_at=(*broken_nodes(snapshot, holders), *claims),
            hint=_held(holders),
        )
    if (host := _HOST_PATH.search(event.message)) is not None:
        said = host["said"] or f"{host['absent']} does not exist"
        phrase = f"{said.strip()} on node {pod.spec.node_name}"
        return _Verdict(reason="FailedMount/HostPath", phrase=phrase, rank=3, volume=name, points_at=claims)
    for refinement, words, pattern in _DRIVER_PATTERNS:
        if pattern.search(event.message):
            return _Verdict(
                reason=f"FailedMount/{refinement}",
                phrase=f"{words}{_origin(pod, name)}",
                rank=2,
                volume=name,
                points_at=claims,
            )
    if _TIMEOUT.search(event.message):
        return _Verdict(
            reason="FailedMount/Timeout", phrase="the kubelet waited in vain", rank=0, volume=name, points_at=claims
        )
    return _Verdict(
        reason="FailedMount", phrase="the kubelet or its driver fails", rank=1, volume=name, points_at=claims
    )


def _holders(snapshot: Snapshot, pod: Pod, claims: tuple[ResourceRef, ...]) -> tuple[Pod, ...]:
    """The pods on other nodes that mount one of the claims."""
    names = {claim.name for claim in claims}
    return tuple(
        other
        for other in snapshot.in_namespace(Pod, pod.namespace)
        if other.spec.node_name not in ("", pod.spec.node_name)
        and not other.is_finished
        and names.intersection(claim_names(other))
    )


def _held(holders: tuple[Pod, ...]) -> str:
    if not holders:
        return ""
    going = " and is being deleted" if holders[0].is_terminating else ""
    return f"Pod {holders[0].name} on {holders[0].spec.node_name} has it{going}; one node at a time may."


def _missing_object(
    snapshot: Snapshot, pod: Pod, volume: str, kind: type[ConfigMap] | type[Secret], name: str
) -> _Verdict:
    like, ref = object_meant(snapshot, kind, pod.namespace, name), snapshot.named(kind.kind, pod.namespace, name)
    hints = (
        about_object(snapshot, kind, pod.namespace, name, _keys_of(pod, kind, name)),
        others_missing(snapshot, pod, ref),
    )
    return _Verdict(
        reason=f"FailedMount/{kind.kind}NotFound",
        phrase=f"{kind.kind} {name} does not exist{f' (there is {like})' if like else ''}",
        rank=3,
        volume=volume,
        points_at=(ref,),
        hint=" ".join(filter(None, hints)),
    )


def _missing_key(snapshot: Snapshot, pod: Pod, volume: str, key: str) -> _Verdict:
    sources = [ref for item in pod.spec.volumes if item.name == volume for ref in _sources(snapshot, pod, item, key)]
    held = [found for ref in sources if isinstance(found := snapshot.find(ref), ConfigMap | Secret)]
    where = " and ".join(str(ref) for ref in sources) or "its source"
    like = nearest(key, (name for item in held for name in item.keys))
    return _Verdict(
        reason="FailedMount/KeyNotFound",
        phrase=f"{where} has no key {key}{f' (it has {like})' if like else ''}",
        rank=3,
        volume=volume,
        points_at=tuple(sources),
        hint=" ".join(about_key(item, key) for item in held),
    )


def _sources(snapshot: Snapshot, pod: Pod, volume: Volume, key: str) -> Iterator[ResourceRef]:
    for kind, name, keys in _named(volume):
        if key in keys:
            yield snapshot.named(kind, pod.namespace, name)


def _named(volume: Volume) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(kind, name, keys that must be there) of the ConfigMaps and Secrets that a volume is made from."""
    maps = [volume.config_map] if volume.config_map is not None else []
    secrets = [(volume.secret.secret_name, volume.secret.items)] if volume.secret is not None else []
    for source in volume.projected.sources if volume.projected is not None else ():
        maps += [source.config_map] if source.config_map is not None else []
        secrets += [(source.secret.name, source.secret.items)] if source.secret is not None else []
    for name, items in [(item.name, item.items) for item in maps]:
        yield ConfigMap.kind, name, tuple(item.key for item in items)
    for name, items in secrets:
        yield Secret.kind, name, tuple(item.key for item in items)


def _keys_of(pod: Pod, kind: type[ConfigMap] | type[Secret], name: str) -> tuple[str, ...]:
    """The keys that the pod's volumes take from that object."""
    named = (entry for volume in pod.spec.volumes for entry in _named(volume))
    return tuple(dict.fromkeys(key for of, other, keys in named if (of, other) == (kind.kind, name) for key in keys))


def _pod_volume(snapshot: Snapshot, pod: Pod, name: str) -> str:
    # Attach events, and those of CSI drivers, name the PersistentVolume instead of the pod's volume.
    for volume in pod.spec.volumes:
        claim = volume.persistent_volume_claim
        found = snapshot.get(PersistentVolumeClaim, pod.namespace, claim.claim_name) if claim is not None else None
        if volume.name == name or (found is not None and name and found.spec.volume_name == name):
            return volume.name
    return name


def _claims(snapshot: Snapshot, pod: Pod, name: str) -> tuple[ResourceRef, ...]:
    return tuple(
        snapshot.named("PersistentVolumeClaim", pod.namespace, volume.persistent_volume_claim.claim_name)
        for volume in pod.spec.volumes
        if volume.name == name and volume.persistent_volume_claim is not None
    )


def _origin(pod: Pod, name: str) -> str:
    """Where the volume comes from, as far as its kind tells: ` (nfs.example:/exports)`."""
    volume = next((item for item in pod.spec.volumes if item.name == name), None)
    if volume is not None and volume.nfs is not None:
        return f" ({volume.nfs.server}:{volume.nfs.path})"
    if volume is not None and volume.csi is not None:
        return f" ({volume.csi.driver})"
    return ""


def _remedies(snapshot: Snapshot, pod: Pod, verdict: _Verdict) -> tuple[Remedy, ...]:
    looks = tuple(kubectl.describe(ref) for ref in verdict.points_at if snapshot.find(ref) is not None)
    lists = tuple(
        kubectl.read(f"See which {ref.kind}s there are", f"get {ref.kind.lower()}s", ref.namespace)
        for ref in verdict.points_at
        if snapshot.find(ref) is None and ref.namespace
    )
    what = f"volume {verdict.volume}" if verdict.volume else "its volumes"
    return (describe_pod(snapshot, pod), *looks, *lists, edit_workload(snapshot, pod, what))


plugin = AnalyzerPlugin(id="mounts", title="Volumes that cannot be mounted", analyze=analyze, scope="workload")
