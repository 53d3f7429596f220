"""CronJobs: runs that are missing, and runs that fail."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.cron_jobs import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of


def cron_job(
    schedule: str = "0 * * * *", *, spec: str = "", status: str = "", made: str = "2026-01-10T00:00:00Z"
) -> str:
    return f"""
kind: CronJob
metadata: {{name: tick, creationTimestamp: "{made}"}}
spec: {{schedule: "{schedule}"{spec}}}
status: {{{status or 'lastScheduleTime: "2026-01-15T12:00:00Z"'}}}
"""


def job(name: str, *, condition: str = "", made: str = "11:00", reason: str = "BackoffLimitExceeded") -> str:
    conditions = (
        f'[{{type: {condition}, status: "True", reason: {reason}, message: "too many"}}]' if condition else "[]"
    )
    ended = f', completionTime: "2026-01-15T{made}:30Z"' if condition == "Complete" else ""
    return f"""
kind: Job
metadata:
  name: {name}
  creationTimestamp: "2026-01-15T{made}:00Z"
  ownerReferences: [{{kind: CronJob, name: tick, controller: true}}]
status: {{startTime: "2026-01-15T{made}:00Z", conditions: {conditions}{ended}}}
"""


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_punctual_cron_job_is_silent() -> None:
    assert find(cron_job(), job("a", condition="Complete")) == {}


@pytest.mark.parametrize("schedule", ["61 * * * *", "0 0 30 2 *", "every hour"])
def test_schedule_nobody_can_follow(schedule: str) -> None:
    assert find(cron_job(schedule))["InvalidSchedule"].severity is Severity.CRITICAL


def test_event_of_the_controller_is_quoted() -> None:
    event = """
kind: Event
metadata: {name: e}
involvedObject: {kind: CronJob, namespace: default, name: tick}
reason: UnknownTimeZone
message: invalid timeZone Mars/Base
"""
    found = find(cron_job(spec=", timeZone: Mars/Base"), event)
    assert [item.excerpt for item in found["InvalidSchedule"].evidence][-1] == "invalid timeZone Mars/Base"


def test_suspended_is_information_and_never_late() -> None:
    found = find(cron_job(spec=", suspend: true", status='lastScheduleTime: "2026-01-01T00:00:00Z"'))
    assert list(found) == ["CronJobSuspended"]
    assert found["CronJobSuspended"].severity is Severity.INFO


def test_two_missed_periods_are_told_and_one_is_not() -> None:
    late = find(cron_job(status='lastScheduleTime: "2026-01-15T09:00:00Z"'))
    assert late["MissedSchedule"].severity is Severity.WARNING
    assert "for 3h" in late["MissedSchedule"].title
    assert find(cron_job(status='lastScheduleTime: "2026-01-15T10:00:00Z"')) == {}


def test_never_run_counts_from_its_making() -> None:
    never = "active: []"
    assert "never since it was made" in find(cron_job(status=never))["MissedSchedule"].title
    assert find(cron_job(status=never, made="2026-01-15T11:50:00Z")) == {}
    assert find(cron_job("0 0 1 1 *", status=never, made="2026-01-10T00:00:00Z")) == {}


def test_tiny_starting_deadline_is_the_cause() -> None:
    found = find(cron_job(spec=", startingDeadlineSeconds: 5", status="active: []"))
    assert "startingDeadlineSeconds is 5" in found["MissedSchedule"].cause


def test_hung_run_under_forbid() -> None:
    forbid = cron_job(spec=", concurrencyPolicy: Forbid", status='lastScheduleTime: "2026-01-15T08:00:00Z"')
    found = find(forbid, job("tick-1", made="08:00"))
    assert list(found) == ["ConcurrencyForbidden"]
    assert "tick-1 has been active for 4h" in found["ConcurrencyForbidden"].title


def test_run_of_now_under_forbid_is_silent() -> None:
    assert find(cron_job(spec=", concurrencyPolicy: Forbid"), job("tick-1", made="11:30")) == {}


MINUTELY = cron_job("* * * * *", spec=", concurrencyPolicy: Forbid")


def minutely(name: str, began: str, ended: str = "") -> str:
    """A run that began and perhaps ended well today."""
    run = job(name, condition="Complete" if ended else "", made="11:00").replace("11:00:30", ended)
    return run.replace('startTime: "2026-01-15T11:00:00Z"', f'startTime: "2026-01-15T{began}Z"')


@pytest.mark.parametrize(("began", "is_told"), [("11:57:50", True), ("11:58:20", False)])
def test_a_run_that_kept_two_others_out_is_told(began: str, is_told: bool) -> None:
    assert ("ConcurrencyForbidden" in find(MINUTELY, minutely("tick-1", began))) is is_told


@pytest.mark.parametrize(("ended", "is_told"), [("11:46:30", False), ("11:45:20", True)])
def test_a_run_that_takes_no_longer_than_others_did_does_not_hang(ended: str, is_told: bool) -> None:
    earlier = minutely("tick-0", "11:45:00", ended)
    assert ("ConcurrencyForbidden" in find(MINUTELY, earlier, minutely("tick-1", "11:57:50"))) is is_told


def test_the_controller_says_that_it_started_no_run() -> None:
    event = """
