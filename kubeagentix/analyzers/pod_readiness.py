"""Pods that run and are not ready, and what in their spec alone keeps them from being so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.containers import PodContainer, has_begun, keeps_ending, uptime_s
from kubeagentix.analysis.missing_replicas import is_awaited
from kubeagentix.analysis.node_life import is_excused, late_pods
from kubeagentix.analysis.restless import pods_to_mind
from kubeagentix.analysis.shortfall import (
    GATE_GRACE_S,
    START_GRACE_S,
    STARTING,
    broken_nodes,
    describe_age,
    earliest,
    is_older_than,
    unready_since,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import condition
from kubeagentix.domain.pods import ContainerStatus, Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

ID = "pod-readiness"
EXCERPT_CHARS = 600
PODS_SHOWN = 3
CREATING_S = 300.0  # images of some gigabytes are there by then, and volumes are attached
GATE_UNSET_S = 90.0  # a controller that serves a gate writes its condition, False at first, within seconds
UNREADY_S = 30.0  # three readiness probes at their default period of 10 s


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding per workload and reason."""
    minded = [pod for pod in pods_to_mind(snapshot) if pod.is_live]
    if minded:
        yield from _not_ready(snapshot, minded)
        yield from _still_creating(snapshot, minded)
        yield from _gated(snapshot, minded)
    pods = [pod for pod in snapshot.all(Pod) if pod.is_live]
    yield from _port_clashes(snapshot, pods)
    yield from _dns(snapshot, pods)


def _is_unready(snapshot: Snapshot, pod: Pod) -> bool:
    ready = condition(pod.status.conditions, "Ready")
    if pod.status.phase != "Running" or ready is None or ready.status == "True" or _is_running_out(pod):
        return False
    if is_excused(snapshot, pod):
        return False
    patience_s = _allowance_s(pod) + (START_GRACE_S if _is_starting(pod, snapshot.taken_at) else UNREADY_S)
    return is_older_than(unready_since(pod), patience_s, snapshot.taken_at)


def _is_starting(pod: Pod, now: datetime) -> bool:
    """Whether a container that is not ready came to run within the grace, for the first time or after a long life."""
    for spec, status, is_init in pod.containers():
        if status is None or status.ready or is_init:
            continue
        container = PodContainer(pod=pod, spec=spec, status=status, is_init=is_init)
        uptime = uptime_s(container, now)
        if uptime is not None and uptime <= START_GRACE_S and not keeps_ending(container, now):
            return True
    return False


def _allowance_s(pod: Pod) -> float:
    """Seconds that the probes of containers which are still starting are told to wait."""
    waits = [0.0]
    for container, status, is_init in pod.containers():
        if is_init or status is None or status.ready or status.restart_count:
            continue
        startup, readiness = container.startup_probe, container.readiness_probe
        wait = float(readiness.initial_delay_seconds + readiness.period_seconds) if readiness else 0.0
        if startup and not status.started:
            wait += startup.initial_delay_seconds + startup.period_seconds * startup.failure_threshold
        waits.append(wait)
    return max(waits)


def _is_running_out(pod: Pod) -> bool:
    """Whether the pod only does what it should: it runs to completion, and what has ended has ended well."""
    if pod.spec.restart_policy == "Always":
        return False
    unready = [status for status in pod.status.container_statuses if not status.ready]
    return bool(unready) and all(_ended_well(status) for status in unready)


def _ended_well(status: ContainerStatus) -> bool:
    return status.state.terminated is not None and status.state.terminated.exit_code == 0


def _missing_gates(pod: Pod) -> tuple[str, ...]:
    """The readiness gates that are not True, where they are all that the pod waits for."""
    own = condition(pod.status.conditions, "ContainersReady")
    if own is None or own.status != "True":
        return ()
    gates = [gate.condition_type for gate in pod.spec.readiness_gates]
    return tuple(
        name for name in gates if (found := condition(pod.status.conditions, name)) is None or found.status != "True"
    )


def _not_ready(snapshot: Snapshot, pods: list[Pod]) -> Iterator[Finding]:
    pairs = ((pod, "NotReady") for pod in pods if _is_unready(snapshot, pod) and not _missing_gates(pod))
    for (workload, reason), unready in affected.group(snapshot, pairs).items():
        since = earliest(unready_since(pod) for pod in unready)
        nodes = broken_nodes(snapshot, unready)
        yield Finding.of(
            analyzer=ID,
            reason=reason,
            ref=workload,
            title=f"{workload}: {_who(snapshot, workload, unready)} not ready{describe_age(since, snapshot.taken_at)}",
            severity=affected.severity(snapshot, workload, unready),
            confidence=0.6,
            cause=f"The pods are on {', '.join(node.name for node in nodes)}, which is not ready itself."
            if nodes
            else "The pods run and are not ready, so no Service sends them traffic.",
            evidence=tuple(_ready_evidence(snapshot, unready)),
            remedies=(kubectl.describe(snapshot.ref(unready[0])), *_logs(unready[0])),
            points_at=nodes,
            is_symptom=True,
            since=since,
        )


