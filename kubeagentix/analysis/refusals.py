"""What the API server refused a container, by its log: the message itself, or a bare 403 and the URL it asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubeagentix.analysis.containers import PodContainer, logs_of_last_life
from kubeagentix.analysis.denials import denials_in, requests_in
from kubeagentix.analysis.logs import read_failure
from kubeagentix.analysis.rbac import Request, user_of
from kubeagentix.analysis.rights import Lack, lack_of
from kubeagentix.analysis.signatures import FORBIDDEN
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

_STATUS = re.compile(r"\b403\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that was refused, the newest line that says so, how often it is said, and why it is refused."""

    request: Request
    line: str
    times: int
    log: ContainerLog
    lack: Lack


def refusals_of(snapshot: Snapshot, container: PodContainer) -> tuple[Refusal, ...]:
    """The requests that the container's logs call refused and that would be refused now, the newest last."""
    found: dict[Request, tuple[str, int, ContainerLog]] = {}
    for log in (*_last_words(container), *reversed(logs_of_last_life(snapshot, container))):
        for request, line in _said(container, log):
            times = found.pop(request)[1] if request in found else 0
            found[request] = (line.strip(), times + 1, log)
    return tuple(
        Refusal(request=request, line=line, times=times, log=log, lack=lack)
        for request, (line, times, log) in found.items()
        for lack in (lack_of(snapshot, request),)
        if lack is not None
    )


def _last_words(container: PodContainer) -> tuple[ContainerLog, ...]:
    """The termination message of its last end, as a log."""
    message = container.last_end.message if container.last_end is not None else ""
    if not message:
        return ()
    return (
        ContainerLog(
            namespace=container.pod.namespace,
            pod=container.pod.name,
            container=container.name,
            is_previous=container.status.state.terminated is None,
            lines=tuple(message.splitlines()),
        ),
    )


def _said(container: PodContainer, log: ContainerLog) -> list[tuple[Request, str]]:
    told = [(request, line) for line in log.lines for request in denials_in(line)]
    return told or _by_status(container, log)


def _by_status(container: PodContainer, log: ContainerLog) -> list[tuple[Request, str]]:
    """A client that tells only the status: what it asked stands in its command, or in the line itself."""
    failure = read_failure(log)
    if failure is None or failure.signature != FORBIDDEN or not _STATUS.search(failure.line):
        return []
    pod, command = container.pod, (*container.spec.command, *container.spec.args)
    asked = requests_in(pod, "\n".join(failure.excerpt)) or requests_in(pod, *command)
    return [(request, failure.line) for request in asked]


def roots_of(snapshot: Snapshot, container: PodContainer) -> tuple[ResourceRef, ...]:
    """Where the rights are mended that the container's own ServiceAccount lacks, by its log."""
    own = user_of(container.pod.namespace, container.pod.spec.service_account_name)
    return tuple(dict.fromkeys(item.lack.ref for item in refusals_of(snapshot, container) if item.request.user == own))
