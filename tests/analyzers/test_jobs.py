"""Jobs: how they ended, and whose finding it is."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.jobs import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of


def failed(reason: str = "BackoffLimitExceeded", *, at: str = "2026-01-15T11:00:00Z") -> str:
    return f'[{{type: Failed, status: "True", reason: {reason}, message: "it went wrong", lastTransitionTime: "{at}"}}]'


COMPLETE = '[{type: Complete, status: "True"}]'


def job(name: str = "import", conditions: str = "[]", *, spec: str = "{}", owner: str = "", made: str = "10:00") -> str:
    owners = f"[{{kind: CronJob, name: {owner}, controller: true}}]" if owner else "[]"
    return f"""
kind: Job
metadata: {{name: {name}, creationTimestamp: "2026-01-15T{made}:00Z", ownerReferences: {owners}}}
spec: {spec}
status: {{failed: 2, conditions: {conditions}}}
"""


def cron_job(name: str = "tick", status: str = "{}") -> str:
    return f"""
kind: CronJob
metadata: {{name: {name}, creationTimestamp: "2026-01-15T09:00:00Z"}}
spec: {{schedule: "0 * * * *"}}
status: {status}
"""


def pod(first: str, second: str) -> str:
    return f"""
kind: Pod
metadata: {{name: import-x, ownerReferences: [{{kind: Job, name: import, controller: true}}]}}
status:
  phase: Running
  containerStatuses: [{{name: main, state: {first}}}, {{name: proxy, state: {second}}}]
"""


DONE = '{terminated: {exitCode: 0, finishedAt: "2026-01-15T11:30:00Z"}}'
JUST_DONE = '{terminated: {exitCode: 0, finishedAt: "2026-01-15T11:59:00Z"}}'
RUNNING = '{running: {startedAt: "2026-01-15T11:00:00Z"}}'


def find(*manifests: str) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


def test_backoff_limit_is_a_symptom() -> None:
    (finding,) = find(job(conditions=failed()))
    assert (finding.reason, finding.is_symptom, finding.severity) == ("BackoffLimitExceeded", True, Severity.CRITICAL)
    assert finding.evidence[0].excerpt == "it went wrong"


@pytest.mark.parametrize("reason", ["DeadlineExceeded", "PodFailurePolicy"])
def test_reasons_that_say_why_are_no_symptoms(reason: str) -> None:
    (finding,) = find(job(conditions=failed(reason)))
    assert (finding.reason, finding.is_symptom) == (reason, False)


def test_failure_of_days_ago_is_a_warning() -> None:
    (finding,) = find(job(conditions=failed(at="2026-01-10T00:00:00Z")))
    assert finding.severity is Severity.WARNING


def test_complete_running_and_retrying_jobs_are_silent() -> None:
    assert find(job(conditions=COMPLETE), job("other")) == []


def test_suspended_is_information() -> None:
    (finding,) = find(job(spec="{suspend: true}"))
    assert (finding.reason, finding.severity) == ("JobSuspended", Severity.INFO)


def test_sidecar_that_never_ends_keeps_the_job() -> None:
    (finding,) = find(job(), pod(DONE, RUNNING))
    assert finding.reason == "JobStuck"
    assert "main is done, proxy still runs for 30m" in finding.title


@pytest.mark.parametrize(
    ("first", "second"), [(JUST_DONE, RUNNING), (RUNNING, RUNNING), ("{terminated: {exitCode: 1}}", RUNNING)]
)
def test_containers_still_at_work_are_silent(first: str, second: str) -> None:
    assert find(job(), pod(first, second)) == []


ENDED_90_S_AGO = '{terminated: {exitCode: 0, finishedAt: "2026-01-15T11:58:30Z"}}'


@pytest.mark.parametrize(
    ("first", "default", "is_told"), [("main", "", True), ("proxy", "", False), ("proxy", "main", True)]
)
def test_the_main_container_is_done_for_a_minute_and_its_helper_still_runs(
    first: str, default: str, is_told: bool
) -> None:
    """One of several that is not the main one may be done long before it."""
    annotations = f"annotations: {{kubectl.kubernetes.io/default-container: {default}}}, " if default else ""
    containers = ", ".join(f"{{name: {name}}}" for name in sorted(("main", "proxy"), key=lambda name: name != first))
    manifest = pod(ENDED_90_S_AGO, RUNNING).replace("status:", f"spec: {{containers: [{containers}]}}\nstatus:", 1)
    found = find(job(), manifest.replace("metadata: {", f"metadata: {{{annotations}", 1))
    assert [finding.reason for finding in found] == ["JobStuck"] * is_told


def test_single_failure_of_a_cron_job_hangs_on_it() -> None:
    good = job("tick-1", COMPLETE, owner="tick", made="10:00")
    bad = job("tick-2", failed(), owner="tick", made="11:00")
    (finding,) = find(cron_job(status='{lastSuccessfulTime: "2026-01-15T10:05:00Z"}'), good, bad)
    assert str(finding.ref) == "CronJob default/tick"
    assert finding.reason == "BackoffLimitExceeded"


def test_failure_before_a_good_run_is_silent() -> None:
    bad = job("tick-1", failed(), owner="tick", made="10:00")
    good = job("tick-2", COMPLETE, owner="tick", made="11:00")
    assert find(cron_job(), bad, good) == []


def test_repeated_failures_are_left_to_the_cron_job() -> None:
    jobs = [job(f"tick-{hour}", failed(), owner="tick", made=f"{hour}:00") for hour in (10, 11)]
    assert find(cron_job(), *jobs) == []
    deadline = job("tick-12", failed("DeadlineExceeded"), owner="tick", made="11:30")
    assert [finding.reason for finding in find(cron_job(), *jobs, deadline)] == ["DeadlineExceeded"]


def event(kind: str, about: str, reason: str, message: str) -> str:
    return f"""
