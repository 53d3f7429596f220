from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.init_containers import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import log_of, snapshot_of

Build = Callable[..., list[dict[str, Any]]]
LONG = {"running": {"startedAt": "2026-01-15T11:50:00Z"}}
CACHE = {"kind": "Service", "metadata": {"name": "cache"}}


def found(manifests: list[dict[str, Any]], *extra: Any, logs: tuple[ContainerLog, ...] = ()) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, *extra, logs=logs)))


def stuck(workload: Build, **more: Any) -> list[dict[str, Any]]:
    objects = workload(more.pop("state", LONG), is_init=True, phase="Pending", **more)
    objects[0]["status"] = {"readyReplicas": more.get("replicas", 1)}  # older pods serve, so that nobody misses these
    return objects


def test_its_log_names_the_service_it_waits_for(workload: Build) -> None:
    line = "** server can't find database.default.svc.cluster.local: NXDOMAIN"
    logs = tuple(log_of(f"web-{n}", "app", f"{line}\n\nwaiting for database") for n in (1, 2))
    [finding] = found(stuck(workload, replicas=3), logs=logs)
    assert finding.reason == "InitContainerStuck/NoSuchHost"
    assert "3 of 3 pods" in finding.title
    assert [str(ref) for ref in finding.points_at] == ["Service default/database"]
    assert finding.severity is Severity.CRITICAL
    assert not finding.is_symptom


@pytest.mark.parametrize(
    "command",
    [
        "until nc -z -v -w 2 cache 6379; do sleep 2; done",
        "until wget -qO- http://cache:6379/; do sleep 2; done",
        "until redis-cli -h cache ping; do sleep 2; done",
        "until nslookup cache; do sleep 2; done",
        "./wait-for cache:6379",
    ],
)
def test_its_command_names_the_service_it_waits_for(workload: Build, command: str) -> None:
    objects = stuck(workload, container={"command": ["sh", "-c", command]})
    [there] = found(objects, CACHE)
    [missing] = found(objects)
    assert there.reason == "InitContainerStuck"
    assert missing.reason == "InitContainerStuck/NoSuchHost"
    assert [str(ref) for ref in there.points_at] == [str(ref) for ref in missing.points_at] == ["Service default/cache"]


@pytest.mark.parametrize(("ready", "is_told"), [("False", True), ("True", False)])
def test_a_service_that_nobody_serves_is_told_within_two_minutes(workload: Build, ready: str, is_told: bool) -> None:
    state = {"running": {"startedAt": "2026-01-15T11:58:30Z"}}
    objects = stuck(
        workload, state=state, container={"command": ["sh", "-c", "until nc -z cache 6379; do sleep 2; done"]}
    )
    service = {**CACHE, "spec": {"selector": {"app": "cache"}, "ports": [{"port": 6379}]}}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "cache-0", "labels": {"app": "cache"}},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }
    assert bool(found(objects, service, pod)) is is_told


def test_the_last_line_of_a_log_without_a_clue_is_told(workload: Build) -> None:
    [finding] = found(stuck(workload, container={"command": ["seed"]}), logs=(log_of("web-1", "app", "seeding 1/100"),))
    assert 'it last said "seeding 1/100"' in finding.title


def test_without_a_clue_it_still_names_what_holds_the_pod_up(workload: Build) -> None:
    [finding] = found(stuck(workload, container={"command": ["migrate"]}))
    assert (finding.reason, finding.severity, finding.is_symptom) == ("InitContainerStuck", Severity.WARNING, False)
    assert 'init container "app"' in finding.title


def test_a_short_run_is_silent(workload: Build) -> None:
    assert found(stuck(workload, state={"running": {"startedAt": "2026-01-15T11:58:00Z"}})) == []


def test_what_plainly_waits_for_nobody_is_told_after_a_minute(workload: Build) -> None:
    container = {"command": ["sh", "-c", "until nslookup cache; do sleep 2; done"]}
    [finding] = found(stuck(workload, state={"running": {"startedAt": "2026-01-15T11:58:00Z"}}, container=container))
    assert finding.reason == "InitContainerStuck/NoSuchHost"
    assert "running for 2m" in finding.title
    assert not any("--previous" in remedy.command for remedy in finding.remedies)
    assert found(stuck(workload, state={"running": {"startedAt": "2026-01-15T11:59:10Z"}}, container=container)) == []


def test_a_sidecar_is_meant_to_run(workload: Build) -> None:
    assert found(stuck(workload, container={"restartPolicy": "Always"})) == []


def test_a_container_that_is_no_init_container_is_silent(workload: Build) -> None:
    assert found(workload(LONG)) == []


FORTY_S_AGO, SEVENTY_S_AGO = "2026-01-15T11:59:20Z", "2026-01-15T11:58:50Z"


def since(moment: str, objects: list[dict[str, Any]], *, ready: int = 0, **conditions: str) -> list[dict[str, Any]]:
    """The workload as of `moment`: its pods made then, its Deployment with so many ready ones and those conditions."""
    for item in objects:
        item["metadata"]["creationTimestamp"] = moment
    listed = [
        {"type": kind, "status": "False", "reason": reason, "lastTransitionTime": moment}
        for kind, reason in conditions.items()
    ]
    objects[0]["status"] = {"replicas": 1, "readyReplicas": ready, "conditions": listed}
    return objects


def slow(workload: Build, moment: str, **more: Any) -> list[dict[str, Any]]:
    return stuck(workload, state={"running": {"startedAt": moment}}, container={"command": ["migrate"]}, **more)


def test_once_the_deployment_misses_its_pod_what_holds_it_up_is_named_as_a_guess(workload: Build) -> None:
    [finding] = found(since(SEVENTY_S_AGO, slow(workload, SEVENTY_S_AGO)))
    assert (finding.reason, finding.severity) == ("InitContainerStuck", Severity.WARNING)
    [long_since] = found(stuck(workload, container={"command": ["migrate"]}))
    assert finding.confidence < long_since.confidence


def test_a_rollout_that_is_stuck_names_what_holds_its_pods_up_at_once(workload: Build) -> None:
    stalled = since(FORTY_S_AGO, slow(workload, FORTY_S_AGO), Progressing="ProgressDeadlineExceeded")
    assert [item.reason for item in found(stalled)] == ["InitContainerStuck"]
    assert found(since(FORTY_S_AGO, slow(workload, FORTY_S_AGO))) == []


def test_a_new_pod_that_nobody_misses_yet_may_take_its_time(workload: Build) -> None:
    """The old ReplicaSet serves as many as are wanted."""
    assert found(since(SEVENTY_S_AGO, slow(workload, SEVENTY_S_AGO), ready=1)) == []


def test_a_young_pod_is_not_blamed_for_what_an_older_one_lacks(workload: Build) -> None:
    objects = since(FORTY_S_AGO, slow(workload, FORTY_S_AGO, replicas=2))
    broken = objects[-1]
    broken["metadata"]["creationTimestamp"] = "2026-01-15T11:00:00Z"
    broken["status"]["initContainerStatuses"] = []
    assert found(objects) == []


@pytest.mark.parametrize(("kind", "is_told"), [("StatefulSet", True), ("DaemonSet", True), ("Job", False)])
def test_a_job_is_not_waited_for_as_what_serves_is(workload: Build, kind: str, is_told: bool) -> None:
    objects = since(SEVENTY_S_AGO, slow(workload, SEVENTY_S_AGO, kind=kind))
    assert bool(found(objects)) is is_told
