from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kubeagentix.analyzers.probes import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import NOW, log_of, snapshot_of

Build = Callable[..., list[dict[str, Any]]]
RUNNING = {"running": {"startedAt": "2026-01-15T11:30:00Z"}}
BACKOFF = {"waiting": {"reason": "CrashLoopBackOff"}}
KILLED = {"exitCode": 137, "reason": "Error", "startedAt": "2026-01-15T11:58:00Z", "finishedAt": "2026-01-15T11:59:00Z"}
GET = {"httpGet": {"path": "/healthz", "port": 8080}}
READINESS, LIVENESS, STARTUP = ({f"{kind}Probe": GET} for kind in ("readiness", "liveness", "startup"))
NO_COMMAND = (
    "rpc error: code = Unknown desc = failed to exec in container: failed to start exec "
    '"25b23e0c223840b2": OCI runtime exec failed: exec failed: unable to start container process: '
    'exec: "/bin/health": stat /bin/health: no such file or directory: unknown'
)
REFUSED = 'Get "http://10.244.0.70:8080/": dial tcp 10.244.0.70:8080: connect: connection refused'


def found(manifests: list[dict[str, Any]], *extra: Any, logs: tuple[ContainerLog, ...] = ()) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, *extra, logs=logs)))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Readiness probe failed: HTTP probe failed with statuscode: 404", "404"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "not well"),
        (f"Readiness probe failed: {REFUSED}", "nothing listens"),
        ('Readiness probe failed: Get "http://x/": context deadline exceeded (Client.Timeout exceeded)', "no answer"),
        ("Readiness probe failed: dial tcp 10.244.0.70:8080: i/o timeout", "no answer"),
        ('Readiness probe errored: strconv.Atoi: parsing "web": invalid syntax', "named port"),
        ("Readiness probe failed: cat: can't open '/tmp/ready': No such file or directory", "/tmp/ready"),
        ("Readiness probe failed: ", "prints nothing"),
        ('Readiness probe failed: service unhealthy (responded with "NOT_SERVING")', "not well"),
        (
            "Readiness probe failed: this server does not implement the grpc health protocol",
            "no gRPC",
        ),
        (
            'Readiness probe failed: timeout: failed to connect service ":9000" within 1s: context deadline exceeded',
            "no answer",
        ),
        ('Readiness probe failed: command "sleep 5" timed out', "no answer"),
        (f"Readiness probe errored: {NO_COMMAND}", "its command is not in the image"),
        ("(combined from similar events): Readiness probe failed: HTTP probe failed with statuscode: 404", "404"),
    ],
)
def test_a_failing_readiness_probe_says_what_answered(workload: Build, message: str, words: str) -> None:
    [finding] = found(workload(RUNNING, container=READINESS, replicas=3, events=[("Unhealthy", message, 22, 10)]))
    assert finding.reason == "Unhealthy/Readiness"
    assert words in finding.title
    assert "3 of 3 pods" in finding.title
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("ports", "port", "words"),
    [
        ([{"containerPort": 8081}], 8080, "asks port 8080; the container declares 8081"),
        ([{"containerPort": 8080, "name": "http"}], "web", "no port of the container has that name"),
    ],
)
def test_a_probe_of_another_port_is_told(workload: Build, ports: list[Any], port: Any, words: str) -> None:
    container = {"ports": ports, "readinessProbe": {"httpGet": {"port": port}}}
    [finding] = found(
        workload(RUNNING, container=container, events=[("Unhealthy", f"Readiness probe failed: {REFUSED}")])
    )
    assert words in finding.cause


def test_the_declared_port_is_not_blamed(workload: Build) -> None:
    container = {"ports": [{"containerPort": 8080}], **READINESS}
    [finding] = found(
        workload(RUNNING, container=container, events=[("Unhealthy", f"Readiness probe failed: {REFUSED}")])
    )
    assert "declares" not in finding.cause


def test_an_unready_app_whose_log_blames_a_service_points_at_it(workload: Build) -> None:
    event = ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
    log = log_of("web-1", "app", "ERROR dial tcp: lookup orders-db on 10.96.0.10:53: no such host")
    [finding] = found(workload(RUNNING, container=READINESS, events=[event]), logs=(log,))
    assert [str(ref) for ref in finding.points_at] == ["Service default/orders-db"]
    assert any(item.source == "log" for item in finding.evidence)


