"""Reads out of a container's log why the container failed: the last error before its end, and what it names.

The idea: a log is cut into entries (a line with what belongs to it: indented lines, the whole of a traceback), each
entry gets the level that its own logger gave it, and the search goes from the end upwards. A signature counts only
where the entry is not marked as harmless; a known signature close above a general "giving up" is the better answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import msgspec

from kubeagentix.analysis.mentions import is_address
from kubeagentix.analysis.signatures import CONNECTION_TIMEOUT, recognise
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import ContainerLog, Snapshot

PANIC: Final = "Panic"  # the program ended by an error that nothing caught
EXCERPT_LINES: Final = 12
_LINE_MAX_CHARS = 400  # of an excerpt; the API server's refusals in a JSON log take as many
_TEXT_MAX_CHARS = 4000  # of an entry: patterns run over no more
_TAIL_ENTRIES = 40  # what is further above the end did not end the program
_NEAR_ENTRIES = 12  # "giving up" this far below a known error is about that error
_NEAR_PANIC_ENTRIES = 3  # a traceback has its own cause, unless the error stands right above it
_STACK_HEADS = ("goroutine ", "Current thread 0x")  # Go, and Python when the interpreter itself dies
_GO_HEADER_LINES = 6  # between "panic:" and "goroutine"
_MESSAGE_LINES = 8  # of an exception whose message goes over several lines

_ERROR, _WARNING, _HARMLESS = 3, 2, 1
_LEVELS = {
    **dict.fromkeys(("fatal", "panic", "critical", "crit", "alert", "emerg", "emergency", "f"), _ERROR),
    **dict.fromkeys(("error", "err", "severe", "fail", "e"), _ERROR),
    **dict.fromkeys(("warning", "warn", "w"), _WARNING),
    **dict.fromkeys(
        ("info", "information", "notice", "debug", "dbug", "trace", "trce", "verbose", "log", "i", "d"), _HARMLESS
    ),
}
_WORDS = "FATAL|PANIC|CRITICAL|CRIT|ALERT|EMERG(?:ENCY)?|ERROR|ERR|SEVERE|WARN(?:ING)?|INFO|NOTICE|DEBUG|TRACE"

_COLOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(
    r"^\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ]|[A-Z][a-z]{2} [ \d]\d |)\d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"(?: ?Z| ?[+-]\d\d:?\d\d| UTC)?\]?\s"
)
_LEVEL = re.compile(
    rf"(?<![\w.-])(?P<word>{_WORDS})(?=[\s:\]|),>-]|$)|\[(?P<tag>{_WORDS.lower()})\]|^(?P<log>LOG):"
    rf"|\b(?:level|lvl|severity)=[\"']?(?P<pair>\w+)|^(?P<start>(?i:{_WORDS}|fail|dbug|trce))\s*[:\]!]"
    r"|^(?P<klog>[IWEF])\d{4} "
)
_FRAME = re.compile(r"^\s+(?:at |File \"|from |\.\.\. \d+ )|^\t\S+\.go:\d+|^#\d+ ")
_CONTINUED = re.compile(r"^(?:\s+\S|Caused by:|Suppressed:|Stack trace:|#\d+ |note: run with)")
_UNCAUGHT = re.compile(
    r"^Exception in thread |\bUnhandled exception\b|\bUncaught \w|\bpanicked at\b|^terminate called"
    r"|UnhandledPromiseRejection|^panic: |^fatal error: |^runtime: goroutine stack exceeds|^Fatal Python error: "
)
_SPRING_HEAD = "APPLICATION FAILED TO START"
_NPM = re.compile(r"npm (?:ERR!|error) ")
_DEEPER = re.compile(r"Caused by: |\s+what\(\):")
_READS_AS_ERROR = re.compile(
    rf"^{_SPRING_HEAD}(?:\n|$)|^npm (?:ERR!|error) |^# A fatal error has been detected by "
    r"|^(?:[\w./-]+: )?(?i:fatal|error|exception|panic)\b\s*[:!\]]"
    r"|^(?i:error) (?:while|when|in|at|on|loading|reading|opening|connecting|starting|running|during|from|code)\b"
    r"|^[\w.$]*(?:Error|Exception)(?::|$)|^\S+: (?:.*: )?(?:command )?not found$|:in [`'].*: "
    r"|^(?:Segmentation fault|Aborted|Bus error|Illegal instruction|Killed)\b|\bcore dumped\b|^Assertion .*failed"
)
# A line of an access log: what a client got wrong is no failure of the server's.
_METHOD = "(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)"
_REQUEST_SERVED = re.compile(rf"\"{_METHOD} /\S*(?: HTTP/[\d.]+)?\" \d{{3}}\b|\bmethod=[\"']?{_METHOD}\b")
_DNS_NAME = re.compile(r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$")
# Fields that tell what happened, then those that name the other end of a connection.
_JSON_TEXTS = (
    *("msg", "message", "@m", "@mt", "messagetemplate", "event", "log", "text", "error", "err", "error.type"),
    *(
        "error.message",
        "exception",
        "exc_info",
        "reason",
        "cause",
        "@x",
        "stack",
        "stack_trace",
        "stacktrace",
        "url",
        "uri",
        "address",
        "addr",
        "endpoint",
    ),
)
_NO_ERRORS = re.compile(r"(?i)\b(?:no|0|without) errors?\b|\berrors?\w*\b\W{0,3}\b0\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedFailure:
    """The last error of a log. `signature` is "" when its wording is not known; `subject` is what it names.

    `line_number` counts from 1 within the lines that were read; `excerpt` holds at most 12 lines around it.
    """

    signature: str
    subject: str
    line_number: int
    line: str
    excerpt: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    start: int  # index of its first line
    end: int  # index after its last line
    text: str  # what it says, without time, frames and JSON
    level: int | None  # None: its logger says nothing
    is_traceback: bool
    signature: tuple[str, str] | None


def read_failure(log: ContainerLog | Sequence[str]) -> LoggedFailure | None:
    """The last error in a log (or in lines of text), or None if nothing in it reads like one."""
    return _read(tuple(log.lines if isinstance(log, ContainerLog) else log))


@lru_cache(maxsize=1024)
def _read(lines: tuple[str, ...]) -> LoggedFailure | None:
    entries = _entries(lines)[-_TAIL_ENTRIES:]
    known = _last(entries, lambda entry: entry.signature is not None and entry.level in (None, _ERROR))
    if known is not None and entries[known].signature == (CONNECTION_TIMEOUT, ""):
        known = _before_giving_up(entries, known)
    warned = _last(entries, lambda entry: entry.signature is not None and entry.level == _WARNING)
    other = _last(entries, _is_error)
    if other is not None and not _explains(entries, known, other):
        known = warned if _explains(entries, warned, other) and not entries[other].is_traceback else other
    chosen = known if known is not None else warned
    return _failure(lines, entries[chosen]) if chosen is not None else None


def _before_giving_up(entries: Sequence[_Entry], timeout: int) -> int:
    """What a wait for something unnamed was in vain for: a known error closely above, or else the timeout itself."""
    above = entries[max(0, timeout - _NEAR_ENTRIES) : timeout]
    found = _last(above, lambda entry: entry.signature is not None and entry.level == _ERROR)
    return timeout if found is None else timeout - len(above) + found


def _last(entries: Sequence[_Entry], holds: Callable[[_Entry], bool]) -> int | None:
    return next((index for index in range(len(entries) - 1, -1, -1) if holds(entries[index])), None)


def _explains(entries: Sequence[_Entry], known: int | None, other: int) -> bool:
    # An error further up is another story, the nearer the more surely the same one.
    near = _NEAR_PANIC_ENTRIES if entries[other].is_traceback else _NEAR_ENTRIES
    return known is not None and other - known <= near


def _is_error(entry: _Entry) -> bool:
    if entry.level in (_WARNING, _HARMLESS) or _NO_ERRORS.search(entry.text):
        return False
    return entry.is_traceback or entry.level == _ERROR or _READS_AS_ERROR.search(entry.text) is not None


def _entries(lines: Sequence[str]) -> list[_Entry]:
    plain = [_plain(line) for line in lines]
    entries: list[_Entry] = []
    start = 0
    while start < len(plain):
        end = _end_of_entry(plain, start)
        if plain[start].strip():
            entries.append(_entry(plain, start, end))
        start = end
    return entries


def _plain(line: str) -> str:
    text = _COLOR.sub("", line).rstrip()
    for _ in range(2):  # the runtime's time, then the program's own
        text = _TIME.sub("", text)
    return text


def _end_of_entry(lines: Sequence[str], start: int) -> int:
    if "Traceback (most recent call last):" in lines[start]:
        return _end_of_python(lines, start)
    if _UNCAUGHT.search(lines[start]):
        goroutine = next(
            (i for i in range(start, min(start + _GO_HEADER_LINES, len(lines))) if lines[i].startswith(_STACK_HEADS)),
            None,
        )
        if goroutine is not None:
            return _end_where(lines, goroutine, lambda line: _level(line) is not None or line.startswith("{"))
    end = start + 1
    if lines[start] == _SPRING_HEAD:  # its paragraphs go on to the end
        return _end_where(lines, end, lambda line: line == "Action:")
    if (prefix := _NPM.match(lines[start])) is not None:
        return _end_where(lines, end, lambda line: not line.startswith(prefix[0].rstrip()))
    while end < len(lines) and _CONTINUED.match(lines[end]):
        end += 1
    if lines[start].endswith(":") and "panicked at" in lines[start]:
        end = min(end + 1, len(lines))  # Rust writes the message under the place
    return end


def _end_of_python(lines: Sequence[str], start: int) -> int:
    end = _end_where(lines, start + 1, lambda line: bool(line) and not line[0].isspace()) + 1
    limit = end + _MESSAGE_LINES
    while end < len(lines):
        if re.match(r"(?:During handling of the above|The above exception was)", lines[end]):
            nested = next((i for i in range(end, len(lines)) if lines[i].startswith("Traceback")), None)
            return _end_of_python(lines, nested) if nested is not None else end + 1
        is_message = end < limit and _level(lines[end]) is None and not lines[end].startswith("{")
        if not is_message and lines[end].strip():
            break
        end += 1
    return min(end, len(lines))


def _end_where(lines: Sequence[str], start: int, ends: Callable[[str], bool]) -> int:
    return next((index for index in range(start, len(lines)) if ends(lines[index])), len(lines))


def _entry(lines: Sequence[str], start: int, end: int) -> _Entry:
    structured = _json_entry(lines[start]) if lines[start].startswith("{") else None
    if structured is not None:
        level, text = structured
        is_traceback = False
    else:
        level = _level(lines[start])
        stack = _end_where(lines, start, lambda line: line.startswith(_STACK_HEADS))  # its frames come last
        has_frames = any(_FRAME.match(line) for line in lines[start + 1 : end])
        is_traceback = has_frames or _UNCAUGHT.search(lines[start]) is not None or "Traceback (most" in lines[start]
        has_source = any('  File "' in line for line in lines[start + 1 : end])
        told = (line for line in lines[start : min(end, stack)] if _is_telling(line, has_source=has_source))
        text = "\n".join(told).replace('\\"', '"')
    text = text[:_TEXT_MAX_CHARS]
    signature = None if _REQUEST_SERVED.search(text) else recognise(text)
    return _Entry(start=start, end=end, text=text, level=level, is_traceback=is_traceback, signature=signature)


def _is_telling(line: str, *, has_source: bool) -> bool:
    # Python quotes source code, which may hold any word; only what shows an absent variable is kept of it.
    if "os.environ" in line or "getenv" in line:
        return True
    return not (_FRAME.match(line) or (has_source and re.match(r"\s{4}", line)))


def _level(line: str) -> int | None:
    match = _LEVEL.search(line[:100])
    return _LEVELS.get(next(filter(None, match.groups())).lower()) if match else None


def _json_entry(line: str) -> tuple[int | None, str] | None:
    try:
        fields = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    if not isinstance(fields, dict):
        return None
    fields = {str(name).lower(): value for name, value in fields.items()}
    text = ": ".join(filter(None, (_words(fields.get(name)) for name in _JSON_TEXTS)))
    status = next((fields[name] for name in ("status", "statuscode", "status_code") if name in fields), None)
    text += f": status {status}" if isinstance(status, int) else ""
    levels = (fields.get(name) for name in ("level", "lvl", "severity", "loglevel", "log.level", "levelname", "@l"))
    return _json_level(next((level for level in levels if level is not None), None)), text


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(
            _words(value[key]) for key in ("type", "message", "msg", "code", "address", "port") if key in value
        )
    return "" if value is None or isinstance(value, bool) else str(value)


def _json_level(value: Any) -> int | None:
    if isinstance(value, int):  # pino and bunyan count up to 60 for fatal, syslog down to 0 for emergency
        return (_ERROR if value >= 50 else _WARNING if value >= 40 else _HARMLESS) if value > 7 else None
    return _LEVELS.get(str(value).lower())


def _failure(lines: Sequence[str], entry: _Entry) -> LoggedFailure:
    guilty = _guilty_line(lines, entry)
    signature, subject = entry.signature or (PANIC if entry.is_traceback else "", "")
    return LoggedFailure(
        signature=signature,
        subject=subject,
        line_number=guilty + 1,
        line=_plain(lines[guilty]).strip()[:_LINE_MAX_CHARS],
        excerpt=_excerpt(lines, entry, guilty),
    )


def _guilty_line(lines: Sequence[str], entry: _Entry) -> int:
    indexes = [index for index in range(entry.start, entry.end) if lines[index].strip()]
    if entry.signature is not None:
        for index in indexes:
            if not _FRAME.match(lines[index]) and recognise(_plain(lines[index])) is not None:
                return index
    if "Traceback (most" in lines[entry.start]:
        outer = [index for index in indexes if not _plain(lines[index])[:1].isspace()]
        return outer[1] if len(outer) > 1 else entry.start
    if lines[entry.start].endswith(":") and "panicked at" in lines[entry.start]:
        return indexes[1] if len(indexes) > 1 else entry.start
    if lines[entry.start] == _SPRING_HEAD:
        return next((at for before, at in pairwise(indexes) if lines[before] == "Description:"), entry.start)
    # Java's innermost cause comes last; C++ tells the exception's text under its type.
    return next((index for index in reversed(indexes) if _DEEPER.match(lines[index])), entry.start)


def _excerpt(lines: Sequence[str], entry: _Entry, guilty: int) -> tuple[str, ...]:
    whole = range(max(0, entry.start - 2), entry.end)
    if len(whole) <= EXCERPT_LINES:
        return tuple(lines[index][:_LINE_MAX_CHARS] for index in whole)
    chosen = sorted(
        index
        for index in {
            *range(entry.start, entry.start + 3),
            *range(guilty - 2, guilty + 3),
            entry.end - 2,
            entry.end - 1,
        }
        if entry.start <= index < entry.end
    )
    shown: list[str] = []
    for previous, index in zip([chosen[0] - 1, *chosen], chosen, strict=False):
        if index > previous + 1:
            shown.append("…")
        shown.append(lines[index][:_LINE_MAX_CHARS])
    return tuple(shown)


def resolve_host(snapshot: Snapshot, namespace: str, host: str) -> ResourceRef | None:
    """The object behind a `host` or `host:port` as a container in `namespace` would reach it.

    A Service for a cluster DNS name or a ClusterIP (also one that does not exist, if the name can only mean a
    Service), the workload for a pod's address, None for what is outside the cluster or the container itself.
    Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
    """
    name = host.partition("://")[2] or host
    name = name.rpartition("@")[2].partition("/")[0].rstrip(".")
    address = name.partition(":")[0].lower()
    if not _DNS_NAME.match(address) or address == "localhost" or address.startswith("127."):
        return None
    return _behind_address(snapshot, address) if is_address(address) else _behind_name(snapshot, namespace, address)


def _behind_address(snapshot: Snapshot, address: str) -> ResourceRef | None:
    for service in snapshot.all(Service):
        if service.spec.cluster_ip == address:
            return snapshot.ref(service)
    for pod in snapshot.all(Pod):
        if pod.status.pod_ip == address and not pod.spec.host_network and not pod.is_finished:
            return snapshot.workload_of(pod)
    return None


def _behind_name(snapshot: Snapshot, namespace: str, name: str) -> ResourceRef | None:
    labels = name.split(".")
    if "svc" in labels[2:]:
        at = labels.index("svc", 2)
        return snapshot.named("Service", labels[at - 1], labels[at - 2])
    if len(labels) == 1:
        return _service(snapshot, namespace, name)
    service, place = labels[-2], labels[-1]
    if snapshot.get(Service, namespace, place) is not None:  # pod.service, of a headless Service
        return snapshot.named("Service", namespace, place)
    is_namespace = snapshot.get(Namespace, "", place) is not None
    return _service(snapshot, place, service) if is_namespace else None


def _service(snapshot: Snapshot, namespace: str, name: str) -> ResourceRef | None:
    exists = snapshot.get(Service, namespace, name) is not None
    is_known = exists or snapshot.was_read(Service, namespace)
    return snapshot.named("Service", namespace, name) if is_known or not snapshot.covers(namespace) else None
