"""What has become of a container: whether it keeps ending, what ended it, and which events and logs tell of it.

Container-level analyzers ask the same questions and must agree on the answers, or two of them would claim one
crash, so the answers are here. Nothing here judges: these are readings of pod status and events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kubeagentix.analysis.logs import LoggedFailure, read_failure
from kubeagentix.analysis.present_pods import LONG_LIFE_S, STEADY_AFTER_S, lifetime_s, runs_to_completion
from kubeagentix.analysis.restless import restless_pods
from kubeagentix.analysis.shortfall import STARTING
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.pods import Container, ContainerStatus, Pod, Probe, RunningState, TerminatedState, WaitingState
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

ProbeKind = Literal["Readiness", "Liveness", "Startup"]

RECENT = timedelta(hours=1)  # as long as an API server keeps events by default
# The kubelet forgets a crash loop once a container has run for twice its longest back-off of five minutes.
FORGIVEN_AFTER_S = 600.0
# Statuses that were lost with the machine, of which nobody knows how the container ended (kubelet, containerd).
_LOST_REASONS = ("ContainerStatusUnknown", "Unknown")
START_REASONS = ("StartError", "ContainerCannotRun")
NODE_OOM_REASONS = ("SystemOOM", "OOMKilling")

# What exit codes mean by the conventions of POSIX shells and signals (128 + n): (reason, words).
_EXIT_CODES = {
    0: (
        "Completed",
        "its command ends by itself (exit code 0), while a container of this workload is expected to go on",
    ),
    2: ("Error", "exit code 2: by convention, it was called with wrong arguments"),
    126: ("NotExecutable", "exit code 126: the shell found the command but may not execute it"),
    127: ("CommandNotFound", "exit code 127: the shell did not find the command"),
    129: ("Terminated", "exit code 129: its terminal or its parent went away (SIGHUP)"),
    130: ("Interrupted", "exit code 130: the process was interrupted (SIGINT)"),
    131: ("Aborted", "exit code 131: the process was told to quit (SIGQUIT)"),
    132: ("IllegalInstruction", "exit code 132: the process executed what this CPU does not know (SIGILL)"),
    133: ("Aborted", "exit code 133: the process hit a trap, as runtimes do on a failed check (SIGTRAP)"),
    134: ("Aborted", "exit code 134: the process aborted itself (SIGABRT)"),
    135: ("BusError", "exit code 135: the process accessed memory that is not there, as of a shortened file (SIGBUS)"),
    136: ("ArithmeticError", "exit code 136: the process divided by zero or the like (SIGFPE)"),
    137: ("Killed", "exit code 137: the process was killed (SIGKILL) and no out-of-memory kill was reported"),
    139: ("SegmentationFault", "exit code 139: segmentation fault (SIGSEGV)"),
    141: ("BrokenPipe", "exit code 141: who should read its output went away (SIGPIPE)"),
    143: ("Terminated", "exit code 143: the process was asked to end (SIGTERM)"),
    159: ("ForbiddenCall", "exit code 159: the process made a system call that seccomp forbids (SIGSYS)"),
    255: ("Error", "exit code 255: the process returned -1, or its status was lost"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodContainer:
    """A container of a pod: its spec, its status if it has one, and what a person calls it."""

    pod: Pod
    spec: Container
    status: ContainerStatus
    is_init: bool

    @property
    def name(self) -> str:
        """The container's name."""
        return self.spec.name

    @property
    def label(self) -> str:
        """`container "app"` or `init container "migrate"`."""
        return f'{"init " if self.is_init else ""}container "{self.spec.name}"'

    @property
    def field(self) -> str:
        """The status field it is in, for locators: `status.containerStatuses[app]`."""
        return f"status.{'initContainerStatuses' if self.is_init else 'containerStatuses'}[{self.spec.name}]"

    @property
    def waiting(self) -> WaitingState | None:
        """`state.waiting`; kubelets such as 1.20's put an error behind the reason: `PostStartHookError: exited …`."""
        waiting = self.status.state.waiting
        reason, colon, error = waiting.reason.partition(": ") if waiting is not None else ("", "", "")
        return WaitingState(reason=reason, message=waiting.message or error) if waiting and colon else waiting

    @property
    def running(self) -> RunningState | None:
        """`state.running`."""
        return self.status.state.running

    @property
    def last_end(self) -> TerminatedState | None:
        """How it last ended: now (`state.terminated`) or before this instance (`lastState.terminated`)."""
        return self.status.state.terminated or self.status.last_state.terminated

    @property
    def last_end_field(self) -> str:
        """Where `last_end` was read."""
        return f"{self.field}.{'state' if self.status.state.terminated else 'lastState'}.terminated"

    @property
    def is_sidecar(self) -> bool:
        """Whether it is an init container that is meant to keep running (`restartPolicy: Always`)."""
        return self.is_init and self.spec.restart_policy == "Always"

    @property
    def runs_to_completion(self) -> bool:
        """Whether its ending with code 0 is what is wanted."""
        return (self.is_init and not self.is_sidecar) or (runs_to_completion(self.pod) and not self.is_sidecar)

    @property
    def command(self) -> str:
        """Its command and args as one line, "" if the image decides."""
        return " ".join((*self.spec.command, *self.spec.args))


