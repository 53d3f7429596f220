"""How Jobs and the runs of a CronJob ended."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.job_outcomes import failure, failure_streak, is_complete, is_over, keeps_failing
from kubeagentix.domain.workloads import CronJob, Job
from kubeagentix.testing import snapshot_of


def job(name: str, condition: str, made: str = "11:00") -> str:
    conditions = f'[{{type: {condition}, status: "True"}}]' if condition else "[]"
    ended = f', completionTime: "2026-01-15T{made}:30Z"' if condition == "Complete" else ""
    return f"""
kind: Job
metadata:
  name: {name}
  creationTimestamp: "2026-01-15T{made}:00Z"
  ownerReferences: [{{kind: CronJob, name: tick, controller: true}}]
status: {{conditions: {conditions}{ended}}}
"""


def cron_job(schedule: str = "0 * * * *", extra: str = "", status: str = "{}") -> str:
    return f"""
kind: CronJob
metadata: {{name: tick, creationTimestamp: "2026-01-01T00:00:00Z"}}
spec: {{schedule: "{schedule}"{extra}}}
status: {status}
"""


@pytest.mark.parametrize(
    ("condition", "has_failed", "has_completed"),
    [("Failed", True, False), ("FailureTarget", True, False), ("Complete", False, True), ("Suspended", False, False)],
)
def test_conditions_tell_the_outcome(condition: str, has_failed: bool, has_completed: bool) -> None:
    item = snapshot_of(job("a", condition)).all(Job)[0]
    assert (failure(item) is not None, is_complete(item)) == (has_failed, has_completed)
    assert is_over(item) is (has_failed or has_completed)


def test_streak_ends_at_the_newest_good_run() -> None:
    snapshot = snapshot_of(
        cron_job(),
        job("a", "Failed", "08:00"),
        job("b", "Complete", "09:00"),
        job("c", "Failed", "10:00"),
        job("d", "Failed", "11:00"),
        job("e", "", "12:00"),
    )
    assert [item.name for item in failure_streak(snapshot, snapshot.ref(snapshot.all(CronJob)[0]))] == ["d", "c"]


@pytest.mark.parametrize(
    ("manifests", "is_failing"),
    [
        ((cron_job(), job("a", "Failed")), True),
        ((cron_job(), job("a", "Failed"), job("b", "Complete", "10:00")), False),
        ((cron_job(), job("a", "Failed"), job("b", "Complete", "07:00")), True),
        ((cron_job(status='{lastSuccessfulTime: "2026-01-15T10:30:00Z"}'), job("a", "Failed")), False),
        ((cron_job(extra=", successfulJobsHistoryLimit: 0"), job("a", "Failed")), False),
        ((cron_job("nonsense"), job("a", "Failed")), False),
        ((cron_job("nonsense"), job("a", "Failed"), job("b", "Failed", "10:00")), True),
        ((cron_job(), job("a", "")), False),
    ],
)
def test_run_after_run_fails(manifests: tuple[str, ...], is_failing: bool) -> None:
    snapshot = snapshot_of(*manifests)
    assert keeps_failing(snapshot, snapshot.all(CronJob)[0]) is is_failing