def _still_creating(snapshot: Snapshot, pods: list[Pod]) -> Iterator[Finding]:
    """Pods whose first container has not come to run for long; what keeps it, as a rule other findings tell."""
    now = snapshot.taken_at
    waiting = late_pods(snapshot, [pod for pod in pods if pod.status.phase == "Pending" and pod.spec.node_name])
    old = (pod for pod in waiting if is_older_than(pod.metadata.creation_timestamp, CREATING_S, now))
    pairs = ((pod, "NotReady/ContainerCreating") for pod in old if not has_begun(pod) and _says_nothing(pod))
    for (workload, reason), held in affected.group(snapshot, pairs).items():
        since = earliest(pod.metadata.creation_timestamp for pod in held)
        nodes = broken_nodes(snapshot, held)
        names = ", ".join(dict.fromkeys(pod.spec.node_name for pod in held))
        yield Finding.of(
            analyzer=ID,
            reason=reason,
            ref=workload,
            title=f"{workload}: {_who(snapshot, workload, held)} still being created{describe_age(since, now)}",
            severity=affected.severity(snapshot, workload, held),
            confidence=0.5,
            cause=f"The containers wait for their volumes, network or image on {names}, "
            + ("which is not ready itself." if nodes else "and nothing tells for which."),
            evidence=tuple(
                Evidence.of(
                    snapshot.ref(pod),
                    "status",
                    f"{pod.name} is Pending on {pod.spec.node_name}",
                    locator="status.phase",
                    observed_at=pod.metadata.creation_timestamp,
                )
                for pod in held[:PODS_SHOWN]
            ),
            remedies=(kubectl.describe(snapshot.ref(held[0]), "see Events"),),
            points_at=nodes,
            is_symptom=True,
            since=since,
        )


def _says_nothing(pod: Pod) -> bool:
    waiting = (status.state.waiting for _, status, _ in pod.containers() if status is not None)
    return not pod.status.reason and all(state is None or state.reason in STARTING for state in waiting)


def _who(snapshot: Snapshot, workload: ResourceRef, pods: tuple[Pod, ...]) -> str:
    return "it is" if workload.kind == "Pod" else affected.share(snapshot, workload, pods)


def _logs(pod: Pod) -> Iterator[Remedy]:
    names = [status.name for status in pod.status.container_statuses if not status.ready]
    for name in names[:1]:
        yield kubectl.read("Read what it logs", f"logs {pod.name} -c {name} --tail=50", pod.namespace)


def _ready_evidence(snapshot: Snapshot, pods: tuple[Pod, ...]) -> Iterator[Evidence]:
    for pod in pods[:PODS_SHOWN]:
        ready = condition(pod.status.conditions, "Ready")
        names = [status.name for status in pod.status.container_statuses if not status.ready]
        which = f"; not ready: {', '.join(names)}" if names else ""
        yield Evidence.of(
            snapshot.ref(pod),
            "status",
            f"{pod.name} runs and is not ready{which}",
            excerpt=excerpt(ready.message or ready.reason, EXCERPT_CHARS) if ready else "",
            locator="status.conditions[Ready]",
            observed_at=unready_since(pod),
        )


def _gated(snapshot: Snapshot, pods: list[Pod]) -> Iterator[Finding]:
    """Pods that only a readiness gate keeps: a warning where nobody serves it, critical where it stays shut."""
    now = snapshot.taken_at
    pairs = ((pod, gates) for pod in pods if _is_unready(snapshot, pod) and (gates := _missing_gates(pod)))
    for (workload, gates), held in affected.group(snapshot, pairs).items():
        since, names = earliest(_containers_ready_since(pod) for pod in held), ", ".join(gates)
        unset = sorted({name for pod in held for name in gates if condition(pod.status.conditions, name) is None})
        is_long, is_late = is_older_than(since, GATE_GRACE_S, now), is_older_than(since, GATE_UNSET_S, now)
        if not is_long and not (unset and is_late) and not any(is_awaited(snapshot, pod) for pod in held):
            continue
        yield Finding.of(
            analyzer=ID,
            reason="NotReady/ReadinessGate",
            ref=workload,
            title=f"{workload}: {_who(snapshot, workload, held)} held unready by the readiness gate {names}"
            f"{describe_age(since, now)}" + (", which nobody has set" if unset else ""),
            severity=affected.severity(snapshot, workload, held) if is_long else Severity.WARNING,
            confidence=0.95 if is_long else 0.8 if is_late else 0.6,
            cause=f"All containers are ready, but the condition {names}, which spec.readinessGates asks for, "
            + (
                "is missing: the controller that should set it does not run, or does not know of these pods."
                if unset
                else "is not True: the controller that sets it holds the pods back."
            ),
            evidence=(*_ready_evidence(snapshot, held), *_gate_evidence(snapshot, held[0], gates)),
            remedies=(
                kubectl.describe(snapshot.ref(held[0]), "see Readiness Gates"),
                kubectl.edit(workload, "Do without the readiness gate", why="if no controller serves it"),
            ),
            since=since,
            detail=names,
        )


