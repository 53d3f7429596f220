"""What pod templates name and is not there: ConfigMaps, Secrets, their keys, claims, accounts, pull secrets.

A missing object is found here before any pod fails for it, and where no event tells. The reasons are the ones that
the kubelet's or the scheduler's own failure gets, so that both are one finding when both are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.meant import about_key, about_object, elsewhere_of, names_of, object_meant
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.templates import Template, templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.nodes import PriorityClass
from kubeagentix.domain.pods import Container, Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, PersistentVolumeClaim, Secret, ServiceAccount
from kubeagentix.domain.volumes import Volume

ID = "references"
PLACES_SHOWN = 3
_CONFIG = "CreateContainerConfigError"
_MOUNT = "FailedMount"
# The control plane puts these into every namespace (1.20 and later, OpenShift); older ones have no such volumes.
_AUTOMATIC = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})
_PULL_SECRET_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")
_WORDS: dict[type[Resource], str] = {ConfigMap: "configmap", Secret: "secret", PersistentVolumeClaim: "pvc"}


class _Use(NamedTuple):  # there are several for each template, and few lack anything
    """One place of a template that names an object, and the keys of it that must exist there."""

    kind: type[Resource]
    name: str
    keys: tuple[str, ...]
    where: str  # field path
    who: str  # "container app", "volume config"
    family: str  # what the failure is called: the reason's part before the slash


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lack:
    """What is missing: an object, or a key of one (empty: the object), and the finding's reason."""

    kind: type[Resource]
    name: str
    key: str
    reason: str


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and missing thing, however often the template names it."""
    for template in templates(snapshot):
        yield from _missing_objects(snapshot, template)
        yield from _missing_account(snapshot, template)
        yield from _missing_priority(snapshot, template)
        yield from _pull_secrets(snapshot, template)


def _missing_objects(snapshot: Snapshot, template: Template) -> Iterator[Finding]:
    lacks: dict[_Lack, list[_Use]] = {}
    for use in _uses(template):
        for lack in _lacks(snapshot, template.namespace, use):
            lacks.setdefault(lack, []).append(use)
    for lack, uses in lacks.items():
        yield _finding(snapshot, template, lack, uses)


def _lacks(snapshot: Snapshot, namespace: str, use: _Use) -> Iterator[_Lack]:
    if not use.name or use.name in _AUTOMATIC:
        return
    found = snapshot.get(use.kind, namespace, use.name)
    if (found is not None and not use.keys) or not snapshot.was_read(use.kind, namespace, name=use.name):
        return
    if found is None:
        reason = "Unschedulable/VolumeClaimNotFound"
        if use.kind is not PersistentVolumeClaim:
            reason = f"{use.family}/{use.kind.kind}NotFound"
        yield _Lack(kind=use.kind, name=use.name, key="", reason=reason)
    elif isinstance(found, ConfigMap | Secret):
        for key in use.keys:
            if key not in found.keys:
                word = f"{use.kind.kind}KeyNotFound" if use.family == _CONFIG else "KeyNotFound"
                yield _Lack(kind=use.kind, name=use.name, key=key, reason=f"{use.family}/{word}")


def _uses(template: Template) -> Iterator[_Use]:
    for container in (*template.spec.init_containers, *template.spec.containers):
        yield from _env_uses(container)
    for volume in template.spec.volumes:
        yield from _volume_uses(volume)


def _env_uses(container: Container) -> Iterator[_Use]:
    def use(kind: type[Resource], name: str, where: str, key: str = "") -> _Use:
        path = f"containers[{container.name}].{where}"
        keys = (key,) if key else ()
        return _Use(kind=kind, name=name, keys=keys, where=path, who=f"container {container.name}", family=_CONFIG)

    for env in container.env:
        source = env.value_from
        if source and source.config_map_key_ref and not source.config_map_key_ref.optional:
            ref = source.config_map_key_ref
            yield use(ConfigMap, ref.name, f"env[{env.name}]", ref.key)
        if source and source.secret_key_ref and not source.secret_key_ref.optional:
            ref = source.secret_key_ref
            yield use(Secret, ref.name, f"env[{env.name}]", ref.key)
    for item in container.env_from:
        if item.config_map_ref and not item.config_map_ref.optional:
            yield use(ConfigMap, item.config_map_ref.name, "envFrom")
        if item.secret_ref and not item.secret_ref.optional:
            yield use(Secret, item.secret_ref.name, "envFrom")


def _volume_uses(volume: Volume) -> Iterator[_Use]:
    def use(kind: type[Resource], name: str, keys: Iterable[str] = ()) -> _Use:
        path = f"volumes[{volume.name}]"
        return _Use(kind=kind, name=name, keys=tuple(keys), where=path, who=f"volume {volume.name}", family=_MOUNT)

    if volume.config_map and not volume.config_map.optional:
        yield use(ConfigMap, volume.config_map.name, (item.key for item in volume.config_map.items))
    if volume.secret and not volume.secret.optional:
        yield use(Secret, volume.secret.secret_name, (item.key for item in volume.secret.items))
    if volume.persistent_volume_claim:
        yield use(PersistentVolumeClaim, volume.persistent_volume_claim.claim_name)
    for source in volume.projected.sources if volume.projected else ():
        if source.config_map and not source.config_map.optional:
            yield use(ConfigMap, source.config_map.name, (item.key for item in source.config_map.items))
        if source.secret and not source.secret.optional:
            yield use(Secret, source.secret.name, (item.key for item in source.secret.items))


def _finding(snapshot: Snapshot, template: Template, lack: _Lack, uses: list[_Use]) -> Finding:
    workload, namespace = template.workload, template.namespace
    what = f"{lack.kind.kind} {lack.name}"
    near = _nearest(snapshot, namespace, lack)
    said = f"{what} has no key {lack.key}" if lack.key else f"{what} does not exist in namespace {namespace}"
    users = ", ".join(dict.fromkeys(use.who for use in uses))
    return Finding.of(
        analyzer=ID,
        reason=lack.reason,
        ref=workload,
        title=f"{workload}: {said}{f' (there is {near})' if near else ''}",
        severity=_severity(snapshot, template),
        confidence=0.85,
        cause=f"{said[0].upper()}{said[1:]}, and pods of {workload} cannot start without it ({users})"
        + " ".join(
            (f"; the nearest there is {near}." if near else ".", *_instead(snapshot, namespace, lack, uses))
        ).rstrip(),
        evidence=tuple(
            Evidence.of(workload, "spec", f"{use.who} names {what}", excerpt=lack.key, locator=use.where)
            for use in uses[:PLACES_SHOWN]
        ),
        remedies=_remedies(template, lack, near),
        points_at=(snapshot.named(lack.kind.kind, namespace, lack.name),),
        detail=f"{what} {lack.key}",
    )


def _instead(snapshot: Snapshot, namespace: str, lack: _Lack, uses: list[_Use]) -> Iterator[str]:
    """What the cluster has instead, in sentences: other keys, or an object of that name in another namespace."""
    near = lack.name if lack.key else object_meant(snapshot, lack.kind, namespace, lack.name)
    if not near:
        yield about_object(snapshot, lack.kind, namespace, lack.name)
        return
    found = snapshot.get(lack.kind, namespace, near)
    for key in dict.fromkeys(key for use in uses for key in use.keys if lack.key in ("", key)):
        if isinstance(found, ConfigMap | Secret) and key not in found.keys:
            yield about_key(found, key)


def _severity(snapshot: Snapshot, template: Template) -> Severity:
    """Info if no pods are wanted, critical if pods are wanted and none runs, warning while older ones still run."""
    if not template.wanted:
        return Severity.INFO
    live = affected.live_pods(snapshot, template.workload)
    if template.workload.kind == "CronJob" and not live:
        return Severity.WARNING  # nothing is due yet
    return Severity.WARNING if any(_has_started(pod) for pod in live) else Severity.CRITICAL


def _has_started(pod: Pod) -> bool:
    statuses = pod.status.container_statuses
    return bool(statuses) and all(
        status.state.running or status.state.terminated or status.last_state.terminated for status in statuses
    )


def _nearest(snapshot: Snapshot, namespace: str, lack: _Lack) -> str:
    if lack.key:
        found = snapshot.get(lack.kind, namespace, lack.name)
        names = list(found.keys) if isinstance(found, ConfigMap | Secret) else []
        return nearest(lack.key, names)
    return names_of(snapshot, lack.kind, namespace).nearest(lack.name)


def _remedies(template: Template, lack: _Lack, near: str) -> tuple[Remedy, ...]:
    word = _WORDS[lack.kind]
    wanted = f"key {lack.key} of {word} {lack.name}" if lack.key else f"{word} {lack.name}"
    look = (
        kubectl.read("See its keys", f"describe {word} {lack.name}", template.namespace)
        if lack.key
        else kubectl.read("See which there are", f"get {word}", template.namespace)
    )
    return (look, kubectl.edit(template.workload, f"Name {near or 'one that exists'}", why=f"or create {wanted}"))


def _missing_account(snapshot: Snapshot, template: Template) -> Iterator[Finding]:
    name, namespace = template.spec.service_account_name, template.namespace
    # The controller manager makes `default` in every namespace, a moment after the namespace.
    if name in ("", "default") or not snapshot.was_read(ServiceAccount, namespace, name=name):
        return
    if snapshot.get(ServiceAccount, namespace, name):
        return
    workload = template.workload
    names = [item.name for item in snapshot.in_namespace(ServiceAccount, namespace)]
    near = nearest(name, names)
    yield Finding.of(
        analyzer=ID,
        reason="ServiceAccountNotFound",
        ref=workload,
        title=f"{workload}: ServiceAccount {name} does not exist in namespace {namespace}",
        severity=_severity(snapshot, template),
        confidence=0.9,
        cause=f"No pod is admitted with serviceAccountName {name} until that ServiceAccount exists"
        + (f"; the nearest there is {near}." if near else "."),
        evidence=(Evidence.of(workload, "spec", f"serviceAccountName: {name}", locator="spec.serviceAccountName"),),
        remedies=(
            kubectl.read("See which there are", "get serviceaccounts", namespace),
            kubectl.write("Create it", f"create serviceaccount {name}", namespace, why="or name one that exists"),
        ),
        points_at=(snapshot.named("ServiceAccount", namespace, name),),
        detail=name,
    )


def _missing_priority(snapshot: Snapshot, template: Template) -> Iterator[Finding]:
    name, workload = template.spec.priority_class_name, template.workload
    # The API server makes system-cluster-critical and system-node-critical itself, and keeps their prefix to itself.
    if not name or name.startswith("system-") or not snapshot.was_read(PriorityClass, name=name):
        return
    if snapshot.get(PriorityClass, "", name):
        return
    near = nearest(name, (item.name for item in snapshot.all(PriorityClass) if not item.name.startswith("system-")))
    yield Finding.of(
        analyzer=ID,
        reason="FailedCreate/PriorityClassNotFound",
        ref=workload,
        title=f"{workload}: PriorityClass {name} does not exist",
        severity=_severity(snapshot, template),
        confidence=0.9,
        cause=f"No pod is admitted with priorityClassName {name} until that PriorityClass exists"
        + (f"; the nearest there is {near}." if near else "."),
        evidence=(Evidence.of(workload, "spec", f"priorityClassName: {name}", locator="spec.priorityClassName"),),
        remedies=(
            kubectl.read("See which there are", "get priorityclasses"),
            kubectl.edit(workload, f"Name {near or 'one that exists'}"),
        ),
        points_at=(snapshot.named("PriorityClass", "", name),),
        detail=name,
    )


def _pull_secrets(snapshot: Snapshot, template: Template) -> Iterator[Finding]:
    """Warnings: a pod starts without its pull secret if the image is public or on the node already."""
    for name, source in _pull_secret_names(snapshot, template).items():
        if not snapshot.was_read(Secret, template.namespace, name=name):
            continue
        secret = snapshot.get(Secret, template.namespace, name)
        if secret is None:
            yield _pull_secret_finding(snapshot, template, name, source, "does not exist")
        elif secret.type not in _PULL_SECRET_TYPES:
            yield _pull_secret_finding(snapshot, template, name, source, f"has type {secret.type or 'Opaque'}")
        elif secret.problem:
            yield _pull_secret_finding(snapshot, template, name, source, f"is malformed: {secret.problem}")


def _pull_secret_names(snapshot: Snapshot, template: Template) -> dict[str, ResourceRef]:
    """Name of each pull secret, and the object that names it: the template's own, else its ServiceAccount's."""
    own = {item.name: template.workload for item in template.spec.image_pull_secrets if item.name}
    if own:
        return own
    account = snapshot.get(ServiceAccount, template.namespace, template.spec.service_account_name or "default")
    if account is None:
        return {}
    return {item.name: snapshot.ref(account) for item in account.image_pull_secrets if item.name}


def _pull_secret_finding(
    snapshot: Snapshot, template: Template, name: str, source: ResourceRef, problem: str
) -> Finding:
    workload, namespace = template.workload, template.namespace
    is_missing = problem == "does not exist"
    secrets = [item.name for item in snapshot.in_namespace(Secret, namespace) if item.type in _PULL_SECRET_TYPES]
    near = nearest(name, secrets) if is_missing else ""
    elsewhere = elsewhere_of(snapshot, Secret, namespace, name) if is_missing else ""
    return Finding.of(
        analyzer=ID,
        reason="ImagePullSecretNotFound" if is_missing else "ImagePullSecretInvalid",
        ref=workload,
        title=f"{workload}: image pull secret {name} {problem}",
        severity=Severity.WARNING if template.wanted else Severity.INFO,
        confidence=0.85,
        cause=f"{source} names {name} in imagePullSecrets, which {problem}; images are pulled without it"
        + (f". The nearest there is {near}." if near else f". {elsewhere}" if elsewhere else "."),
        evidence=(Evidence.of(source, "spec", f"imagePullSecrets: {name}", locator="imagePullSecrets"),),
        remedies=(
            kubectl.read("See the secrets and their types", "get secrets", namespace),
            kubectl.edit(source, "Name a pull secret that exists", why=f"or create {name}"),
        ),
        points_at=(snapshot.named("Secret", namespace, name),),
        detail=name,
    )


plugin = AnalyzerPlugin(id=ID, title="What pod templates name and is not there", analyze=analyze, scope="workload")
