from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.crashes import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import log_of, snapshot_of

Build = Callable[..., list[dict[str, Any]]]
BACKOFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}}
RUNNING = {"running": {"startedAt": "2026-01-15T11:59:50Z"}}  # for ten seconds


def ended(code: int, at: str = "11:59:45", seconds: int = 3, **more: Any) -> dict[str, Any]:
    start = f"{at[:6]}{int(at[6:]) - seconds:02d}" if seconds < int(at[6:]) else at
    return {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": f"2026-01-15T{start}Z",
        "finishedAt": f"2026-01-15T{at}Z",
        **more,
    }


def found(manifests: list[dict[str, Any]], *extra: Any, logs: list[ContainerLog] | None = None) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, *extra, logs=logs or [])))


def test_three_replicas_give_one_finding_that_names_the_variable(workload: Build) -> None:
    objects = workload(BACKOFF, last=ended(1), restarts=4, replicas=3)
    logs = [log_of(f"web-{n}", "app", "starting\nFATAL: DATABASE_URL is not set") for n in (1, 2)]
    [finding] = found(objects, logs=logs)
    assert finding.reason == "CrashLoopBackOff/MissingVariable"
    assert str(finding.ref) == "Deployment default/web"
    assert "DATABASE_URL" in finding.title
    assert "3 of 3 pods" in finding.title
    assert finding.severity is Severity.CRITICAL
    assert {item.source for item in finding.evidence} == {"status", "log"}
    assert finding.remedies[0].effect == "read"
    assert any("set env deployment/web" in remedy.command for remedy in finding.remedies)


@pytest.mark.parametrize(
    ("state", "last"),
    [
        (BACKOFF, ended(1)),
        ({"terminated": ended(1, at="11:59:58")}, ended(1)),
        (RUNNING, ended(1)),
    ],
)
def test_a_crash_loop_is_found_in_each_of_its_states(
    workload: Build, state: dict[str, Any], last: dict[str, Any]
) -> None:
    log = log_of("web-1", "app", "panic: boom\n\ngoroutine 1 [running]:", previous="running" in state)
    [finding] = found(workload(state, last=last, restarts=3, ready=True), logs=[log])
    assert finding.reason == "CrashLoopBackOff/Panic"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "Completed"),
        (1, "Error"),
        (126, "NotExecutable"),
        (127, "CommandNotFound"),
        (130, "Interrupted"),
        (132, "IllegalInstruction"),
        (134, "Aborted"),
        (137, "Killed"),
        (139, "SegmentationFault"),
        (143, "Terminated"),
        (255, "Error"),
    ],
)
def test_without_a_log_the_exit_code_tells(workload: Build, code: int, reason: str) -> None:
    [finding] = found(workload(BACKOFF, last=ended(code), restarts=3))
    assert finding.reason == f"CrashLoopBackOff/{reason}"
    assert finding.confidence < 0.8


@pytest.mark.parametrize(
    ("line", "reason", "service"),
    [
        ("dial tcp 10.96.0.7:6379: connect: connection refused", "ConnectionRefused", "cache"),
        ("dial tcp: lookup nothere on 10.96.0.10:53: no such host", "NoSuchHost", "nothere"),
        ("dial tcp 10.96.0.7:6379: i/o timeout", "ConnectionTimeout", "cache"),
        ("redis://cache:6379: WRONGPASS invalid username-password pair", "AuthenticationFailed", "cache"),
    ],
)
def test_a_failed_connection_points_at_the_service(workload: Build, line: str, reason: str, service: str) -> None:
    cache = {"kind": "Service", "metadata": {"name": "cache"}, "spec": {"clusterIP": "10.96.0.7"}}
    [finding] = found(workload(BACKOFF, last=ended(1), restarts=3), cache, logs=[log_of("web-1", "app", line)])
    assert finding.reason == f"CrashLoopBackOff/{reason}"
    assert [str(ref) for ref in finding.points_at] == [f"Service default/{service}"]


def test_a_log_without_a_host_speaks_of_the_only_dependency(workload: Build) -> None:
    objects = workload(
        BACKOFF,
        last=ended(1),
        restarts=3,
        container={"env": [{"name": "DATABASE_URL", "value": "postgres://u:p@db:5432/x"}]},
    )
    [finding] = found(objects, logs=[log_of("web-1", "app", "Error: Connection refused")])
    assert [str(ref) for ref in finding.points_at] == ["Service default/db"]


def test_a_termination_message_serves_where_no_log_was_read(workload: Build) -> None:
    last = ended(1, message="open /etc/app/config.yaml: no such file or directory")
    [finding] = found(workload(BACKOFF, last=last, restarts=3))
    assert finding.reason == "CrashLoopBackOff/MissingFile"
    assert "/etc/app/config.yaml" in finding.title


