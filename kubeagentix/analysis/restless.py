"""Which pods have anything to tell. In a big cluster nearly all just run, and need not be looked into by each analyzer.

The test is cheap, and exact for whoever asks after containers that wait, end, are not ready, are restarted, or say
something: a pod is left out only if nothing of it differs from an ordinary start, and nothing was read of its logs.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubeagentix.analysis.event_reasons import events_by_reason
from kubeagentix.analysis.present_pods import is_in_play
from kubeagentix.domain.pods import ContainerStatus, Pod
from kubeagentix.domain.snapshot import Snapshot

# What the scheduler and the kubelet report of a start that goes well. Source: pkg/kubelet/events/event.go.
ORDINARY_EVENTS = frozenset({"Scheduled", "Pulling", "Pulled", "Created", "Started", "SuccessfulAttachVolume"})


def restless_pods(snapshot: Snapshot) -> tuple[Pod, ...]:
    """The pods in play that do not simply run, in the server's order."""
    return snapshot.derived(_restless_pods)


def _restless_pods(snapshot: Snapshot) -> tuple[Pod, ...]:
    return tuple(pod for pod in pods_to_mind(snapshot) if is_in_play(snapshot, pod))


def pods_to_mind(snapshot: Snapshot) -> tuple[Pod, ...]:
    """All pods but those that simply run: also what is finished, or being deleted."""
    return snapshot.derived(_pods_to_mind)


def _pods_to_mind(snapshot: Snapshot) -> tuple[Pod, ...]:
    heard = snapshot.derived(_told_of)
    return tuple(
        pod for pod in snapshot.all(Pod) if not simply_runs(pod) or (pod.metadata.namespace, pod.metadata.name) in heard
    )


def _told_of(snapshot: Snapshot) -> Mapping[tuple[str, str], bool]:
    """(namespace, name) of all pods of which an event or a log says anything but that they were started."""
    found = {(log.namespace, log.pod): True for log in snapshot.logs}
    for reason, events in events_by_reason(snapshot).items():
        if reason not in ORDINARY_EVENTS:
            subjects = (event.involved_object for event in events)
            found.update(((about.namespace, about.name), True) for about in subjects if about.kind == Pod.kind)
    return found


def simply_runs(pod: Pod) -> bool:
    """Whether the pod is ready, and its containers have all come to run, or to a good end, at the first attempt."""
    status = pod.status
    if status.phase != "Running" or status.reason or pod.metadata.deletion_timestamp is not None:
        return False
    for item in status.container_statuses:
        if not _runs(item):
            return False
    return pod.is_ready and (not status.init_container_statuses or _is_initialized(pod))


def _runs(status: ContainerStatus) -> bool:
    state = status.state
    return (
        state.running is not None
        and status.ready
        and status.started is not False
        and status.restart_count == 0
        and state.waiting is None
        and state.terminated is None
        and status.last_state.terminated is None
    )


def _is_initialized(pod: Pod) -> bool:
    sidecars = {spec.name for spec in pod.spec.init_containers if spec.restart_policy == "Always"}
    return all(
        _runs(status) if status.name in sidecars else _ended_well(status)
        for status in pod.status.init_container_statuses
    )


def _ended_well(status: ContainerStatus) -> bool:
    end = status.state.terminated
    return (
        end is not None
        and end.exit_code == 0
        and not end.signal
        and end.reason in ("", "Completed")
        and not end.message
        and status.restart_count == 0
        and status.state.waiting is None
        and status.state.running is None
        and status.last_state.terminated is None
    )
