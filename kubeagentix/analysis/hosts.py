"""Hosts that settings name: the other ends of a program's connections, as its environment and configuration have them.

A bare word is no evidence of a call, unless the setting's own name says that it is a host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A host with a port, a URL's host, or a Service's long name.
_HOST = re.compile(
    r"(?:^|[\s,;=@'\"(\[]|//)([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9-]{1,63}){0,8})"
    r"(?=:\d{2,5}\b|/|\.svc\b)"
    r"|(?<![a-z0-9.-])([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,3}\.svc)\b"
)
_HOST_SETTING = re.compile(r"(?:^|[_.-])(?:HOST|HOSTNAME|ADDR|ADDRESS|ENDPOINT|SERVICE|SERVER|URL|URI)S?$")
# The same inside a file of settings: `host: redis`, `db_host=orders-db`, `"server": "mq"`.
_HOST_LINE = re.compile(
    r"(?im)^[ \t,{]*[\"']?[\w.-]*(?:host|hostname|addr|address|endpoint|server|url|uri)s?[\"']?[ \t]*[:=][ \t]*"
    r"[\"']?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)[\"']?[ \t,}]*$"
)
MAX_HOSTS = 50  # of one text; more are a list of something else
MAX_TEXT_CHARS = 64 << 10  # longer values are data, not settings


def hosts_in(name: str, text: str) -> Iterator[str]:
    """The hosts, in lower case and without ports, that the setting `name` with the value `text` names; each once."""
    if len(text) > MAX_TEXT_CHARS:
        return
    lowered = text.lower()
    found = dict.fromkeys(first or second for first, second in _HOST.findall(lowered))
    found.update(dict.fromkeys(_HOST_LINE.findall(lowered)))
    if _HOST_SETTING.search(name.upper()):
        found.update(dict.fromkeys(item.strip() for item in lowered.split(",") if _is_word(item.strip())))
    yield from [host for host in found if not host.replace(".", "").isdigit()][:MAX_HOSTS]


def _is_word(text: str) -> bool:
    return re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", text) is not None
