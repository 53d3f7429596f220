"""How long a run may be silent.

The CLI's own limits are no help: it waits five minutes for a stream that went quiet, cannot be told to wait less, and
then tries again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, TypeVar

from kubeagentix.claude_cli.outcomes import timed_out

T = TypeVar("T")
Phase = Literal["start", "first_token", "idle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds until the CLI has started, until the first content, between pieces of content, and in all."""

    start_s: float = 60.0
    first_token_s: float = 120.0
    idle_s: float = 120.0
    total_s: float = 300.0

    def of(self, phase: Phase) -> float:
        """The limit that holds in this phase."""
        return {"start": self.start_s, "first_token": self.first_token_s, "idle": self.idle_s}[phase]


class Watchdog:
    """Waits for the next sign of life, and no longer. Only content is one: a ping or a status is not."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ends = time.monotonic() + limits.total_s
        self.phase: Phase = "start"
        self._until = 0.0
        self.saw("start")

    def saw(self, phase: Phase, *, pause_s: float = 0.0) -> None:
        """Something happened that counts; from now on that phase's limit holds, after an announced pause."""
        self.phase = phase
        self._until = time.monotonic() + self._limits.of(phase) + pause_s

    async def wait(self, awaited: Awaitable[T], *, is_busy: bool = False) -> T:
        """What is awaited. Raises ModelTimeoutError that names the limit; `is_busy`: only the total counts."""
        until = self._ends if is_busy else min(self._until, self._ends)
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                return await awaited
        except TimeoutError:
            if until == self._ends:
                raise timed_out("total", self._limits.total_s) from None
            raise timed_out(self.phase, self._limits.of(self.phase)) from None
