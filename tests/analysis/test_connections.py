"""Failed connections, read from the logs of containers in trouble."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.connections import FailedConnection, failed_connections
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import log_of, snapshot_of

REFUSED = "ERROR connect to db:5432: connection refused"
SERVICE = "kind: Service\nmetadata: {name: db}\nspec: {ports: [{port: 5432}]}"
CRASHED = "ready: false, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1}}"


def pod(status: str = CRASHED) -> str:
    return f"""
kind: Pod
metadata: {{name: api}}
spec: {{containers: [{{name: app}}]}}
status: {{containerStatuses: [{{name: app, {status}}}]}}
"""


def read(*logs: ContainerLog, manifest: str = "") -> list[FailedConnection]:
    return list(failed_connections(snapshot_of(manifest or pod(), SERVICE, logs=logs)))


def test_who_asked_whom() -> None:
    (found,) = read(log_of("api", "app", REFUSED, previous=True))
    assert (found.signature, found.host, found.port, str(found.target)) == (
        "ConnectionRefused",
        "db",
        5432,
        "Service default/db",
    )
    evidence = found.evidence(snapshot_of(pod()))
    assert (evidence.locator, evidence.excerpt) == ("log/app (previous)", REFUSED)


def test_current_log_goes_before_the_previous_one() -> None:
    (found,) = read(log_of("api", "app", REFUSED.replace("5432", "1")), log_of("api", "app", REFUSED, previous=True))
    assert found.port == 1


def test_another_error_in_the_newest_log_is_the_truth() -> None:
    current = log_of("api", "app", "cat: /etc/app: No such file or directory")
    assert read(current, log_of("api", "app", REFUSED, previous=True)) == []


@pytest.mark.parametrize(
    "status", ["ready: true, state: {running: {}}", "ready: true, lastState: {terminated: {exitCode: 0}}"]
)
def test_containers_that_do_well_are_left_alone(status: str) -> None:
    assert read(log_of("api", "app", REFUSED), manifest=pod(status)) == []


def test_log_of_a_pod_that_is_gone_is_left_alone() -> None:
    assert read(log_of("other", "app", REFUSED)) == []


NEXT_DOOR = "kind: Namespace\nmetadata: {name: data}"
TOLD = pod().replace("name: app}]}", "name: app, env: [{name: DB, value: 'db.data:5432'}]}]}", 1)


@pytest.mark.parametrize(
    ("namespace", "line", "target"),
    [
        ("default", "connect to 10.0.0.9: connection refused", "Service data/db"),  # what is next door was not read
        (None, "connect to 10.0.0.9: connection refused", "None"),  # every Service was, and none has this address
        (None, "connection refused", "Service data/db"),
        (None, "connect to db.example.org:5432: connection refused", "None"),
    ],
)
def test_the_only_host_a_container_was_told_of_stands_for_an_address_next_door(
    namespace: str | None, line: str, target: str
) -> None:
    snapshot = snapshot_of(TOLD, NEXT_DOOR, namespace=namespace, logs=[log_of("api", "app", f"ERROR {line}")])
    (found,) = failed_connections(snapshot)
    assert str(found.target) == target


WEB = "kind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.0.0.8, ports: [{port: 80}]}"
UNREACHABLE = "wget: can't connect to remote host (10.0.0.8): Host is unreachable"


@pytest.mark.parametrize(
    ("told", "lines", "port"),
    [
        ("", f"Connecting to web:8080 (10.0.0.8:8080)\n{UNREACHABLE}", 8080),
        (", args: ['wget http://web:8080/']", UNREACHABLE, 8080),
        (", env: [{name: WEB_HOST, value: web}, {name: WEB_PORT, value: '8081'}]", UNREACHABLE, 8081),
        (", args: ['http://web:8080/', 'http://web:81/']", UNREACHABLE, None),
        (", args: ['wget http://db:8080/']", UNREACHABLE, None),
    ],
)
def test_the_port_of_an_error_that_names_none_is_the_one_it_was_told_of(told: str, lines: str, port: int) -> None:
    manifest = pod().replace("{name: app}]", f"{{name: app{told}}}]", 1)
    snapshot = snapshot_of(manifest, WEB, SERVICE, logs=[log_of("api", "app", lines)])
    (found,) = failed_connections(snapshot)
    assert (str(found.target), found.port) == ("Service default/web", port)


RUNNING = "ready: {}, state: {{running: {{startedAt: '2026-01-15T11:00:00Z'}}}}"
UNHEALTHY = """
kind: Event
metadata: {name: e}
involvedObject: {kind: Pod, namespace: default, name: api, fieldPath: "spec.containers{app}"}
type: Warning
reason: Unhealthy
message: "Readiness probe failed: nc: connect to db port 5432 (tcp) failed: Connection refused"
"""


def test_what_a_probes_command_prints_counts_as_its_log_does() -> None:
    asked = pod(RUNNING.format("false")).replace("name: app}", "name: app, readinessProbe: {exec: {command: [nc]}}}", 1)
    snapshot = snapshot_of(asked, SERVICE, UNHEALTHY)
    (found,) = failed_connections(snapshot)
    assert (str(found.target), found.port, found.evidence(snapshot).source) == ("Service default/db", 5432, "event")
    well = asked.replace("ready: false", "ready: true")
    assert failed_connections(snapshot_of(well, SERVICE, UNHEALTHY)) == ()


def test_what_the_kubelet_says_of_a_port_is_about_the_pod_itself() -> None:
    asked = pod(RUNNING.format("false")).replace("name: app}", "name: app, readinessProbe: {tcpSocket: {port: 80}}}", 1)
    assert failed_connections(snapshot_of(asked, SERVICE, UNHEALTHY)) == ()


def test_a_container_that_is_well_counts_if_its_log_ends_in_failures() -> None:
    manifest = pod(RUNNING.format("true"))
    assert len(read(log_of("api", "app", "\n".join([REFUSED] * 3)), manifest=manifest)) == 1
    assert read(log_of("api", "app", "\n".join([REFUSED] * 2)), manifest=manifest) == []


def test_when_it_failed_is_when_the_container_ended() -> None:
    ended = CRASHED.replace("exitCode: 1", "exitCode: 1, finishedAt: '2026-01-15T11:58:00Z'")
    (found,) = read(log_of("api", "app", REFUSED), manifest=pod(ended))
    assert f"{found.at:%H:%M}" == "11:58"
