"""How large a heap a container's runtime is told to take, which its memory limit knows nothing of."""

from __future__ import annotations

import re

from kubeagentix.domain.pods import Container

# How runtimes are told of their heap: (the option, the unit of a bare number).
_OPTIONS = (
    (re.compile(r"-Xmx(\d+)([kKmMgG]?)"), 1),  # Java
    (re.compile(r"--max[-_]old[-_]space[-_]size[= ](\d+)()"), 2**20),  # Node.js
)
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}


def heap_option(container: Container) -> tuple[str, float] | None:
    """The option that sets the heap's size, as written, and the bytes it allows; None where none is given."""
    for text in (*container.command, *container.args, *(variable.value for variable in container.env)):
        for pattern, default_unit in _OPTIONS:
            match = pattern.search(text)
            if match is not None:
                return match[0], float(match[1]) * _UNITS.get(match[2].lower(), default_unit)
    return None
