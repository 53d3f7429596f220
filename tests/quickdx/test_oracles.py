"""The predecessor's diagnosis oracles, as regression cases: what a pod's state, events and log must lead to."""

from __future__ import annotations

import pytest

from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import log_of, snapshot_of

WAITING = "waiting: {reason: %s, message: '%s'}"
ENDED = "terminated: {exitCode: %d, reason: %s, startedAt: '2026-01-15T11:57:00Z', finishedAt: '2026-01-15T11:58:00Z'}"
CRASHING = f"state: {{{WAITING % ('CrashLoopBackOff', 'back-off 5m0s restarting failed container')}}}"


def pod(status: str, *, phase: str = "Running", conditions: str = "[{type: Ready, status: 'False'}]") -> str:
    return f"""
kind: Pod
metadata: {{name: web, uid: u1, creationTimestamp: '2026-01-15T10:00:00Z'}}
spec: {{nodeName: n1, containers: [{{name: app, image: 'registry.example/web:1.2'}}]}}
status:
  phase: {phase}
  startTime: '2026-01-15T10:00:00Z'
  conditions: {conditions}
  containerStatuses: {status}
"""


def event(reason: str, message: str, *, count: int = 3, kind: str = "Warning") -> str:
    return f"""
kind: Event
metadata: {{name: 'web.{reason.lower()}'}}
involvedObject: {{kind: Pod, namespace: default, name: web, uid: u1, fieldPath: 'spec.containers{{app}}'}}
type: {kind}
reason: {reason}
message: {message!r}
count: {count}
firstTimestamp: '2026-01-15T11:00:00Z'
lastTimestamp: '2026-01-15T11:59:30Z'
"""


def node(taints: str = "[]") -> str:
    return f"""
kind: Node
metadata: {{name: n1}}
spec: {{taints: {taints}}}
status:
  allocatable: {{cpu: '4', memory: 8Gi, pods: '110'}}
  conditions: [{{type: Ready, status: 'True'}}]
"""


def diagnose(*manifests: str, logs: tuple[ContainerLog, ...] = ()) -> Diagnosis:
    return diagnose_snapshot(snapshot_of(*manifests, logs=logs), Target())


def first_reason(diagnosis: Diagnosis) -> str:
    return diagnosis.finding(diagnosis.hypotheses[0].findings[0]).reason


def pulling(message: str) -> tuple[str, str]:
    state = f"[{{name: app, state: {{{WAITING % ('ImagePullBackOff', 'Back-off pulling image')}}}}}]"
    return pod(state, phase="Pending"), event("Failed", f'Failed to pull image "registry.example/web:1.2": {message}')


def pending(message: str) -> tuple[str, str]:
    condition = f"[{{type: PodScheduled, status: 'False', reason: Unschedulable, message: {message!r}}}]"
    unplaced = pod("[]", phase="Pending", conditions=condition).replace("nodeName: n1, ", "")
    return unplaced, event("FailedScheduling", message)


def test_a_crash_loop_whose_log_misses_a_variable_is_a_configuration_fault() -> None:
    status = f"[{{name: app, restartCount: 8, {CRASHING}, lastState: {{{ENDED % (1, 'Error')}}}}}]"
    log = log_of("web", "app", "starting\nError: DATABASE_URL is not set", previous=True)
    assert first_reason(diagnose(pod(status), node(), logs=(log,))) == "CrashLoopBackOff/MissingVariable"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "Error response from daemon: pull access denied for web, repository does not exist or may require login",
            "ImagePullBackOff/Unauthorized",
        ),
        ("manifest for registry.example/web:1.2 not found: manifest unknown", "ImagePullBackOff/TagNotFound"),
    ],
)
def test_pull_errors_are_split(message: str, reason: str) -> None:
    assert first_reason(diagnose(*pulling(message), node())) == reason


def test_insufficient_cpu_is_capacity() -> None:
    manifests = pending("0/1 nodes are available: 1 Insufficient cpu.")
    asking = manifests[0].replace("{name: app,", "{name: app, resources: {requests: {cpu: '16'}},")
    assert first_reason(diagnose(asking, manifests[1], node())) == "Unschedulable/InsufficientCpu"


def test_an_untolerated_taint_is_a_constraint() -> None:
    tainted = node("[{key: team, value: ml, effect: NoSchedule}]")
    message = "0/1 nodes are available: 1 node(s) had untolerated taint {team: ml}."
    assert first_reason(diagnose(*pending(message), tainted)) == "Unschedulable/Taint"


def test_out_of_memory_and_a_refused_dependency_are_both_told_memory_first() -> None:
    status = f"[{{name: app, restartCount: 4, {CRASHING}, lastState: {{{ENDED % (137, 'OOMKilled')}}}}}]"
    log = log_of("web", "app", "dial tcp 10.0.0.9:5432: connect: connection refused", previous=True)
    assert first_reason(diagnose(pod(status), node(), logs=(log,))) == "OOMKilled"


def test_a_liveness_probe_that_fails_with_500_explains_146_restarts() -> None:
    running = "state: {running: {startedAt: '2026-01-15T11:59:00Z'}}"
    status = f"[{{name: app, restartCount: 146, {running}, lastState: {{{ENDED % (137, 'Error')}}}}}]"
    probed = pod(status).replace("{name: app, image", "{name: app, livenessProbe: {httpGet: {port: 8080}}, image")
    found = diagnose(
        probed,
        event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", count=438),
        event("Killing", "Container app failed liveness probe, will be restarted", count=146, kind="Normal"),
        node(),
    )
    assert first_reason(found) == "Unhealthy/Liveness"


def test_a_config_map_that_cannot_be_mounted_is_no_image_fault() -> None:
    state = f"[{{name: app, state: {{{WAITING % ('ContainerCreating', '')}}}}}]"
    mounting = pod(state, phase="Pending").replace(
        "containers:", "volumes: [{name: c, configMap: {name: settings}}], containers:"
    )
    message = 'MountVolume.SetUp failed for volume "c" : configmap "settings" not found'
    found = diagnose(mounting, event("FailedMount", message), node())
    assert first_reason(found) == "FailedMount/ConfigMapNotFound"
    assert not any(item.reason.startswith("ImagePull") for item in found.findings)


def test_a_healthy_pod_gives_no_hypothesis() -> None:
    status = "[{name: app, ready: true, restartCount: 0, state: {running: {startedAt: '2026-01-15T10:00:05Z'}}}]"
    found = diagnose(pod(status, conditions="[{type: Ready, status: 'True'}]"), node())
    assert found.is_healthy
    assert found.counts["Pod"] == 1
