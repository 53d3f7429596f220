"""Printer columns of pods: READY, STATUS and RESTARTS as kubectl shows them.

Source: printPod in k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeagentix.demo.columns import NONE, Obj, age, columns, labels_text, name_of, number, part, since


@dataclass(slots=True)
class _Tally:
    """What a walk over container statuses counts."""

    reason: str
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""

    def count(self, status: Obj) -> None:
        self.restarts += number(status, "restartCount")
        self.last_restart = max(self.last_restart, part(status, "lastState", "terminated", "finishedAt") or "")


def _pod(pod: Obj, now: datetime) -> list[Any]:
    tally, total = _tally(pod)
    restarts = str(tally.restarts)
    if tally.restarts and tally.last_restart:
        restarts += f" ({since(tally.last_restart, now)} ago)"
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    wide = [status.get("podIP"), spec.get("nodeName"), status.get("nominatedNodeName"), _readiness_gates(pod)]
    cells = [name_of(pod), f"{tally.ready}/{total}", _final_reason(pod, tally.reason), restarts, age(pod, now)]
    return [*cells, *(value or NONE for value in wide)]


def _tally(pod: Obj) -> tuple[_Tally, int]:
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
    tally = _Tally(_first_reason(status))
    of_sidecars = _Tally("")
    is_initializing = _walk_init(status.get("initContainerStatuses") or (), spec, sidecars, (tally, of_sidecars))
    if not is_initializing or _condition(status, "Initialized") == "True":
        tally.restarts, tally.last_restart = of_sidecars.restarts, of_sidecars.last_restart
        _walk_main(status, tally)
    return tally, len(spec.get("containers") or ()) + len(sidecars)


def _first_reason(status: Obj) -> str:
    gated = any(
        item.get("type") == "PodScheduled" and item.get("reason") == "SchedulingGated"
        for item in status.get("conditions") or ()
    )
    return "SchedulingGated" if gated else status.get("reason") or status.get("phase") or "Unknown"


def _walk_init(statuses: Sequence[Obj], spec: Obj, sidecars: set[str], tallies: tuple[_Tally, _Tally]) -> bool:
    """Counts init containers up to the first that is not done; true if there is one, whose reason is then noted."""
    tally, of_sidecars = tallies
    for index, status in enumerate(statuses):
        is_sidecar = status.get("name") in sidecars
        tally.count(status)
        if is_sidecar:
            of_sidecars.count(status)
        state = status.get("state") or {}
        terminated, waiting = state.get("terminated"), (state.get("waiting") or {}).get("reason", "")
        if terminated and number(terminated, "exitCode") == 0:
            continue
        if is_sidecar and status.get("started"):
            tally.ready += bool(status.get("ready"))
            continue
        if terminated:
            tally.reason = f"Init:{_terminated_reason(terminated)}"
        elif waiting and waiting != "PodInitializing":
            tally.reason = f"Init:{waiting}"
        else:
            tally.reason = f"Init:{index}/{len(spec.get('initContainers') or ())}"
        return True
    return False


def _walk_main(pod_status: Obj, tally: _Tally) -> None:
    has_running = False
    for status in reversed(pod_status.get("containerStatuses") or ()):
        tally.count(status)
        state = status.get("state") or {}
        if part(state, "waiting", "reason"):
            tally.reason = state["waiting"]["reason"]
        elif state.get("terminated"):
            tally.reason = _terminated_reason(state["terminated"])
        elif status.get("ready") and state.get("running") is not None:
            has_running = True
            tally.ready += 1
    if tally.reason == "Completed" and has_running:
        tally.reason = "Running" if _condition(pod_status, "Ready") == "True" else "NotReady"


def _terminated_reason(terminated: Obj) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    signal = number(terminated, "signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{number(terminated, 'exitCode')}"


def _final_reason(pod: Obj, reason: str) -> str:
    status = pod.get("status") or {}
    if not pod["metadata"].get("deletionTimestamp"):
        return reason
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return reason if status.get("phase") in ("Succeeded", "Failed") else "Terminating"


def _condition(status: Obj, kind: str) -> str | None:
    return next((item.get("status") for item in status.get("conditions") or () if item.get("type") == kind), None)


def _readiness_gates(pod: Obj) -> str:
    gates = part(pod, "spec", "readinessGates") or ()
    if not gates:
        return NONE
    status = pod.get("status") or {}
    return f"{sum(_condition(status, gate['conditionType']) == 'True' for gate in gates)}/{len(gates)}"


def _pod_template(template: Obj, _: datetime) -> list[Any]:
    containers = part(template, "template", "spec", "containers") or ()
    names, images = ",".join(c["name"] for c in containers), ",".join(c.get("image", "") for c in containers)
    return [name_of(template), names, images, labels_text(part(template, "template", "metadata", "labels"))]


def _pod_metrics(metrics: Obj, _: datetime) -> list[Any]:
    usage = [container.get("usage") or {} for container in metrics.get("containers") or ()]
    cpu, memory = (",".join(str(item.get(key, "0")) for item in usage) for key in ("cpu", "memory"))
    return [name_of(metrics), cpu, memory, metrics.get("window", "")]


def _node_metrics(metrics: Obj, _: datetime) -> list[Any]:
    usage = metrics.get("usage") or {}
    return [name_of(metrics), usage.get("cpu", "0"), usage.get("memory", "0"), metrics.get("window", "")]


PRINTERS = {
    "Pod": columns("Name,Ready,Status,Restarts,Age,*IP,*Node,*Nominated Node,*Readiness Gates", _pod),
    "PodTemplate": columns("Name,Containers,Images,Pod Labels", _pod_template),
    "PodMetrics": columns("Name,CPU,Memory,Window", _pod_metrics),
    "NodeMetrics": columns("Name,CPU,Memory,Window", _node_metrics),
}
