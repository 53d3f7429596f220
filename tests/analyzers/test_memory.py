from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kubeagentix.analyzers.memory import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import NOW, log_of, snapshot_of

Build = Callable[..., list[dict[str, Any]]]
BACKOFF = {"waiting": {"reason": "CrashLoopBackOff"}}
OOM = {
    "exitCode": 137,
    "reason": "OOMKilled",
    "startedAt": "2026-01-15T11:59:10Z",
    "finishedAt": "2026-01-15T11:59:20Z",
}
LIMIT = {"resources": {"limits": {"memory": "64Mi"}}}


def found(*manifests: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


@pytest.mark.parametrize(
    ("state", "last", "severity"),
    [
        (BACKOFF, OOM, Severity.CRITICAL),
        ({"terminated": OOM}, None, Severity.CRITICAL),
        ({"running": {"startedAt": "2026-01-15T11:59:21Z"}}, OOM, Severity.CRITICAL),
        (
            {"running": {"startedAt": "2026-01-15T11:30:00Z"}},
            {**OOM, "finishedAt": "2026-01-15T11:29:59Z"},
            Severity.WARNING,
        ),
    ],
)
def test_an_out_of_memory_kill_is_found_in_each_state(
    workload: Build, state: dict[str, Any], last: dict[str, Any] | None, severity: Severity
) -> None:
    [finding] = found(*workload(state, last=last, restarts=2, ready="running" in state, container=LIMIT, replicas=3))
    assert (finding.reason, finding.severity) == ("OOMKilled", severity)
    assert "64Mi" in finding.title
    assert "3 of 3 pods" in finding.title
    assert any("--limits=memory=128Mi" in remedy.command for remedy in finding.remedies)


def test_an_init_container_counts_too(workload: Build) -> None:
    [finding] = found(*workload(BACKOFF, last=OOM, restarts=2, is_init=True, phase="Pending", container=LIMIT))
    assert 'init container "app"' in finding.title
    assert finding.remedies[-1].title == 'Correct resources.limits.memory of init container "app"'


@pytest.mark.parametrize(
    "container",
    [
        {"env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xms16m -Xmx64m"}]},
        {"args": ["java", "-Xmx65536k", "-jar", "app.jar"]},
        {"command": ["node", "--max-old-space-size=4096", "app.js"]},
    ],
)
def test_a_heap_that_does_not_fit_is_named(workload: Build, container: dict[str, Any]) -> None:
    [finding] = found(*workload(BACKOFF, last=OOM, restarts=2, container={**LIMIT, **container}))
    assert "does not fit" in finding.cause


def test_a_heap_that_fits_is_not_blamed(workload: Build) -> None:
    container = {**LIMIT, "env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx32m"}]}
    [finding] = found(*workload(BACKOFF, last=OOM, restarts=2, container=container))
    assert "does not fit" not in finding.cause


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        ("cpu, memory limit for container app", True),
        ("memory limit for container other", False),
        ("cpu limit for container app", False),
    ],
)
def test_a_limit_that_a_limit_range_set_is_told_as_such(workload: Build, said: str, is_told: bool) -> None:
    objects = workload(BACKOFF, last=OOM, restarts=2, container=LIMIT)
    objects[-1]["metadata"]["annotations"] = {"kubernetes.io/limit-ranger": f"LimitRanger plugin set: {said}"}
    [finding] = found(*objects)
    assert ("a LimitRange of the namespace does" in finding.cause) is is_told


@pytest.mark.parametrize(
    ("defaults", "who"),
    [
        (["64Mi"], "LimitRange defaults-0 of the namespace"),
        (["32Mi"], "a LimitRange of the namespace"),
        (["64Mi", "64Mi"], "a LimitRange of the namespace"),
    ],
)
def test_the_limit_range_that_alone_gives_that_limit_is_named(workload: Build, defaults: list[str], who: str) -> None:
    objects = workload(BACKOFF, last=OOM, restarts=2, container=LIMIT)
    said = "LimitRanger plugin set: memory limit for container app"
    objects[-1]["metadata"]["annotations"] = {"kubernetes.io/limit-ranger": said}
    for number, memory in enumerate(defaults):
        metadata = {"name": f"defaults-{number}", "namespace": objects[-1]["metadata"].get("namespace", "default")}
        limits = [{"type": "Container", "default": {"memory": memory}}]
        objects.append({"kind": "LimitRange", "metadata": metadata, "spec": {"limits": limits}})
    [finding] = found(*objects)
    assert f"The template sets no limit: {who} does." in finding.cause


@pytest.mark.parametrize(("medium", "is_told"), [("Memory", True), ("", False)])
def test_files_in_memory_count_for_the_limit(workload: Build, medium: str, is_told: bool) -> None:
    container = {**LIMIT, "volumeMounts": [{"name": "cache", "mountPath": "/cache"}]}
    spec = {"volumes": [{"name": "cache", "emptyDir": {"medium": medium}}]}
    [finding] = found(*workload(BACKOFF, last=OOM, restarts=2, container=container, spec=spec))
    assert ("its volume cache" in finding.cause) is is_told