def restless_containers(snapshot: Snapshot) -> tuple[PodContainer, ...]:
    """The containers of `restless_pods` that have a status, init containers first; of the others nothing is told."""
    return snapshot.derived(_restless_containers)


def _restless_containers(snapshot: Snapshot) -> tuple[PodContainer, ...]:
    return tuple(
        PodContainer(pod=pod, spec=spec, status=status, is_init=is_init)
        for pod in restless_pods(snapshot)
        for spec, status, is_init in pod.containers()
        if status is not None
    )


def uptime_s(container: PodContainer, now: datetime) -> float | None:
    """For how many seconds the present instance has been running, None if it is not."""
    running = container.running
    return (now - running.started_at).total_seconds() if running is not None and running.started_at else None


def keeps_ending(container: PodContainer, now: datetime) -> bool:
    """Whether the container ends again and again, whichever state the picture caught it in.

    A container caught running counts while it has not yet shown to be steady: a ready one by running longer than
    a minute and half as long again as its last life. One old restart is no loop.
    """
    status = container.status
    if container.waiting is not None:
        return container.waiting.reason == "CrashLoopBackOff" or (
            status.last_state.terminated is not None
            and container.waiting.reason in ("RunContainerError", "PostStartHookError")
        )
    if status.state.terminated is not None:
        return not (container.runs_to_completion and status.state.terminated.exit_code == 0)
    end, uptime = status.last_state.terminated, uptime_s(container, now)
    if end is None or uptime is None or is_isolated(end):
        return False
    patience = min(max(STEADY_AFTER_S, 1.5 * (lifetime_s(end) or 0.0)), FORGIVEN_AFTER_S)
    is_repeated = status.restart_count >= 2 or not status.ready
    return uptime <= (patience if is_repeated else STEADY_AFTER_S)


def is_isolated(end: TerminatedState) -> bool:
    """Whether an end is no part of a loop: it was lost in a reboot of the node, or came after a day or more."""
    return end.reason in _LOST_REASONS or (lifetime_s(end) or 0.0) >= LONG_LIFE_S


def ended_recently(container: PodContainer, now: datetime) -> bool:
    """Whether it last ended within the hour before `now`; unknown times count as recent."""
    end = container.last_end
    return end is not None and (end.finished_at is None or now - end.finished_at <= RECENT)


def exit_meaning(end: TerminatedState) -> tuple[str, str]:
    """(reason, words) of an exit code, such as ("SegmentationFault", "exit code 139: …")."""
    code = end.exit_code or (128 + end.signal if end.signal else 0)
    return _EXIT_CODES.get(code, ("Error", f"exit code {code}"))


def events_of(snapshot: Snapshot, container: PodContainer, *reasons: str) -> tuple[Event, ...]:
    """The pod's events about this container (or about none in particular) with one of `reasons`, newest first."""
    fields = {"", f"spec.containers{{{container.name}}}", f"spec.initContainers{{{container.name}}}"}
    return tuple(
        event
        for event in snapshot.events_for(container.pod)
        if event.reason in reasons and event.involved_object.field_path in fields
    )


_PROBE_FAILED = re.compile(
    r"^(?:\(combined from similar events\): )?(Readiness|Liveness|Startup) probe (?:failed|errored)"
)
_PROBE_KILLED = re.compile(r"(?i)failed (liveness|startup) probe|(liveness|startup) probe failed")


def probe_events(snapshot: Snapshot, container: PodContainer, kind: ProbeKind) -> tuple[Event, ...]:
    """The events by which the kubelet reports that this probe fails, newest first."""
    found = (event for event in events_of(snapshot, container, "Unhealthy"))
    return tuple(event for event in found if (match := _PROBE_FAILED.match(event.message)) and match[1] == kind)


def killed_by_probe(snapshot: Snapshot, container: PodContainer) -> ProbeKind | None:
    """Which probe made the kubelet end the container's last life, if one did.

    The kubelet reports only a few events per pod and minute, so the kill that is reported may be an earlier one:
    then the last life must have been long enough for the probe to fail.
    """
    end = container.last_end
    if end is None or end.reason in ("OOMKilled", *_LOST_REASONS):
        return None
    for event in events_of(snapshot, container, "Killing"):
        match = _PROBE_KILLED.search(event.message)
        if match is not None:
            kind: ProbeKind = "Startup" if (match[1] or match[2]).lower() == "startup" else "Liveness"
            if _could_kill(probe_of(container, kind), end):
                return kind
    if end.exit_code in (137, 143):
        for kind in ("Startup", "Liveness"):
            if probe_events(snapshot, container, kind) and _could_kill(probe_of(container, kind), end):
                return kind
    return _presumed_killer(snapshot, container, end)


