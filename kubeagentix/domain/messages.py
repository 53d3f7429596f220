"""A conversation with a model, in no provider's words: messages made of parts.

What a model said goes back to it whole: text, thinking with its signature, and every tool call with its arguments.
A part's `signature` is opaque: whoever made it (one provider) is the only one who reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kubeagentix.domain.diagnosis import Evidence

Role = Literal["user", "assistant", "tool"]
Origin = Literal["native", "mcp", "markup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What was said; some providers sign it, too, or label it. `is_data`: it was read, not said by anybody."""

    text: str
    signature: str = ""
    is_data: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """What a model thought aloud; `signature` proves it to the provider it came from, which may hide the text."""

    text: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model asks for a tool. `origin`: by its API, by MCP, or by markup in its text.

    `malformed` is set where what the model wrote as arguments is no JSON object: it holds that text, `arguments` is
    empty, and the call is to be answered with an error, not run.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    origin: Origin = "native"
    signature: str = ""
    malformed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool answered: `content` as the model reads it, `data` (JSON, or None) as programs and widgets do.

    `truncated`: the whole is in the run's result store. `note` is what the engine says of it. `is_own`: all of it are
    the engine's own words (a refusal), and nothing in it was read.
    """

    call_id: str
    tool_name: str
    content: str
    is_error: bool = False
    truncated: bool = False
    elapsed_s: float = 0.0
    evidence: tuple[Evidence, ...] = ()
    data: Any = field(default=None, repr=False, compare=False)
    note: str = ""
    is_own: bool = False


Part = Text | Thinking | ToolCall | ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of one side. Results of tools are in messages of role `tool`."""

    role: Role
    parts: tuple[Part, ...]
    at: datetime | None = None

    @property
    def text(self) -> str:
        """All that was said in it, without thinking and tools."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools it asks for, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @classmethod
    def of(cls, role: Role, text: str) -> Message:
        """A message that is only text."""
        return cls(role=role, parts=(Text(text=text),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call or of many. `input_tokens` counts all of the input, `cached_tokens` what of it was cached.

    The cost of a sum is known where that of all its parts is.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    thinking_tokens: int = 0
    cost_usd: float | None = field(default=None)  # as the provider itself says, if it does

    def __add__(self, other: Usage) -> Usage:
        parts = [usage for usage in (self, other) if usage.total_tokens or usage.cost_usd is not None]
        costs = [usage.cost_usd for usage in parts if usage.cost_usd is not None]
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            thinking_tokens=self.thinking_tokens + other.thinking_tokens,
            cost_usd=sum(costs) if costs and len(costs) == len(parts) else None,
        )

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens
