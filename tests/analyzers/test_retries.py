"""Containers that count as well and only retry."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.retries import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import log_of, snapshot_of

FAILS = "Connecting to db:5432 (10.0.0.9:5432)\nwget: can't connect to remote host (10.0.0.9): Connection refused"
DB = "kind: Service\nmetadata: {name: db}\nspec: {clusterIP: 10.0.0.9, ports: [{port: 5432}]}"


def pod(status: str = "ready: true, state: {running: {startedAt: '2026-01-15T11:00:00Z'}}") -> str:
    return f"""
kind: Pod
metadata: {{name: shop, ownerReferences: [{{kind: DaemonSet, name: shop, controller: true}}]}}
spec: {{containers: [{{name: app}}]}}
status: {{phase: Running, containerStatuses: [{{name: app, {status}}}]}}
"""


def find(text: str, manifest: str = "") -> list[Finding]:
    return list(analyze(snapshot_of(manifest or pod(), DB, logs=[log_of("shop", "app", text)])))


def test_a_log_that_ends_in_one_failure_over_and_over_is_told() -> None:
    (finding,) = find("\n".join([FAILS] * 4))
    assert (finding.reason, finding.severity) == ("ConnectionFailing/ConnectionRefused", Severity.WARNING)
    assert str(finding.ref) == "DaemonSet default/shop"
    assert [str(ref) for ref in finding.points_at] == ["Service default/db"]
    assert "runs and keeps trying in vain: connection to 10.0.0.9 refused (Service db)" in finding.title


@pytest.mark.parametrize(
    "text",
    [
        FAILS,  # once is no habit
        "\n".join([FAILS] * 4 + [f"GET /page/{number} 200" for number in range(20)]),  # long overcome
        "\n".join(["starting", "listening on :8080"] * 4),
    ],
)
def test_a_failure_that_was_overcome_is_no_trouble(text: str) -> None:
    assert find(text) == []


def test_one_that_is_not_ready_or_crashes_is_told_of_elsewhere() -> None:
    assert find("\n".join([FAILS] * 4), pod("ready: false, state: {running: {}}")) == []
    crashing = pod("ready: false, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}")
    assert find("\n".join([FAILS] * 4), crashing) == []


def test_what_has_just_begun_may_wait_for_what_is_starting_beside_it() -> None:
    young = "ready: true, state: {running: {startedAt: '2026-01-15T11:59:20Z'}}"
    assert find("\n".join([FAILS] * 4), pod(young)) == []


LINE = "2026-01-15T{}:00Z WARN connect to db:5432: connection refused"
RESTARTED = pod(
    "ready: true, restartCount: 1, state: {running: {startedAt: '2026-01-15T08:00:00Z'}}, "
    "lastState: {terminated: {exitCode: 1, finishedAt: '2026-01-15T08:00:00Z'}}"
)


@pytest.mark.parametrize("manifest", [pod(), RESTARTED])
def test_what_was_said_long_ago_may_be_over(manifest: str) -> None:
    assert find("\n".join([LINE.format("08:01")] * 4), manifest) == []
    assert len(find("\n".join([LINE.format("11:58")] * 4), manifest)) == 1


def test_of_one_that_was_restarted_lines_without_a_time_may_be_of_its_start() -> None:
    assert find("\n".join(["connect to db:5432: connection refused"] * 4), RESTARTED) == []
