"""Where a program listens, by its own account: on 127.0.0.1 only its own pod reaches it, whatever its ports say."""

from __future__ import annotations

import re

from kubeagentix.domain.pods import Container, Pod
from kubeagentix.domain.snapshot import Snapshot

_LOOPBACK = r"(?:127\.0\.0\.1|localhost|\[::1\])"
_EVERYWHERE = re.compile(r"(?<![\d.])0\.0\.0\.0(?![\d.])|\[::\]|(?<=[\s/])\*:\d")
# What servers say when they begin; that they connect to something there is another matter.
_SAYS = re.compile(
    rf"(?i)\b(?:listen(?:ing|s)?|serving|bound|binding|running|started|starting|accepting)\b[^\n]{{0,60}}?(?<![\w.]){_LOOPBACK}"
)
# How commands and variables tell them to: `--bind 127.0.0.1`, `-p 127.0.0.1:8080`, `HOST=127.0.0.1`.
_OPTION = re.compile(
    rf"(?i)(?:^|\s)(?:--?(?:bind|host|listen|addr|address|ip|interface)[\w-]*|-[pbl])[ =](?:\w+://)?({_LOOPBACK})(?=[:\s]|$)"
)
_VARIABLE = re.compile(r"(?i)^(?:\w+_)?(?:BIND|LISTEN)(?:_?(?:HOST|ADDR|ADDRESS|IP))?$|^(?:HOST|HOSTNAME)$")
_QUOTE_MAX_CHARS = 120


def loopback_only(snapshot: Snapshot, pod: Pod, container: Container) -> str:
    """What says that a container listens on 127.0.0.1 only, as a sentence, or ""."""
    lines = [line for is_old in (False, True) for line in _lines(snapshot, pod, container, previous=is_old)]
    told = next((line.strip() for line in reversed(lines) if _SAYS.search(line)), "")
    if told and not any(_EVERYWHERE.search(line) for line in lines):
        return f'Its log says: "{told[:_QUOTE_MAX_CHARS]}", and only its own pod reaches that address.'
    command = " ".join((*container.command, *container.args))
    option = _OPTION.search(command)
    if option is not None and not _EVERYWHERE.search(command):
        return f"Its command has it listen on {option[1]} (`{option[0].strip()}`), which only its own pod reaches."
    for variable in container.env:
        if _VARIABLE.match(variable.name) and re.match(rf"(?:\w+://)?{_LOOPBACK}(?::|$)", variable.value):
            return f"Its variable {variable.name} is {variable.value}, an address that only its own pod reaches."
    return ""


def _lines(snapshot: Snapshot, pod: Pod, container: Container, *, previous: bool) -> tuple[str, ...]:
    log = snapshot.log(pod, container.name, previous=previous)
    return log.lines if log is not None else ()
