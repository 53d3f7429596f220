"""ConfigMaps and Secrets that were changed after the containers which took their values had started.

Environment variables and files mounted with subPath keep the value they had at the start; other mounted files follow,
unless their source is immutable: the kubelet does not ask for it again, though it was deleted and made anew.
Source: https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically and
#configmap-immutable
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import share
from kubeagentix.analysis.shortfall import format_duration
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import Writer
from kubeagentix.domain.pods import Container, Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret

ID = "stale-configuration"
_KEPT = "variables, subPath mounts and files of what is immutable stay as they were when the container started."


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and source, severity `info`: what runs may rightly keep what it started with."""
    stale: dict[tuple[ResourceRef, ResourceRef], list[Pod]] = defaultdict(list)
    for namespace, pods_there in groupby(snapshot.all(Pod), attrgetter("metadata.namespace")):
        newest = snapshot.derived(_newest, namespace)
        for pod in pods_there:
            if newest is not None and pod.is_live and _may_be_outlived(pod, newest):
                for source in _outlived(snapshot, pod):
                    stale[(snapshot.workload_of(pod), source)].append(pod)
    for (workload, source), pods in stale.items():
        yield _finding(snapshot, workload, source, tuple(pods))


def _may_be_outlived(pod: Pod, newest: datetime) -> bool:
    """Whether one of its containers had started by then, when anything of its namespace was last written."""
    for status in pod.status.container_statuses:
        running = status.state.running
        if running is not None and running.started_at is not None and running.started_at < newest:
            return True
    return False


def _newest(snapshot: Snapshot, namespace: str) -> datetime | None:
    """When anything that pods of a namespace read was last written."""
    return max((at for at, _ in snapshot.derived(_changes, namespace).values() if at is not None), default=None)


def _outlived(snapshot: Snapshot, pod: Pod) -> Iterator[ResourceRef]:
    """The sources whose values a running container of the pod took before they were last written."""
    found: dict[ResourceRef, None] = {}
    changes = snapshot.derived(_changes, pod.namespace)
    for container, status, is_init in pod.containers():
        running = status.state.running if status is not None and not is_init else None
        if running is None or running.started_at is None:
            continue
        for kind, name, follows in _sources(pod.spec, container):
            at, is_immutable = changes.get((kind, name), (None, False))
            if at is not None and at > running.started_at and (is_immutable or not follows):
                found[snapshot.named(kind, pod.namespace, name)] = None
    yield from found


def _changes(snapshot: Snapshot, namespace: str) -> dict[tuple[str, str], tuple[datetime | None, bool]]:
    """When the values of each source were last set, and whether it is immutable."""
    items: tuple[ConfigMap | Secret, ...]
    items = (*snapshot.in_namespace(ConfigMap, namespace), *snapshot.in_namespace(Secret, namespace))
    return {(item.kind, item.name): (_changed_at(item), bool(item.immutable)) for item in items}


def _write(item: ConfigMap | Secret) -> Writer | None:
    """The write that may have changed its values; to what is immutable it changed labels."""
    return None if item.immutable else item.last_write


def _changed_at(item: ConfigMap | Secret) -> datetime | None:
    """When its values were last set: by a write, or as it was made."""
    write = _write(item)
    return write.time if write is not None else item.metadata.creation_timestamp


def _sources(spec: PodSpec, container: Container) -> Iterator[tuple[str, str, bool]]:
    """(kind, name, follows) of what the container reads: once, at its start, or as files that follow their source."""
    for kind, name in _variables(container):
        yield kind, name, False
    volumes = {volume.name: volume for volume in spec.volumes if volume.config_map or volume.secret}
    for mount in container.volume_mounts if volumes else ():
        volume = volumes.get(mount.name)
        if volume and volume.config_map:
            yield "ConfigMap", volume.config_map.name, not mount.sub_path
        if volume and volume.secret:
            yield "Secret", volume.secret.secret_name, not mount.sub_path


def _variables(container: Container) -> Iterator[tuple[str, str]]:
    for source in container.env_from:
        if source.config_map_ref:
            yield "ConfigMap", source.config_map_ref.name
        if source.secret_ref:
            yield "Secret", source.secret_ref.name
    for variable in container.env:
        chosen = variable.value_from
        if chosen and chosen.config_map_key_ref:
            yield "ConfigMap", chosen.config_map_key_ref.name
        if chosen and chosen.secret_key_ref:
            yield "Secret", chosen.secret_key_ref.name


def _finding(snapshot: Snapshot, workload: ResourceRef, source: ResourceRef, pods: tuple[Pod, ...]) -> Finding:
    item = snapshot.find(source)
    assert isinstance(item, ConfigMap | Secret)
    write, at = _write(item), _changed_at(item)
    done = "changed" if write is not None else "made"
    started = Evidence.of(
        snapshot.ref(pods[0]), "status", f"{pods[0].name} was started before that", locator="status.containerStatuses"
    )
    return Finding.of(
        analyzer=ID,
        reason="ConfigurationOutdated",
        ref=workload,
        title=f"{workload} runs with values that {source} no longer has ({share(snapshot, workload, pods)})",
        severity=Severity.INFO,
        confidence=0.9,
        cause=f"{source} was {done}{_ago(at, snapshot.taken_at)}; {_KEPT}",
        evidence=(
            Evidence.of(
                source,
                "spec",
                f"written by {write.manager}" if write is not None else "made after the container had started",
                locator="metadata.managedFields" if write is not None else "metadata.creationTimestamp",
                observed_at=at,
            ),
            started,
        ),
        remedies=(
            kubectl.describe(source),
            kubectl.write(
                "Start its pods anew", f"rollout restart {workload.kind.lower()}/{workload.name}", workload.namespace
            ),
        ),
        detail=str(source),
    )


def _ago(at: datetime | None, now: datetime) -> str:
    return f" {format_duration((now - at).total_seconds())} ago" if at is not None else ""


plugin = AnalyzerPlugin(
    id=ID, title="Configuration that was changed after its readers started", analyze=analyze, scope="workload"
)
