"""Containers whose process never comes to run: the runtime refuses to create or start it, or a hook kills it.

The runtime's message (runc, crun; by containerd, CRI-O or Docker) tells why. Newer runcs report some failures only
in the container's log, as its first and last line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeagentix.analysis.containers import (
    START_REASONS,
    PodContainer,
    events_of,
    failed_hook,
    is_out_of_memory,
    is_start_failure,
    keeps_ending,
    killed_by_probe,
    logged_failure,
    restless_containers,
)
from kubeagentix.analysis.missing_replicas import is_awaited
from kubeagentix.analysis.node_platforms import architectures
from kubeagentix.analysis.paths import about_script, brought_file, hidden_by_mount, missing_sub_paths
from kubeagentix.analysis.shortfall import STARTING, describe_age, is_older_than
from kubeagentix.analysis.troubles import (
    Trouble,
    clipped,
    describe_pod,
    edit_workload,
    end_evidence,
    event_evidence,
    findings,
    log_evidence,
    sentence,
    spec_evidence,
    waiting_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.snapshot import Snapshot

_CREATING = ("CreateContainerError", "PreCreateHookError", "PreStartHookError")
# What keeps a container from even being made: (refinement, words, pattern).
_CREATE_MESSAGES = (
    ("NoCommand", "neither the pod nor the image names a command", r"no command specified"),
    (
        "UserNotFound",
        "its image has no such user or group",
        r"unable to find (?:user|group) (\S+?):? |no users found|no matching entries in (?:passwd|group) file",
    ),
    ("SeccompProfile", "its seccomp profile is not to be had on the node", r"seccomp"),
    ("AppArmorProfile", "its AppArmor profile is not to be had on the node", r"(?i)apparmor"),
    ("NameReserved", "the container runtime has not let go of an earlier try", r"is reserved for"),
    ("Timeout", "the container runtime of the node does not answer in time", r"context deadline exceeded"),
)

# What runtimes write, in the order to try: (refinement, words, pattern). Group 1, if any: the executable.
_MESSAGES = (
    (
        "ExecFormat",
        "it cannot be executed on this node's architecture, or is a script with no #! line",
        r"exec format error",
    ),
    (
        "CommandNotFound",
        "its command (or the interpreter in its #! line) is not in the image",
        (
            r'exec: "?([^":]+)"?: (?:executable file not found|stat [^:]+: no such file|no such file)'
            r"|executable file [`'\"]?([^`'\"\s]+)[`'\"]? not found|exec ([^\s:]+): no such file"
            r"|exec user process caused:? \"?no such file"
        ),
    ),
    (
        "MemoryLimit",
        "its memory limit is too low even to start it",
        r"OOM-killed|memory limit too low",
    ),
    (
        "Mount",
        "a volume cannot be mounted there, as one is a file and the other a directory",
        (
            r'error mounting .* to rootfs at "([^"]+)".*(?:not a directory|is a directory)'
            r"|^mount `[^']*` to `([^']+)`: Not a directory|error mounting .*trying to mount a directory onto a file"
        ),
    ),
    (
        "WorkingDir",
        "its workingDir cannot be entered or made",
        r"mkdir (\S+): (?:not a directory|permission denied|read-only)|chdir to cwd \(\"([^\"]+)\"\)",
    ),
    (
        "NotExecutable",
        "its command is not executable",
        r'exec: "?([^":]+)"?: (?:permission denied|is a directory)|open executable: Permission denied',
    ),
    ("PermissionDenied", "permission denied", r"(?i)permission denied|operation not permitted"),
)
_NO_COMMAND = ("Mount", "MemoryLimit")  # of which the command knows nothing
_KUBELET_PATH = re.compile(r"/[^\s\"]{1,250}/pods/[0-9a-f-]{36}/[^\s\":]*")  # long, and of no use to a reader
_PATTERNS = tuple((name, words, re.compile(pattern, re.IGNORECASE)) for name, words, pattern in _MESSAGES)
_CREATE_PATTERNS = tuple((name, words, re.compile(pattern)) for name, words, pattern in _CREATE_MESSAGES)
_HOOK_ERROR = re.compile(r"failed - error: (.*?)(?:, message: \".*)?$", re.DOTALL)

LONG_HOOK_S = 180.0  # hooks warm caches and register somewhere; minutes are too long for either


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    reason: str
    phrase: str
    confidence: float


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and container: `StartError/<X>`, `CreateContainerError`, `PostStartHookError`."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        message = _refusal(snapshot, container)
        if message is not None:
            yield _trouble(snapshot, container, _judge(container, message), message)
        elif _dies_by_hook(snapshot, container):
            yield _hook_trouble(snapshot, container)
        elif (started := _held_by_hook(snapshot, container)) is not None:
            yield _long_hook_trouble(snapshot, container, started)


def _refusal(snapshot: Snapshot, container: PodContainer) -> str | None:
    waiting, end = container.waiting, container.last_end
    if waiting is not None and waiting.reason in (*_CREATING, "RunContainerError"):
        return waiting.message or _failed_event(snapshot, container)
    if end is None or not keeps_ending(container, snapshot.taken_at):
        return None
    if end.reason in START_REASONS:
        return end.message or _failed_event(snapshot, container)
    failure = logged_failure(snapshot, container)
    return failure.line if failure is not None and is_start_failure(snapshot, container) else None


def _failed_event(snapshot: Snapshot, container: PodContainer) -> str:
    return next((event.message for event in events_of(snapshot, container, "Failed")), "")


def _judge(container: PodContainer, message: str) -> _Verdict:
    state = container.waiting.reason if container.waiting is not None else ""
    if state in _CREATING:
        for refinement, words, pattern in _CREATE_PATTERNS:
            if (match := pattern.search(message)) is not None:
                named = f" ({match[1]})" if match.groups() and match[1] else ""
                return _Verdict(reason=f"{state}/{refinement}", phrase=f"{words}{named}", confidence=0.9)
    for refinement, words, pattern in _PATTERNS:
        match = pattern.search(message)
        if match is not None:
            named = next((group for group in match.groups() if group), "")
            named = named or (_executable(container) if refinement not in _NO_COMMAND else "")
            joined = ": it is one string with spaces, and each word must be an item" if " " in named else ""
            return _Verdict(
                reason=f"StartError/{refinement}",
                phrase=f"{named}: {words}{joined}" if named else words,
                confidence=0.95,
            )
    if state in _CREATING:
        return _Verdict(reason=state, phrase=_core(message), confidence=0.8)
    return _Verdict(reason="StartError/Other", phrase=_core(message), confidence=0.8)


def _executable(container: PodContainer) -> str:
    return next(iter((*container.spec.command, *container.spec.args)), "")


def _core(message: str) -> str:
    # Each layer (kubelet, containerd, shim, runc) puts its own words in front; the last ones tell.
    told = re.split(
        r"(?:unable to start container process|starting container process caused|runc create failed): ", message
    )
    core = _KUBELET_PATH.sub("…", told[-1])
    return clipped(core.removesuffix(": unknown").strip() or "no message was recorded", 160)


def _trouble(snapshot: Snapshot, container: PodContainer, verdict: _Verdict, message: str) -> Trouble:
    events = events_of(snapshot, container, "Failed")
    hints = [hint for hint in (_hint(snapshot, container, verdict, message),) if hint]
    pod, spec = container.pod, container.spec
    lost = missing_sub_paths(snapshot, pod.namespace, pod.spec, spec) if _is_mount(verdict) else ()
    wrong = [(source, words) for _, source, words in lost]
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason=verdict.reason,
        title=f"{container.label} cannot start: {verdict.phrase}",
        cause=" ".join([f"The container runtime says: {_said(message)}", *hints, *(words for _, words in wrong)]),
        evidence=(
            *_evidence(snapshot, container, message),
            *(event_evidence(snapshot, e, container.pod) for e in events[:1]),
        ),
        confidence=verdict.confidence,
        remedies=(
            describe_pod(snapshot, container.pod),
            edit_workload(snapshot, container.pod, f"the command, mounts or image of {container.label}"),
        ),
        points_at=tuple(source for source, _ in wrong),
        since=events[0].first_timestamp if events else None,
    )


def _is_mount(verdict: _Verdict) -> bool:
    return verdict.reason == "StartError/Mount"


def _said(message: str) -> str:
    return sentence(_KUBELET_PATH.sub("…", message or "nothing"), 400)


def _hint(snapshot: Snapshot, container: PodContainer, verdict: _Verdict, message: str) -> str:
    """What the spec and the node add to the runtime's message."""
    if verdict.reason == "StartError/ExecFormat":
        return architectures(snapshot, container.pod)
    place = container.spec.working_dir
    if place and place in message:
        return f"Its workingDir is {place}."
    path = _executable(container)
    if verdict.reason == "StartError/NotExecutable":
        return about_script(container, path)
    if verdict.reason != "StartError/CommandNotFound":
        return ""
    if path.startswith("-"):
        return f"{path} is an option: without a command, args are handed to the image's entrypoint, and it has none."
    source = brought_file(snapshot, container, path)
    missing = "its interpreter (the #! line) is not in the image, or that line ends with a carriage return"
    return f"{source} brings that file, so {missing}." if source else hidden_by_mount(snapshot, container, path)