def test_a_termination_message_of_no_known_kind_is_told(workload: Build) -> None:
    last = ended(1, message="checking\nlicence of 2019 expired\n")
    [finding] = found(workload(BACKOFF, last=last, restarts=3), logs=[log_of("web-1", "app", "bye")])
    assert finding.reason == "CrashLoopBackOff/Error"
    assert "licence of 2019 expired" in finding.title


def test_the_last_line_of_a_log_without_an_error_is_told(workload: Build) -> None:
    log = log_of("web-1", "app", "loading\nlost the upstream\n")
    [finding] = found(workload(BACKOFF, last=ended(3), restarts=3), logs=[log])
    assert 'exit code 3, after "lost the upstream"' in finding.title


def test_a_crash_whose_log_was_not_seen_is_a_guess(workload: Build) -> None:
    objects = workload(BACKOFF, last=ended(1), restarts=3)
    [unseen] = found(objects)
    [seen] = found(objects, logs=[log_of("web-1", "app", "loading\n")])
    assert unseen.reason == seen.reason == "CrashLoopBackOff/Error"
    assert unseen.confidence < 0.5 < seen.confidence


def test_a_clock_that_runs_behind_makes_no_negative_life(workload: Build) -> None:
    last = {**ended(1), "startedAt": "2026-01-15T11:59:46Z"}
    [finding] = found(workload(BACKOFF, last=last, restarts=3))
    assert "ended 0 s after its start" in finding.cause


@pytest.mark.parametrize(("limits", "said"), [({"memory": "64Mi"}, True), ({"cpu": "1"}, False)])
def test_a_kill_that_nobody_explains_is_held_against_the_memory_limit(
    workload: Build, limits: dict[str, str], said: bool
) -> None:
    [finding] = found(workload(BACKOFF, last=ended(137), restarts=3, container={"resources": {"limits": limits}}))
    assert ("memory limit of 64Mi" in finding.cause) is said


def test_the_shells_exit_code_says_more_than_permission_denied(workload: Build) -> None:
    [finding] = found(
        workload(BACKOFF, last=ended(126), restarts=3), logs=[log_of("web-1", "app", "sh: /app/run: Permission denied")]
    )
    assert finding.reason == "CrashLoopBackOff/NotExecutable"


def test_a_failing_job_is_no_crash_loop(workload: Build) -> None:
    objects = workload({"terminated": ended(1)}, kind="Job", phase="Failed", replicas=2)
    log = log_of("web-1", "app", "ModuleNotFoundError: No module named 'pandas'")
    [finding] = found(objects, logs=[log])
    assert finding.reason == "Error/MissingModule"
    assert str(finding.ref) == "Job default/web"


def test_a_crashing_init_container_is_named(workload: Build) -> None:
    [finding] = found(workload(BACKOFF, last=ended(2), restarts=3, is_init=True, phase="Pending"))
    assert 'init container "app"' in finding.title
    assert finding.evidence[0].locator == "status.initContainerStatuses[app].lastState.terminated"


def test_a_job_that_completed_in_the_end_is_silent(workload: Build) -> None:
    job, *pods = workload({"terminated": ended(1)}, kind="Job", phase="Failed")
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert found([job, *pods]) == []


def test_a_failed_job_of_a_cron_job_that_completed_since_is_silent(workload: Build) -> None:
    job, *pods = workload({"terminated": ended(1)}, kind="Job", phase="Failed")
    owner = {"kind": "CronJob", "name": "nightly", "controller": True}
    job["metadata"].update(ownerReferences=[owner], creationTimestamp="2026-01-14T03:00:00Z")
    later = {
        "kind": "Job",
        "metadata": {"name": "later", "ownerReferences": [owner], "creationTimestamp": "2026-01-15T03:00:00Z"},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]},
    }
    cron_job = {"kind": "CronJob", "metadata": {"name": "nightly"}}
    assert [finding.reason for finding in found([cron_job, job, *pods])] == ["Error/Error"]
    assert found([cron_job, job, *pods, later]) == []


