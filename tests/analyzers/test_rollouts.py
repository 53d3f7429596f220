"""A rolling update that waits for itself, and those that only wait."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.rollouts import analyze, unavailable_at_most
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.workloads import Deployment
from kubeagentix.testing import snapshot_of

PORT = "containers: [{name: app, ports: [{containerPort: 80, hostPort: 80}], resources: {requests: {cpu: 500m}}}]"
AFFINITY = (
    "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
    "[{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}"
)
CLAIM = "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]"


def deployment(strategy: str = "", replicas: int = 1) -> str:
    return f"""
kind: Deployment
metadata: {{name: web}}
spec: {{replicas: {replicas}, strategy: {{{strategy}}}}}
"""


def replica_set(revision: str) -> str:
    return f"""
kind: ReplicaSet
metadata: {{name: web-{revision}, ownerReferences: [{{kind: Deployment, name: web, controller: true}}]}}
"""


def pod(revision: str, spec: str, *, made: str, conditions: str, node: str = "") -> str:
    return f"""
kind: Pod
metadata:
  name: web-{revision}-a
  creationTimestamp: "2026-01-15T{made}Z"
  labels: {{app: web, pod-template-hash: {revision}}}
  ownerReferences: [{{kind: ReplicaSet, name: web-{revision}, controller: true}}]
spec: {{nodeName: "{node}", {spec}}}
status: {{phase: Pending, conditions: {conditions}}}
"""


READY = '[{type: Ready, status: "True"}]'


def pair(spec: str, message: str, *, made: str = "11:50:00", ready: str = READY) -> tuple[str, ...]:
    """An old pod that serves, and a new one that finds no node."""
    refused = f'[{{type: PodScheduled, status: "False", reason: Unschedulable, message: "{message}"}}]'
    return (
        replica_set("old"),
        replica_set("new"),
        pod("old", spec, made="08:00:00", conditions=ready, node="n1"),
        pod("new", spec, made=made, conditions=refused),
    )


def find(*manifests: str) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


PORTS = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
ANTI = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."
CPU = "0/1 nodes are available: 1 Insufficient cpu."


@pytest.mark.parametrize(
    ("spec", "message", "what"),
    [(PORT, PORTS, "host port 80"), (AFFINITY, ANTI, "its anti-affinity"), (PORT, CPU, "the cpu that it requests")],
)
def test_a_new_pod_that_needs_what_the_old_one_has_is_a_deadlock(spec: str, message: str, what: str) -> None:
    (finding,) = find(deployment(), *pair(spec, message))
    assert finding.reason == "RolloutStuck/HeldByOldPods"
    assert finding.severity is Severity.CRITICAL
    assert what in finding.title
    assert "maxUnavailable 25% of 1 replica" in finding.cause


@pytest.mark.parametrize(
    "manifests",
    [
        (deployment("type: Recreate"), *pair(PORT, PORTS)),
        (deployment("rollingUpdate: {maxUnavailable: 1}"), *pair(PORT, PORTS)),
        (deployment("rollingUpdate: {maxUnavailable: 0, maxSurge: 0}"), *pair(PORT, PORTS)),
        (deployment(), *pair("containers: [{name: app}]", PORTS)),
        (deployment(), *pair("containers: [{name: app}]", ANTI)),
        (deployment(), *pair(PORT, "0/1 nodes are available: 1 node(s) had untolerated taint {a: b}.")),
        (deployment(), *pair(PORT, PORTS, made="11:59:40")),
        (deployment(), *pair(PORT, PORTS, ready='[{type: Ready, status: "False"}]')),
    ],
    ids=["recreate", "one may go", "both zero mean one", "no port", "no affinity", "a taint", "young", "none serves"],
)
def test_what_the_update_itself_can_get_over_is_silent(manifests: tuple[str, ...]) -> None:
    assert find(*manifests) == []


ATTACH = """
kind: Event
metadata: {name: attach}
involvedObject: {kind: Pod, namespace: default, name: web-new-a}
type: Warning
reason: FailedAttachVolume
message: 'Multi-Attach error for volume "pv-1" Volume is already used by pod(s) web-old-a'
lastTimestamp: "2026-01-15T11:55:00Z"
"""


def sharing(node: str) -> tuple[str, ...]:
    return (
        replica_set("old"),
        replica_set("new"),
        pod("old", CLAIM, made="08:00:00", conditions=READY, node="n1"),
        pod("new", CLAIM, made="11:50:00", conditions="[]", node=node),
        ATTACH,
    )


def test_a_volume_that_the_old_pod_has_elsewhere_is_a_deadlock() -> None:
    (finding,) = find(deployment(), *sharing("n2"))
    assert "claim data, which only one node at a time may have" in finding.title


def test_a_volume_on_the_same_node_is_none() -> None:
    assert find(deployment(), *sharing("n1")) == []


@pytest.mark.parametrize(
    ("rolling", "replicas", "most"),
    [
        ("", 1, 0),
        ("", 4, 1),
        ("rollingUpdate: {maxUnavailable: 0, maxSurge: 0}", 3, 1),
        ("rollingUpdate: {maxUnavailable: 10%, maxSurge: 0}", 3, 1),
        ("rollingUpdate: {maxUnavailable: 10%, maxSurge: 10%}", 3, 0),
        ("rollingUpdate: {maxUnavailable: 2}", 3, 2),
    ],
)
def test_bounds_are_rounded_as_the_controller_does(rolling: str, replicas: int, most: int) -> None:
    (found,) = snapshot_of(deployment(rolling, replicas)).all(Deployment)
    assert unavailable_at_most(found) == most
