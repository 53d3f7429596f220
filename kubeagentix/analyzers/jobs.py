"""Jobs: failed for good, suspended, or kept alive by a container that never ends.

A Job that a CronJob made speaks for the CronJob, and only the newest ended one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.gone_pods import LastTrouble, last_trouble
from kubeagentix.analysis.job_outcomes import failure, failure_streak, is_over, keeps_failing
from kubeagentix.analysis.shortfall import describe_age, is_older_than
from kubeagentix.analysis.troubles import event_evidence, sentence
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import Condition
from kubeagentix.domain.pods import ContainerStatus, Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import CronJob, Job
from kubeagentix.errors import excerpt

ID = "jobs"
DAY_S = 86400.0  # a Job that failed longer ago than this is rather forgotten than burning
SIDECAR_GRACE_S = 300.0  # containers that share the work may end minutes apart …
HELPER_GRACE_S = (
    75.0  # … what helps the main one has no more to do; it may still flush or drain, as kubelets allow 30 s
)
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
# Reasons that say that pods failed, not why: the pods' own findings do.
SYMPTOMS = ("BackoffLimitExceeded", "FailedIndexes", "MaxFailedIndexesExceeded", "JobFailed")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per workload and reason."""
    for job in snapshot.all(Job):
        if job.metadata.deletion_timestamp is not None:
            continue
        failed = failure(job)
        if failed is not None and _speaks(snapshot, job, failed):
            yield _failed(snapshot, job, failed)
        elif not is_over(job):
            yield from _suspended(snapshot, job)
            yield from _stuck(snapshot, job)


def _speaks(snapshot: Snapshot, job: Job, failed: Condition) -> bool:
    workload = snapshot.workload_of(job)
    if workload.kind != "CronJob":
        return True
    streak = failure_streak(snapshot, workload)
    if not streak or streak[0].name != job.name:
        return False
    cron_job = snapshot.get(CronJob, workload.namespace, workload.name)
    # Run after run failing is the CronJob's own finding; what it cannot tell is a reason that says why.
    return failed.reason not in SYMPTOMS or cron_job is None or not keeps_failing(snapshot, cron_job)


def _failed(snapshot: Snapshot, job: Job, failed: Condition) -> Finding:
    workload, now = snapshot.workload_of(job), snapshot.taken_at
    at = failed.last_transition_time
    is_old = at is not None and is_older_than(at, DAY_S, now)
    reason = failed.reason or "JobFailed"
    trouble = last_trouble(snapshot, snapshot.ref(job))
    name = "" if workload.kind == "Job" else f" (Job {job.name})"
    is_told = reason not in SYMPTOMS or trouble is not None
    return Finding.of(
        analyzer=ID,
        reason=f"{reason}/{trouble.reason}" if trouble else reason,
        ref=workload,
        title=f"{workload} failed{name}: {_in_words(job, reason)}" + (f"; its pod {trouble.words}" if trouble else ""),
        severity=Severity.WARNING if is_old else Severity.CRITICAL,
        confidence=(0.8 if trouble else 0.95) if is_told else 0.6,
        cause=_cause(failed, reason, trouble),
        evidence=(
            Evidence.of(
                snapshot.ref(job),
                "status",
                f"Job {job.name} failed: {reason}, {job.status.failed} failed and {job.status.succeeded} good pods",
                excerpt=excerpt(failed.message, 600),
                locator="status.conditions[Failed]",
                observed_at=at,
            ),
            *((event_evidence(snapshot, trouble.event, trouble.pod),) if trouble else ()),
        ),
        remedies=(kubectl.describe(snapshot.ref(job)), *_looks(workload, job, trouble)),
        is_symptom=not is_told,
        since=at,
    )


def _cause(failed: Condition, reason: str, trouble: LastTrouble | None) -> str:
    said = excerpt(failed.message) or f"The Job's condition Failed says {reason}."
    if trouble is None:
        return said
    return (
        f"{sentence(said)} Its pod {trouble.pod.name}, which is gone, {trouble.words}: {excerpt(trouble.event.message)}"
    )


def _looks(workload: ResourceRef, job: Job, trouble: LastTrouble | None) -> tuple[Remedy, ...]:
    if trouble is None:
        return (kubectl.read("Read what it wrote", f"logs job/{job.name} --all-containers --tail=100", job.namespace),)
    look = kubectl.read(
        "See the events of its pod",
        f"get events --field-selector involvedObject.name={trouble.pod.name}",
        job.namespace,
    )
    if trouble.reason != "CrashLoopBackOff":
        return (look,)
    why = "a pod that ended is kept, with its log; with OnFailure both are gone when the Job gives up"
    return (look, kubectl.edit(workload, "Have it run with restartPolicy: Never", why=why))


