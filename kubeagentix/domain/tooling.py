"""What a tool is to a model: a name, a JSON Schema of its parameters, and what its answer holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubeagentix.domain.diagnosis import Effect, Evidence

JsonSchema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as it is offered. `effect`: `read` tools may run side by side, `write` ones only where writes are allowed.

    `parameters` is a JSON Schema of type object. `max_chars`: what of one answer the model gets to see at once.
    """

    name: str
    description: str
    parameters: JsonSchema
    effect: Effect = "read"
    timeout_s: float = 30.0
    max_chars: int = 12_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool found: `text` for the model, `data` (JSON) for programs and widgets, `evidence` to cite.

    `short`, if given, is the same made small with its structure kept (a table, pruned fields, folded lines), for when
    `text` does not fit. A tool that cannot do what it was asked raises a KubeAgentiXError.
    """

    text: str
    data: Any = None
    evidence: tuple[Evidence, ...] = ()
    short: str = ""