def _presumed_killer(snapshot: Snapshot, container: PodContainer, end: TerminatedState) -> ProbeKind | None:
    """Which probe would have ended a container just when it was, where the kubelet's events are still on their way.

    A kubelet sends five events a second, in their order, and drops what is too much. So an event of the pod from
    after the end, with none of a probe, says that it was no probe.
    """
    lifetime, at = lifetime_s(end), end.finished_at
    if end.exit_code not in (137, 143) or lifetime is None or at is None:
        return None
    if any(event.seen_at is not None and event.seen_at > at for event in snapshot.events_for(container.pod)):
        return None
    kind: ProbeKind = "Startup" if container.spec.startup_probe is not None else "Liveness"
    probe = probe_of(container, kind)
    if probe is None:
        return None
    grace = container.pod.spec.termination_grace_period_seconds
    first = probe.initial_delay_seconds + (probe.failure_threshold - 1) * probe.period_seconds - 2
    last = first + 2 * probe.period_seconds + probe.failure_threshold * probe.timeout_seconds + 5
    last += (30 if grace is None else grace) if end.exit_code == 137 else 0
    return kind if first <= lifetime <= last else None


def probe_of(container: PodContainer, kind: ProbeKind) -> Probe | None:
    """The container's probe of that kind, if it has one."""
    spec = container.spec
    return {"Readiness": spec.readiness_probe, "Liveness": spec.liveness_probe, "Startup": spec.startup_probe}[kind]


def _could_kill(probe: Probe | None, end: TerminatedState) -> bool:
    lifetime = lifetime_s(end)
    if probe is None or lifetime is None:
        return probe is not None
    # The first probe may come at once after the initial delay, and clocks are read in whole seconds.
    return lifetime >= probe.initial_delay_seconds + (probe.failure_threshold - 2) * probe.period_seconds - 2


def failed_hook(snapshot: Snapshot, container: PodContainer) -> Event | None:
    """The newest event that says that the container's postStart hook failed."""
    return next(iter(events_of(snapshot, container, "FailedPostStartHook")), None)


def node_oom_event(snapshot: Snapshot, container: PodContainer) -> Event | None:
    """The event of the pod's node that says that memory ran out there when this container was killed."""
    end = container.last_end
    if end is None or end.exit_code != 137 or end.finished_at is None or not container.pod.spec.node_name:
        return None
    node = ResourceRef(kind="Node", name=container.pod.spec.node_name)
    for event in snapshot.events_for(node):
        at = event.seen_at
        if event.reason in NODE_OOM_REASONS and at and abs((at - end.finished_at).total_seconds()) <= 60:
            return event
    return None


def is_out_of_memory(snapshot: Snapshot, container: PodContainer) -> bool:
    """Whether memory ended its last life: its own limit, or the node's."""
    end = container.last_end
    return end is not None and (end.reason == "OOMKilled" or node_oom_event(snapshot, container) is not None)


def is_start_failure(snapshot: Snapshot, container: PodContainer) -> bool:
    """Whether its process never came to run: the runtime refused it, or the kernel could not execute it."""
    end = container.last_end
    if end is not None and end.reason in START_REASONS:
        return True
    failure = logged_failure(snapshot, container)
    return failure is not None and failure.signature in ("ExecFormat", "ExecNotFound")


def logs_of_last_life(snapshot: Snapshot, container: PodContainer) -> tuple[ContainerLog, ...]:
    """The logs that may tell of its last end, best first: the previous instance's if one runs now, else its own."""
    current = snapshot.log(container.pod, container.name)
    previous = snapshot.log(container.pod, container.name, previous=True)
    ordered = (previous, current) if container.running is not None else (current, previous)
    return tuple(log for log in ordered if log is not None and log.lines)


def logged_failure(snapshot: Snapshot, container: PodContainer) -> LoggedFailure | None:
    """Why it last ended by its own account: its logs, else its termination message."""
    readings = [read_failure(log) for log in logs_of_last_life(snapshot, container)]
    if container.last_end is not None and container.last_end.message:
        readings.append(snapshot.derived(_failure_in, container.last_end.message))
    told = [reading for reading in readings if reading is not None]
    return next((reading for reading in told if reading.signature), told[0] if told else None)


def _failure_in(_: Snapshot, message: str) -> LoggedFailure | None:
    return read_failure(message.splitlines())


def has_begun(pod: Pod) -> bool:
    """Whether any container of the pod (init ones too) has come to run, so that its volumes and network are there."""
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return any(
        status.state.running or status.state.terminated or status.last_state.terminated or status.restart_count
        for status in statuses
    )


def _is_past_creation(pod: Pod) -> bool:
    """Whether a container waits for something that comes after volumes and network, such as its image."""
    waiting = (status.state.waiting for _, status, _ in pod.containers() if status is not None)
    return any(state is not None and state.reason not in STARTING for state in waiting)


def blocking_event(snapshot: Snapshot, pod: Pod, *reasons: str) -> Event | None:
    """The newest event with one of `reasons` if it still holds the pod up: nothing ran, and no later step was made."""
    if pod.status.phase != "Pending" or has_begun(pod) or _is_past_creation(pod):
        return None
    for event in snapshot.events_for(pod):
        if event.reason in reasons:
            return event
        if event.reason in ("Pulling", "Pulled", "Created", "Started", "BackOff"):
            return None  # pulling starts when volumes are mounted and the sandbox stands
    return None