def _evidence(snapshot: Snapshot, container: PodContainer, message: str) -> Iterator[Evidence]:
    end = container.last_end
    if container.waiting is not None and container.waiting.message == message:
        yield waiting_evidence(snapshot, container)
    elif end is not None:
        yield end_evidence(snapshot, container, end, f"did not start: {end.reason}, exit code {end.exit_code}")
        if end.reason not in START_REASONS:
            yield from log_evidence(snapshot, container, logged_failure(snapshot, container))
    if container.command:
        yield spec_evidence(snapshot, container, "command", "the command it is to run", container.command)


def _dies_by_hook(snapshot: Snapshot, container: PodContainer) -> bool:
    if container.waiting is not None and container.waiting.reason == "PostStartHookError":
        return True
    return (
        keeps_ending(container, snapshot.taken_at)
        and failed_hook(snapshot, container) is not None
        and not is_out_of_memory(snapshot, container)
        and killed_by_probe(snapshot, container) is None
    )


def _hook_trouble(snapshot: Snapshot, container: PodContainer) -> Trouble:
    event = failed_hook(snapshot, container)
    waiting = container.waiting
    told = waiting.message if waiting is not None and waiting.reason == "PostStartHookError" else ""
    # Newer kubelets keep what the hook said out of the event, as there may be secrets in it.
    message = max(told, event.message if event is not None else "", key=len)
    end = container.last_end
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason="PostStartHookError",
        title=f"{container.label} is killed because its postStart hook fails{_hook_words(message)}",
        cause=f"The kubelet says: {sentence(message, 600)}",
        evidence=(
            *((event_evidence(snapshot, event, container.pod),) if event is not None else ()),
            *((end_evidence(snapshot, container, end, f"ended with exit code {end.exit_code}"),) if end else ()),
            *_hook_evidence(snapshot, container),
        )
        or (waiting_evidence(snapshot, container),),
        remedies=(
            describe_pod(snapshot, container.pod),
            edit_workload(snapshot, container.pod, f"lifecycle.postStart of {container.label}"),
        ),
        since=event.first_timestamp if event is not None else None,
    )


