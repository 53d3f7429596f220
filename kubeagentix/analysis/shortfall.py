"""Why a workload has fewer ready pods than it wants: which pods, for how long, and whether that is still normal.

The idea: a pod that is starting is not in trouble yet. It is given a minute, and as long as its probes allow on
top; only what is not ready after that counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.meta import condition
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot

START_GRACE_S = 60.0  # scheduling, an image pull and a process start take this long on a healthy cluster
GATE_GRACE_S = 240.0  # a load balancer's controller needs minutes to take a new target on
STARTING = ("", "ContainerCreating", "PodInitializing")  # waiting reasons of a pod that is on its way
PODS_SHOWN = 3  # more pods than this in a finding's evidence say nothing new


def unready_pods(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The pods that should serve and do not: not finished, not being deleted, not ready."""
    return tuple(pod for pod in pods if pod.is_live and not pod.is_ready)


def start_allowance_s(spec: PodSpec) -> float:
    """Seconds that a pod may take to become ready: the grace, and what its probes and gates are to wait for."""
    waits = [GATE_GRACE_S if spec.readiness_gates else 0.0]
    for container in spec.containers:
        startup, readiness = container.startup_probe, container.readiness_probe
        wait = 0.0
        if startup is not None:
            wait += startup.initial_delay_seconds + startup.period_seconds * startup.failure_threshold
        if readiness is not None:
            wait += readiness.initial_delay_seconds + readiness.period_seconds
        waits.append(wait)
    return START_GRACE_S + max(waits)


def unready_since(pod: Pod) -> datetime | None:
    """When the pod stopped being ready, or was made if it never was."""
    ready = condition(pod.status.conditions, "Ready")
    if ready is not None and ready.last_transition_time is not None:
        return ready.last_transition_time
    return pod.metadata.creation_timestamp


def overdue_pods(pods: Iterable[Pod], now: datetime) -> tuple[Pod, ...]:
    """The unready pods that have used up their allowance (or whose age is unknown)."""
    return tuple(pod for pod in unready_pods(pods) if _is_overdue(pod, now))


def _is_overdue(pod: Pod, now: datetime) -> bool:
    if _is_failing(pod):  # its Ready condition flips with every restart, and waiting longer will not help
        return is_older_than(pod.metadata.creation_timestamp, START_GRACE_S, now)
    return is_older_than(unready_since(pod), start_allowance_s(pod.spec), now)


def _is_failing(pod: Pod) -> bool:
    states = [(status.state, is_init) for _, status, is_init in pod.containers() if status is not None]
    return any(
        (state.waiting is not None and state.waiting.reason not in STARTING)
        or (state.terminated is not None and (state.terminated.exit_code != 0 or not is_init))
        for state, is_init in states
    )


def is_older_than(moment: datetime | None, seconds: float, now: datetime) -> bool:
    """Whether `moment` lies more than `seconds` back; an unknown moment counts as long ago."""
    return moment is None or now - moment > timedelta(seconds=seconds)


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of the known moments."""
    return min((moment for moment in moments if moment is not None), default=None)


def broken_nodes(snapshot: Snapshot, pods: Iterable[Pod]) -> tuple[ResourceRef, ...]:
    """The nodes that these pods are on and that are not Ready themselves."""
    refs: list[ResourceRef] = []
    for name in sorted({pod.spec.node_name for pod in pods if pod.spec.node_name}):
        node = snapshot.get(Node, "", name)
        ready = condition(node.status.conditions, "Ready") if node else None
        if node is not None and ready is not None and ready.status != "True":
            refs.append(snapshot.ref(node))
    return tuple(refs)


def pod_evidence(snapshot: Snapshot, pods: Iterable[Pod]) -> tuple[Evidence, ...]:
    """What the first few of these pods say of themselves."""
    return tuple(
        Evidence.of(
            snapshot.ref(pod),
            "status",
            f"{pod.name} is {pod.status.phase or 'not started'} and not ready{_waiting(pod)}",
            excerpt=_not_ready_message(pod),
            locator="status.conditions[Ready]",
            observed_at=unready_since(pod),
        )
        for pod in tuple(pods)[:PODS_SHOWN]
    )


def describe_age(moment: datetime | None, now: datetime) -> str:
    """` for 12m`, or nothing when unknown."""
    if moment is None or moment > now:
        return ""
    return f" for {format_duration((now - moment).total_seconds())}"


def format_duration(seconds: float) -> str:
    """A span as kubectl writes ages: `45s`, `12m`, `3h`, `5d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _waiting(pod: Pod) -> str:
    reasons = {
        status.state.waiting.reason
        for _, status, _ in pod.containers()
        if status is not None and status.state.waiting is not None and status.state.waiting.reason
    }
    return f" ({', '.join(sorted(reasons))})" if reasons else ""


def _not_ready_message(pod: Pod) -> str:
    for name in ("PodScheduled", "Ready"):
        found = condition(pod.status.conditions, name)
        if found is not None and found.status == "False":
            return found.message[:600]
    return pod.status.message[:600]
