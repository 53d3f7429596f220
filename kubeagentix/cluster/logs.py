"""Logs of containers in trouble: which to read is decided purely, from pods; then they are read, a bounded amount.

Two passes: first those of the containers in trouble, then those of the servers that these blame or are told to call.

Logs are the dearest thing to ask a cluster for (each goes through the API server to a kubelet), so replicas of one
owner are sampled, the newest lines are what is kept, and containers that count as well are left alone: all but a few
that call others, as a program which only retries looks well from outside.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kubeagentix.cluster.client import Answer, Client, Deadline
from kubeagentix.cluster.log_times import split_times
from kubeagentix.domain.diagnosis import Gap, ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Container, ContainerStatus, Pod
from kubeagentix.domain.rights import Right
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from kubeagentix.errors import ClusterError, excerpt

LOG_RIGHT = Right(resource="pods/log", verbs=("get",))
TAIL_LINES = 200
MAX_BYTES = 64 << 10
MAX_LOGS = 200
MAX_PODS_PER_OWNER = 3  # replicas fail alike
RECENT_S = 600  # what those that count as well said before this is over
MAX_CALLERS = 30  # logs of containers that count as well, one for each owner
MAX_SERVERS = 20  # logs of containers that count as well and that others depend on
MAX_PODS_PER_SERVER = 2
SETTLING_TIME = timedelta(seconds=30)  # not to be ready, or to initialize, is no trouble before this
LOG_DEADLINE_S = 10.0  # a kubelet that does not answer must not hold up the others

CRASHING, STUCK, RESTARTED = 0, 1, 2  # how much trouble; less is worse
CALLS, CALLS_AND_IS_ASKED = 3, 4  # none that shows: without and with a readiness probe


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """One log to read. `node` is where the kubelet is that has it."""

    namespace: str
    pod: str
    container: str
    is_previous: bool
    node: str = ""
    since_s: int | None = None  # only lines of the last so many seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlan:
    """Which logs to read, most wanted first, and what is knowingly left out."""

    requests: tuple[LogRequest, ...]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class _Trouble:
    rank: int
    pod: Pod
    container: Container
    restarts: int


def choose_logs(
    pods: Iterable[Pod],
    *,
    now: datetime,
    silent_nodes: Collection[str] = (),
    max_logs: int = MAX_LOGS,
    max_pods_per_owner: int = MAX_PODS_PER_OWNER,
) -> LogPlan:
    """The logs worth reading: of containers that crash, are stuck, or were restarted, in that order, then of callers.

    Every owner's worst pod comes before any owner's second one. Pods on `silent_nodes` are left out, as a Gap.
    """
    by_owner: dict[tuple[str, str, str], list[list[_Trouble]]] = defaultdict(list)
    callers: dict[tuple[str, str, str], list[_Trouble]] = {}
    for pod in pods:
        owner, troubles = _owner(pod), [] if _counts_as_well(pod) else _troubles(pod, now)
        if troubles:
            by_owner[owner].append(troubles)
        elif owner not in callers and pod.spec.node_name not in silent_nodes:
            callers[owner] = _calling(pod, now)
    wanted = list(_worst_first(by_owner.values(), max_pods_per_owner))
    unreachable = [trouble for trouble in wanted if trouble.pod.spec.node_name in silent_nodes]
    requests = [
        request
        for trouble in wanted
        if trouble.pod.spec.node_name not in silent_nodes
        for request in _requests(trouble)
    ]
    kept = requests[:max_logs]
    well = [trouble for owner, found in callers.items() if owner not in by_owner for trouble in found]
    well.sort(key=lambda trouble: (trouble.rank, trouble.pod.name))
    left = max(0, min(MAX_CALLERS, max_logs - len(kept)))
    kept += [replace(request, since_s=RECENT_S) for trouble in well[:left] for request in _requests(trouble)]
    return LogPlan(requests=tuple(kept), gaps=(*_unreachable_gaps(unreachable), *_limit_gaps(requests, kept, max_logs)))


def choose_server_logs(
    picture: Snapshot, plan: LogPlan, *, silent_nodes: Collection[str] = (), max_logs: int = MAX_LOGS
) -> LogPlan:
    """The logs worth reading once those of `plan` are in `picture`, with its pods and Services.

    They are those of the pods behind the Services that logs blame, then behind the Services that containers in
    trouble are told of: such a server may be well by its status and say in its log what it turns clients away for.
    """
    known = {(request.namespace, request.pod) for request in plan.requests}
    blamed = [ref for request in plan.requests for ref in _blamed(picture, request)]
    told = [ref for request in plan.requests if request.since_s is None for ref in _told_of(picture, request)]
    services = [picture.get(Service, ref.namespace, ref.name) for ref in dict.fromkeys((*blamed, *told))]
    requests = [
        LogRequest(
            namespace=pod.namespace,
            pod=pod.name,
            container=container.name,
            is_previous=False,
            node=pod.spec.node_name,
            since_s=RECENT_S,
        )
        for service in services
        if service is not None
        for pod in picture.pods_selected(service.namespace, service.spec.selector)[:MAX_PODS_PER_SERVER]
        if (pod.namespace, pod.name) not in known and pod.spec.node_name not in silent_nodes
        for container, status, is_init in pod.containers()
        if status is not None and status.state.running is not None and not is_init
    ]
    left = max(0, min(MAX_SERVERS, max_logs - len(plan.requests)))
    return LogPlan(requests=tuple(dict.fromkeys(requests))[:left])


def _blamed(picture: Snapshot, request: LogRequest) -> Iterator[ResourceRef]:
    """What the log of a request says that it could not be served by."""
    from kubeagentix.analysis.causes import CONNECTION_SIGNATURES, other_end  # noqa: PLC0415  200 ms, with a first log
    from kubeagentix.analysis.logs import read_failure  # noqa: PLC0415  the same
    from kubeagentix.analysis.mentions import endpoint_in  # noqa: PLC0415  the same

    pod = picture.get(Pod, request.namespace, request.pod)
    log = picture.log(pod, request.container, previous=request.is_previous) if pod is not None else None
    failure = read_failure(log) if log is not None else None
    if pod is None or failure is None or failure.signature not in CONNECTION_SIGNATURES:
        return
    spec = next(spec for spec, _, _ in pod.containers() if spec.name == request.container)
    target = other_end(picture, pod.namespace, spec, endpoint_in(failure.line) or failure.subject)
    if target is not None:
        yield target


def _told_of(picture: Snapshot, request: LogRequest) -> Iterator[ResourceRef]:
    from kubeagentix.analysis.addresses import resolve_host  # noqa: PLC0415  200 ms, with a first log
    from kubeagentix.analysis.causes import hosts_named_in  # noqa: PLC0415  the same

    pod = picture.get(Pod, request.namespace, request.pod)
    for spec, _, _ in pod.containers() if pod is not None else ():
        for host in hosts_named_in(spec) if spec.name == request.container else ():
            target = resolve_host(picture, request.namespace, host)
            if target is not None:
                yield target


def _owner(pod: Pod) -> tuple[str, str, str]:
    owner = pod.controller
    return (pod.namespace, owner.kind, owner.name) if owner else (pod.namespace, "Pod", pod.name)


def _calling(pod: Pod, now: datetime) -> list[_Trouble]:
    """The containers that run and count as well, and whose log may still tell of trouble; the unasked ones first.

    They call a host, or perhaps the API server, or keep files in memory.
    """
    found = []
    for container, status, is_init in pod.containers():
        running = status.state.running if status is not None else None
        if running is None or is_init or pod.is_terminating:
            continue
        is_settled = running.started_at is None or now - running.started_at > SETTLING_TIME
        if is_settled and (_has_identity(pod) or _may_call(pod, container) or _may_lose_a_child(pod, container)):
            found.append(
                _Trouble(CALLS if container.readiness_probe is None else CALLS_AND_IS_ASKED, pod, container, 0)
            )
    return found


def _has_identity(pod: Pod) -> bool:
    """Whether a pod was given a ServiceAccount of its own, so that it may be a client of the API server."""
    spec = pod.spec
    return spec.service_account_name not in ("", "default") and spec.automount_service_account_token is not False


def _may_lose_a_child(pod: Pod, container: Container) -> bool:
    """Whether it keeps files in memory under a limit: which process is killed for them, only the log tells."""
    from kubeagentix.analysis.memory_files import volumes_in_memory  # noqa: PLC0415  with a first cluster that is read

    return "memory" in container.resources.limits and bool(volumes_in_memory(pod, container))


def _may_call(pod: Pod, container: Container) -> bool:
    """Whether it is told of a host, or of settings or a program that are kept elsewhere and may name one."""
    from kubeagentix.analysis.causes import hosts_named_in  # noqa: PLC0415  200 ms, with a first cluster that is read
    from kubeagentix.analysis.paths import ACCOUNT_DIRECTORY  # noqa: PLC0415  the same

    brought = {item.name for item in pod.spec.volumes if item.config_map is not None or item.secret is not None}
    is_set_elsewhere = (
        bool(container.env_from)
        or any(item.value_from is not None for item in container.env)
        or any(
            mount.name in brought and mount.mount_path != ACCOUNT_DIRECTORY  # each has its token there, up to 1.20
            for mount in container.volume_mounts
        )
    )
    return is_set_elsewhere or any(hosts_named_in(container))


async def read_logs(
    client: Client, plan: LogPlan, deadline: Deadline, *, progress: Callable[[int, str], None]
) -> tuple[tuple[ContainerLog, ...], tuple[Gap, ...]]:
    """The logs of `plan` in its order, and one Gap per way in which others failed. `progress` hears (done, pod)."""
    done = 0

    async def read(request: LogRequest) -> ContainerLog | ClusterError | None:
        nonlocal done
        try:
            return await _read_log(client, request, deadline)
        except ClusterError as error:
            return error
        finally:
            done += 1
            progress(done, request.pod)

    results = await asyncio.gather(*(read(request) for request in plan.requests))
    failed: dict[str, list[LogRequest]] = defaultdict(list)
    for request, result in zip(plan.requests, results, strict=True):
        if isinstance(result, ClusterError):
            failed[_why(result, request, deadline)].append(request)
    gaps = [Gap(what=_names(requests), why=why) for why, requests in failed.items()]
    read_so_far = tuple(result for result in results if isinstance(result, ContainerLog))
    cut = [request for request, log in zip(plan.requests, results, strict=True) if _is_cut(log)]
    if cut:
        why = f"no more than {MAX_BYTES >> 10} KiB of each are read, and its lines are longer"
        gaps.append(Gap(what=f"the end of {_names(cut)}", why=why))
    return read_so_far, (*plan.gaps, *gaps)


def _is_cut(result: object) -> bool:
    return isinstance(result, ContainerLog) and result.is_cut


def _counts_as_well(pod: Pod) -> bool:
    """Whether it is one of the many in which `_troubles` finds nothing, told by a glance."""
    status = pod.status
    return not status.init_container_statuses and all(
        item.ready and item.state.running is not None and not item.restart_count for item in status.container_statuses
    )


def _troubles(pod: Pod, now: datetime) -> list[_Trouble]:
    if pod.status.phase == "Succeeded":
        return []
    found = []
    for container, status, is_init in pod.containers():
        rank = _rank(pod, container, status, is_init=is_init, now=now) if status else None
        if status is not None and rank is not None:
            found.append(_Trouble(rank, pod, container, status.restart_count))
    return sorted(found, key=lambda trouble: trouble.rank)


def _rank(pod: Pod, container: Container, status: ContainerStatus, *, is_init: bool, now: datetime) -> int | None:
    """How much trouble a container is in; None for none, or where it has no log because it never ran."""
    state, ended_before = status.state, status.last_state.terminated
    runs_on = not is_init or container.restart_policy == "Always"  # all but init containers that shall end
    if state.terminated is not None:
        should_run = runs_on and pod.spec.restart_policy == "Always" and not pod.is_finished
        return CRASHING if state.terminated.exit_code != 0 or state.terminated.signal or should_run else None
    if state.running is not None:
        started_at = state.running.started_at
        is_settled = started_at is None or now - started_at > SETTLING_TIME
        if is_settled and not (runs_on and status.ready):
            return STUCK
        return RESTARTED if ended_before and status.restart_count else None
    if ended_before is None and not status.restart_count:
        return None
    is_starting = state.waiting is None or state.waiting.reason in ("ContainerCreating", "PodInitializing", "")
    return RESTARTED if is_starting else CRASHING


def _worst_first(owners: Iterable[list[list[_Trouble]]], max_pods: int) -> Iterator[_Trouble]:
    ranked: list[tuple[int, int, int, _Trouble]] = []
    for pods in owners:
        pods.sort(key=lambda troubles: (troubles[0].rank, -troubles[0].restarts, troubles[0].pod.name))
        for turn, troubles in enumerate(pods[:max_pods]):
            ranked.extend((turn, trouble.rank, -trouble.restarts, trouble) for trouble in troubles)
    return (entry[-1] for entry in sorted(ranked, key=lambda entry: entry[:-1]))


def _requests(trouble: _Trouble) -> Iterator[LogRequest]:
    for is_previous in (False, True) if trouble.restarts else (False,):
        yield LogRequest(
            namespace=trouble.pod.namespace,
            pod=trouble.pod.name,
            container=trouble.container.name,
            is_previous=is_previous,
            node=trouble.pod.spec.node_name,
        )


def _unreachable_gaps(troubles: list[_Trouble]) -> Iterator[Gap]:
    counts: dict[str, int] = defaultdict(int)
    for trouble in troubles:
        counts[trouble.pod.spec.node_name] += 1
    for node, count in counts.items():
        yield Gap(what=f"logs of {_count(count)} on node {node}", why="the node's kubelet has stopped reporting")


def _limit_gaps(requests: list[LogRequest], kept: list[LogRequest], max_logs: int) -> Iterator[Gap]:
    left_out = {(request.namespace, request.pod, request.container) for request in requests[len(kept) :]}
    if left_out:
        yield Gap(what=f"logs of {_count(len(left_out), 'more ')}", why=f"not read: limit {max_logs} logs")


def _count(containers: int, which: str = "") -> str:
    return f"1 {which}container" if containers == 1 else f"{containers} {which}containers"


async def _read_log(client: Client, request: LogRequest, deadline: Deadline) -> ContainerLog | None:
    deadline = deadline.at_most(LOG_DEADLINE_S)
    answer, tail = await _ask(client, request, TAIL_LINES, deadline), TAIL_LINES
    is_long = len(answer.body) >= MAX_BYTES
    if answer.status == 200 and is_long:
        # The kubelet applies the limit from the oldest of the lines on, so the newest are the ones cut off.
        tail = max(1, answer.body.count(b"\n") // 2)
        answer = await _ask(client, request, tail, deadline)
    if _has_no_log(answer):
        return None
    stamped = _lines(answer.checked(_what(request), ask_for="get on pods/log"))
    if not stamped:
        return None
    lines, begins_at, offsets_ms = split_times(stamped)
    return ContainerLog(
        namespace=request.namespace,
        pod=request.pod,
        container=request.container,
        is_previous=request.is_previous,
        lines=lines,
        is_truncated=is_long or len(lines) >= tail,
        is_cut=len(answer.body) >= MAX_BYTES,
        begins_at=begins_at,
        offsets_ms=offsets_ms,
    )


async def _ask(client: Client, request: LogRequest, tail: int, deadline: Deadline) -> Answer:
    params: dict[str, str | int] = {
        "container": request.container,
        "tailLines": tail,
        "limitBytes": MAX_BYTES,
        "timestamps": "true",
    }
    if request.is_previous:
        params["previous"] = "true"
    if request.since_s is not None:
        params["sinceSeconds"] = request.since_s
    path = f"/api/v1/namespaces/{request.namespace}/pods/{request.pod}/log"
    return await client.ask(
        path, params, what=_what(request), deadline=deadline, accept="*/*", attempts=2, max_bytes=MAX_BYTES
    )


# What the API server and the kubelet say of a container that has nothing (more) to show.
# Source: kubelet_pods.go validateContainerLogStatus; pkg/registry/core/pod/strategy.go LogLocation
_NO_LOG = re.compile(
    r"is waiting to start|previous terminated container .* not found|is not available|has not been created|"
    r"does not have a host assigned|is not valid for pod"
)
# The kubelet says this with status 200 when the runtime has removed the container's files.
_REMOVED = re.compile(r"unable to retrieve container logs for \S+\Z|failed to try resolving symlinks in path ")


def _has_no_log(answer: Answer) -> bool:
    # 404: the pod has gone since it was listed.
    return answer.status == 404 or (answer.status == 400 and _NO_LOG.search(answer.message) is not None)


def _lines(body: bytes) -> tuple[str, ...]:
    text = body[:MAX_BYTES].decode(errors="replace")
    lines = tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))
    return () if not text or was_removed(lines) else lines


def was_removed(lines: Sequence[str]) -> bool:
    """Whether a log is nothing but the kubelet's word that the container's files are gone."""
    return len(lines) == 1 and _REMOVED.match(lines[0].strip()) is not None


def _what(request: LogRequest) -> str:
    log = "previous log" if request.is_previous else "log"
    return f"{log} of container {request.container} of pod {request.namespace}/{request.pod}"


def _why(error: ClusterError, request: LogRequest, deadline: Deadline) -> str:
    if isinstance(error.__cause__, TimeoutError):
        return f"not read within {min(LOG_DEADLINE_S, deadline.seconds):.3g} s"
    # `Get "https://node:10250/containerLogs/…": dial tcp …`: the address differs from log to log, the cause does not.
    said = re.sub(r'Get "[^"]*": ', "", error.message.removeprefix(f"cannot read {_what(request)}: "))
    return excerpt(f"{said}: {error.hint}" if error.hint else said)


def _names(requests: list[LogRequest]) -> str:
    containers = list(dict.fromkeys(f"{item.namespace}/{item.pod} {item.container}" for item in requests))
    shown = ", ".join(containers[:3]) + (", …" if len(containers) > 3 else "")
    return f"logs of {_count(len(containers))} ({shown})"
