"""What a provider is asked, what it says of itself, and what it costs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kubeagentix.domain.messages import Message, ToolCall, ToolResult
from kubeagentix.domain.options import ThinkingMode
from kubeagentix.domain.secrets import Credential
from kubeagentix.domain.tooling import ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call to a model. `messages` end with what it is to answer; a system prompt is apart.

    `tools` may be empty; with `may_call` false, they are there for what was called before, and the model is to answer
    without them (which keeps its cache, and thinking that is bound to the conversation). `must_call` names the one
    it has to call, if any. `deadline_s` is what is left of the run's time. `run_tool` is for providers whose own client
    asks for tools in the middle of a call (MCP): it runs a call as the engine would, with its policy and events.
    `max_turns` bounds those, and after `final_tool` there is nothing more to say. `patience_s` is how long such calls
    may wait for a person's word, on top of the time that is left.
    """

    model: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    must_call: str = ""
    final_tool: str = ""
    may_call: bool = True
    max_output_tokens: int = 8_192
    thinking: ThinkingMode = "auto"
    temperature: float | None = None
    deadline_s: float = 300.0
    max_turns: int = 20
    patience_s: float = 0.0
    run_tool: Callable[[ToolCall], Awaitable[ToolResult]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredVariable:
    """A variable that is set and not used, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a provider could be asked in this environment, and as whom. Nothing is sent to find out.

    `credential` is what it would use (None: not configured, and `why_not` says why, with what to do; `is_broken` where
    a credential is set and cannot be used). `passed_on` are further variables that have a part in it (a gateway's
    address, a proxy), as name=value without secrets.
    """

    credential: Credential | None
    why_not: str = ""
    is_broken: bool = False
    ignored: tuple[IgnoredVariable, ...] = ()
    passed_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens, as published on `date`."""

    input: float
    output: float
    cached: float
    date: str
    cache_write: float | None = None
