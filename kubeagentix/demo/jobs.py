"""The simulated Job and CronJob controllers. A Job runs to its end at once; a CronJob's Jobs are made by the kit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeagentix.demo.journal import Note, record
from kubeagentix.demo.kubelet import PodOutcome, foresee
from kubeagentix.demo.pods import RefusedError, admit_pod
from kubeagentix.demo.policies import is_ready
from kubeagentix.demo.statuses import render
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import World, moment, seconds, stamp, token

_COMPONENT = "job-controller"
_RETRY_FIRST_S = 10  # the Job controller's back-off between failed pods, doubling
_LIMIT_MESSAGE = "Job has reached the specified backoff limit"


@dataclass(frozen=True, slots=True)
class _Run:
    """How a Job went: its pods' outcomes in order, and when the last one ended."""

    outcomes: list[PodOutcome]
    ended: datetime

    def count(self, phase: str) -> int:
        return sum(outcome.phase == phase for outcome in self.outcomes)


def sync_job(job: Mapping[str, Any], world: World) -> None:
    """Run a Job that has not ended: pods until one succeeds or the back-off limit is reached."""
    if any(item["type"] in ("Complete", "Failed") for item in (job.get("status") or {}).get("conditions") or ()):
        return
    job = _complete(job, world)
    if job["spec"].get("suspend"):
        return
    run = _run(job, world)
    status: Manifest = {"startTime": job["metadata"]["creationTimestamp"], "ready": 0, "terminating": 0}
    failed, succeeded = run.count("Failed"), run.count("Succeeded")
    status |= {"failed": failed} if failed else {}
    status |= {"succeeded": succeeded} if succeeded else {}
    status["uncountedTerminatedPods"] = {}
    if succeeded >= job["spec"]["completions"]:
        message = "Reached expected number of succeeded pods"
        status["completionTime"] = stamp(run.ended)
        kinds = ("SuccessCriteriaMet", "Complete")
        status["conditions"] = [_condition(kind, "CompletionsReached", message, run.ended) for kind in kinds]
        _record(job, "Completed", "Job completed", run.ended, world)
    elif failed > job["spec"]["backoffLimit"]:
        kinds = ("FailureTarget", "Failed")
        status["conditions"] = [_condition(kind, "BackoffLimitExceeded", _LIMIT_MESSAGE, run.ended) for kind in kinds]
        note = Note(
            reason="BackoffLimitExceeded", message=_LIMIT_MESSAGE, component=_COMPONENT, first=run.ended, type="Warning"
        )
        record(world, job, note)
    else:
        pods = [pod for pod in world.owned("Pod", job) if pod["status"]["phase"] in ("Pending", "Running")]
        status |= {"active": len(pods), "ready": sum(is_ready(pod) for pod in pods)} if pods else {}
    world.store.put({**job, "status": status})


def _complete(job: Mapping[str, Any], world: World) -> Manifest:
    """The Job with what the API server and the controller fill in: counts, and a selector on its uid."""
    result: Manifest = plain_copy(job)
    spec, uid = result["spec"], result["metadata"]["uid"]
    labels = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": result["metadata"]["name"]}
    labels |= {key.removeprefix("batch.kubernetes.io/"): value for key, value in labels.items()}  # the older names
    defaults = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "podReplacementPolicy": "TerminatingOrFailed",
        "suspend": False,
        "manualSelector": False,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
    }
    for key, value in defaults.items():
        spec.setdefault(key, value)
    template = spec["template"].setdefault("metadata", {})
    template["labels"] = {**(template.get("labels") or {}), **labels}
    return world.store.put(result)


def _run(job: Mapping[str, Any], world: World) -> _Run:
    outcomes = [_sync_pod(pod, world) for pod in world.owned("Pod", job)]
    at, delay = moment(job["metadata"]["creationTimestamp"]), _RETRY_FIRST_S
    run = _Run(outcomes, at)
    while run.count("Succeeded") < job["spec"]["completions"] and run.count("Failed") <= job["spec"]["backoffLimit"]:
        if any(outcome.phase in ("Pending", "Running") for outcome in outcomes):
            break
        serial = f"{job['metadata']['namespace']}/{job['metadata']['name']}/{world.store.revision}"
        try:
            name = f"{job['metadata']['name']}-{token(serial, 5)}"
            pod = admit_pod(world, job, job["spec"]["template"], name, min(at, world.now))
        except RefusedError as refusal:
            note = Note(
                reason="FailedCreate",
                message=f"Error creating: {refusal}",
                component=_COMPONENT,
                first=at,
                type="Warning",
            )
            record(world, job, note)
            break
        _record(job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", min(at, world.now), world)
        outcome = _sync_pod(pod, world)
        outcomes.append(outcome)
        took_s = 4 + max((item.run_s for item in outcome.containers), default=0)
        run = _Run(outcomes, min(at + seconds(took_s), world.now))
        at, delay = at + seconds(took_s + delay), delay * 2
    return run


def _sync_pod(pod: Mapping[str, Any], world: World) -> PodOutcome:
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return PodOutcome(**_ended(pod, world))
    outcome = foresee(pod, world)
    render(pod, outcome, world)
    return outcome


def _ended(pod: Mapping[str, Any], world: World) -> dict[str, Any]:
    known: PodOutcome | None = world.outcomes.get(pod["metadata"]["uid"])
    return {"node": known.node, "init": known.init, "containers": known.containers} if known else {}


def _condition(kind: str, reason: str, message: str, at: datetime) -> Manifest:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": stamp(at),
        "lastTransitionTime": stamp(at),
    }


def _record(job: Mapping[str, Any], reason: str, message: str, at: datetime, world: World) -> None:
    record(world, job, Note(reason=reason, message=message, component=_COMPONENT, first=at))


def sync_cron_job(cron_job: Mapping[str, Any], world: World) -> None:
    """Write a CronJob's status from its Jobs."""
    jobs = world.owned("Job", cron_job)
    status: Manifest = {}
    if jobs:
        status["lastScheduleTime"] = max(job["metadata"]["creationTimestamp"] for job in jobs)
    if ended := [job["status"]["completionTime"] for job in jobs if (job.get("status") or {}).get("completionTime")]:
        status["lastSuccessfulTime"] = max(ended)
    for job in jobs:
        if not (job.get("status") or {}).get("conditions"):
            metadata = job["metadata"]
            reference = {"kind": "Job", "name": metadata["name"], "namespace": metadata["namespace"]}
            status.setdefault("active", []).append({"apiVersion": "batch/v1", "uid": metadata["uid"], **reference})
    earlier = (cron_job.get("status") or {}).get("lastSuccessfulTime")
    if earlier and "lastSuccessfulTime" not in status:
        status["lastSuccessfulTime"] = earlier
    world.store.put({**cron_job, "status": status})
