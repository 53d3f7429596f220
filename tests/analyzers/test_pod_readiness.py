"""Pods that run and are not ready."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.pod_readiness import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T11:00:00Z"
JUST_NOW = "2026-01-15T11:59:45Z"


def pod(
    *,
    ready: str = "False",
    since: str = LONG_AGO,
    conditions: tuple[dict[str, str], ...] = (),
    statuses: tuple[dict[str, Any], ...] = ({"name": "app", "ready": False, "state": {"running": {}}},),
    phase: str = "Running",
    **spec: Any,
) -> dict[str, Any]:
    own = {"type": "Ready", "status": ready, "lastTransitionTime": since, "message": "containers with unready status"}
    return {
        "kind": "Pod",
        "metadata": {"name": "web", "creationTimestamp": since},
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "i"}], **spec},
        "status": {"phase": phase, "conditions": [own, *conditions], "containerStatuses": list(statuses)},
    }


def found(*manifests: dict[str, Any]) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def test_a_pod_that_runs_unready_is_a_symptom() -> None:
    (finding,) = found(pod())
    assert (finding.reason, finding.is_symptom, finding.severity) == ("NotReady", True, Severity.CRITICAL)
    assert finding.evidence[0].excerpt == "containers with unready status"


@pytest.mark.parametrize(
    "manifest",
    [
        pod(ready="True"),
        pod(since=JUST_NOW),
        pod(phase="Pending"),
        pod(phase="Succeeded"),
        pod(
            restartPolicy="Never",
            statuses=(
                {"name": "app", "ready": False, "state": {"terminated": {"exitCode": 0}}},
                {"name": "side", "ready": True, "state": {"running": {}}},
            ),
        ),
    ],
)
def test_a_pod_that_is_ready_or_young_or_done_is_left_alone(manifest: dict[str, Any]) -> None:
    assert found(manifest) == []


def test_a_pod_that_is_being_deleted_is_left_alone() -> None:
    manifest = pod()
    manifest["metadata"]["deletionTimestamp"] = LONG_AGO
    assert found(manifest) == []


def test_a_first_start_may_take_as_long_as_its_probes_allow() -> None:
    probe = {"httpGet": {"port": 80}, "periodSeconds": 10, "failureThreshold": 30}
    container = {"name": "app", "image": "i", "startupProbe": probe}
    assert found(pod(since="2026-01-15T11:56:00Z", containers=[container])) == []
    assert [item.reason for item in found(pod(since="2026-01-15T11:54:00Z", containers=[container]))] == ["NotReady"]


def test_a_node_that_is_not_ready_is_pointed_at() -> None:
    node = {
        "kind": "Node",
        "metadata": {"name": "node-1"},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]},
    }
    (finding,) = found(pod(), node)
    assert [str(ref) for ref in finding.points_at] == ["Node node-1"]


GATE = ({"conditionType": "example.com/lb"},)
CONTAINERS_READY = {"type": "ContainersReady", "status": "True"}
SHUT = {"type": "example.com/lb", "status": "False", "reason": "Registering", "message": "target is in health check"}


def gated(since: str, *own: dict[str, str], made: str = LONG_AGO) -> list[Finding]:
    """What is found of a pod whose containers are ready `since`, while its gate is shut."""
    ready = {**CONTAINERS_READY, "lastTransitionTime": since}
    return found(pod(since=made, conditions=(ready, *own), readinessGates=GATE))


@pytest.mark.parametrize(("own", "said"), [((), "is missing"), ((SHUT,), "is not True")])
def test_a_readiness_gate_that_nobody_opens(own: tuple[dict[str, str], ...], said: str) -> None:
    (finding,) = gated("2026-01-15T11:50:00Z", *own)
    assert (finding.reason, finding.severity) == ("NotReady/ReadinessGate", Severity.CRITICAL)
    assert not finding.is_symptom
    assert "example.com/lb" in finding.cause
    assert said in finding.cause
    assert [item.excerpt for item in finding.evidence[1:]] == ["target is in health check"][: len(own)]


def test_a_gate_that_nobody_has_set_is_a_warning_before_long() -> None:
    (finding,) = gated("2026-01-15T11:58:25Z")
    assert finding.severity is Severity.WARNING
    assert finding.title.endswith("by the readiness gate example.com/lb for 95s, which nobody has set")


@pytest.mark.parametrize("is_stalled", [True, False])
def test_a_gate_is_named_as_soon_as_its_rollout_is_stuck(is_stalled: bool) -> None:
    made = "2026-01-15T11:59:20Z"
    manifest = pod(since=made, conditions=({**CONTAINERS_READY, "lastTransitionTime": made},), readinessGates=GATE)
    manifest["metadata"]["ownerReferences"] = [{"kind": "Deployment", "name": "web", "controller": True}]
    stalled = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    status = {"readyReplicas": 1, "conditions": stalled if is_stalled else []}
    deployment = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}, "status": status}
    told = [(item.reason, item.severity) for item in found(manifest, deployment)]
    assert told == [("NotReady/ReadinessGate", Severity.WARNING)] * is_stalled


def test_a_new_target_of_a_load_balancer_is_given_its_minutes() -> None:
    assert gated("2026-01-15T11:57:00Z", SHUT) == []


def test_a_gate_is_given_time_from_when_the_containers_are_ready() -> None:
    """An image of some gigabytes was pulled before."""
    assert gated("2026-01-15T11:59:00Z") == []


def test_a_gate_is_not_blamed_while_containers_are_unready() -> None:
    unready = {"type": "ContainersReady", "status": "False"}
    assert [item.reason for item in found(pod(conditions=(unready,), readinessGates=GATE))] == ["NotReady"]


def containers(first: int, second: int, protocol: str = "TCP") -> list[dict[str, Any]]:
    return [
        {"name": "app", "image": "i", "ports": [{"containerPort": first}]},
        {"name": "side", "image": "i", "ports": [{"containerPort": second, "protocol": protocol}]},
    ]


def test_two_containers_on_one_port_clash() -> None:
    clash = [item for item in found(pod(containers=containers(80, 80))) if item.reason == "PortClash"]
    assert [item.severity for item in clash] == [Severity.WARNING]
    assert "app and side" in clash[0].title


def test_a_clash_in_a_pod_that_is_well_is_only_advice() -> None:
    assert [item.severity for item in found(pod(ready="True", containers=containers(80, 80)))] == [Severity.INFO]


def test_other_ports_and_other_protocols_do_not_clash() -> None:
    assert found(pod(ready="True", containers=containers(80, 81))) == []
    assert found(pod(ready="True", containers=containers(53, 53, "UDP"))) == []


def test_a_pod_without_any_nameserver() -> None:
    (finding,) = found(pod(ready="True", dnsPolicy="None"))
    assert finding.reason == "DNSConfigInvalid"
    assert found(pod(ready="True", dnsPolicy="None", dnsConfig={"nameservers": ["10.0.0.10"]})) == []


@pytest.mark.parametrize(("restarts", "started", "is_told"), [(0, "11:59:15", False), (0, "11:58:30", True)])
def test_a_container_that_just_came_to_run_is_starting(restarts: int, started: str, is_told: bool) -> None:
    state = {"running": {"startedAt": f"2026-01-15T{started}Z"}}
    status = {"name": "app", "ready": False, "restartCount": restarts, "state": state}
    assert bool(found(pod(since=f"2026-01-15T{started}Z", statuses=(status,)))) is is_told


def test_a_pod_of_a_node_that_is_taken_away_is_left_alone() -> None:
    node = {"kind": "Node", "metadata": {"name": "node-1", "deletionTimestamp": JUST_NOW}}
    assert found(pod(), node) == []


def creating(waits_for: str, since: str = LONG_AGO, **status: Any) -> dict[str, Any]:
    waiting = ({"name": "app", "ready": False, "state": {"waiting": {"reason": waits_for}}},)
    manifest = pod(phase="Pending", since=since, statuses=waiting)
    manifest["status"].update(status)
    return manifest


def test_a_pod_that_is_still_being_created_after_minutes_is_a_symptom() -> None:
    (finding,) = found(creating("ContainerCreating"))
    assert (finding.reason, finding.is_symptom) == ("NotReady/ContainerCreating", True)
    assert "for 60m" in finding.title


@pytest.mark.parametrize(
    "manifest",
    [
        creating("ContainerCreating", since="2026-01-15T11:57:00Z"),
        creating("ImagePullBackOff"),
        creating("Blocked", reason="AppArmor"),
    ],
    ids=["young", "told-by-its-image", "held-back"],
)
def test_a_pod_that_is_new_or_says_why_is_no_such_symptom(manifest: dict[str, Any]) -> None:
    assert found(manifest) == []


def test_a_pod_on_a_node_that_is_not_ready_points_at_it() -> None:
    lost = {"type": "Ready", "status": "Unknown", "lastTransitionTime": LONG_AGO}
    node = {"kind": "Node", "metadata": {"name": "node-1", "creationTimestamp": "2025-01-01T00:00:00Z"}}
    (finding,) = found(creating("ContainerCreating"), {**node, "status": {"conditions": [lost]}})
    assert [str(ref) for ref in finding.points_at] == ["Node node-1"]


def test_a_sidecar_and_a_container_clash_too() -> None:
    port = {"ports": [{"containerPort": 8080}]}
    both = pod(containers=[{"name": "app", **port}], initContainers=[{"name": "p", "restartPolicy": "Always", **port}])
    assert "PortClash" in [item.reason for item in found(both)]
    both["spec"]["initContainers"][0]["restartPolicy"] = ""
    assert "PortClash" not in [item.reason for item in found(both)]
