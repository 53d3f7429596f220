"""What a line of text mentions: the other end of a connection, a path, a port, a user.

Programs word their errors differently, but they name things in a few forms. The finders here know the forms and
nothing else; whether the text tells of a failure is for its reader to say.
"""

from __future__ import annotations

import re

_HOST = (
    r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?"  # bounded, so that long texts cost no more than short ones
)
_QUOTE = "['\"`\u2018\u201c]"  # straight, backquote, and the curly ones of GNU programs
_UNQUOTE = "['\"`\u2019\u201d]"
_INSIDE = "[^'\"`\u2018\u2019\u201c\u201d\\s]"

# Where texts name the other end of a connection, the most telling form first. Groups: host, and perhaps port.
_ENDPOINTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\blookup ({_HOST})\.?(?: on [^ ]+)?:",  # Go
        rf"(?:ENOTFOUND|EAI_AGAIN) ({_HOST})(?::(\d+))?",  # Node.js
        (
            rf"(?i)(?:bad address|(?:can't|could not|failed to|unable to) resolve)(?: host(?:name)?| address)*:? ?"
            rf"{_QUOTE}?({_HOST})(?::(\d+))?"
        ),  # BusyBox, curl, wget, urllib3
        rf"can't find ({_HOST}): ?(?:NXDOMAIN|SERVFAIL|No answer)",  # nslookup
        rf"UnknownHostException: ({_HOST})(?::|\s|$)",  # Java
        rf"(?i)host (?:name )?not found in upstream \"({_HOST})(?::(\d+))?",  # nginx
        rf"(?i)(?:translate host name|unknown (?:\w+ )*host|for host) ['\"(]?({_HOST})['\")]?(?: port (\d+))?",
        r"[a-z][a-z0-9+.-]{0,20}://(?:[^\s/@\"']{0,200}@)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+)(?::(\d+))?",  # a URL
        rf"host='({_HOST})', port=(\d+)",  # urllib3
        (
            rf"(?:server (?:at|on)|host) ['\"]({_HOST})(?::(\d+))?['\"](?: \([^)]*\))?"
            r"(?:,? port (\d+)|[^\n]{0,80}\n?[^\n]{0,80}on port (\d+))?"
        ),  # PostgreSQL, MySQL
        rf"\bhost=({_HOST})",  # a PostgreSQL connection string
        rf"(?i)connect(?:ing)? to ({_HOST})(?: \([^)]*\))? port \[?(\d+)",  # curl, nc
        rf"(?i)connecting to ({_HOST}) \([^)]*\)\|[^|]*\|:(\d+)",  # wget
        rf"\bnc: ({_HOST}) \([^)]*:(\d+)\)",  # BusyBox nc
        rf"(?<![\w./])({_HOST})/\d+\.\d+\.\d+\.\d+:(\d+)",  # a Java socket address
        rf"\bgetaddrinfo for \"?({_HOST})\"?(?: port (\d+)| failed)",  # PHP, nc
        rf"(?i)connect(?:ing|ion)?(?: to)? (?:\w+ at )?({_HOST}):(\d+)",  # Redis, Java drivers
    )
)
_HOST_AND_PORT = re.compile(rf"(?<![\w./@-])({_HOST}):(\d{{2,5}})(?!\d|\.\d|:\d)")
_ADDRESS = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?![\d.])")
# main.go:12 looks like host:port and is a place in source code.
_SOURCE = re.compile(
    r"\.(?:go|py|[mc]?js|tsx?|java|kt|scala|rb|rs|c|cc|cpp|h|php|cs|exs?|pl|lua|conf|ya?ml|json|toml)$"
)

_AFTER_ERRNO = re.compile(rf"(?i)(?:directory|file|system|denied|permitted): {_QUOTE}({_INSIDE}+){_UNQUOTE}")
_QUOTED_PATH = re.compile(rf"{_QUOTE}({_INSIDE}*[/.]{_INSIDE}*){_UNQUOTE}")
_BARE_PATH = re.compile(r"(?<![\w:/.~-])((?:/[\w.@+{}~-]+)+/?)")
_FILE_OPERATION = re.compile(
    r"\b(?:open|stat|lstat|mkdir|read|write|create|unlink|chown|chmod|fork/exec|exec) (?!error:)([^\s:'\",]+):"
)
_PORT = re.compile(r"(?i)\bport[ =:]+(\d{1,5})\b|:(\d{2,5})(?=:?\s|\)|$)|', (\d{2,5})\)")
_USER = re.compile(r"(?i)\b(?:user|role|login)(?:name)?[ =:]+['\"]([^'\"\s]+)['\"]")


def endpoint_in(text: str) -> str:
    """The `host:port` (or only the host) at the other end, "" if none is named; a name is preferred to an address."""
    found: list[str] = []
    for pattern in _ENDPOINTS:
        found += [":".join(filter(None, match.groups())) for match in pattern.finditer(text)]
    found += [
        f"{host}:{port}"
        for host, port in _HOST_AND_PORT.findall(text)
        if not host.isdigit() and not _SOURCE.search(host) and int(port) < 65536
    ]
    found += _ADDRESS.findall(text)
    names = [item for item in found if not _ADDRESS.match(item)]
    best = names or found
    return _with_port(best[0], found) if best else ""


def _with_port(endpoint: str, others: list[str]) -> str:
    if ":" in endpoint:
        return endpoint
    return next((other for other in others if other.startswith(f"{endpoint}:")), endpoint)


def path_in(text: str, position: int = 0) -> str:
    """The file or directory that an error at `position` is about: quoted, or the last path before it, or ""."""
    for pattern in (_AFTER_ERRNO, _QUOTED_PATH, _FILE_OPERATION):
        match = pattern.search(text)
        if match is not None:
            return match[1]
    paths = list(_BARE_PATH.finditer(text))  # whole ones: the error may begin within a path, as in `conf/config.json`
    before = [match[1] for match in paths if match.start() < position]
    return before[-1] if before else next((match[1] for match in paths), "")


def port_in(text: str) -> str:
    """`port N`, or ""."""
    match = _PORT.search(text)
    return f"port {match[1] or match[2] or match[3]}" if match else ""


def user_in(text: str) -> str:
    """`user NAME`, or ""."""
    match = _USER.search(text)
    return f"user {match[1]}" if match else ""


def is_address(endpoint: str) -> bool:
    """Whether it is an IPv4 address (with or without a port) rather than a name."""
    return _ADDRESS.match(endpoint) is not None
