"""CronJobs: schedules nobody can read, runs that were missed, runs that hang, runs that keep failing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.gone_pods import LastTrouble, last_trouble
from kubeagentix.analysis.job_outcomes import (
    LATENESS,
    duration,
    failure,
    failure_streak,
    finished_jobs,
    is_over,
    keeps_failing,
    last_good,
    second_last_due,
)
from kubeagentix.analysis.schedules import Schedule, ScheduleSyntaxError, parse_schedule
from kubeagentix.analysis.shortfall import describe_age, format_duration
from kubeagentix.analysis.troubles import event_evidence, sentence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import CronJob, Job
from kubeagentix.errors import excerpt

ID = "cron-jobs"
REPLACED_RUNS = 3  # in a row: one run may take long
PILED_UP_RUNS = 3
RUNS_SHOWN = 3
CONTROLLER_PERIOD_S = 10  # how often controllers of old looked; a starting deadline under that is never met
CONTROLLER_PERIOD = timedelta(seconds=CONTROLLER_PERIOD_S)
UNUSUAL = 1.5  # a run that takes so many times as long as the longest good one is not just a long one
# Warning events of the CronJob controllers of 1.20 (old and new) and since that tell why nothing starts.
SCHEDULE_EVENTS = ("UnparseableSchedule", "UnParseableCronJobSchedule", "InvalidSchedule", "UnknownTimeZone")
MISSED_EVENTS = ("FailedNeedsStart", "TooManyMissedTimes", "MissSchedule")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per CronJob and reason."""
    for cron_job in snapshot.all(CronJob):
        if cron_job.metadata.deletion_timestamp is not None:
            continue
        yield from _failing(snapshot, cron_job)
        try:
            schedule = parse_schedule(cron_job.spec.schedule, cron_job.spec.time_zone)
        except ScheduleSyntaxError as error:
            yield _invalid(snapshot, cron_job, str(error))
            continue
        if schedule.next_after(snapshot.taken_at) is None:
            yield _invalid(snapshot, cron_job, "it names a date that no year has")
        elif cron_job.spec.suspend:
            yield _suspended(snapshot, cron_job)
        else:
            yield from _late(snapshot, cron_job, schedule)


def _invalid(snapshot: Snapshot, cron_job: CronJob, why: str) -> Finding:
    ref = snapshot.ref(cron_job)
    return Finding.of(
        analyzer=ID,
        reason="InvalidSchedule",
        ref=ref,
        title=f"{ref} never runs: schedule {cron_job.spec.schedule!r} is not valid",
        severity=Severity.CRITICAL,
        confidence=0.95,
        cause=f"The schedule cannot be followed: {why}.",
        evidence=(
            Evidence.of(ref, "spec", f"schedule: {cron_job.spec.schedule}", excerpt=why, locator="spec.schedule"),
            *_event_evidence(snapshot, ref, SCHEDULE_EVENTS),
        ),
        remedies=(kubectl.describe(ref), kubectl.edit(ref, "Correct the schedule")),
    )


def _suspended(snapshot: Snapshot, cron_job: CronJob) -> Finding:
    ref = snapshot.ref(cron_job)
    patch = """-p '{"spec":{"suspend":false}}'"""
    return Finding.of(
        analyzer=ID,
        reason="CronJobSuspended",
        ref=ref,
        title=f"{ref} is suspended",
        severity=Severity.INFO,
        confidence=0.95,
        cause="spec.suspend is true: nothing is started until it is resumed.",
        evidence=(Evidence.of(ref, "spec", "suspend: true", locator="spec.suspend"),),
        remedies=(kubectl.write("Resume it", f"patch cronjob {ref.name} --type=merge {patch}", ref.namespace),),
    )


def _failing(snapshot: Snapshot, cron_job: CronJob) -> Iterator[Finding]:
    ref = snapshot.ref(cron_job)
    streak = failure_streak(snapshot, ref)
    if not keeps_failing(snapshot, cron_job):
        return
    trouble = last_trouble(snapshot, snapshot.ref(streak[0]))
    yield Finding.of(
        analyzer=ID,
        reason=f"JobsFailing/{trouble.reason}" if trouble else "JobsFailing",
        ref=ref,
        title=f"{ref}: "
        + (f"the last {len(streak)} runs failed" if len(streak) > 1 else "run after run fails")
        + (f"; the last pod {trouble.words}" if trouble else ""),
        severity=Severity.CRITICAL,
        confidence=0.75 if trouble else 0.6,
        cause=_why_failing(cron_job, trouble),
        evidence=(
            *(_run_evidence(snapshot, job) for job in streak[:3]),
            *((event_evidence(snapshot, trouble.event, trouble.pod),) if trouble else ()),
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.read("Read what it wrote", f"logs job/{streak[0].name} --all-containers --tail=100", ref.namespace),
        ),
        is_symptom=trouble is None,
        since=streak[-1].metadata.creation_timestamp,
    )