def test_one_old_restart_of_a_ready_container_is_silent(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-15T08:00:00Z"}}
    assert found(workload(state, last=ended(1, at="07:59:50"), restarts=1, ready=True)) == []


def test_a_container_that_failed_twice_while_its_database_started_is_silent(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-15T11:56:00Z"}}
    assert found(workload(state, last=ended(1, at="11:55:50"), restarts=2, ready=True)) == []


def test_a_slow_crasher_is_found_between_its_crashes(workload: Build) -> None:
    state = {"running": {"startedAt": "2026-01-15T11:56:00Z"}}
    last = {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-15T11:50:00Z", "finishedAt": "2026-01-15T11:55:50Z"}
    assert len(found(workload(state, last=last, restarts=5, ready=True))) == 1


@pytest.mark.parametrize(
    "last",
    [
        ended(137, reason="OOMKilled"),
        ended(128, reason="StartError", message='exec: "x": executable file not found in $PATH'),
        ended(127, reason="ContainerCannotRun"),
    ],
)
def test_what_memory_or_the_runtime_ended_is_not_a_crash(workload: Build, last: dict[str, Any]) -> None:
    assert found(workload(BACKOFF, last=last, restarts=3)) == []


PROBE = {"livenessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5, "failureThreshold": 3}}
KILLING = ("Killing", "Container app failed liveness probe, will be restarted")


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_a_liveness_kill_is_not_a_crash(workload: Build, code: int) -> None:
    last = ended(code, seconds=20)
    assert found(workload(BACKOFF, last=last, restarts=3, container=PROBE, events=[KILLING])) == []


def test_a_life_too_short_for_the_probe_is_a_crash(workload: Build) -> None:
    probe = {"livenessProbe": {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 60}}
    [finding] = found(workload(BACKOFF, last=ended(1, seconds=2), restarts=9, container=probe, events=[KILLING]))
    assert finding.reason == "CrashLoopBackOff/Error"


def test_a_failing_post_start_hook_is_not_a_crash(workload: Build) -> None:
    events = [("FailedPostStartHook", "Exec lifecycle hook ([false]) for Container app failed")]
    assert found(workload(BACKOFF, last=ended(137), restarts=3, events=events)) == []


def test_leftovers_of_a_deployment_are_silent(workload: Build) -> None:
    assert found(workload({"terminated": ended(1)}, phase="Failed")) == []


def test_a_pod_being_deleted_is_silent(workload: Build) -> None:
    objects = workload(BACKOFF, last=ended(143), restarts=1)
    objects[-1]["metadata"]["deletionTimestamp"] = "2026-01-15T11:59:59Z"
    assert found(objects) == []


def test_a_job_pod_that_succeeded_is_silent(workload: Build) -> None:
    assert found(workload({"terminated": ended(0)}, kind="Job", phase="Succeeded")) == []


def test_an_init_container_that_ended_well_is_silent(workload: Build) -> None:
    assert found(workload({"terminated": ended(0)}, is_init=True)) == []


def test_a_command_that_the_shell_does_not_find_is_named(workload: Build) -> None:
    log = log_of("web-1", "app", "sh: exec: line 0: /usr/local/bin/serve: not found")
    [finding] = found(workload(BACKOFF, last=ended(127), restarts=3), logs=[log])
    assert finding.reason == "CrashLoopBackOff/CommandNotFound"
    assert "(/usr/local/bin/serve)" in finding.title


def test_a_kill_that_a_probe_may_have_been_says_so(workload: Build) -> None:
    probe = {"livenessProbe": {"httpGet": {"port": 80}}}
    [finding] = found(workload(BACKOFF, last=ended(137), restarts=3, container=probe))
    assert "liveness probe would end it" in finding.cause
    [other] = found(workload(BACKOFF, last=ended(1), restarts=3, container=probe))
    assert "probe" not in other.cause


@pytest.mark.parametrize(("failed", "severity"), [(1, Severity.WARNING), (2, Severity.CRITICAL)])
def test_a_job_that_failed_once_tries_again(workload: Build, failed: int, severity: Severity) -> None:
    objects = workload({"terminated": ended(1)}, kind="Job", phase="Failed")
    [finding] = found([{**objects[0], "status": {"failed": failed}}, *objects[1:]])
    assert finding.severity is severity


def test_an_error_of_no_known_kind_is_in_the_title_and_a_last_line_in_the_cause(workload: Build) -> None:
    objects = workload(BACKOFF, last=ended(1), restarts=3)
    [told] = found(objects, logs=[log_of("web-1", "app", "starting\nERROR the flux is low\nbye")])
    assert 'exit code 1, after "ERROR the flux is low"' in told.title
    [quiet] = found(objects, logs=[log_of("web-1", "app", "starting\nthread pool exhausted, leaving")])
    assert 'The last it said: "thread pool exhausted, leaving"' in quiet.cause


def test_one_end_is_not_yet_a_habit(workload: Build) -> None:
    [once] = found(workload(RUNNING, last=ended(1), restarts=1, ready=True))
    [often] = found(workload(RUNNING, last=ended(1), restarts=4, ready=True))
    assert "has ended" in once.title
    assert "keeps ending" in often.title


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"containers": [{"name": "app"}, {"name": "proxy", "ports": [{"containerPort": 8080}]}]}, "Container proxy"),
        ({"containers": [{"name": "app"}, {"name": "proxy"}]}, "so proxy may hold it"),
        ({"hostNetwork": True}, "the network of node node-1"),
        ({}, ""),
    ],
)
def test_who_else_may_hold_a_port_is_told(workload: Build, spec: dict[str, Any], words: str) -> None:
    objects = workload(BACKOFF, last=ended(1), restarts=3, spec=spec)
    [finding] = found(objects, logs=[log_of("web-1", "app", "listen tcp :8080: bind: address already in use")])
    assert finding.reason == "CrashLoopBackOff/AddressInUse"
    assert words in finding.cause
    assert bool(words) is ("hold" in finding.cause or "declares" in finding.cause)
