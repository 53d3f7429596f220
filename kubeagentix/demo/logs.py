"""Container logs: which log a request means, and the lines of it that it wants.

Source: k8s.io/kubernetes/pkg/registry/core/pod/strategy.go (LogLocation) and pkg/kubelet/kubelet_pods.go
(validateContainerLogStatus), whose wordings these are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from kubeagentix.demo.answers import common_headers
from kubeagentix.demo.api_errors import Cause, bad_request, invalid, method_not_allowed
from kubeagentix.demo.calls import Call
from kubeagentix.demo.reads import find
from kubeagentix.demo.store import LogLine, Manifest, Store
from kubeagentix.demo.watch import Waker

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_WAITING = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """The query of a log request."""

    container: str
    is_previous: bool
    is_following: bool
    has_timestamps: bool
    tail_lines: int | None
    limit_bytes: int | None
    since: datetime | None


async def stream_log(store: Store, call: Call, request: web.Request, waker: Waker) -> web.StreamResponse:
    """The log that a call asks for, as plain text. Raises StatusError 400, 404 or 422."""
    if call.verb != "get":
        raise method_not_allowed()
    pod = find(store, call)
    options = _options(call, pod, store.now())
    if not (pod.get("spec") or {}).get("nodeName"):
        return web.Response(status=204, headers=common_headers())
    lines = _lines_of(store, pod, options)
    headers = {**common_headers(), "Content-Type": "text/plain"}
    if not options.is_following or not _is_running(pod, options.container):
        return web.Response(body=b"".join(_wanted(lines, options)), headers=headers)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await _follow(store, call, options, response, waker)
    await response.write_eof()
    return response


async def _follow(store: Store, call: Call, options: LogOptions, response: web.StreamResponse, waker: Waker) -> None:
    pod = find(store, call)
    uid, restarts = pod["metadata"]["uid"], _restarts(pod, options.container)
    lines = _lines_of(store, pod, options)
    sent = len(lines)
    with waker.listening() as written:
        for chunk in _wanted(lines, options):
            await response.write(chunk)
        while not waker.is_closing:
            written.clear()
            current = store.peek(call.served, call.namespace, call.name)
            log = store.log(call.namespace, call.name, options.container) or ()
            for line in log[sent:]:
                await response.write(_formatted(line, has_timestamps=options.has_timestamps))
            sent = len(log)
            if current is None or current["metadata"]["uid"] != uid or not _is_running(current, options.container):
                return
            if _restarts(current, options.container) != restarts:
                return
            await written.wait()
            await asyncio.sleep(0)


def _options(call: Call, pod: Manifest, now: datetime) -> LogOptions:
    for key, least in (("tailLines", 0), ("sinceSeconds", 1), ("limitBytes", 1)):
        value = call.integer(key)
        if value is not None and value < least:
            limit = "greater than or equal to 0" if least == 0 else "greater than 0"
            cause = Cause(key, "FieldValueInvalid", f"Invalid value: {value}: must be {limit}")
            raise invalid("PodLogOptions", "", call.name, [cause])
    return LogOptions(
        container=_container(pod, call.query.get("container", "")),
        is_previous=call.flag("previous"),
        is_following=call.flag("follow"),
        has_timestamps=call.flag("timestamps"),
        tail_lines=call.integer("tailLines"),
        limit_bytes=call.integer("limitBytes"),
        since=_since(call, now),
    )


def _since(call: Call, now: datetime) -> datetime | None:
    seconds, text = call.integer("sinceSeconds"), call.query.get("sinceTime", "")
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise bad_request(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"') from None


def _container(pod: Manifest, wanted: str) -> str:
    spec, name = pod.get("spec") or {}, pod["metadata"]["name"]
    main, init, ephemeral = (
        [container["name"] for container in spec.get(key) or ()]
        for key in ("containers", "initContainers", "ephemeralContainers")
    )
    if wanted:
        if wanted not in (*main, *init, *ephemeral):
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(main) == 1:
        return str(main[0])
    default = (pod["metadata"].get("annotations") or {}).get(_DEFAULT_CONTAINER)
    if default in main:
        return str(default)
    choices = f"choose one of: [{' '.join(main)}]"
    if init:
        choices += f" or one of the init containers: [{' '.join(init)}]"
    raise bad_request(f"a container name must be specified for pod {name}, {choices}")


def _lines_of(store: Store, pod: Manifest, options: LogOptions) -> Sequence[LogLine]:
    metadata, container = pod["metadata"], options.container
    wants_previous = _checked_run(pod, options)
    key = (metadata["namespace"], metadata["name"], container)
    current, previous = store.log(*key), store.log(*key, previous=True)
    if options.is_previous:
        # What waits to be started again has its last run for its current log too.
        return previous if previous is not None else (current if wants_previous else None) or ()
    return (previous if wants_previous and current is None else current) or ()


def _checked_run(pod: Manifest, options: LogOptions) -> bool:
    """Whether the container's last run is what its log is of; StatusError 400 where a kubelet has no log."""
    container, name = options.container, pod["metadata"]["name"]
    status = _container_status(pod, container)
    if status is None:
        raise bad_request(f'container "{container}" in pod "{name}" is not available')
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated")
    has_last = bool(last and last.get("containerID", "unknown"))
    if options.is_previous:
        if not has_last:
            raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
        return "running" not in state
    if "running" in state or "terminated" in state:
        return False
    if has_last:
        return True
    reason = (state.get("waiting") or {}).get("reason", "")
    why = _WAITING.get(reason, reason or "no logs yet")
    raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {why}')


def _container_status(pod: Manifest, container: str) -> Mapping[str, Any] | None:
    status = pod.get("status") or {}
    for key in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for item in status.get(key) or ():
            if item["name"] == container:
                return dict(item)
    return None


def _is_running(pod: Manifest, container: str) -> bool:
    status = _container_status(pod, container) or {}
    return (status.get("state") or {}).get("running") is not None


def _restarts(pod: Manifest, container: str) -> int:
    return int((_container_status(pod, container) or {}).get("restartCount", 0))


def _wanted(lines: Sequence[LogLine], options: LogOptions) -> Iterator[bytes]:
    chosen = [line for line in lines if options.since is None or line[0] >= options.since]
    if options.tail_lines is not None:
        chosen = chosen[-options.tail_lines :] if options.tail_lines else []
    left = options.limit_bytes
    for line in chosen:
        chunk = _formatted(line, has_timestamps=options.has_timestamps)
        if left is not None:
            chunk = chunk[:left]
            left -= len(chunk)
        yield chunk
        if left == 0:
            return


def _formatted(line: LogLine, *, has_timestamps: bool) -> bytes:
    at, text = line
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ") if has_timestamps else ""
    return f"{stamp}{text}\n".encode()