def _containers_ready_since(pod: Pod) -> datetime | None:
    own = condition(pod.status.conditions, "ContainersReady")
    return own.last_transition_time if own is not None else None


def _gate_evidence(snapshot: Snapshot, pod: Pod, gates: tuple[str, ...]) -> Iterator[Evidence]:
    """What the gates' own conditions say, where their controller has written them."""
    for name in gates:
        own = condition(pod.status.conditions, name)
        if own is not None:
            yield Evidence.of(
                snapshot.ref(pod),
                "status",
                f"{name} is {own.status}" + (f": {own.reason}" if own.reason else ""),
                excerpt=excerpt(own.message, EXCERPT_CHARS),
                locator=f"status.conditions[{name}]",
                observed_at=own.last_transition_time,
            )


def _port_clashes(snapshot: Snapshot, pods: list[Pod]) -> Iterator[Finding]:
    several = (pod for pod in pods if len(pod.spec.containers) > 1 or pod.spec.init_containers)
    pairs = ((pod, clash) for pod in several for clash in _clashes(pod))
    for (workload, (port, protocol, names)), clashing in affected.group(snapshot, pairs).items():
        is_well = all(pod.is_ready for pod in clashing)
        yield Finding.of(
            analyzer=ID,
            reason="PortClash",
            ref=workload,
            title=f"{workload}: containers {' and '.join(names)} both declare port {port}/{protocol}",
            severity=Severity.INFO if is_well else Severity.WARNING,
            confidence=0.5 if is_well else 0.7,
            cause="Containers of a pod share one network; only the first to listen on a port gets it.",
            evidence=tuple(
                Evidence.of(
                    snapshot.ref(pod),
                    "spec",
                    f"containerPort {port}/{protocol} in {', '.join(names)}",
                    locator="spec.containers[].ports",
                )
                for pod in clashing[:PODS_SHOWN]
            ),
            remedies=(
                kubectl.describe(snapshot.ref(clashing[0])),
                kubectl.edit(workload, "Give each container a port of its own"),
            ),
            detail=f"{port}/{protocol}",
        )


def _clashes(pod: Pod) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    users: dict[tuple[int, str], list[str]] = {}
    sidecars = (item for item in pod.spec.init_containers if item.restart_policy == "Always")
    containers = (*sidecars, *pod.spec.containers)
    declared = [(port.container_port, port.protocol) for container in containers for port in container.ports]
    if len({*declared}) == len(declared):
        return
    for container in containers:
        for key in dict.fromkeys((port.container_port, port.protocol) for port in container.ports):
            users.setdefault(key, []).append(container.name)
    for (port, protocol), names in users.items():
        if len(names) > 1:
            yield port, protocol, tuple(names)


def _dns(snapshot: Snapshot, pods: list[Pod]) -> Iterator[Finding]:
    pairs = ((pod, "DNSConfigInvalid") for pod in pods if _is_without_dns(pod))
    for (workload, reason), lost in affected.group(snapshot, pairs).items():
        yield Finding.of(
            analyzer=ID,
            reason=reason,
            ref=workload,
            title=f"{workload}: dnsPolicy is None and dnsConfig names no nameserver",
            severity=Severity.WARNING,
            confidence=0.9,
            cause="With dnsPolicy None a pod has only the nameservers of its dnsConfig; without any, no name resolves.",
            evidence=(
                Evidence.of(snapshot.ref(lost[0]), "spec", "dnsPolicy: None, no nameservers", locator="spec.dnsPolicy"),
            ),
            remedies=(kubectl.edit(workload, "Name a nameserver, or use dnsPolicy ClusterFirst"),),
        )


def _is_without_dns(pod: Pod) -> bool:
    return pod.spec.dns_policy == "None" and not (pod.spec.dns_config and pod.spec.dns_config.nameservers)


plugin = AnalyzerPlugin(id=ID, title="Pods that run and are not ready", analyze=analyze, scope="workload")
