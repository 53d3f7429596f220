from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.node_upkeep import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of


def node(version: str = "v1.34.0", *conditions: dict[str, str], **spec: Any) -> dict[str, Any]:
    status = {
        "nodeInfo": {"kubeletVersion": version},
        "allocatable": {"memory": "10Gi", "cpu": "2"},
        "conditions": list(conditions),
    }
    return {"kind": "Node", "metadata": {"name": "n1", "uid": "u-1"}, "spec": spec, "status": status}


def event(
    reason: str, *, at: str = "2026-01-15T11:50:00Z", count: int = 4, message: str = "it is so"
) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Node", "name": "n1", "uid": "n1"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": at,
    }


def found(*manifests: dict[str, Any]) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("v1.35.1", "newer than"),
        ("v1.30.9", "too old for"),
        ("v1.34.2", ""),
        ("v1.31.0", ""),
        ("v1.34.1-gke.200", ""),
        ("", ""),
    ],
)
def test_a_kubelet_of_another_age_than_the_api_server(version: str, words: str) -> None:
    told = found(node(version))
    assert [item.reason for item in told] == ["VersionSkew"] * bool(words)
    assert all(words in item.title and item.severity is Severity.INFO for item in told)


@pytest.mark.parametrize("reason", ["ImageGCFailed", "FreeDiskSpaceFailed", "SystemOOM", "EvictionThresholdMet"])
def test_housekeeping_that_fails_is_told(reason: str) -> None:
    [finding] = found(node(), event(reason))
    assert (finding.reason, finding.severity) == (reason, Severity.WARNING)
    assert "it is so" in finding.cause


@pytest.mark.parametrize(
    ("reason", "count", "is_told"),
    [
        ("ConntrackFull", 1, True),
        ("KernelOops", 1, True),
        ("TaskHung", 3, True),
        ("TaskHung", 1, False),
        ("UnregisterNetDevice", 3, False),
    ],
)
def test_what_a_problem_detector_reports_is_told_in_its_name(reason: str, count: int, is_told: bool) -> None:
    told = found(node(), {**event(reason, count=count), "source": {"component": "kernel-monitor"}})
    assert [(item.reason, item.severity) for item in told] == [(reason, Severity.WARNING)] * is_told
    assert all(item.cause.startswith("kernel-monitor says: it is so") for item in told)
    deadlocked = node("v1.34.0", {"type": "KernelDeadlock", "status": "True"})
    assert found(deadlocked, event("TaskHung")) == []


@pytest.mark.parametrize(
    "manifests",
    [
        [node(), event("ImageGCFailed", count=1)],
        [node(), event("ImageGCFailed", at="2026-01-15T10:00:00Z")],
        [node(), event("NodeHasSufficientMemory")],
        [node("v1.34.0", {"type": "DiskPressure", "status": "True"}), event("ImageGCFailed")],
    ],
    ids=["once-at-start", "long-ago", "well", "told-by-its-condition"],
)
def test_what_is_no_news_is_silent(manifests: list[dict[str, Any]]) -> None:
    assert found(*manifests) == []


def test_a_reboot_is_information() -> None:
    [finding] = found(node(), event("Rebooted", count=1))
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(("memory", "reasons"), [("9500Mi", ["NodeMemoryNearlyUsedUp"]), ("5Gi", [])])
def test_memory_that_is_nearly_used_up_is_information(memory: str, reasons: list[str]) -> None:
    metrics = {"kind": "NodeMetrics", "metadata": {"name": "n1"}, "usage": {"memory": memory, "cpu": "1"}}
    told = found(node(), metrics)
    assert [item.reason for item in told] == reasons
    assert all(item.severity is Severity.INFO for item in told)


@pytest.mark.parametrize(
    ("key", "toleration", "is_told"),
    [
        ("dedicated", {"key": "other", "operator": "Exists"}, True),
        ("dedicated", {"operator": "Exists"}, True),
        ("dedicated", {"key": "dedicated", "operator": "Exists"}, False),
        ("node-role.kubernetes.io/control-plane", {"key": "other", "operator": "Exists"}, False),
    ],
)
def test_a_taint_that_nobody_tolerates_is_information(key: str, toleration: dict[str, str], is_told: bool) -> None:
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"tolerations": [toleration]}}
    told = found(node(taints=[{"key": key, "effect": "NoSchedule"}]), pod)
    assert [(item.reason, item.severity) for item in told] == [("TaintNotTolerated", Severity.INFO)] * is_told