@pytest.mark.parametrize(("kind", "probe"), [("Liveness", LIVENESS), ("Startup", STARTUP)])
@pytest.mark.parametrize("code", [0, 137, 143])
@pytest.mark.parametrize("state", [BACKOFF, {"running": {"startedAt": "2026-01-15T11:59:01Z"}}])
def test_a_killing_probe_owns_the_restarts(
    workload: Build, kind: str, probe: dict[str, Any], code: int, state: dict[str, Any]
) -> None:
    events = [
        ("Unhealthy", f"{kind} probe failed: HTTP probe failed with statuscode: 500", 8, 100),
        ("Killing", f"Container app failed {kind.lower()} probe, will be restarted", 3, 90),
    ]
    last = {**KILLED, "exitCode": code}
    [finding] = found(workload(state, last=last, restarts=6, container=probe, events=events))
    assert finding.reason == f"Unhealthy/{kind}"
    assert finding.severity is Severity.CRITICAL
    assert "6" in finding.cause


def test_liveness_hides_readiness(workload: Build) -> None:
    events = [
        ("Unhealthy", f"Readiness probe failed: {REFUSED}", 9, 20),
        ("Unhealthy", f"Liveness probe failed: {REFUSED}", 9, 20),
        ("Killing", "Container app failed liveness probe, will be restarted", 3, 20),
    ]
    state = {"running": {"startedAt": "2026-01-15T11:59:01Z"}}
    [finding] = found(workload(state, last=KILLED, restarts=3, container={**READINESS, **LIVENESS}, events=events))
    assert finding.reason == "Unhealthy/Liveness"


def test_failures_while_starting_of_a_pod_that_is_ready_are_silent(workload: Build) -> None:
    events = [("Unhealthy", f"Readiness probe failed: {REFUSED}", 4, 60)]
    state = {"running": {"startedAt": "2026-01-15T11:58:00Z"}}
    assert found(workload(state, ready=True, container=READINESS, events=events)) == []


def test_failures_of_long_ago_of_a_pod_that_is_ready_are_silent(workload: Build) -> None:
    events = [("Unhealthy", f"Readiness probe failed: {REFUSED}", 40, 1500)]
    assert found(workload(RUNNING, ready=True, container=READINESS, events=events)) == []


def test_a_pod_that_is_ready_on_and_off_is_a_warning(workload: Build) -> None:
    events = [("Unhealthy", f"Readiness probe failed: {REFUSED}", 40, 20)]
    [finding] = found(workload(RUNNING, ready=True, container=READINESS, events=events))
    assert finding.severity is Severity.WARNING


def test_fewer_failures_than_the_threshold_are_silent(workload: Build) -> None:
    events = [("Unhealthy", f"Readiness probe failed: {REFUSED}", 2, 5)]
    state = {"running": {"startedAt": "2026-01-15T11:58:45Z"}}
    assert found(workload(state, container=READINESS, events=events)) == []


@pytest.mark.parametrize("is_stalled", [True, False])
def test_a_probe_is_named_as_soon_as_its_rollout_is_stuck(workload: Build, is_stalled: bool) -> None:
    events = [("Unhealthy", f"Readiness probe failed: {REFUSED}", 6, 5)]
    objects = workload({"running": {"startedAt": "2026-01-15T11:59:15Z"}}, container=READINESS, events=events)
    stalled = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    objects[0]["status"] = {"readyReplicas": 1, "conditions": stalled if is_stalled else []}
    assert [item.reason for item in found(objects)] == ["Unhealthy/Readiness"] * is_stalled


def test_a_startup_probe_that_still_fails_is_what_it_is_for(workload: Build) -> None:
    events = [("Unhealthy", f"Startup probe failed: {REFUSED}", 5, 5)]
    assert found(workload(RUNNING, container=STARTUP, events=events)) == []


def test_liveness_failures_without_a_restart_are_silent(workload: Build) -> None:
    events = [("Unhealthy", f"Liveness probe failed: {REFUSED}", 1, 5)]
    assert found(workload(RUNNING, ready=True, container=LIVENESS, events=events)) == []


def test_one_kill_of_half_an_hour_ago_is_silent(workload: Build) -> None:
    events = [("Killing", "Container app failed liveness probe, will be restarted", 1, 1801)]
    last = {**KILLED, "startedAt": "2026-01-15T11:00:00Z", "finishedAt": "2026-01-15T11:29:59Z"}
    assert found(workload(RUNNING, last=last, restarts=1, ready=True, container=LIVENESS, events=events)) == []


def test_a_container_that_crashes_by_itself_is_not_the_probes_story(workload: Build) -> None:
    events = [("Unhealthy", f"Readiness probe failed: {REFUSED}", 9, 20)]
    last = {**KILLED, "exitCode": 1, "startedAt": "2026-01-15T11:58:58Z"}
    state = {"running": {"startedAt": "2026-01-15T11:59:50Z"}}
    assert found(workload(state, last=last, restarts=4, container=READINESS, events=events)) == []


