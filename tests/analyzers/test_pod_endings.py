"""Pods ended from outside, and pods that will not go."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.pod_endings import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

RECENT = "2026-01-15T11:50:00Z"
LONG_AGO = "2026-01-15T08:00:00Z"


def failed(reason: str, message: str, *, name: str = "web-1", at: str = RECENT, **status: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "creationTimestamp": LONG_AGO},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Failed", "reason": reason, "message": message, "startTime": at, **status},
    }


def owned(pod: dict[str, Any], kind: str = "ReplicaSet", name: str = "web-abc") -> dict[str, Any]:
    owner = {"kind": kind, "name": name, "controller": True}
    return pod | {"metadata": pod["metadata"] | {"ownerReferences": [owner]}}


def ready(name: str, status: str = "True") -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"nodeName": "node-2"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]},
    }


def only(*manifests: dict[str, Any]) -> Finding:
    found = list(plugin.analyze(snapshot_of(*manifests)))
    assert len(found) == 1, [item.reason for item in found]
    assert found[0].evidence
    return found[0]


LOW = "The node was low on resource: {}. Threshold quantity: 100Mi, available: 50Mi. Container app was using 2Gi. "


@pytest.mark.parametrize(
    ("message", "reason", "is_the_nodes"),
    [
        (LOW.format("memory"), "Evicted/Memory", True),
        (LOW.format("ephemeral-storage"), "Evicted/EphemeralStorage", True),
        (LOW.format("inodes"), "Evicted/Inodes", True),
        (LOW.format("pids"), "Evicted/Pid", True),
        ("Pod was rejected: The node had condition: [DiskPressure]. ", "Evicted/EphemeralStorage", True),
        ("Pod The node had condition: [MemoryPressure]. ", "Evicted/Memory", True),
        ('Usage of EmptyDir volume "d" exceeds the limit "1Mi". ', "Evicted/EphemeralStorage", False),
        ("Pod ephemeral local storage usage exceeds the total limit. ", "Evicted/EphemeralStorage", False),
        ('Container app exceeded its local ephemeral storage limit "1Gi". ', "Evicted/EphemeralStorage", False),
        ("Something new", "Evicted", False),
    ],
)  # fmt: skip
def test_an_eviction_is_split_by_resource(message: str, reason: str, is_the_nodes: bool) -> None:
    finding = only(failed("Evicted", message))
    assert finding.reason == reason
    assert [ref.name for ref in finding.points_at] == (["node-1"] if is_the_nodes else [])


_SYSCTL = "UnexpectedAdmissionError/SysctlForbidden"


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("Preempting", "Preempted in order to admit critical pod", "Preempted"),
        ("Shutdown", "Node is shutting, evicting pods", "NodeShutdown"),
        ("Terminated", "Pod was terminated in response to imminent node shutdown.", "NodeShutdown"),
        ("NodeShutdown", "Pod was rejected as the node is shutting down.", "NodeShutdown"),
        ("NodeLost", "Node node-1 which was running pod web-1 is unresponsive", "NodeLost"),
        ("OutOfcpu", "Pod Node didn't have enough resource: cpu, requested: 64000, used: 400", "OutOfCpu"),
        ("OutOfmemory", "Pod Node didn't have enough resource: memory", "OutOfMemory"),
        ("OutOfpods", "Pod Node didn't have enough resource: pods", "OutOfPods"),
        ("UnexpectedAdmissionError", "Allocate failed due to no devices", "UnexpectedAdmissionError"),
        ("NodeAffinity", "Pod Predicate NodeAffinity failed", "UnexpectedAdmissionError/NodeAffinity"),
        ("SysctlForbidden", 'Pod forbidden sysctl: "kernel.msgmax" not whitelisted', _SYSCTL),
        ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline", "DeadlineExceeded"),
    ],
)
def test_an_ending_gets_its_reason(reason: str, message: str, expected: str) -> None:
    finding = only(failed(reason, message))
    assert finding.reason == expected
    assert message[:20] in finding.cause


def test_a_preempted_pod_is_known_by_its_disruption_condition_while_it_goes() -> None:
    pod = ready("web-1", "False")
    pod["metadata"]["deletionTimestamp"] = "2026-01-15T12:00:10Z"
    pod["status"]["conditions"].append(
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "for shop/big"}
    )
    assert only(pod).reason == "Preempted"


def test_many_evicted_leftovers_are_one_finding_on_the_workload() -> None:
    pods = [owned(failed("Evicted", LOW.format("memory"), name=f"web-{n}")) for n in range(20)]
    finding = only(*pods)
    assert str(finding.ref) == "ReplicaSet default/web-abc"
    assert "20 pods were evicted" in finding.title
    assert len(finding.evidence) == 3


@pytest.mark.parametrize(
    ("at", "replacement", "severity"),
    [
        (LONG_AGO, "True", Severity.INFO),
        (LONG_AGO, "False", Severity.WARNING),
        (RECENT, "True", Severity.WARNING),
        (RECENT, "False", Severity.CRITICAL),
    ],
)
def test_how_bad_it_is_depends_on_age_and_replacement(at: str, replacement: str, severity: Severity) -> None:
    old, new = failed("Evicted", LOW.format("memory"), at=at), ready("web-2", replacement)
    assert only(owned(old), owned(new)).severity is severity


def test_nothing_replaces_a_bare_pod() -> None:
    assert only(failed("Evicted", LOW.format("memory"), at=LONG_AGO)).severity is Severity.CRITICAL


def test_an_attempt_of_a_job_that_completed_says_nothing() -> None:
    pod = owned(failed("Evicted", LOW.format("memory")), "Job", "load")
    job: dict[str, Any] = {"kind": "Job", "metadata": {"name": "load"}}
    assert only(pod, job).reason == "Evicted/Memory"
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert list(plugin.analyze(snapshot_of(pod, job))) == []


@pytest.mark.parametrize(
    "pod",
    [
        failed("", ""),
        failed("Error", "", containerStatuses=[{"name": "app", "state": {"terminated": {"exitCode": 1}}}]),
        owned(failed("DeadlineExceeded", "Job was active longer than specified deadline"), "Job", "load"),
        ready("web", "False"),
    ],
)
def test_a_pod_that_ended_by_itself_says_nothing_here(pod: dict[str, Any]) -> None:
    assert list(plugin.analyze(snapshot_of(pod))) == []


def terminating(deleted: str, *, is_running: bool = True, **metadata: Any) -> dict[str, Any]:
    state = {"running": {}} if is_running else {"terminated": {"exitCode": 0}}
    return {
        "kind": "Pod",
        "metadata": {"name": "db-0", "deletionTimestamp": deleted, **metadata},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "state": state}]},
    }


def node(status: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": status}]
    return {"kind": "Node", "metadata": {"name": "node-1"}, "status": {"conditions": conditions}}


def test_finalizers_hold_a_pod_whose_containers_have_ended() -> None:
    finding = only(node("True"), terminating(RECENT, is_running=False, finalizers=["example.com/hold"]))
    assert finding.reason == "Terminating/Finalizer"
    assert "example.com/hold" in finding.cause


@pytest.mark.parametrize("nodes", [[node("Unknown")], []])
def test_a_node_that_is_down_or_gone_cannot_confirm_the_end(nodes: list[dict[str, Any]]) -> None:
    finding = only(*nodes, terminating(RECENT, finalizers=["batch.kubernetes.io/job-tracking"]))
    assert finding.reason == "Terminating/NodeNotReady"
    assert [str(ref) for ref in finding.points_at] == ["Node node-1"]


def test_a_pod_that_is_stuck_for_no_visible_cause_is_plainly_terminating() -> None:
    finding = only(node("True"), terminating(RECENT))
    assert finding.reason == "Terminating"
    assert any(item.effect == "write" for item in finding.remedies)


@pytest.mark.parametrize("deleted", ["2026-01-15T12:00:20Z", "2026-01-15T11:59:30Z"])
def test_a_pod_within_its_grace_period_is_not_stuck(deleted: str) -> None:
    assert list(plugin.analyze(snapshot_of(node("True"), terminating(deleted)))) == []


@pytest.mark.parametrize(
    ("reason", "message", "severity"),
    [
        ("Terminated", "Pod was terminated in response to imminent node shutdown.", Severity.INFO),
        ("Evicted", LOW.format("memory"), Severity.WARNING),
    ],
)
def test_a_pod_that_left_with_its_node_and_was_replaced_is_no_trouble(
    reason: str, message: str, severity: Severity
) -> None:
    replaced = owned(ready("web-2"))
    replaced["metadata"]["creationTimestamp"] = "2026-01-15T11:55:00Z"
    assert only(owned(failed(reason, message)), replaced).severity is severity


def test_an_old_eviction_is_not_what_ails_the_pods_made_since() -> None:
    unready = owned(ready("web-2", status="False"))
    unready["metadata"]["creationTimestamp"] = "2026-01-15T11:55:00Z"
    assert only(owned(failed("Evicted", LOW.format("memory"), at=LONG_AGO)), unready).severity is Severity.INFO


@pytest.mark.parametrize(("reason", "is_told"), [("AppArmor", True), ("", False)])
def test_a_pod_that_the_kubelet_holds_back_is_told_by_its_reason(reason: str, is_told: bool) -> None:
    message = "Cannot enforce AppArmor: AppArmor is not enabled on the host"
    waiting = {"name": "app", "state": {"waiting": {"reason": "Blocked"}}}
    held = {
        "kind": "Pod",
        "metadata": {"name": "web-1"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app"}]},
        "status": {"phase": "Pending", "reason": reason, "message": message, "containerStatuses": [waiting]},
    }
    found = list(plugin.analyze(snapshot_of(held)))
    assert [item.reason for item in found] == ["UnexpectedAdmissionError/AppArmor"] * is_told
    assert all("not enabled on the host" in item.cause for item in found)


def test_a_limit_of_its_own_that_a_pod_went_over_is_to_be_raised() -> None:
    titles = [
        item.title for item in only(failed("Evicted", 'Usage of EmptyDir volume "d" exceeds the limit "1Mi"')).remedies
    ]
    assert "Raise the sizeLimit of volume d, or write less" in titles
    assert not any("Raise" in item.title for item in only(failed("Evicted", LOW.format("memory"))).remedies)