kind: Event
metadata: {{name: {about}-{reason}}}
involvedObject: {{kind: {kind}, namespace: default, name: {about}}}
type: Warning
reason: {reason}
message: '{message}'
lastTimestamp: "2026-01-15T11:50:00Z"
"""


MADE = event("Job", "import", "SuccessfulCreate", "Created pod: import-x")


def test_a_deadline_that_passed_for_want_of_the_image_says_so() -> None:
    pull = event("Pod", "import-x", "Failed", 'Failed to pull image "app:2": not found')
    (finding,) = find(job(conditions=failed("DeadlineExceeded")), MADE, pull)
    assert finding.reason == "DeadlineExceeded/ImagePullBackOff"
    assert finding.title.endswith("its pod could not get its image")
    assert 'Failed to pull image "app:2"' in finding.cause
    assert str(finding.evidence[1].ref) == "Pod default/import-x"


def test_pods_that_went_with_their_logs_are_told_of_by_their_events() -> None:
    back_off = event("Pod", "import-x", "BackOff", "Back-off restarting failed container")
    (finding,) = find(job(conditions=failed()), MADE, back_off)
    assert (finding.reason, finding.is_symptom) == ("BackoffLimitExceeded/CrashLoopBackOff", False)
    assert any("restartPolicy: Never" in remedy.title for remedy in finding.remedies)
    (silent,) = find(job(conditions=failed()), MADE)
    assert (silent.reason, silent.is_symptom) == ("BackoffLimitExceeded", True)


def test_no_parallelism_is_information_like_a_suspension() -> None:
    (finding,) = find(job(spec="{parallelism: 0}"))
    assert (finding.reason, finding.severity) == ("JobSuspended", Severity.INFO)
    assert '"parallelism":1' in finding.remedies[0].command


def test_a_failed_container_beside_one_that_runs_keeps_the_job_from_failing() -> None:
    failed_main = DONE.replace("exitCode: 0", "exitCode: 1")
    never = pod(failed_main, RUNNING).replace("status:", "spec: {restartPolicy: Never}\nstatus:", 1)
    (finding,) = find(job(), never)
    assert (finding.reason, finding.is_symptom) == ("JobStuck", True)
    assert "main has failed, proxy still runs" in finding.title
    assert find(job(), never.replace("Never", "OnFailure")) == []
