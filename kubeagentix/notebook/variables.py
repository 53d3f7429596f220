"""Which names `-o` may set: none that the session itself lives by."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kubeagentix.errors import UsageError, excerpt

OF_THE_SHELL = ("get_ipython", "In", "Out", "exit", "quit", "_")


def check_name(name: str | None, user_ns: Mapping[str, Any], example: str) -> None:
    """Raises UsageError for a name that is no variable's, or whose loss would break the cells that follow."""
    if name is None:
        return
    hint = f"as in -o {example}"
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{excerpt(name, 60)!r} is no variable name", hint=hint)
    if name.startswith("__") or name in OF_THE_SHELL or hasattr(builtins, name):
        raise UsageError(f"{excerpt(name, 60)!r} is Python's or the notebook's own name", hint=hint)
    if isinstance(user_ns.get(name), ModuleType):
        raise UsageError(f"{excerpt(name, 60)!r} is a module here", hint=hint)
