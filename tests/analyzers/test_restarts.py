from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.restarts import plugin
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

Build = Callable[..., list[dict[str, Any]]]
RUNNING = {"running": {"startedAt": "2026-01-15T11:30:00Z"}}
LAST = {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-15T09:00:00Z", "finishedAt": "2026-01-15T11:29:59Z"}


def found(manifests: list[dict[str, Any]]) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def test_many_restarts_are_a_symptom(workload: Build) -> None:
    [finding] = found(workload(RUNNING, last=LAST, restarts=6, ready=True, replicas=3))
    assert (finding.reason, finding.severity, finding.is_symptom) == ("Restarts", Severity.WARNING, True)
    assert "3 of 3 pods" in finding.title


@pytest.mark.parametrize(
    ("restarts", "last"),
    [
        (5, LAST),
        (90, {**LAST, "finishedAt": "2026-01-15T10:30:00Z"}),
        (90, {**LAST, "reason": "OOMKilled", "exitCode": 137}),
        (0, None),
    ],
)
def test_few_old_or_explained_restarts_are_silent(workload: Build, restarts: int, last: dict[str, Any] | None) -> None:
    assert found(workload(RUNNING, last=last, restarts=restarts, ready=True)) == []


def test_a_crash_loop_has_its_own_analyzer(workload: Build) -> None:
    assert found(workload({"waiting": {"reason": "CrashLoopBackOff"}}, last=LAST, restarts=50)) == []


def test_an_end_after_days_or_by_a_reboot_is_silent(workload: Build) -> None:
    long_life, lost = LAST | {"startedAt": "2026-01-05T09:00:00Z"}, LAST | {"reason": "Unknown", "exitCode": 255}
    for last in (long_life, lost):
        assert found(workload(RUNNING, last=last, restarts=40, ready=True)) == []
