"""PersistentVolumeClaims that have no volume, or lost it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.scheduler.case import listed
from kubeagentix.analysis.scheduler.placement import claim_names
from kubeagentix.analysis.shortfall import describe_age, is_older_than
from kubeagentix.analysis.spelling import nearest
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.quantities import format_bytes, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolume, PersistentVolumeClaim, StorageClass
from kubeagentix.errors import excerpt

ID = "claims"
EXCERPT_CHARS = 600
PROVISIONING_S = 60.0  # a provisioner at work has made a volume, or said why not, by then
SETTLING_S = 5.0  # the volume controller's own pace
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_STATIC_PROVISIONER = "kubernetes.io/no-provisioner"
_FAILURES = ("ProvisioningFailed", "VolumeMismatch", "VolumeBindingFailed", "FailedBinding")

_IN_WORDS = {
    "ProvisioningFailed": "its provisioner fails",
    "ClaimPending": "its provisioner says nothing",
    "ClaimPending/StorageClassNotFound": "its StorageClass does not exist",
    "ClaimPending/NoStorageClass": "it names no StorageClass, and none is the default",
    "ClaimPending/NoMatchingVolume": "no volume fits",
}

Users = Mapping[tuple[str, str], tuple[Pod, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """Why a claim is not bound: the finding's reason and cause, and what to do."""

    reason: str
    cause: str
    confidence: float = 0.9
    points_at: tuple[ResourceRef, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    event: Event | None = None


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per claim, by cause; a claim that waits for its first pod is silent."""
    users = _users(snapshot)
    for claim in snapshot.all(PersistentVolumeClaim):
        if claim.metadata.deletion_timestamp is not None:
            continue
        if claim.status.phase == "Lost":
            yield _finding(snapshot, claim, users, _lost(snapshot, claim))
        elif claim.status.phase != "Bound":
            verdict = _pending(snapshot, claim, users)
            if verdict is not None:
                yield _finding(snapshot, claim, users, verdict)


def _users(snapshot: Snapshot) -> Users:
    found: dict[tuple[str, str], list[Pod]] = {}
    for pod in snapshot.all(Pod):
        for name in claim_names(pod) if not pod.is_finished else ():
            found.setdefault((pod.namespace, name), []).append(pod)
    return {key: tuple(pods) for key, pods in found.items()}


def _users_of(claim: PersistentVolumeClaim, users: Users) -> tuple[Pod, ...]:
    return users.get((claim.namespace, claim.name), ())


def _pending(snapshot: Snapshot, claim: PersistentVolumeClaim, users: Users) -> _Verdict | None:
    if not is_older_than(claim.metadata.creation_timestamp, SETTLING_S, snapshot.taken_at):
        return None
    if claim.spec.volume_name:
        return _named_volume(snapshot, claim)
    class_name = _class_name(claim)
    if not class_name:
        return _without_class(snapshot, claim, is_default_wanted=class_name is None)
    storage_class = snapshot.get(StorageClass, "", class_name)
    if storage_class is None:
        return _unknown_class(snapshot, claim, class_name)
    return _of_class(snapshot, claim, users, storage_class)


def _of_class(
    snapshot: Snapshot, claim: PersistentVolumeClaim, users: Users, storage_class: StorageClass
) -> _Verdict | None:
    if storage_class.volume_binding_mode == "WaitForFirstConsumer" and not _is_wanted_now(snapshot, claim, users):
        return None
    if storage_class.provisioner == _STATIC_PROVISIONER:
        return _no_volume(snapshot, claim, storage_class.name)
    return _failed(snapshot, claim) or _slow(snapshot, claim, storage_class)


def _class_name(claim: PersistentVolumeClaim) -> str | None:
    """The class asked for: empty for none at all, None for the default one."""
    annotated = claim.metadata.annotations.get(_CLASS_ANNOTATION)
    return annotated if annotated is not None else claim.spec.storage_class_name


def _is_wanted_now(snapshot: Snapshot, claim: PersistentVolumeClaim, users: Users) -> bool:
    """Whether a pod's placement hangs on this claim now, so that it no longer waits for its first consumer."""
    if _SELECTED_NODE in claim.metadata.annotations or _failed(snapshot, claim):
        return True
    pods = [pod for pod in _users_of(claim, users) if not pod.spec.node_name]
    said = [item.message for pod in pods for item in pod.status.conditions if item.type == "PodScheduled"]
    said += [item.message for pod in pods for item in snapshot.events_for(pod) if item.reason == "FailedScheduling"]
    return any("persistent volumes to bind" in message for message in said)


def _lost(snapshot: Snapshot, claim: PersistentVolumeClaim) -> _Verdict:
    name = claim.spec.volume_name
    return _Verdict(
        reason="ClaimLost",
        cause=f"The claim was bound to PersistentVolume {name}, which is gone or bound to another claim; "
        "its data cannot be reached through this claim.",
        confidence=0.95,
        points_at=(snapshot.named("PersistentVolume", "", name),) if name else (),
        remedies=(kubectl.read("See the volumes", "get pv"),),
    )


def _named_volume(snapshot: Snapshot, claim: PersistentVolumeClaim) -> _Verdict | None:
    name = claim.spec.volume_name
    volume = snapshot.get(PersistentVolume, "", name)
    if volume is None and not snapshot.was_read(PersistentVolume, name=name):
        return _failed(snapshot, claim)
    problem = _misfit(claim, volume) if volume else "does not exist"
    if not problem:
        return None
    return _Verdict(
        reason="ClaimPending/NoMatchingVolume",
        cause=f"The claim names PersistentVolume {name} (spec.volumeName), which {problem}.",
        points_at=(snapshot.named("PersistentVolume", "", name),),
        remedies=(kubectl.read("See the volumes", "get pv"), _replace(claim), *_release((volume,) if volume else ())),
        event=_event(snapshot, claim),
    )


def _without_class(snapshot: Snapshot, claim: PersistentVolumeClaim, *, is_default_wanted: bool) -> _Verdict | None:
    if not is_default_wanted or not snapshot.was_read(StorageClass):
        return _no_volume(snapshot, claim, "")
    classes = snapshot.all(StorageClass)
    default = next((item.name for item in classes if item.is_default), "")
    there = listed(item.name for item in classes)
    why = (
        f"it was made before {default} became the default class; made anew, it would get that one"
        if default
        else f"the cluster has no default StorageClass{f' (there are {there})' if there else ', and none at all'}"
    )
    return _Verdict(
        reason="ClaimPending/NoStorageClass",
        cause=f"The claim names no StorageClass, and {why}.",
        remedies=(
            kubectl.read("See the classes", "get storageclass"),
            *(_make_default(item.name) for item in _provisioning(classes)[:1] if not default),
            _replace(claim),
        ),
        event=_event(snapshot, claim),
    )


def _provisioning(classes: Iterable[StorageClass]) -> list[StorageClass]:
    """The classes that make volumes by themselves."""
    return [item for item in classes if item.provisioner != _STATIC_PROVISIONER]


def _make_default(name: str) -> Remedy:
    key = "storageclass.kubernetes.io/is-default-class"
    return kubectl.write(
        f"Make {name} the default class",
        f"annotate storageclass {name} {key}=true",
        why="the claim must then be made anew, up to Kubernetes 1.25",
    )


def _unknown_class(snapshot: Snapshot, claim: PersistentVolumeClaim, class_name: str) -> _Verdict | None:
    if not snapshot.was_read(StorageClass):
        return _failed(snapshot, claim)
    if any(volume.spec.storage_class_name == class_name for volume in snapshot.all(PersistentVolume)):
        return _no_volume(snapshot, claim, class_name)  # volumes made by hand may bear a class that is no object
    names = [item.name for item in snapshot.all(StorageClass)]
    near = nearest(class_name, names)
    there = f"the nearest there is {near}" if near else f"there are {listed(names)}" if names else "there is none"
    return _Verdict(
        reason="ClaimPending/StorageClassNotFound",
        cause=f"The claim asks for StorageClass {class_name}, which does not exist; {there}.",
        confidence=0.95,
        points_at=(snapshot.named("StorageClass", "", class_name),),
        remedies=(kubectl.read("See the classes", "get storageclass"), _replace(claim)),
        event=_event(snapshot, claim),
    )


def _replace(claim: PersistentVolumeClaim) -> Remedy:
    return kubectl.write(
        "Remove the claim, to make it anew with what it should ask for",
        f"delete pvc {claim.name}",
        claim.namespace,
        why="a claim's class and size cannot be changed while it is unbound",
    )


def _no_volume(snapshot: Snapshot, claim: PersistentVolumeClaim, class_name: str) -> _Verdict | None:
    """No volume made by hand fits, and none is made by machine."""
    if not snapshot.was_read(PersistentVolume):
        return _failed(snapshot, claim)
    volumes = snapshot.all(PersistentVolume)
    if any(not _misfit(claim, volume) for volume in volumes):
        return None  # it will be bound in a moment
    of_class = [volume for volume in volumes if volume.spec.storage_class_name == class_name]
    misfits = listed(f"{volume.name} {_misfit(claim, volume)}" for volume in of_class)
    where = f"of class {class_name}" if class_name else "without a class"
    why = f": {misfits}" if misfits else f"; there is no volume {where} at all"
    return _Verdict(
        reason="ClaimPending/NoMatchingVolume",
        cause=f"The claim asks for {_wish(claim)} {where}, which nothing provisions, and no volume fits{why}.",
        remedies=(kubectl.read("See the volumes", "get pv"), _replace(claim), *_release(of_class)),
        event=_event(snapshot, claim),
    )


def _release(volumes: Iterable[PersistentVolume]) -> tuple[Remedy, ...]:
    released = next((volume for volume in volumes if volume.status.phase == "Released"), None)
    if released is None:
        return ()
    command = f"""patch pv {released.name} --type=merge -p '{{"spec":{{"claimRef":null}}}}'"""
    why = "only if what is on it may go to another claim"
    return (kubectl.write(f"Free volume {released.name}", command, why=why),)


def _wish(claim: PersistentVolumeClaim) -> str:
    size = format_bytes(quantity_or_zero(claim.spec.resources.requests.get("storage")))
    return f"{size} {','.join(claim.spec.access_modes)}".strip()


def _misfit(claim: PersistentVolumeClaim, volume: PersistentVolume) -> str:
    """Why a volume does not serve a claim, as the end of a sentence; empty if it does."""
    spec, owner = volume.spec, volume.spec.claim_ref
    if owner and (owner.namespace, owner.name) != (claim.namespace, claim.name):
        is_released = volume.status.phase == "Released"
        how = "is Released, still reserved for the deleted claim" if is_released else "is taken by claim"
        return f"{how} {owner.namespace}/{owner.name}"
    if spec.storage_class_name != (_class_name(claim) or ""):
        return f"has class {spec.storage_class_name or '(none)'}, not {_class_name(claim) or '(none)'}"
    has, wants = (quantity_or_zero(item.get("storage")) for item in (spec.capacity, claim.spec.resources.requests))
    if has < wants:
        return f"has only {format_bytes(has)}"
    if not set(claim.spec.access_modes) <= set(spec.access_modes):
        return f"offers {','.join(spec.access_modes)} only"
    if (spec.volume_mode or "Filesystem") != (claim.spec.volume_mode or "Filesystem"):
        return f"has volumeMode {spec.volume_mode}"
    return _unselected(claim, volume)


def _unselected(claim: PersistentVolumeClaim, volume: PersistentVolume) -> str:
    if claim.spec.selector and not claim.spec.selector.matches(volume.metadata.labels):
        return "lacks the labels that the claim selects"
    if volume.status.phase in ("Released", "Failed"):
        return f"is {volume.status.phase} and must be freed by hand"
    return ""


def _event(snapshot: Snapshot, claim: PersistentVolumeClaim) -> Event | None:
    return next((event for event in snapshot.events_for(claim) if event.reason in _FAILURES), None)


def _failed(snapshot: Snapshot, claim: PersistentVolumeClaim) -> _Verdict | None:
    """What the provisioner said last; a class that was missing then is no news when it is there now."""
    event = next((event for event in snapshot.events_for(claim) if event.reason == "ProvisioningFailed"), None)
    is_of_class = event is not None and event.message.startswith("storageclass.storage.k8s.io")
    if event is None or (is_of_class and snapshot.was_read(StorageClass)):
        return None
    if is_of_class:
        return _Verdict(
            reason="ClaimPending/StorageClassNotFound",
            cause=f"The controller of volumes says: {excerpt(event.message, 300)}.",
            remedies=(kubectl.read("See the classes", "get storageclass"), _replace(claim)),
            event=event,
        )
    return _Verdict(
        reason="ProvisioningFailed",
        cause=f"The provisioner could not make a volume: {excerpt(event.message, 300)}",
        confidence=0.95,
        remedies=(kubectl.read("See the classes", "get storageclass"),),
        event=event,
    )


def _slow(snapshot: Snapshot, claim: PersistentVolumeClaim, storage_class: StorageClass) -> _Verdict | None:
    if not is_older_than(claim.metadata.creation_timestamp, PROVISIONING_S, snapshot.taken_at):
        return None
    return _Verdict(
        reason="ClaimPending",
        cause=f"Provisioner {storage_class.provisioner} of StorageClass {storage_class.name} has neither made a volume "
        "nor said why not: its controller is missing, not running, or slow.",
        confidence=0.6,
        remedies=(
            kubectl.read("See the installed drivers", "get csidrivers"),
            kubectl.read("See whether the provisioner runs", "get pods -A"),
        ),
        event=next(iter(snapshot.events_for(claim)), None),
    )


def _finding(snapshot: Snapshot, claim: PersistentVolumeClaim, users: Users, verdict: _Verdict) -> Finding:
    ref, pods = snapshot.ref(claim), _users_of(claim, users)
    is_lost = verdict.reason == "ClaimLost"
    since = None if is_lost else claim.metadata.creation_timestamp
    why = _IN_WORDS.get(verdict.reason, "")
    age = describe_age(since, snapshot.taken_at)
    state = "has lost its volume" if is_lost else f"is not bound{age}{f': {why}' if why else ''}"
    return Finding.of(
        analyzer=ID,
        reason=verdict.reason,
        ref=ref,
        title=f"{ref} {state}",
        severity=Severity.CRITICAL if pods or is_lost else Severity.WARNING,
        confidence=verdict.confidence,
        cause=verdict.cause,
        evidence=tuple(_evidence(snapshot, claim, pods, verdict.event)),
        remedies=(kubectl.describe(ref), *verdict.remedies),
        points_at=verdict.points_at,
        since=since,
    )


def _evidence(
    snapshot: Snapshot, claim: PersistentVolumeClaim, pods: tuple[Pod, ...], event: Event | None
) -> Iterator[Evidence]:
    ref = snapshot.ref(claim)
    class_name = _class_name(claim)
    asked = "the default class" if class_name is None else f"class {class_name or '(none)'}"
    yield Evidence.of(
        ref,
        "status",
        f"phase {claim.status.phase or 'Pending'}; asks for {_wish(claim)}, {asked}",
        locator="status.phase",
    )
    if event is not None:
        yield Evidence.of(
            ref,
            "event",
            f"{event.reason}, {event.times} time{'s' if event.times > 1 else ''}",
            excerpt=excerpt(event.message, EXCERPT_CHARS),
            locator=f"event/{event.reason}",
            observed_at=event.seen_at,
        )
    if pods:
        names = listed(str(item) for item in dict.fromkeys(snapshot.workload_of(pod) for pod in pods))
        yield Evidence.of(ref, "spec", f"mounted by {names}", locator="spec.volumes[].persistentVolumeClaim")


plugin = AnalyzerPlugin(id=ID, title="Claims without a volume", analyze=analyze, scope="namespace")
