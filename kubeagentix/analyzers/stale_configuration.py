"""ConfigMaps and Secrets that were changed after the containers which took their values had started.

Environment variables and files mounted with subPath keep the value they had at the start; other mounted files follow.
Source: https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import share
from kubeagentix.analysis.shortfall import format_duration
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.meta import TrackedResource, Writer
from kubeagentix.domain.pods import Container, Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot

ID = "stale-configuration"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and source, severity `info`: what runs may rightly keep what it started with."""
    stale: dict[tuple[ResourceRef, ResourceRef], list[Pod]] = defaultdict(list)
    for pod in snapshot.all(Pod):
        if not pod.is_finished and not pod.is_terminating:
            for source in _outlived(snapshot, pod):
                stale[(snapshot.workload_of(pod), source)].append(pod)
    for (workload, source), pods in stale.items():
        yield _finding(snapshot, workload, source, tuple(pods))


def _outlived(snapshot: Snapshot, pod: Pod) -> Iterator[ResourceRef]:
    """The sources whose values a running container of the pod took before they were last written."""
    found: dict[ResourceRef, None] = {}
    for container, status, is_init in pod.containers():
        running = status.state.running if status is not None and not is_init else None
        if running is None or running.started_at is None:
            continue
        for kind, name in _kept_sources(pod.spec, container):
            ref = snapshot.named(kind, pod.namespace, name)
            write = _last_write(snapshot, ref)
            if write is not None and write.time is not None and write.time > running.started_at:
                found[ref] = None
    yield from found


def _last_write(snapshot: Snapshot, ref: ResourceRef) -> Writer | None:
    resource = snapshot.find(ref)
    return resource.last_write if isinstance(resource, TrackedResource) else None


def _kept_sources(spec: PodSpec, container: Container) -> Iterator[tuple[str, str]]:
    """(kind, name) of what the container reads once, at its start."""
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
    volumes = {volume.name: volume for volume in spec.volumes}
    for mount in container.volume_mounts:
        volume = volumes.get(mount.name) if mount.sub_path else None
        if volume and volume.config_map:
            yield "ConfigMap", volume.config_map.name
        if volume and volume.secret:
            yield "Secret", volume.secret.secret_name


def _finding(snapshot: Snapshot, workload: ResourceRef, source: ResourceRef, pods: tuple[Pod, ...]) -> Finding:
    write = _last_write(snapshot, source)
    at: datetime | None = write.time if write is not None else None
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
        cause=f"{source} was changed{_ago(at, snapshot.taken_at)}; variables and subPath mounts keep the value "
        "they had when the container started.",
        evidence=(
            Evidence.of(
                source,
                "spec",
                f"written by {write.manager if write is not None else 'somebody'}",
                locator="metadata.managedFields",
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


plugin = AnalyzerPlugin(id=ID, title="Configuration that was changed after its readers started", analyze=analyze)
