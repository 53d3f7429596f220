"""What one run may do and with whom: named once, for this run alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.secrets import Credential

ThinkingMode = Literal["off", "auto", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of one run; what is None or empty is chosen by the session, then by the settings.

    `fallback=False`: only the provider that is named, and its own error if it fails. `tools_allowed`: None for all.
    `max_tokens`: input and output of all model calls together. `temperature` goes only to models that take one.
    """

    provider: str = ""
    model: str = ""
    credential: Credential | None = None
    target: Target | None = None
    fallback: bool = True
    temperature: float | None = None
    thinking: ThinkingMode = "auto"
    max_turns: int = 20
    max_tool_calls: int = 40
    max_tokens: int | None = None
    deadline_s: float = 300.0
    tools_allowed: tuple[str, ...] | None = None
    tools_denied: tuple[str, ...] = ()
    allow_writes: bool = False
