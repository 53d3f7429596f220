"""One line of a log: what it says once times, colours and structure are taken off, and which level its logger gave it.

Levels are read as the loggers in use write them: words and their short forms (log4j, logrus, zerolog, Serilog, Rails),
tags in brackets (nginx, Apache, MySQL, hclog), letters (klog, Ruby), signs (Redis), numbers (syslog, pino, bunyan,
GELF) and fields of JSON (zap, Logback, structlog, ECS, MongoDB, Google Cloud).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

ERROR: Final = 3
WARNING: Final = 2
HARMLESS: Final = 1

_LEVELS = {
    **dict.fromkeys(("fatal", "panic", "critical", "crit", "alert", "emerg", "emergency", "f", "ftl", "fata"), ERROR),
    **dict.fromkeys(("error", "err", "severe", "fail", "e", "eror", "erro", "pani", "a", "dpanic"), ERROR),
    **dict.fromkeys(("warning", "warn", "w", "wrn"), WARNING),
    **dict.fromkeys(("info", "information", "informational", "notice", "note", "system", "config", "fine"), HARMLESS),
    **dict.fromkeys(("debug", "dbug", "debu", "trace", "trce", "trac", "verbose", "log", "finer", "finest"), HARMLESS),
    **dict.fromkeys(
        ("i", "d", "inf", "dbg", "vrb", "trc", "success", "default", "d1", "d2", "d3", "d4", "d5"), HARMLESS
    ),
}
_WORDS = (
    "FATAL|FATA|FTL|PANIC|CRITICAL|CRIT|ALERT|EMERG(?:ENCY)?|ERROR|ERRO|EROR|ERR|SEVERE|WARN(?:ING)?|WRN|INFO|INF|NOTICE"
    "|DEBUG|DEBU|DBG|TRACE|TRC|VRB"
)
_TAGS = _WORDS.lower() + "|Note|System|Warning|Error"

_COLOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = re.compile(
    r"^\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ]|\d\d[-/](?:\d\d|[A-Z][a-z]{2})[-/]\d{4} "
    r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d |)"
    r"\d\d?:\d\d(?::\d\d(?:[.,:]\d+)?(?: \d{4})?)?(?:[AP]M)?"
    r"(?: ?Z| ?[+-]\d\d:?\d\d| UTC| GMT)?(?:\]|(?=\]\[)|(?=\s))\s*"
)
# What stands between the time and the text: syslog's priority, a PostgreSQL server's process.
_PRIORITY = re.compile(r"^<(\d{1,3})>1? ?")
_SERVER_PROCESS = re.compile(r"^\[\d+\](?:-\d+)? (?=[A-Z]+: )")
_REDIS = re.compile(r"^\d+:[MSCX] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d+ ([.*#-]) ")
_REDIS_LEVELS = {".": HARMLESS, "-": HARMLESS, "*": HARMLESS}  # "#" stands for warnings and for fatal errors

_LEVEL = re.compile(
    rf"(?<![\w.-])(?P<word>{_WORDS})(?=[\s:\]|),>/\[-]|$)|\[(?:\w+:)?(?P<tag>{_TAGS})\]|^(?:\[\d+\] )?(?P<log>LOG):"
    rf"|\b(?:level|lvl|severity)=[\"']?(?P<pair>\w+)|^(?P<start>(?i:{_WORDS}|fail|dbug|trce))\s*[:\]!]"
    r"|^(?P<klog>[IWEF])\d{4} |\.(?P<laravel>EMERGENCY|ALERT|CRITICAL|ERROR|WARNING|NOTICE|INFO|DEBUG): "
)
_LEVEL_CHARS = 100  # a level further on in a line is part of what it says

# Fields that tell what happened, then those that name the other end of a connection.
_TEXTS = (
    *("msg", "message", "short_message", "@m", "@mt", "messagetemplate", "event", "log", "text", "textpayload"),
    *("error", "err", "error.type", "error.message", "errmsg", "exception", "exc_info", "reason", "cause", "@x"),
    *("error.stack_trace", "stack", "stack_trace", "stacktrace", "full_message"),
    *("url", "uri", "address", "addr", "endpoint", "hostname_port", "attr"),
)
_NESTED = (
    *("type", "name", "message", "msg", "errmsg", "reason", "code", "codename", "address", "port", "filename"),
    *("error", "stack_trace", "stack"),
)
_STACK_LINE = re.compile(r"\n\s+(?:at |File \"|from |\.\.\. \d+ )[^\n]*|\n\t\S+\.go:\d+[^\n]*")
_MAX_DEPTH = 3


def plain(line: str) -> str:
    """`line` without colours, and without the times and priorities that stand before its text."""
    text = _COLOR.sub("", line).rstrip()
    text = _PRIORITY.sub("", text)
    for _ in range(2):  # the runtime's time, then the program's own
        text = _TIME.sub("", text, count=1)
    text = _REDIS.sub("", text)
    return _SERVER_PROCESS.sub("", text)


def abridged(text: str, max_chars: int) -> str:
    """`text`, or its beginning and end where it is longer than `max_chars`: causes stand last in many an error."""
    if len(text) <= max_chars:
        return text
    return f"{text[: max_chars - max_chars // 3]} … {text[-(max_chars // 3) :]}"


def level_of(line: str) -> int | None:
    """ERROR, WARNING or HARMLESS by the line's own logger; None where it says nothing."""
    text = _COLOR.sub("", line[: 2 * _LEVEL_CHARS])
    priority, redis = _PRIORITY.match(text), _REDIS.match(text)
    if priority is not None:
        return _syslog_level(int(priority[1]) % 8)
    if redis is not None:
        return _REDIS_LEVELS.get(redis[1])
    match = _LEVEL.search(plain(text)[:_LEVEL_CHARS])
    return _LEVELS.get(next(filter(None, match.groups())).lower()) if match else None


def structured(text: str) -> tuple[int | None, str] | None:
    """(level, what it says) of a line of JSON; None for any other."""
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    fields = {str(name).lower(): value for name, value in fields.items()}
    payload = fields.get("jsonpayload")
    if isinstance(payload, dict):
        fields = {**fields, **{str(name).lower(): value for name, value in payload.items()}}
    told = dict.fromkeys(filter(None, (_words(fields.get(name)) for name in _TEXTS)))
    status = next((fields[name] for name in ("status", "statuscode", "status_code") if name in fields), None)
    return _json_level(fields), ": ".join(told) + (f": status {status}" if isinstance(status, int) else "")


def _words(value: Any, depth: int = 0) -> str:
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        named = {str(name).lower(): item for name, item in value.items()}
        return " ".join(filter(None, (_words(named[key], depth + 1) for key in _NESTED if key in named)))
    if value is None or isinstance(value, bool | Mapping | list):
        return ""
    return _STACK_LINE.sub("", str(value))


def _json_level(fields: Mapping[str, Any]) -> int | None:
    names = ("level", "lvl", "severity", "loglevel", "log.level", "levelname", "level_name", "@l", "s")
    value = next((fields[name] for name in names if fields.get(name) is not None), None)
    nested = fields.get("log")
    if value is None and isinstance(nested, Mapping):
        value = nested.get("level")
    if isinstance(value, int):
        if value <= 7:  # GELF counts as syslog does; of others nobody knows
            return _syslog_level(value) if "short_message" in fields else None
        return ERROR if value >= 50 else WARNING if value >= 40 else HARMLESS  # pino and bunyan; 60 is fatal
    return _LEVELS.get(str(value).lower())


def _syslog_level(severity: int) -> int:
    return ERROR if severity <= 3 else WARNING if severity == 4 else HARMLESS