def _why_failing(cron_job: CronJob, trouble: LastTrouble | None) -> str:
    last = cron_job.status.last_successful_time
    good = f" The last good run was at {last:%Y-%m-%d %H:%M} UTC." if last else ""
    if trouble is None:
        return f"Run after run fails; why is told by the findings on its pods, if any are left.{good}"
    said = f"Pod {trouble.pod.name}, which is gone, {trouble.words}: {excerpt(trouble.event.message)}"
    return f"{sentence(said)}{good}"


def _run_evidence(snapshot: Snapshot, job: Job) -> Evidence:
    failed = failure(job)
    return Evidence.of(
        snapshot.ref(job),
        "status",
        f"Job {job.name} failed: {failed.reason if failed else ''}",
        excerpt=excerpt(failed.message, 600) if failed else "",
        locator="status.conditions[Failed]",
        observed_at=failed.last_transition_time if failed else None,
    )


def _late(snapshot: Snapshot, cron_job: CronJob, schedule: Schedule) -> Iterator[Finding]:
    """A run that holds all others back, or due times at which nothing was started."""
    due = second_last_due(cron_job, snapshot.taken_at)
    if due is None:
        return
    hung = _hung_run(snapshot, cron_job)
    if hung is not None:
        yield _forbidden(snapshot, cron_job, hung)
        return
    yield from _replaced(snapshot, cron_job)
    yield from _piling_up(snapshot, cron_job, due)
    last = cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp
    if last is not None and last < due - LATENESS:
        yield _missed(snapshot, cron_job, schedule, last)


def _hung_run(snapshot: Snapshot, cron_job: CronJob) -> Job | None:
    """The oldest run that is still active, if it has kept two others out and good ones took far less time."""
    if cron_job.spec.concurrency_policy != "Forbid":
        return None
    ref, now = snapshot.ref(cron_job), snapshot.taken_at
    due = second_last_due(cron_job, now, CONTROLLER_PERIOD)
    jobs = [job for job in snapshot.children(Job, ref) if not is_over(job)]
    began = [(moment, job) for job in jobs if (moment := job.status.start_time or job.metadata.creation_timestamp)]
    oldest, job = min(began, key=lambda pair: pair[0], default=(now, None))
    usual = max((took for run in finished_jobs(snapshot, ref) if (took := duration(run))), default=timedelta())
    return job if due is not None and oldest < due and now - oldest > usual * UNUSUAL else None


def _forbidden(snapshot: Snapshot, cron_job: CronJob, job: Job) -> Finding:
    ref, job_ref = snapshot.ref(cron_job), snapshot.ref(job)
    since = job.status.start_time or job.metadata.creation_timestamp
    age = describe_age(since, snapshot.taken_at)
    return Finding.of(
        analyzer=ID,
        reason="ConcurrencyForbidden",
        ref=ref,
        title=f"{ref}: no new run starts, as {job.name} has been active{age}",
        severity=Severity.WARNING,
        confidence=0.85,
        cause="concurrencyPolicy is Forbid, and a run has not ended by the time of the next ones.",
        evidence=(
            Evidence.of(job_ref, "status", f"Job {job.name} active{age}", locator="status.active", observed_at=since),
            Evidence.of(ref, "spec", "concurrencyPolicy: Forbid", locator="spec.concurrencyPolicy"),
            *_event_evidence(snapshot, ref, ("JobAlreadyActive",)),
        ),
        remedies=(
            kubectl.describe(job_ref),
            kubectl.read("See what it does", f"logs job/{job.name} --all-containers --tail=50", ref.namespace),
            kubectl.write("End the run", f"delete job {job.name}", ref.namespace),
        ),
        since=since,
    )


def _replaced(snapshot: Snapshot, cron_job: CronJob) -> Iterator[Finding]:
    """Runs that each take longer than a period and are deleted for the next one, so that none ever ends."""
    if cron_job.spec.concurrency_policy != "Replace":
        return
    ref, good = snapshot.ref(cron_job), last_good(snapshot, cron_job)
    deleted = [
        event
        for event in snapshot.events_for(ref)
        if event.reason == "SuccessfulDelete" and (good is None or (event.seen_at is not None and event.seen_at > good))
    ]
    if len(deleted) < REPLACED_RUNS or finished_jobs(snapshot, ref):
        return
    yield Finding.of(
        analyzer=ID,
        reason="JobsReplaced",
        ref=ref,
        title=f"{ref}: no run ends, as each is replaced by the next ({len(deleted)} of late)",
        severity=Severity.CRITICAL,
        confidence=0.85,
        cause=f"concurrencyPolicy is Replace, and a run takes longer than schedule {cron_job.spec.schedule!r} allows.",
        evidence=(
            Evidence.of(ref, "spec", "concurrencyPolicy: Replace", locator="spec.concurrencyPolicy"),
            *(event_evidence(snapshot, event, ref) for event in deleted[:RUNS_SHOWN]),
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.edit(ref, "Run it less often, or Forbid a run while another one is active"),
        ),
        since=good,
    )