def _in_words(job: Job, reason: str) -> str:
    match reason:
        case "BackoffLimitExceeded":
            return f"its pods failed, and backoffLimit {job.spec.backoff_limit} is used up"
        case "DeadlineExceeded":
            return f"it took longer than {job.spec.active_deadline_seconds} s"
        case "PodFailurePolicy":
            return "a pod failed in a way for which its podFailurePolicy gives up"
    return reason


def _suspended(snapshot: Snapshot, job: Job) -> Iterator[Finding]:
    field = "suspend: true" if job.spec.suspend else "parallelism: 0" if job.spec.parallelism == 0 else ""
    if not field:
        return
    ref = snapshot.ref(job)
    yield Finding.of(
        analyzer=ID,
        reason="JobSuspended",
        ref=snapshot.workload_of(job),
        title=f"{ref} is suspended" + ("" if job.spec.suspend else ": its parallelism is 0"),
        severity=Severity.INFO,
        confidence=0.95,
        cause=f"spec.{field} makes it start no pods until that is changed.",
        evidence=(Evidence.of(ref, "spec", field, locator=f"spec.{field.partition(':')[0]}"),),
        remedies=(_resume(job),),
        detail=job.name,
    )


def _resume(job: Job) -> Remedy:
    change = '{"suspend":false}' if job.spec.suspend else '{"parallelism":1}'
    patch = f"""patch job {job.name} --type=merge -p '{{"spec":{change}}}'"""
    return kubectl.write("Resume it", patch, job.namespace)


def _stuck(snapshot: Snapshot, job: Job) -> Iterator[Finding]:
    for pod in snapshot.children(Pod, snapshot.ref(job)):
        ended, running, ended_at = _halves(pod)
        is_long = is_older_than(ended_at, SIDECAR_GRACE_S, snapshot.taken_at)
        is_late = is_older_than(ended_at, HELPER_GRACE_S, snapshot.taken_at) and _is_main_among(pod, ended)
        if not ended or not running or not (is_long or is_late):
            continue
        ref, names = snapshot.workload_of(job), ", ".join(status.name for status in ended)
        failed = [status.name for status in ended if _code(status)]
        how = "has failed" if failed else "is done"
        yield Finding.of(
            analyzer=ID,
            reason="JobStuck",
            ref=ref,
            title=f"{ref} does not end: {names} {how}, {', '.join(running)} still runs"
            f"{describe_age(ended_at, snapshot.taken_at)}",
            severity=Severity.WARNING,
            confidence=0.6 if is_long else 0.5,
            cause="A pod ends when all of its containers have ended; a sidecar among them keeps the Job active"
            + (", so it neither fails nor tries again." if failed else "."),
            evidence=(
                Evidence.of(
                    snapshot.ref(pod),
                    "status",
                    f"{', '.join(f'{status.name} ended with code {_code(status)}' for status in ended)}, "
                    f"{', '.join(running)} runs",
                    locator="status.containerStatuses",
                    observed_at=ended_at,
                ),
            ),
            remedies=(
                kubectl.describe(snapshot.ref(pod)),
                kubectl.read("See what it still does", f"logs {pod.name} -c {running[0]} --tail=50", pod.namespace),
                kubectl.edit(ref, "Make the sidecar an init container with restartPolicy: Always"),
            ),
            is_symptom=bool(failed),
        )
        return


def _halves(pod: Pod) -> tuple[list[ContainerStatus], list[str], datetime | None]:
    """(containers that ended for good, containers that run, when the last of the former ended)."""
    ended: list[ContainerStatus] = []
    running: list[str] = []
    for status in pod.status.container_statuses:
        if status.state.running is not None:
            running.append(status.name)
        elif status.state.terminated is not None and (not _code(status) or pod.spec.restart_policy == "Never"):
            ended.append(status)
    moments = [status.state.terminated.finished_at for status in ended if status.state.terminated is not None]
    return ended, running, max((moment for moment in moments if moment is not None), default=None)


def _is_main_among(pod: Pod, ended: list[ContainerStatus]) -> bool:
    """Whether the container that the pod is about, the first as a rule, is one of those that ended."""
    first = pod.spec.containers[0].name if pod.spec.containers else ""
    main = pod.metadata.annotations.get(DEFAULT_CONTAINER, first)
    return any(status.name == main for status in ended)


def _code(status: ContainerStatus) -> int:
    return status.state.terminated.exit_code if status.state.terminated is not None else 0


plugin = AnalyzerPlugin(id=ID, title="Jobs and how they ended", analyze=analyze, scope="workload")