kind: Event
metadata: {name: e}
involvedObject: {kind: CronJob, namespace: default, name: tick}
reason: JobAlreadyActive
message: Not starting job because prior execution is running and concurrency policy is Forbid
"""
    found = find(MINUTELY, minutely("tick-1", "11:50:00"), event)
    assert "prior execution is running" in found["ConcurrencyForbidden"].evidence[-1].excerpt


def test_two_failures_in_a_row() -> None:
    found = find(cron_job(), job("a", condition="Failed", made="10:00"), job("b", condition="Failed", made="11:00"))
    finding = found["JobsFailing"]
    assert (finding.is_symptom, finding.severity) == (True, Severity.CRITICAL)
    assert "last 2 runs failed" in finding.title
    assert len(finding.evidence) == 2


def test_one_kept_failure_and_no_good_run_for_long() -> None:
    status = 'lastScheduleTime: "2026-01-15T12:00:00Z", lastSuccessfulTime: "2026-01-14T00:00:00Z"'
    finding = find(cron_job(status=status), job("b", condition="Failed"))["JobsFailing"]
    assert "2026-01-14 00:00" in finding.cause


def test_one_failure_after_a_good_run_is_silent() -> None:
    jobs = (job("a", condition="Complete", made="10:30"), job("b", condition="Failed", made="11:00"))
    assert "JobsFailing" not in find(cron_job(), *jobs)


def test_failures_before_a_good_run_are_silent() -> None:
    jobs = [job(name, condition="Failed", made=made) for name, made in (("a", "09:00"), ("b", "10:00"))]
    assert "JobsFailing" not in find(cron_job(), *jobs, job("c", condition="Complete", made="11:00"))


def deleted(name: str, at: str = "11:50") -> str:
    return f"""
kind: Event
metadata: {{name: {name}}}
involvedObject: {{kind: CronJob, namespace: default, name: tick}}
reason: SuccessfulDelete
message: Deleted job {name}
lastTimestamp: "2026-01-15T{at}:00Z"
"""


REPLACED = tuple(deleted(name) for name in ("a", "b", "c"))


def test_runs_that_are_each_replaced_by_the_next_never_end() -> None:
    replacing = cron_job("*/5 * * * *", spec=", concurrencyPolicy: Replace")
    assert find(replacing, *REPLACED)["JobsReplaced"].severity is Severity.CRITICAL
    assert "JobsReplaced" not in find(replacing, *REPLACED[:2])
    assert "JobsReplaced" not in find(replacing, *REPLACED, job("d", condition="Complete"))
    assert "JobsReplaced" not in find(cron_job("*/5 * * * *"), *REPLACED)
    good = 'lastScheduleTime: "2026-01-15T12:00:00Z", lastSuccessfulTime: "2026-01-15T11:55:00Z"'
    assert find(cron_job("*/5 * * * *", spec=", concurrencyPolicy: Replace", status=good), *REPLACED) == {}


def test_runs_that_pile_up_are_a_symptom() -> None:
    active = [job(name, made=made) for name, made in (("a", "09:00"), ("b", "09:10"), ("c", "09:20"))]
    finding = find(cron_job(), *active)["JobsPilingUp"]
    assert finding.is_symptom
    assert "3 runs are active at once, the oldest for 3h" in finding.title
    assert find(cron_job(), *active[:2]) == {}
    assert find(cron_job(), *active[:2], job("c", made="09:20", condition="Complete")) == {}