def _piling_up(snapshot: Snapshot, cron_job: CronJob, due: datetime) -> Iterator[Finding]:
    """Runs of many periods that are all still active; why they do not end is told by their pods, if by anything."""
    ref = snapshot.ref(cron_job)
    jobs = [job for job in snapshot.children(Job, ref) if not is_over(job) and not job.spec.suspend]
    old = [job for job in jobs if (began := job.status.start_time) is not None and began < due]
    if len(old) < PILED_UP_RUNS:
        return
    since = min(job.status.start_time for job in old if job.status.start_time is not None)
    yield Finding.of(
        analyzer=ID,
        reason="JobsPilingUp",
        ref=ref,
        title=f"{ref}: {len(jobs)} runs are active at once, the oldest{describe_age(since, snapshot.taken_at)}",
        severity=Severity.WARNING,
        confidence=0.6,
        cause="Runs do not end before the next ones start, and concurrencyPolicy Allow lets them pile up.",
        evidence=tuple(
            Evidence.of(
                snapshot.ref(job),
                "status",
                f"Job {job.name} active{describe_age(job.status.start_time, snapshot.taken_at)}",
                locator="status.active",
            )
            for job in old[:RUNS_SHOWN]
        ),
        remedies=(
            kubectl.describe(ref),
            kubectl.edit(ref, "Forbid a run while another one is active, and give the Job an activeDeadlineSeconds"),
        ),
        is_symptom=True,
        since=since,
    )


def _missed(snapshot: Snapshot, cron_job: CronJob, schedule: Schedule, last: datetime) -> Finding:
    ref, now = snapshot.ref(cron_job), snapshot.taken_at
    has_run = cron_job.status.last_schedule_time is not None
    expected = schedule.next_after(last)
    return Finding.of(
        analyzer=ID,
        reason="MissedSchedule",
        ref=ref,
        title=f"{ref}: nothing was started{describe_age(last, now)}"
        + ("" if has_run else ", never since it was made")
        + f", although schedule {cron_job.spec.schedule!r} was due",
        severity=Severity.WARNING,
        confidence=0.8,
        cause=_why_missed(snapshot, cron_job),
        evidence=(
            Evidence.of(
                ref,
                "status",
                f"{'last started' if has_run else 'made'} {format_duration((now - last).total_seconds())} ago"
                + (f", due again at {expected:%Y-%m-%d %H:%M} UTC" if expected else ""),
                locator="status.lastScheduleTime",
                observed_at=last,
            ),
            *_event_evidence(snapshot, ref, MISSED_EVENTS),
        ),
        remedies=_missed_remedies(ref),
        since=expected,
    )


def _why_missed(snapshot: Snapshot, cron_job: CronJob) -> str:
    deadline = cron_job.spec.starting_deadline_seconds
    if deadline is not None and deadline < CONTROLLER_PERIOD_S:
        return f"startingDeadlineSeconds is {deadline}: the controller may look too late each time."
    for event in snapshot.events_for(cron_job):
        if event.reason in MISSED_EVENTS:
            return excerpt(event.message)
    return "The CronJob controller did not start it: it may be down, or more than 100 runs were missed in a row."


def _missed_remedies(ref: ResourceRef) -> tuple[Remedy, ...]:
    return (
        kubectl.describe(ref),
        kubectl.read("See whether the controllers are alive", "get leases,pods", "kube-system"),
        kubectl.write("Run it once now", f"create job {ref.name}-now --from=cronjob/{ref.name}", ref.namespace),
    )


def _event_evidence(snapshot: Snapshot, ref: ResourceRef, reasons: tuple[str, ...]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence.of(
            ref,
            "event",
            f"event {event.reason}",
            excerpt=excerpt(event.message, 600),
            locator=f"event/{event.reason}",
            observed_at=event.seen_at,
        )
        for event in snapshot.events_for(ref)
        if event.reason in reasons
    )[:1]


plugin = AnalyzerPlugin(id=ID, title="CronJobs and their schedules", analyze=analyze, scope="workload")
