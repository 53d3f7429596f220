"""Servers that run, and whose own log says why their clients fail."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from kubeagentix.analyzers.failing_servers import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import NOW, log_of, snapshot_of

SERVICE = "kind: Service\nmetadata: {name: db}\nspec: {selector: {app: db}, ports: [{port: 5432}]}"
CLIENT = """
kind: Pod
metadata: {name: web-1, ownerReferences: [{kind: DaemonSet, name: web, controller: true}]}
spec: {containers: [{name: app}]}
status:
  phase: Running
  containerStatuses: [{name: app, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}}]
"""
RUNS = "ready: true, state: {running: {startedAt: '2026-01-15T11:00:00Z'}}"
RESET = "psycopg2.OperationalError: connection to server at db:5432 failed: server closed the connection unexpectedly"
PANICS = """\
2026/01/15 11:59:30 http: panic serving 10.0.0.3:4000: runtime error: invalid memory address
goroutine 20 [running]:
net/http.(*conn).serve.func1()
\t/usr/local/go/src/net/http/server.go:1868 +0xb9"""
FULL = "2026-01-15 11:59:30.1 UTC [88] FATAL:  sorry, too many clients already"


def server(status: str = RUNS, app: str = "db") -> str:
    return f"""
kind: Pod
metadata: {{name: db-0, labels: {{app: {app}}}, ownerReferences: [{{kind: StatefulSet, name: db, controller: true}}]}}
spec: {{containers: [{{name: postgres}}]}}
status: {{phase: Running, containerStatuses: [{{name: postgres, {status}}}]}}
"""


def find(said: str | ContainerLog, manifest: str = "", asked: str = RESET) -> list[Finding]:
    log = said if isinstance(said, ContainerLog) else log_of("db-0", "postgres", said)
    manifests = (SERVICE, CLIENT, manifest or server())
    return list(analyze(snapshot_of(*manifests, logs=[log_of("web-1", "app", asked), log])))


@pytest.mark.parametrize(
    ("said", "signature", "words"),
    [
        (FULL, "TooManyConnections", "it accepts no more connections"),
        (f"{FULL}\nLOG:  checkpoint complete", "TooManyConnections", "it accepts no more connections"),
        ("ERROR:  could not extend file: No space left on device", "DiskFull", "no space is left on a disk"),
        (PANICS, "Panic", "http: panic serving"),
    ],
)
def test_what_a_running_server_says_is_why_its_clients_fail(said: str, signature: str, words: str) -> None:
    (finding,) = find(said)
    assert (finding.reason, finding.severity) == (f"ServerFailing/{signature}", Severity.CRITICAL)
    assert str(finding.ref) == "StatefulSet default/db"
    assert words in finding.title
    assert [str(ref) for ref in finding.explains] == ["DaemonSet default/web"]
    assert [item.locator for item in finding.evidence] == ["log/postgres", "log/app"]


@pytest.mark.parametrize(
    "said",
    [
        "LOG:  database system is ready to accept connections",
        "2026-01-15 11:59:30 UTC [88] FATAL:  password authentication failed for user",  # the client's own fault
        "INFO too many connections: never seen since the start",
    ],
)
def test_a_server_that_says_nothing_of_it_is_not_blamed(said: str) -> None:
    assert find(said) == []


def test_only_servers_that_somebody_blames_are() -> None:
    assert find(FULL, asked="FATAL missing environment variable REGION_NAME") == []
    assert find(FULL, asked=RESET.replace("db:5432", "cache:6379")) == []
    assert find(FULL, server(app="other")) == []


def test_a_client_that_is_well_has_got_over_what_it_said() -> None:
    well = CLIENT.replace("restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}", RUNS)
    assert well != CLIENT
    logs = [log_of("web-1", "app", RESET), log_of("db-0", "postgres", FULL)]
    assert list(analyze(snapshot_of(SERVICE, well, server(), logs=logs))) == []


def test_what_was_said_long_ago_may_be_over() -> None:
    log = log_of("db-0", "postgres", FULL)
    ago = [dataclasses.replace(log, begins_at=NOW - timedelta(minutes=m), offsets_ms=(0,)) for m in (5, 20)]
    assert [len(find(item)) for item in ago] == [1, 0]


def test_of_a_server_that_keeps_ending_its_end_is_told_elsewhere() -> None:
    crashing = "ready: false, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}"
    assert find(FULL, server(crashing)) == []