def _held_by_hook(snapshot: Snapshot, container: PodContainer) -> Event | None:
    """The event by which a container was started whose postStart hook has not returned, if that is missed by now.

    The kubelet runs the hook before it looks at the pod again, so that its status still says ContainerCreating.
    Source: startContainer in pkg/kubelet/kuberuntime/kuberuntime_container.go.
    """
    waiting, lifecycle = container.waiting, container.spec.lifecycle
    if waiting is None or waiting.reason not in STARTING or lifecycle is None or lifecycle.post_start is None:
        return None
    newest = next(iter(events_of(snapshot, container, "Created", "Started", "Killing", "Failed")), None)
    if newest is None or newest.reason != "Started" or newest.seen_at is None:
        return None
    is_long = is_older_than(newest.seen_at, LONG_HOOK_S, snapshot.taken_at)
    return newest if is_long or is_awaited(snapshot, container.pod) else None


def _long_hook_trouble(snapshot: Snapshot, container: PodContainer, started: Event) -> Trouble:
    age = describe_age(started.seen_at, snapshot.taken_at)
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason="PostStartHookError/StillRunning",
        title=f"{container.label} was started, and its postStart hook has been running{age}",
        cause="A container does not count as running, and is not probed, before its postStart hook has returned; "
        "it may hang, or wait for what the container does only later.",
        evidence=(
            event_evidence(snapshot, started, container.pod),
            waiting_evidence(snapshot, container),
            *_hook_evidence(snapshot, container),
        ),
        severity=Severity.WARNING,
        confidence=0.8,
        remedies=(
            describe_pod(snapshot, container.pod),
            edit_workload(snapshot, container.pod, f"lifecycle.postStart of {container.label}"),
        ),
        since=started.seen_at,
    )


def _hook_evidence(snapshot: Snapshot, container: PodContainer) -> Iterator[Evidence]:
    hook = container.spec.lifecycle.post_start if container.spec.lifecycle is not None else None
    if hook is not None and hook.exec is not None:
        command = " ".join(hook.exec.command)
        yield spec_evidence(snapshot, container, "lifecycle.postStart", "the hook's command", command)
    yield from log_evidence(snapshot, container, None)


def _hook_words(message: str) -> str:
    match = _HOOK_ERROR.search(message)
    return f": {' '.join(_core(match[1]).split())}" if match is not None else ""


plugin = AnalyzerPlugin(id="container-start", title="Containers that cannot start", analyze=analyze, scope="workload")
