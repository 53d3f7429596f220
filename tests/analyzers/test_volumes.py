from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubeagentix.analyzers.volumes import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of


def volume(phase: str, policy: str = "Retain", *, node: str = "", message: str = "") -> dict[str, Any]:
    spec: dict[str, Any] = {"persistentVolumeReclaimPolicy": policy, "claimRef": {"namespace": "shop", "name": "data"}}
    if node:
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    return {
        "kind": "PersistentVolume",
        "metadata": {"name": "pv"},
        "spec": spec,
        "status": {"phase": phase, "message": message},
    }


def node(name: str) -> dict[str, Any]:
    return {"kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}


def storage_class(name: str, default: str = "true") -> dict[str, Any]:
    annotations = {"storageclass.kubernetes.io/is-default-class": default}
    return {"kind": "StorageClass", "metadata": {"name": name, "annotations": annotations}}


USER = {
    "kind": "Pod",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
}
FAILED_DELETE = {
    "kind": "Event",
    "metadata": {"name": "e"},
    "type": "Warning",
    "reason": "VolumeFailedDelete",
    "message": "rpc error: volume is still attached",
    "involvedObject": {"kind": "PersistentVolume", "name": "pv"},
}


def found(*manifests: dict[str, Any], **options: Any) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests, **options)))


@pytest.mark.parametrize(
    ("manifests", "reason", "severity"),
    [
        ([volume("Failed", message="recycler failed")], "VolumeFailed", Severity.WARNING),
        ([volume("Released")], "VolumeReleased", Severity.INFO),
        ([volume("Released", "Delete")], "VolumeReleased", Severity.INFO),
        ([volume("Released", "Delete"), FAILED_DELETE], "VolumeFailedDelete", Severity.WARNING),
        ([volume("Bound", node="gone"), node("here")], "VolumeNodeLost", Severity.INFO),
        ([volume("Bound", node="gone"), node("here"), USER], "VolumeNodeLost", Severity.INFO),
    ],
)
def test_volumes_that_nobody_can_use(manifests: list[dict[str, Any]], reason: str, severity: Severity) -> None:
    (finding,) = found(*manifests)
    assert (finding.reason, finding.severity, str(finding.ref)) == (reason, severity, "PersistentVolume pv")


def test_what_was_kept_can_be_freed() -> None:
    (finding,) = found(volume("Released"))
    assert "claim shop/data" in finding.cause
    assert finding.remedies[-1].command.startswith("kubectl patch pv pv --type=merge")


def test_volumes_in_use_on_nodes_that_are_there_are_silent() -> None:
    assert found(volume("Bound"), volume("Available")) == []
    assert found(volume("Bound", node="here"), node("here")) == []
    assert found(volume("Bound", node="gone"), gaps=[Gap(what="nodes", why="403", kind="Node")]) == []


def test_several_default_classes_are_a_warning_where_the_server_refuses_claims_for_them() -> None:
    rivals = snapshot_of(storage_class("fast"), storage_class("slow"))
    (finding,) = analyze(replace(rivals, server_version="v1.20.2"))
    assert (finding.reason, finding.severity) == ("SeveralDefaultClasses", Severity.WARNING)
    assert list(analyze(replace(rivals, server_version="v1.26.0"))) == []
    one = snapshot_of(storage_class("fast"), storage_class("slow", "false"))
    assert list(analyze(replace(one, server_version="v1.20.2"))) == []
