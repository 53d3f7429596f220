"""How Jobs ended, and how the last Jobs of a CronJob did."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubeagentix.analysis.schedules import ScheduleSyntaxError, parse_schedule
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.meta import Condition
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import CronJob, Job

LATENESS = timedelta(seconds=90)  # a run may start that late on a busy cluster


def failure(job: Job) -> Condition | None:
    """The condition that says that the Job failed, if it did (FailureTarget precedes Failed since 1.31)."""
    for name in ("Failed", "FailureTarget"):
        for item in job.status.conditions:
            if item.type == name and item.status == "True":
                return item
    return None


def is_complete(job: Job) -> bool:
    """Whether the Job ended well."""
    return any(item.type == "Complete" and item.status == "True" for item in job.status.conditions)


def is_over(job: Job) -> bool:
    """Whether the Job ended, well or not."""
    return is_complete(job) or failure(job) is not None


def duration(job: Job) -> timedelta | None:
    """How long a Job took that ended well."""
    began, ended = job.status.start_time, job.status.completion_time
    return ended - began if began is not None and ended is not None and is_complete(job) else None


def finished_jobs(snapshot: Snapshot, cron_job: ResourceRef) -> tuple[Job, ...]:
    """The ended Jobs of a CronJob, newest first."""
    jobs = [job for job in snapshot.children(Job, cron_job) if is_over(job)]
    return tuple(sorted(jobs, key=_made_at, reverse=True))


def failure_streak(snapshot: Snapshot, cron_job: ResourceRef) -> tuple[Job, ...]:
    """The newest Jobs of a CronJob that failed one after the other, newest first; empty if the last one went well."""
    streak: list[Job] = []
    for job in finished_jobs(snapshot, cron_job):
        if failure(job) is None:
            break
        streak.append(job)
    return tuple(streak)


def keeps_failing(snapshot: Snapshot, cron_job: CronJob) -> bool:
    """Whether the last two runs or more failed.

    By default only one failed Job is kept, so a good run that lies further back than two due times tells it too.
    """
    streak = failure_streak(snapshot, snapshot.ref(cron_job))
    if len(streak) != 1:
        return len(streak) > 1
    due, good = second_last_due(cron_job, snapshot.taken_at), last_good(snapshot, cron_job)
    return due is not None and good is not None and good < due - LATENESS


def last_good(snapshot: Snapshot, cron_job: CronJob) -> datetime | None:
    """When a run last ended well; failing that, when the CronJob was made; None if nobody keeps a record."""
    if cron_job.status.last_successful_time is not None:
        return cron_job.status.last_successful_time
    if cron_job.spec.successful_jobs_history_limit == 0:
        return None
    good = [job for job in finished_jobs(snapshot, snapshot.ref(cron_job)) if is_complete(job)]
    return good[0].status.completion_time if good else cron_job.metadata.creation_timestamp


def second_last_due(cron_job: CronJob, now: datetime, lateness: timedelta = LATENESS) -> datetime | None:
    """The last but one time at which a run should have started, give or take `lateness`; None if there is none."""
    try:
        schedule = parse_schedule(cron_job.spec.schedule, cron_job.spec.time_zone)
    except ScheduleSyntaxError:
        return None
    last = schedule.previous_before(now - lateness)
    return schedule.previous_before(last) if last is not None else None


def _made_at(job: Job) -> float:
    moment = job.metadata.creation_timestamp or job.status.start_time
    return moment.timestamp() if moment else 0.0