def test_events_of_another_container_are_not_its_own(workload: Build) -> None:
    objects = workload(
        RUNNING, container=READINESS, events=[("Unhealthy", f"Readiness probe failed: {REFUSED}", 9, 20)]
    )
    objects[-1]["involvedObject"]["fieldPath"] = "spec.containers{proxy}"
    [finding] = found(objects)
    assert "no answer of it was recorded" in finding.title
    assert not any(item.source == "event" for item in finding.evidence)


@pytest.mark.parametrize(("started", "is_told"), [("11:58:00", True), ("11:58:45", False)])
def test_a_container_that_is_not_ready_fails_its_probe_whether_or_not_events_have_come(
    workload: Build, started: str, is_told: bool
) -> None:
    state = {"running": {"startedAt": f"2026-01-15T{started}Z"}}
    container = {"ports": [{"containerPort": 8081}], **READINESS}
    told = found(workload(state, container=container))
    assert [item.reason for item in told] == ["Unhealthy/Readiness"] * is_told
    assert all("asks port 8080; the container declares 8081" in item.title for item in told)


def test_a_container_without_a_readiness_probe_fails_none(workload: Build) -> None:
    assert found(workload(RUNNING)) == []


@pytest.mark.parametrize(
    ("code", "lived", "later", "is_told"),
    [
        (137, 26, (), True),
        (143, 26, (), True),
        (137, 5, (), False),
        (137, 400, (), False),
        (1, 26, (), False),
        (137, 26, [("BackOff", "Back-off restarting failed container", 2, 1)], False),
    ],
)
def test_a_kill_at_the_probes_time_is_the_probes_while_no_later_event_denies_it(
    workload: Build, code: int, lived: int, later: Any, is_told: bool
) -> None:
    start = (NOW - timedelta(seconds=30 + lived)).isoformat()
    last = {**KILLED, "exitCode": code, "startedAt": start, "finishedAt": (NOW - timedelta(seconds=30)).isoformat()}
    told = found(workload(BACKOFF, last=last, restarts=3, container=LIVENESS, events=later))
    assert [item.reason for item in told] == ["Unhealthy/Liveness"] * is_told
    assert all(item.confidence <= 0.7 and "as one does that its probe has killed" in item.cause for item in told)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("INFO server listening on :9090", "listens on port 9090"),
        ("Listening at: http://127.0.0.1:8080 (7)", "listens on 127.0.0.1 only"),
        ("Tomcat started on port(s): 8080 (http)", ""),
        ("connected to cache:6379", ""),
    ],
)
def test_where_the_log_says_it_listens_is_held_against_the_probe(workload: Build, line: str, words: str) -> None:
    objects = workload(RUNNING, container=READINESS, events=[("Unhealthy", f"Readiness probe failed: {REFUSED}", 9, 5)])
    [finding] = found(objects, logs=(log_of("web-1", "app", line),))
    assert words in finding.cause
    assert bool(words) is ("Its log says that it listens" in finding.cause)
    assert ("the address" in finding.remedies[-1].title) is ("127.0.0.1" in line)


def test_a_port_of_another_container_is_named_as_such(workload: Build) -> None:
    proxy = {"name": "proxy", "ports": [{"containerPort": 8080, "name": "web"}]}
    for port, words in ((8080, "which is container proxy's"), ("web", "It is one of container proxy")):
        app = {"name": "app", "image": "i", "readinessProbe": {"tcpSocket": {"port": port}}}
        objects = workload(RUNNING, spec={"containers": [app, proxy]})
        assert words in found(objects)[0].cause


@pytest.mark.parametrize(("used", "is_told"), [("99m", True), ("20m", False)])
def test_a_timeout_of_a_throttled_container_is_laid_to_its_cpu_limit(workload: Build, used: str, is_told: bool) -> None:
    metrics = {
        "kind": "PodMetrics",
        "metadata": {"name": "web-1"},
        "containers": [{"name": "app", "usage": {"cpu": used}}],
    }
    container = {**READINESS, "resources": {"limits": {"cpu": "100m"}}}
    event = ("Unhealthy", 'Readiness probe failed: Get "http://x/": context deadline exceeded', 9, 5)
    [finding] = found(workload(RUNNING, container=container, events=[event]), metrics)
    assert ("99m of its CPU limit of 100m" in finding.cause) is is_told


