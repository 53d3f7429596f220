"""Advice on storage: several defaults, and claims that nobody mounts."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_storage import plugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


def storage_class(name: str, is_default: str = "true") -> dict[str, Any]:
    annotations = {"storageclass.kubernetes.io/is-default-class": is_default}
    return {"kind": "StorageClass", "metadata": {"name": name, "annotations": annotations}}


def claim(name: str = "data", phase: str = "Bound", **metadata: Any) -> dict[str, Any]:
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name, **metadata}, "status": {"phase": phase}}


def pod(name: str) -> dict[str, Any]:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": name}}]
    return {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"volumes": volumes}}


def stateful_set() -> dict[str, Any]:
    templates = [{"metadata": {"name": "data"}}]
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {"replicas": 0, "volumeClaimTemplates": templates},
    }


def test_several_default_classes() -> None:
    assert reasons(storage_class("a"), storage_class("b")) == ["SeveralDefaultClasses"]
    assert reasons(storage_class("a"), storage_class("b", "false")) == []


@pytest.mark.parametrize(
    ("manifests", "expected"),
    [
        ([claim()], ["UnusedClaim"]),
        ([claim(), pod("data")], []),
        ([claim(), pod("other")], ["UnusedClaim"]),
        ([claim(phase="Pending")], []),
        ([claim("data-db-1"), stateful_set()], []),  # kept for when the set is scaled up again
        ([claim("data-web-1"), stateful_set()], ["UnusedClaim"]),
        ([claim(ownerReferences=[{"kind": "Database", "name": "d"}])], []),
    ],
)
def test_a_claim_that_nobody_mounts(manifests: list[dict[str, Any]], expected: list[str]) -> None:
    assert reasons(*manifests) == expected
