"""Mounts whose `subPath` names no key of their ConfigMap or Secret: the pod starts, with an empty directory there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.paths import missing_sub_paths
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.templates import Template, templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret

ID = "sub-paths"
Use = tuple[str, str, str]  # container, mount path, and what is wrong in words


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload, object and `subPath`, however many containers mount it."""
    for template in templates(snapshot):
        found: dict[tuple[ResourceRef, str], list[Use]] = defaultdict(list)
        for container in (*template.spec.init_containers, *template.spec.containers):
            lost = missing_sub_paths(snapshot, template.namespace, template.spec, container)
            for mount, source, words in lost:
                found[(source, mount.sub_path)].append((container.name, mount.mount_path, words))
        for (source, sub_path), uses in found.items():
            yield _finding(snapshot, template, source, sub_path, uses)


def _finding(snapshot: Snapshot, template: Template, source: ResourceRef, sub_path: str, uses: list[Use]) -> Finding:
    workload, held = template.workload, snapshot.find(source)
    names = ", ".join(dict.fromkeys(container for container, _, _ in uses))
    like = nearest(sub_path, held.keys) if isinstance(held, ConfigMap | Secret) else ""
    return Finding.of(
        analyzer=ID,
        reason="SubPathNotFound",
        ref=workload,
        title=f"{workload}: {source.kind} {source.name} has no {sub_path}, which container {names} mounts by subPath",
        severity=Severity.WARNING if template.wanted else Severity.INFO,
        confidence=0.85,
        cause=f"In container {names}, {uses[0][2]}{f' Was {like} meant?' if like else ''}",
        evidence=(
            *(
                Evidence.of(
                    workload,
                    "spec",
                    f"subPath: {sub_path}",
                    excerpt=f"mountPath: {path}",
                    locator=f"containers[{container}].volumeMounts",
                )
                for container, path, _ in uses
            ),
            Evidence.of(source, "spec", f"{source} has no key {sub_path}", locator="data"),
        ),
        remedies=(
            kubectl.describe(source, "see its keys"),
            kubectl.edit(workload, "Name a key that exists", why=f"or add {sub_path} to {source.kind} {source.name}"),
        ),
        points_at=(source,),
        detail=f"{source} {sub_path}",
    )


plugin = AnalyzerPlugin(id=ID, title="Mounts by subPath that find no file", analyze=analyze, scope="workload")