@pytest.mark.parametrize(
    ("started", "restarts", "is_told"),
    [("11:59:10", 0, False), ("11:58:30", 0, True), ("11:59:10", 3, True)],
)
def test_a_first_start_is_given_its_time(workload: Build, started: str, restarts: int, is_told: bool) -> None:
    state = {"running": {"startedAt": f"2026-01-15T{started}Z"}}
    events = [("Unhealthy", f"Readiness probe failed: {REFUSED}", 5, 5)]
    objects = workload(state, container=READINESS, restarts=restarts, events=events)
    objects[0]["status"] = {"readyReplicas": 1}  # an older pod serves, so that nobody misses this one yet
    assert bool(found(objects)) is is_told


def test_a_startup_probe_that_used_up_its_attempts_is_told_before_the_kill(workload: Build) -> None:
    def started(at: str) -> list[dict[str, Any]]:
        objects = workload({"running": {"startedAt": f"2026-01-15T11:{at}Z"}}, container=STARTUP)
        objects[-1]["status"]["containerStatuses"][0]["started"] = False
        return objects

    [finding] = found(started("58:00"))
    assert finding.reason == "Unhealthy/Startup"
    assert "has not succeeded once" in finding.cause
    assert found(started("59:30")) == []


def test_a_probe_that_kills_while_starting_is_told_of_startup_probes(workload: Build) -> None:
    events = [("Killing", "Container app failed liveness probe, will be restarted", 3, 60)]
    last = {**KILLED, "startedAt": "2026-01-15T11:58:30Z"}
    [finding] = found(workload(BACKOFF, last=last, restarts=3, container=LIVENESS, events=events))
    assert "startupProbe" in finding.cause
    old = {**KILLED, "startedAt": "2026-01-15T11:30:00Z"}
    [other] = found(workload(BACKOFF, last=old, restarts=3, container=LIVENESS, events=events))
    assert "startupProbe" not in other.cause
    answered = [*events, ("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404", 3, 60)]
    [up] = found(workload(BACKOFF, last=last, restarts=3, container=LIVENESS, events=answered))
    assert "startupProbe" not in up.cause


def test_what_the_probes_command_asks_for_is_pointed_at(workload: Build) -> None:
    db = {"kind": "Service", "metadata": {"name": "db"}}
    container = {"readinessProbe": {"exec": {"command": ["sh", "-c", "nc -z db 5432"]}}}
    [finding] = found(workload(RUNNING, container=container, events=[("Unhealthy", "Readiness probe failed: ")]), db)
    assert [str(ref) for ref in finding.points_at] == ["Service default/db"]


def test_a_probe_of_the_pods_own_service_points_nowhere(workload: Build) -> None:
    own = {"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}
    container = {"readinessProbe": {"exec": {"command": ["wget", "-q", "http://web:80/"]}}}
    objects = workload(RUNNING, container=container)
    objects[-1]["metadata"]["labels"] = {"app": "web"}
    [finding] = found(objects, own)
    assert finding.points_at == ()


@pytest.mark.parametrize(("code", "is_asked"), [(503, True), (404, False)])
def test_an_app_that_says_it_is_unwell_may_owe_it_to_what_it_depends_on(
    workload: Build, code: int, is_asked: bool
) -> None:
    db = {"kind": "Service", "metadata": {"name": "db"}}
    container = {**READINESS, "env": [{"name": "DATABASE_URL", "value": "postgres://db:5432/x"}]}
    event = ("Unhealthy", f"Readiness probe failed: HTTP probe failed with statuscode: {code}")
    [finding] = found(workload(RUNNING, container=container, events=[event]), db)
    assert bool(finding.points_at) is is_asked


@pytest.mark.parametrize(("hours", "is_told"), [(0.5, True), (20, False)])
def test_a_failure_now_and_then_over_many_hours_is_no_flapping(workload: Build, hours: float, is_told: bool) -> None:
    manifests = workload(
        {"running": {"startedAt": "2026-01-10T00:00:00Z"}},
        container=READINESS,
        ready=True,
        events=[("Unhealthy", f"Readiness probe failed: {REFUSED}", 30, 30)],
    )
    first = (NOW - timedelta(hours=hours)).isoformat()
    events = [item | {"firstTimestamp": first} if item["kind"] == "Event" else item for item in manifests]
    assert bool(found(events)) is is_told


@pytest.mark.parametrize(("output", "is_told"), [("", True), ("no such file", False)])
def test_a_command_that_says_nothing_may_have_been_cut_off(workload: Build, output: str, is_told: bool) -> None:
    probe = {"readinessProbe": {"exec": {"command": ["check"]}, "timeoutSeconds": 3}}
    [finding] = found(
        workload(RUNNING, container=probe, events=[("Unhealthy", f"Readiness probe failed: {output}", 9, 5)])
    )
    assert ("The kubelet gives it 3 s (timeoutSeconds)" in finding.cause) is is_told
