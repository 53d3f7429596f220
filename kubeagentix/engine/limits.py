"""What ends a run that would go on: turns, calls, tokens, time, and a model that only repeats itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from kubeagentix.domain.events import Ending
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.errors import KubeAgentiXError

T = TypeVar("T")

LAST_TURN_SHARE = 0.8  # of the deadline or the tokens: beyond it, the model is asked to come to its answer
MAX_REPEATS = 3  # turns in a row that only repeat calls, before tools are withheld
LIMITS = {
    "max_turns": "the limit of turns is reached",
    "max_tool_calls": "the limit of tool calls is reached",
    "max_tokens": "the budget of tokens is nearly used up",
    "deadline": "the time is nearly up",
    "no_progress": "the model only repeats calls",
}


async def within(spec: ToolSpec, work: Awaitable[T]) -> T:
    """What comes of a tool's work in the time that the tool has. Raises KubeAgentiXError where it takes longer."""
    try:
        async with asyncio.timeout(spec.timeout_s) as limit:
            return await work
    except TimeoutError:
        if not limit.expired():  # its own
            raise
        raise KubeAgentiXError(f"{spec.name} took longer than {spec.timeout_s:g} s and was ended") from None


def why_last(
    options: RunOptions, *, turn: int, is_exhausted: bool, idle: int, tokens: int, elapsed_s: float
) -> Ending | None:
    """Why `turn` has to be the last, or nothing. `idle` counts the turns before it that only repeated calls."""
    if turn >= options.max_turns:
        return "max_turns"
    if is_exhausted:
        return "max_tool_calls"
    if idle >= MAX_REPEATS:
        return "no_progress"
    if options.max_tokens is not None and tokens >= LAST_TURN_SHARE * options.max_tokens:
        return "max_tokens"
    if elapsed_s >= LAST_TURN_SHARE * options.deadline_s:
        return "deadline"
    return None
