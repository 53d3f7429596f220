from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.containers import (
    PodContainer,
    blocking_event,
    keeps_ending,
    logged_failure,
    restless_containers,
)
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import NOW, log_of, snapshot_of

NEVER = {
    "exitCode": 128,
    "reason": "StartError",
    "startedAt": "1970-01-01T00:00:00Z",
    "finishedAt": "2026-01-15T11:59:00Z",
}
ENDED = {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-15T11:58:50Z", "finishedAt": "2026-01-15T11:59:00Z"}


def pod(status: dict[str, Any], *, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"containers": [{"name": "c"}], **spec},
        "status": {"phase": phase, "containerStatuses": [{"name": "c", **status}]},
    }


def only(snapshot: Snapshot) -> PodContainer:
    [container] = restless_containers(snapshot)
    return container


def test_a_status_lost_by_a_node_restart_is_no_crash() -> None:
    last = {**ENDED, "exitCode": 137, "reason": "ContainerStatusUnknown"}
    running = {"running": {"startedAt": "2026-01-15T11:59:30Z"}}
    container = only(snapshot_of(pod({"state": running, "lastState": {"terminated": last}, "restartCount": 2})))
    assert not keeps_ending(container, NOW)


@pytest.mark.parametrize(("started", "expected"), [("11:59:30", True), ("11:58:00", False)])
def test_a_container_is_steady_after_a_minute(started: str, expected: bool) -> None:
    running = {"running": {"startedAt": f"2026-01-15T{started}Z"}}
    status = {"state": running, "lastState": {"terminated": ENDED}, "restartCount": 3, "ready": True}
    assert keeps_ending(only(snapshot_of(pod(status))), NOW) is expected


def test_the_log_of_the_instance_that_ended_is_read() -> None:
    running = {"running": {"startedAt": "2026-01-15T11:59:30Z"}}
    manifest = pod({"state": running, "lastState": {"terminated": ENDED}})
    logs = [log_of("p", "c", "ERROR now"), log_of("p", "c", "ERROR before", previous=True)]
    snapshot = snapshot_of(manifest, logs=logs)
    failure = logged_failure(snapshot, only(snapshot))
    assert failure is not None
    assert failure.line == "ERROR before"
    stopped = snapshot_of(pod({"state": {"terminated": ENDED}}), logs=logs)
    failure = logged_failure(stopped, only(stopped))
    assert failure is not None
    assert failure.line == "ERROR now"


def test_an_event_blocks_only_a_pod_in_which_nothing_began() -> None:
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p", "uid": "u"},
        "reason": "FailedMount",
    }
    waiting = snapshot_of(pod({"state": {"waiting": {"reason": "ContainerCreating"}}}, phase="Pending"), event)
    begun = snapshot_of(pod({"state": {"running": {}}}, phase="Pending"), event)
    [manifest] = waiting.all(Pod)
    assert blocking_event(waiting, manifest, "FailedMount") is not None
    assert blocking_event(waiting, manifest, "FailedCreatePodSandBox") is None
    [manifest] = begun.all(Pod)
    assert blocking_event(begun, manifest, "FailedMount") is None


def test_an_event_blocks_no_pod_that_waits_for_its_image() -> None:
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p", "uid": "u"},
        "reason": "FailedMount",
    }
    snapshot = snapshot_of(pod({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, phase="Pending"), event)
    assert blocking_event(snapshot, snapshot.all(Pod)[0], "FailedMount") is None


@pytest.mark.parametrize(
    ("end", "is_loop"),
    [
        ({**ENDED, "startedAt": "2026-01-15T09:00:00Z"}, True),
        ({**ENDED, "startedAt": "2026-01-10T09:00:00Z"}, False),  # it ran for days
        ({**ENDED, "startedAt": "2026-01-15T09:00:00Z", "exitCode": 255, "reason": "Unknown"}, False),
    ],
)
def test_an_end_after_days_or_by_a_reboot_is_no_loop(end: dict[str, Any], is_loop: bool) -> None:
    running = {"running": {"startedAt": "2026-01-15T11:59:10Z"}}
    status = {"state": running, "lastState": {"terminated": end}, "restartCount": 7, "ready": True}
    assert keeps_ending(only(snapshot_of(pod(status))), NOW) is is_loop
