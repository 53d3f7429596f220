"""Nodes that are not well."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.nodes import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

SINCE = "2026-01-15T11:30:00Z"


def condition(kind: str, status: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": status, "lastTransitionTime": SINCE, **more}


def node(*conditions: dict[str, str], created: str = "2026-01-01T00:00:00Z", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {"name": "node-1", "creationTimestamp": created},
        "spec": spec,
        "status": {"conditions": list(conditions), "allocatable": {"cpu": "2", "memory": "4Gi"}},
    }


READY = condition("Ready", "True", reason="KubeletReady", message="kubelet is posting ready status")
CALM = [condition(name, "False") for name in ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")]


def pod(name: str, cpu: str = "1", ready: str = "True") -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "app", "image": "i", "resources": {"requests": {"cpu": cpu}}}],
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


def found(*manifests: dict[str, Any], **options: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, **options)))


def test_a_node_that_is_well_says_nothing() -> None:
    well = node(READY, *CALM, condition("EtcdIsVoter", "True"), condition("ContainerRuntimeIsUp", "True"))
    assert found(well, pod("web")) == []


def test_a_silent_kubelet_is_told_with_the_age_of_its_last_word() -> None:
    message = "Kubelet stopped posting node status."
    silent = condition("Ready", "Unknown", message=message, lastHeartbeatTime="2026-01-15T11:20:00Z")
    (finding,) = found(node(silent, condition("MemoryPressure", "Unknown")), pod("web", ready="False"))
    assert (finding.reason, finding.severity) == ("NodeNotReady/KubeletStopped", Severity.CRITICAL)
    assert "for 40m" in finding.cause
    assert any("Pod default/web" in item.summary for item in finding.evidence)


def test_a_kubelet_that_says_it_is_not_ready_is_quoted() -> None:
    (finding,) = found(node(condition("Ready", "False", message="container runtime network not ready")))
    assert (finding.reason, finding.severity) == ("NodeNotReady/NetworkPlugin", Severity.CRITICAL)
    assert "container runtime network not ready" in finding.cause


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("[container runtime is down, PLEG is not healthy: pleg was last seen active 3m]", "/ContainerRuntime"),
        ("runtime network not ready: NetworkReady=false: cni config uninitialized", "/NetworkPlugin"),
        ("node is shutting down", "/Shutdown"),
        ("something else", ""),
    ],
)
def test_the_part_of_a_node_that_fails_is_told(message: str, reason: str) -> None:
    (finding,) = found(node(condition("Ready", "False", message=message)))
    assert finding.reason == f"NodeNotReady{reason}"


@pytest.mark.parametrize(
    ("path", "ready", "is_blamed"),
    [("/etc/cni/net.d", "False", True), ("/etc/cni/net.d", "True", False), ("/var/log", "False", False)],
)
def test_a_network_plugin_that_does_not_come_up_is_pointed_at(path: str, ready: str, is_blamed: bool) -> None:
    volumes = [{"name": "v", "hostPath": {"path": path}}]
    daemons = {"kind": "DaemonSet", "metadata": {"name": "net"}, "spec": {"template": {"spec": {"volumes": volumes}}}}
    its_pod = pod("net-x", ready=ready)
    its_pod["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "name": "net", "controller": True}]
    (finding,) = found(node(condition("Ready", "False", message="cni config uninitialized")), daemons, its_pod)
    assert [str(ref) for ref in finding.points_at] == ["DaemonSet default/net"] * is_blamed
    assert ("DaemonSet default/net" in finding.cause) is is_blamed


def test_a_node_that_is_joining_is_no_trouble_yet() -> None:
    (finding,) = found(node(condition("Ready", "False", message="cni"), created="2026-01-15T11:59:00Z"))
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(
    "kind", ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "KernelDeadlock",
             "ReadonlyFilesystem", "FrequentKubeletRestart", "ContainerRuntimeUnhealthy"],
)  # fmt: skip
def test_a_condition_that_means_trouble(kind: str) -> None:
    (finding,) = found(node(READY, condition(kind, "True", message="it is so")))
    assert finding.reason == kind
    assert finding.severity is not Severity.INFO
    assert "it is so" in finding.cause


@pytest.mark.parametrize("kind", ["MemoryPressure", "KernelDeadlock"])
def test_a_condition_that_is_not_true_is_no_trouble(kind: str) -> None:
    assert found(node(READY, condition(kind, "False")), node(READY, condition(kind, "Unknown"))) == []


def test_a_cordon_is_information() -> None:
    (finding,) = found(node(READY, unschedulable=True))
    assert (finding.reason, finding.severity) == ("NodeCordoned", Severity.INFO)


def test_more_requested_than_there_is_is_information() -> None:
    (finding,) = found(node(READY), pod("a", "1500m"), pod("b", "1"))
    assert (finding.reason, finding.severity) == ("RequestsExceedAllocatable", Severity.INFO)
    assert "2.5 cpu of 2" in finding.cause


def test_more_pods_than_a_node_may_hold_are_information() -> None:
    crowded = node(READY)
    crowded["status"]["allocatable"]["pods"] = "1"
    (finding,) = found(crowded, pod("a"), pod("b"))
    assert "2 pods of 1" in finding.cause


def test_a_node_that_is_exactly_full_is_well() -> None:
    assert found(node(READY), pod("a"), pod("b")) == []


@pytest.mark.parametrize(("key", "severity"), [("karpenter.sh/disrupted", Severity.INFO), ("x", Severity.CRITICAL)])
def test_a_node_that_is_taken_away_may_fall_silent(key: str, severity: Severity) -> None:
    silent = condition("Ready", "Unknown") | {"lastTransitionTime": "2026-01-15T11:58:00Z"}
    (finding,) = found(node(silent, taints=[{"key": key, "effect": "NoSchedule"}]))
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("created", "severity"), [("2026-01-15T11:59:00Z", Severity.INFO), ("2026-01-01T00:00:00Z", Severity.CRITICAL)]
)
def test_the_network_of_a_new_node_takes_a_moment(created: str, severity: Severity) -> None:
    (finding,) = found(node(READY, condition("NetworkUnavailable", "True"), created=created))
    assert finding.severity is severity


@pytest.mark.parametrize(("status", "reasons"), [("True", []), ("False", ["StorageReady"]), ("Unknown", [])])
def test_a_part_that_is_not_ready_is_trouble(status: str, reasons: list[str]) -> None:
    assert [finding.reason for finding in found(node(READY, condition("StorageReady", status)))] == reasons
