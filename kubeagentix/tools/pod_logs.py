"""What a pod's containers wrote: repeats folded, the newest kept; or the lines that match a pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.cluster.logs import LOG_RIGHT
from kubeagentix.cluster.projections import project
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.pods import Container, ContainerStatus, Pod, TerminatedState
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import KubeAgentiXError, NotFoundError
from kubeagentix.toolkit.columns import pod_state, restarts_of
from kubeagentix.toolkit.kinds import split_name
from kubeagentix.toolkit.log_reading import MAX_BYTES, SEARCHED_LINES, folded, read_log, searched, seconds_of
from kubeagentix.toolkit.objects import LOOKED_THROUGH, Found, find_object, finding
from kubeagentix.toolkit.places import NAMESPACE, namespace_of, picture
from kubeagentix.toolkit.searching import compiled
from kubeagentix.toolkit.statuses import Said, evidence_in
from kubeagentix.toolkit.wording import count_of, listed

_BETWEEN = ("ReplicaSet", "Job")  # own pods, and belong to what a user names
_OTHER_OWNERS = ("ReplicaSet", "ReplicationController")  # have to be named with their kind
MAX_CONTAINERS = 4  # of a pod, if none is named


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """A part per container."""
    ref, pod, note = await _pod(context, arguments)
    containers = _containers(pod, arguments["container"])
    parts: list[tuple[str, list[Said], list[Said]]] = []
    missing: list[KubeAgentiXError] = []
    for container in containers:
        try:
            parts.append(await _part(context, arguments, ref, pod, container))
        except NotFoundError as error:
            missing.append(error)
    if not parts:
        raise missing[0]
    told = [note, *(str(error) for error in missing), *_others(pod, containers)]
    tail = "".join(f"\n({line})" for line in told if line)
    return ToolOutput(
        text="\n".join(_shown(head, lines) for head, lines, _ in parts) + tail,
        short="\n".join(_shown(head, short) for head, _, short in parts) + tail,
        evidence=evidence_in([line for _, lines, _ in parts for line in lines]),
        data={"pod": ref.name, "namespace": ref.namespace, "containers": list(containers)},
    )


async def _pod(context: ToolContext, arguments: Mapping[str, Any]) -> tuple[ResourceRef, Pod, str]:
    """The pod that is meant, or the one in most trouble of the workload that is, with a note about the choice."""
    namespace = namespace_of(arguments, context)
    kind, name = split_name("", arguments["pod"])
    if kind and kind.lower() not in ("pod", "pods", "po"):
        return await _pod_of(context, await find_object(context, kind, name, namespace))
    try:
        found = await find_object(context, "pod", name, namespace)
    except NotFoundError:
        try:
            workload = await find_object(context, "", name, namespace)
        except NotFoundError:
            workload = None
        if workload is None or workload.ref.kind in ("Service", "Ingress"):
            raise
        return await _pod_of(context, workload)
    return found.ref, _projected(context, found), ""


def _projected(context: ToolContext, found: Found) -> Pod:
    held = context.source.find(found.ref) if isinstance(context.source, Snapshot) else None
    pod = held if held is not None else project(KINDS[Pod.kind], dict(found.raw))
    assert isinstance(pod, Pod)
    return pod


async def _pod_of(context: ToolContext, workload: Found) -> tuple[ResourceRef, Pod, str]:
    kinds = (Pod.kind, *_BETWEEN, workload.ref.kind)
    snapshot = await picture(context, workload.ref.namespace, kinds)
    owner = snapshot.find(workload.ref)
    top = snapshot.workload_of(owner) if owner is not None else workload.ref
    pods = [pod for pod in snapshot.pods_of(top) if not pod.is_terminating]
    if not pods:
        hint = "describe_resource says why, if it should have some"
        raise NotFoundError(f"{workload.ref} has no pods", hint=hint)
    pods.sort(key=lambda pod: (pod.is_ready, not pod.spec.node_name, -restarts_of(pod), pod.name))
    others = [pod.name for pod in pods[1:]]
    also = f"; also {listed(others, 5)}" if others else ""
    return snapshot.ref(pods[0]), pods[0], f"of {workload.ref} this is {pods[0].name}, {pod_state(pods[0])}{also}"


def _containers(pod: Pod, wanted: str) -> tuple[str, ...]:
    """The containers to read: the one that is named, else those in trouble, else the first. Raises NotFoundError."""
    names = [spec.name for spec, _, _ in pod.containers()]
    if wanted:
        if wanted not in names:
            hint = f"its containers: {', '.join(names)}"
            raise NotFoundError(f"pod {pod.name} has no container {wanted!r}", hint=hint)
        return (wanted,)
    troubled = [
        spec.name for spec, status, is_init in pod.containers() if _is_in_trouble(spec, status, is_init=is_init)
    ]
    main = [spec.name for spec in pod.spec.containers]
    return tuple((troubled or main)[:MAX_CONTAINERS])


def _is_in_trouble(spec: Container, status: ContainerStatus | None, *, is_init: bool) -> bool:
    """Whether a container was restarted or is not ready, and not for waiting for its turn; or holds up the others."""
    if status is None:
        return False
    state = status.state
    if status.restart_count:
        return True
    if is_init and spec.restart_policy != "Always":
        return state.running is not None or (state.terminated is not None and not _ended_well(state.terminated))
    is_waiting_its_turn = state.waiting is not None and state.waiting.reason in ("PodInitializing", "ContainerCreating")
    return not status.ready and not is_waiting_its_turn and not _ended_well(state.terminated)


def _ended_well(ended: TerminatedState | None) -> bool:
    return ended is not None and not ended.exit_code and not ended.signal


async def _part(
    context: ToolContext, arguments: Mapping[str, Any], ref: ResourceRef, pod: Pod, container: str
) -> tuple[str, list[Said], list[Said]]:
    """(head, lines, the same in short) of one container."""
    grep, since = arguments["grep"], arguments["since"]
    log = await read_log(
        context,
        ref,
        container,
        is_previous=arguments["previous"],
        lines=SEARCHED_LINES if grep else arguments["lines"],
        since_s=seconds_of(since) if since else None,
    )
    head = f"{'previous log' if log.is_previous else 'log'} of container {container} of {ref}"
    if not log.lines:
        return f"{head}: empty{f' in the last {since}' if since else ''}{_hint(pod, log)}", [], []
    if grep:
        found = searched(ref, log, compiled(grep), arguments["context"], arguments["lines"])
        hits = sum(line.evidence is not None for line in found)
        said = f"{head}: {count_of(hits, 'match')}".replace("matchs", "matches")
        which = f"first {MAX_BYTES >> 20} MiB" if log.is_cut else f"newest {count_of(len(log.lines), 'line')}"
        return f"{said} in the {which}", found, found
    lines, short = folded(ref, log)
    older = "the newest " if log.is_truncated else ""
    older = f"not to its end, which is beyond {MAX_BYTES >> 20} MiB; " if log.is_cut else older
    folds = f", repeats folded to {len(lines)}" if len(lines) < len(log.lines) else ""
    return f"{head}: {older}{count_of(len(log.lines), 'line')}{folds}{_hint(pod, log)}", lines, short


def _hint(pod: Pod, log: ContainerLog) -> str:
    statuses = {spec.name: status for spec, status, _ in pod.containers()}
    status = statuses.get(log.container)
    if status is None or not status.restart_count or log.is_previous:
        return ""
    return f" (restarted {status.restart_count} times; previous=true shows the log before the last restart)"


def _others(pod: Pod, read: Sequence[str]) -> list[str]:
    others = [spec.name for spec, _, _ in pod.containers() if spec.name not in read]
    return [f"its other containers: {', '.join(others)}"] if others else []


def _shown(head: str, lines: Sequence[Said]) -> str:
    return "\n".join([f"{head}:" if lines else head, *(str(line) for line in lines)])


plugin = ToolPlugin(
    spec=ToolSpec(
        name="pod_logs",
        description=(
            "Reads the newest log lines of a pod's container, repeated lines folded into one. For a container that "
            "crashes and restarts, use previous=true. With grep only the lines that match."
        ),
        parameters={
            "type": "object",
            "properties": {
                "pod": {
                    "type": "string",
                    "description": "The pod's name; or a workload such as deploy/web, for its pod in most trouble.",
                },
                "namespace": NAMESPACE,
                "container": {
                    "type": "string",
                    "default": "",
                    "description": "Which container. Left out: those in trouble, or all of them.",
                },
                "previous": {
                    "type": "boolean",
                    "default": False,
                    "description": "The log of the instance before the last restart.",
                },
                "lines": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 5000,
                    "default": 200,
                    "description": "How many of the newest lines; with grep, how many matches at most.",
                },
                "since": {
                    "type": "string",
                    "default": "",
                    "description": "Only lines that are not older than this, such as 15m or 2h.",
                },
                "grep": {
                    "type": "string",
                    "default": "",
                    "description": "Only lines that match this regular expression or text; case does not matter.",
                },
                "context": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 50,
                    "default": 0,
                    "description": "With grep: lines to show before and after each match.",
                },
            },
            "required": ["pod"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=(*finding((*LOOKED_THROUGH, *_OTHER_OWNERS)), LOG_RIGHT),
)