RUNNING = {"running": {"startedAt": "2026-01-15T11:00:00Z"}}


def logged(workload: Build, lines: str, container: dict[str, Any] = LIMIT, **spec: Any) -> list[Finding]:
    objects = workload(RUNNING, ready=True, container=container, spec=spec)
    return list(plugin.analyze(snapshot_of(*objects, logs=[log_of("web-1", "app", lines)])))


@pytest.mark.parametrize(
    "line",
    [
        "Killed",
        "/run.sh: line 3:     7 Killed                  ./index --all",
        "2026/01/15 11:58:00 [alert] 1#1: worker process 31 exited on signal 9",
        "DAMN ! worker 1 (pid: 10) died, killed by signal 9 :( trying respawn ...",
        "LOG:  server process (PID 71) was terminated by signal 9: Killed",
        "[ERROR] Worker (pid:11) was sent SIGKILL! Perhaps out of memory?",
    ],
)
def test_a_child_that_is_killed_while_the_container_lives_on(workload: Build, line: str) -> None:
    [finding] = logged(workload, f"starting\n{line}\nserving")
    assert (finding.reason, finding.severity) == ("OOMKilled/Process", Severity.WARNING)
    assert line in finding.cause
    assert any("--limits=memory=128Mi" in remedy.command for remedy in finding.remedies)


def test_a_child_that_is_killed_for_files_in_memory(workload: Build) -> None:
    held = {**LIMIT, "volumeMounts": [{"name": "cache"}]}
    [finding] = logged(workload, "Killed", held, volumes=[{"name": "cache", "emptyDir": {"medium": "Memory"}}])
    assert "volume cache (emptyDir in memory)" in finding.cause
    [without] = logged(workload, "Killed")
    assert finding.confidence > without.confidence


@pytest.mark.parametrize(
    ("lines", "container"),
    [
        ("Killed", {}),
        ("Killed 12 stale sessions", LIMIT),
        ("worker process 31 exited on signal 15", LIMIT),
        ("[CRITICAL] WORKER TIMEOUT (pid:11)\n[ERROR] Worker (pid:11) was sent SIGKILL! Perhaps out of memory?", LIMIT),
    ],
)
def test_other_ends_of_children_are_silent(workload: Build, lines: str, container: dict[str, Any]) -> None:
    assert logged(workload, lines, container) == []


def test_a_child_that_was_killed_hours_ago_is_silent(workload: Build) -> None:
    objects = workload(RUNNING, ready=True, container=LIMIT)
    for hours, is_told in ((0.5, True), (3, False)):
        begins_at = NOW - timedelta(hours=hours)
        log = replace(log_of("web-1", "app", "Killed"), begins_at=begins_at, offsets_ms=(0,))
        assert bool(list(plugin.analyze(snapshot_of(*objects, logs=[log])))) is is_told


def test_the_observed_usage_is_evidence(workload: Build) -> None:
    metrics = {
        "kind": "PodMetrics",
        "metadata": {"name": "web-1"},
        "containers": [{"name": "app", "usage": {"memory": "61Mi"}}],
    }
    [finding] = found(*workload(BACKOFF, last=OOM, restarts=2, container=LIMIT), metrics)
    assert any(item.source == "metric" and "61Mi" in item.summary for item in finding.evidence)


def node_event(reason: str, at: str) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Node", "name": "node-1", "uid": "node-1"},
        "type": "Warning",
        "reason": reason,
        "message": "System OOM encountered, victim process: app, pid: 42",
        "lastTimestamp": at,
    }


@pytest.mark.parametrize("reason", ["SystemOOM", "OOMKilling"])
def test_a_node_out_of_memory_is_pointed_at(workload: Build, reason: str) -> None:
    last = {**OOM, "reason": "Error"}
    [finding] = found(*workload(BACKOFF, last=last, restarts=2), node_event(reason, "2026-01-15T11:59:21Z"))
    assert finding.reason == "OOMKilled/Node"
    assert [str(ref) for ref in finding.points_at] == ["Node node-1"]


def test_a_kill_long_after_the_nodes_event_is_not_its_doing(workload: Build) -> None:
    last = {**OOM, "reason": "Error"}
    assert found(*workload(BACKOFF, last=last, restarts=2), node_event("SystemOOM", "2026-01-15T11:40:00Z")) == []


def test_exit_137_alone_is_no_memory_kill(workload: Build) -> None:
    assert found(*workload(BACKOFF, last={**OOM, "reason": "Error"}, restarts=2, container=LIMIT)) == []


def test_a_kill_of_yesterday_is_silent(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-14T08:00:01Z"}}
    last = {**OOM, "startedAt": "2026-01-14T07:00:00Z", "finishedAt": "2026-01-14T08:00:00Z"}
    assert found(*workload(state, last=last, restarts=1, ready=True, container=LIMIT)) == []
