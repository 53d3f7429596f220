"""Printer columns of workloads: what keeps pods running, scales them or protects them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kubeagentix.demo.columns import (
    NONE,
    UNKNOWN,
    UNSET,
    Obj,
    age,
    columns,
    containers_and_images,
    human_duration,
    labels_text,
    name_of,
    number,
    part,
    since,
)
from kubeagentix.demo.selectors import format_selector

_HPA_METRICS_SHOWN = 2


def _wide(obj: Obj) -> list[str]:
    selector = part(obj, "spec", "selector")
    return [*containers_and_images(part(obj, "spec", "template", "spec")), format_selector(selector) or NONE]


def _desired(obj: Obj) -> int:
    replicas = part(obj, "spec", "replicas")
    return 1 if replicas is None else int(replicas)


def _deployment(obj: Obj, now: datetime) -> list[Any]:
    ready = f"{number(obj, 'status', 'readyReplicas')}/{_desired(obj)}"
    counts = [number(obj, "status", key) for key in ("updatedReplicas", "availableReplicas")]
    return [name_of(obj), ready, *counts, age(obj, now), *_wide(obj)]


def _replica_set(obj: Obj, now: datetime) -> list[Any]:
    counts = [_desired(obj), number(obj, "status", "replicas"), number(obj, "status", "readyReplicas")]
    return [name_of(obj), *counts, age(obj, now), *_wide(obj)]


def _replication_controller(obj: Obj, now: datetime) -> list[Any]:
    cells = _replica_set(obj, now)
    return [*cells[:-1], labels_text(part(obj, "spec", "selector"))]


def _stateful_set(obj: Obj, now: datetime) -> list[Any]:
    ready = f"{number(obj, 'status', 'readyReplicas')}/{_desired(obj)}"
    return [name_of(obj), ready, age(obj, now), *containers_and_images(part(obj, "spec", "template", "spec"))]


def _daemon_set(obj: Obj, now: datetime) -> list[Any]:
    keys = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    counts = [number(obj, "status", key) for key in (*keys, "numberAvailable")]
    node_selector = labels_text(part(obj, "spec", "template", "spec", "nodeSelector"))
    return [name_of(obj), *counts, node_selector, age(obj, now), *_wide(obj)]


def _job(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), _job_status(obj), _completions(obj), _job_duration(obj, now), age(obj, now), *_wide(obj)]


def _job_status(obj: Obj) -> str:
    true = {item["type"] for item in part(obj, "status", "conditions") or () if item.get("status") == "True"}
    for condition in ("Complete", "Failed"):
        if condition in true:
            return condition
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((item for item in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if item in true), "Running")


def _completions(obj: Obj) -> str:
    succeeded, completions = number(obj, "status", "succeeded"), part(obj, "spec", "completions")
    if completions is not None:
        return f"{succeeded}/{completions}"
    parallelism = number(obj, "spec", "parallelism")
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(obj: Obj, now: datetime) -> str:
    start, end = part(obj, "status", "startTime"), part(obj, "status", "completionTime")
    if not start:
        return ""
    if not end:
        return since(start, now)
    return human_duration((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())


def _cron_job(obj: Obj, now: datetime) -> list[Any]:
    spec, last = obj.get("spec") or {}, part(obj, "status", "lastScheduleTime")
    cells = [name_of(obj), spec.get("schedule", ""), spec.get("timeZone") or NONE, str(bool(spec.get("suspend")))]
    active = len(part(obj, "status", "active") or ())
    pod_spec = part(spec, "jobTemplate", "spec", "template", "spec")
    selector = format_selector(part(spec, "jobTemplate", "spec", "selector")) or NONE
    last_schedule = since(last, now) if last else NONE
    return [*cells, active, last_schedule, age(obj, now), *containers_and_images(pod_spec), selector]


def _autoscaler(obj: Obj, now: datetime) -> list[Any]:
    spec, reference = obj.get("spec") or {}, part(obj, "spec", "scaleTargetRef") or {}
    least = spec.get("minReplicas")
    return [
        name_of(obj),
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        _targets(obj),
        UNSET if least is None else str(least),
        number(spec, "maxReplicas"),
        number(obj, "status", "currentReplicas"),
        age(obj, now),
    ]


def _targets(obj: Obj) -> str:
    specs = part(obj, "spec", "metrics") or ()
    if not specs:
        return NONE
    current = part(obj, "status", "currentMetrics") or ()
    texts = list(_metric_texts(specs, current))
    shown = ", ".join(texts[:_HPA_METRICS_SHOWN])
    return shown if len(texts) <= _HPA_METRICS_SHOWN else f"{shown} + {len(texts) - _HPA_METRICS_SHOWN} more..."


def _metric_texts(specs: Any, current: Any) -> Iterator[str]:
    for index, spec in enumerate(specs):
        key = spec["type"][:1].lower() + spec["type"][1:]
        wanted, seen = spec.get(key) or {}, (current[index].get(key) or {}) if index < len(current) else {}
        target, value = wanted.get("target") or {}, seen.get("current") or {}
        name = f"{wanted['name']}: " if "name" in wanted else ""
        if target.get("averageUtilization") is not None:
            utilization = value.get("averageUtilization")
            yield f"{name}{UNKNOWN if utilization is None else f'{utilization}%'}/{target['averageUtilization']}%"
        elif target.get("averageValue") is not None:
            average = " (avg)" if key in ("object", "external") else ""
            yield f"{name}{value.get('averageValue', UNKNOWN)}/{target['averageValue']}{average}"
        else:
            yield f"{value.get('value', UNKNOWN)}/{target.get('value', '<auto>')}"


def _disruption_budget(obj: Obj, now: datetime) -> list[Any]:
    limits = [part(obj, "spec", key) for key in ("minAvailable", "maxUnavailable")]
    texts = ["N/A" if limit is None else str(limit) for limit in limits]
    return [name_of(obj), *texts, number(obj, "status", "disruptionsAllowed"), age(obj, now)]


def _controller_revision(obj: Obj, now: datetime) -> list[Any]:
    owner = next((item for item in obj["metadata"].get("ownerReferences") or () if item.get("controller")), None)
    group = (owner or {}).get("apiVersion", "").rpartition("/")[0]
    kind = (owner or {}).get("kind", "").lower() + (f".{group}" if group else "")
    return [name_of(obj), f"{kind}/{owner['name']}" if owner else NONE, number(obj, "revision"), age(obj, now)]


def _quota(obj: Obj, now: datetime) -> list[Any]:
    hard, used = part(obj, "status", "hard") or {}, part(obj, "status", "used") or {}
    texts = {key: f"{key}: {used.get(key, '0')}/{hard[key]}" for key in sorted(hard)}
    requests = ", ".join(text for key, text in texts.items() if not key.startswith("limits."))
    limits = ", ".join(text for key, text in texts.items() if key.startswith("limits."))
    return [name_of(obj), requests, limits, age(obj, now)]


_WIDE = "*Containers,*Images,*Selector"
PRINTERS = {
    "Deployment": columns(f"Name,Ready,#Up-to-date,#Available,Age,{_WIDE}", _deployment),
    "ReplicaSet": columns(f"Name,#Desired,#Current,#Ready,Age,{_WIDE}", _replica_set),
    "ReplicationController": columns(f"Name,#Desired,#Current,#Ready,Age,{_WIDE}", _replication_controller),
    "StatefulSet": columns("Name,Ready,Age,*Containers,*Images", _stateful_set),
    "DaemonSet": columns(
        f"Name,#Desired,#Current,#Ready,#Up-to-date,#Available,Node Selector,Age,{_WIDE}", _daemon_set
    ),
    "Job": columns(f"Name,Status,Completions,Duration,Age,{_WIDE}", _job),
    "CronJob": columns(f"Name,Schedule,Timezone,Suspend,#Active,Last Schedule,Age,{_WIDE}", _cron_job),
    "HorizontalPodAutoscaler": columns("Name,Reference,Targets,MinPods,#MaxPods,#Replicas,Age", _autoscaler),
    "PodDisruptionBudget": columns("Name,Min Available,Max Unavailable,#Allowed Disruptions,Age", _disruption_budget),
    "ControllerRevision": columns("Name,Controller,#Revision,Age", _controller_revision),
    "ResourceQuota": columns("Name,Request,Limit,Age", _quota),
}
