"""Containers near their limits."""

from __future__ import annotations

from typing import Any

from kubeagentix.analyzers.usage import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of


def pod(limits: dict[str, str], name: str = "web") -> dict[str, Any]:
    container = {"name": "app", "image": "i", "resources": {"limits": limits}}
    return {
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container]},
        "status": {"phase": "Running"},
    }


def metrics(usage: dict[str, str], name: str = "web") -> dict[str, Any]:
    return {"kind": "PodMetrics", "metadata": {"name": name}, "containers": [{"name": "app", "usage": usage}]}


def found(*manifests: dict[str, Any]) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def test_memory_near_its_limit_is_a_warning() -> None:
    (finding,) = found(pod({"memory": "100Mi"}), metrics({"memory": "99000Ki"}))
    assert (finding.reason, finding.severity) == ("MemoryNearLimit", Severity.WARNING)
    assert finding.evidence[0].source == "metric"
    assert "97%" in finding.evidence[0].summary


def test_cpu_at_its_limit_is_information() -> None:
    (finding,) = found(pod({"cpu": "500m"}), metrics({"cpu": "499000000n"}))
    assert (finding.reason, finding.severity) == ("CPUNearLimit", Severity.INFO)


def test_less_than_that_is_silent() -> None:
    assert found(pod({"memory": "100Mi", "cpu": "1"}), metrics({"memory": "94Mi", "cpu": "940m"})) == []


def test_without_a_limit_or_without_metrics_there_is_nothing_to_be_near() -> None:
    assert found(pod({}), metrics({"memory": "10Gi", "cpu": "8"})) == []
    assert found(pod({"memory": "1Mi"})) == []


def test_files_in_memory_are_named_where_they_count() -> None:
    manifest = pod({"memory": "100Mi"})
    manifest["spec"]["containers"][0]["volumeMounts"] = [{"name": "cache", "mountPath": "/cache"}]
    for medium, is_told in (("Memory", True), ("", False)):
        manifest["spec"]["volumes"] = [{"name": "cache", "emptyDir": {"medium": medium}}]
        (finding,) = found(manifest, metrics({"memory": "99000Ki"}))
        assert ("volume cache (emptyDir in memory)" in finding.cause) is is_told
