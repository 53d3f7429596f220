"""How large a heap a container's runtime is told to take, which its memory limit knows nothing of."""

from __future__ import annotations

import re

from kubeagentix.domain.pods import Container
from kubeagentix.domain.quantities import quantity_or_zero

# How runtimes are told of their heap: (the option, the unit of a bare number).
_OPTIONS = (
    (re.compile(r"-Xmx(\d+)([kKmMgGtT]?)"), 1),  # Java
    (re.compile(r"-XX:MaxHeapSize=(\d+)([kKmMgGtT]?)"), 1),
    (re.compile(r"--max[-_]old[-_]space[-_]size[= ](\d+)()"), 2**20),  # Node.js
)
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SHARE = re.compile(r"-XX:MaxRAMPercentage=(\d+(?:\.\d+)?)")  # Java, of the memory limit
# Variables that say the same in a quantity of their own: (name, pattern of the value). Source: go.dev/doc/gc-guide.
_GO = ("GOMEMLIMIT", re.compile(r"^(\d+)(KiB|MiB|GiB|TiB|B)?$"))


def heap_option(container: Container) -> tuple[str, float] | None:
    """The option that sets the heap's size, as written, and the bytes it allows; None where none is given."""
    texts = (*container.command, *container.args, *(variable.value for variable in container.env))
    return next((found for text in texts if (found := _told(container, text))), None) or _go_limit(container)


def _told(container: Container, text: str) -> tuple[str, float] | None:
    for pattern, default_unit in _OPTIONS:
        match = pattern.search(text)
        if match is not None:
            return match[0], float(match[1]) * _UNITS.get(match[2].lower(), default_unit)
    share, limit = _SHARE.search(text), quantity_or_zero(container.resources.limits.get("memory"))
    return (share[0], float(share[1]) / 100 * limit) if share is not None and limit else None


def _go_limit(container: Container) -> tuple[str, float] | None:
    name, pattern = _GO
    value = next((variable.value for variable in container.env if variable.name == name), "")
    match = pattern.match(value)
    return (f"{name}={value}", float(match[1]) * _UNITS.get((match[2] or "B")[0].lower(), 1)) if match else None
