"""Lets a cell that is one `%%magic` be awaited, which IPython itself does not do.

A top-level `get_ipython().run_cell_magic('kdx', …)` is rewritten to an `await`, so the kernel's loop stays free while
the magic works. Inside other cells (`%%time`, a function, a script) the magic waits instead.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

_may_return_awaitable: ContextVar[bool] = ContextVar("kubeagentix_may_return_awaitable", default=False)


def may_return_awaitable() -> bool:
    """Whether the magic being called may return an awaitable instead of waiting."""
    return _may_return_awaitable.get()


async def awaited(call: Callable[[], Any]) -> Any:
    """Calls a magic so that it may return an awaitable, and awaits it. What rewritten cells run."""
    token = _may_return_awaitable.set(True)
    try:
        result = call()
    finally:
        _may_return_awaitable.reset(token)
    return await result if inspect.isawaitable(result) else result


class Rewriter:
    """An input transformer of one shell, for these magics."""

    has_side_effects = False

    def __init__(self, shell: Any, names: Iterable[str]) -> None:
        self._shell = shell
        self._depth = 0  # cells being run: above 0 this cell is inside another
        self._call = re.compile(rf"get_ipython\(\)\.run_cell_magic\('(?:{'|'.join(map(re.escape, names))})', ")

    def attach(self) -> None:
        """Starts rewriting."""
        self._shell.input_transformers_post.append(self)
        self._shell.events.register("pre_run_cell", self._enter)
        self._shell.events.register("post_run_cell", self._leave)

    def detach(self) -> None:
        """Stops."""
        self._shell.input_transformers_post.remove(self)
        self._shell.events.unregister("pre_run_cell", self._enter)
        self._shell.events.unregister("post_run_cell", self._leave)

    def __call__(self, lines: list[str]) -> list[str]:
        """The lines of a cell, as IPython hands them over after its own transformations."""
        if not lines or not self._call.match(lines[0]):
            return lines
        # IPython refuses a body that is empty; ours may be.
        call = re.sub(r", ''\)$", r", '\\n')", "".join(lines).rstrip("\n"))
        if self._depth or not self._shell.autoawait:
            return [f"{call}\n"]
        return [f"await __import__({__name__!r}, fromlist=['awaited']).awaited(lambda: {call})\n"]

    def _enter(self, _: Any = None) -> None:
        self._depth += 1

    def _leave(self, _: Any = None) -> None:
        self._depth = max(0, self._depth - 1)
