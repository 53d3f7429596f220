"""What one run may do and with whom: named once, for this run alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import UsageError, excerpt

ThinkingMode = Literal["off", "auto", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of one run; what is None or empty is chosen by the session, then by the settings.

    `fallback=False`: only the provider that is named, and its own error if it fails. `tools_allowed`: None for all;
    like `tools_denied` it takes names and patterns, as in `("run_quickdx", "grafana__*")`.
    `max_tokens`: input and output of all model calls together. `temperature` goes only to models that take one.
    `credential` is for the provider that is named; `credentials` are by provider, also for those asked after it failed.
    `anonymize`: names of objects, hosts, addresses and images are hidden from the model; a conversation that began so
    goes on so, unless False is said.
    Raises UsageError for what no run could keep to.
    """

    provider: str = ""
    model: str = ""
    credential: Credential | None = None
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False, hash=False)
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
    anonymize: bool | None = None

    def __post_init__(self) -> None:
        for name, is_right, wanted in self._demands():
            if not is_right:
                value = "" if name.startswith("credential") else f" {excerpt(repr(getattr(self, name)), 60)}"
                raise UsageError(f"the option {name} cannot be{value or ' this'}", hint=f"it must be {wanted}")

    def _demands(self) -> Iterator[tuple[str, bool, str]]:
        """Each option with whether it is right, and what it must be."""
        yield from ((name, isinstance(getattr(self, name), str), "a text") for name in ("provider", "model"))
        yield "credential", isinstance(self.credential, Credential | None), "a kx.Credential"
        yield (
            "credentials",
            _are_credentials(self.credentials),
            "a dict of kx.Credential by provider, as in {'openai': kx.Credential(…)}",
        )
        yield "target", isinstance(self.target, Target | None), "a Target; chat and diagnose also take deploy/web"
        yield "temperature", self.temperature is None or _is_number(self.temperature, 0), "a number from 0 up"
        yield "thinking", self.thinking in get_args(ThinkingMode), f"one of {', '.join(get_args(ThinkingMode))}"
        yield "max_turns", _is_count(self.max_turns, 1), "a whole number from 1 up"
        yield "max_tool_calls", _is_count(self.max_tool_calls, 0), "a whole number from 0 up"
        yield "max_tokens", self.max_tokens is None or _is_count(self.max_tokens, 1), "a whole number from 1 up"
        yield "deadline_s", _is_number(self.deadline_s, 0) and self.deadline_s > 0, "a number of seconds above 0"
        yield (
            "tools_allowed",
            self.tools_allowed is None or _are_names(self.tools_allowed),
            "names of tools, or patterns",
        )
        yield "tools_denied", _are_names(self.tools_denied), "names of tools, or patterns"
        yield "anonymize", isinstance(self.anonymize, bool | None), "True or False"


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: Any, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value < float("inf")


def _are_credentials(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(item, Credential) for name, item in value.items()
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, tuple | list | set | frozenset) and all(isinstance(name, str) for name in value)
