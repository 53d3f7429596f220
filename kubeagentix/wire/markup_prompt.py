"""Tools for a model that cannot be offered any by its API: described in the prompt, asked for by markup in the text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.tooling import ToolSpec

_HOW = """You have tools. To use some, end your message with one block of exactly this form, and stop there:

<function_calls>
<invoke name="TOOL">
<parameter name="PARAMETER">value</parameter>
</invoke>
</function_calls>

A block may hold several invocations, which run side by side. A value is written as it is; a number, a boolean, a list
or an object as JSON. The results come with the next message: never write them yourself. Use only these tools, and only
when you need them; without a block, your message is the answer."""


def described(tools: Sequence[ToolSpec], must_call: str = "") -> str:
    """What the system prompt says of these tools; empty if there are none."""
    if not tools:
        return ""
    demand = f"\n\nYou must use the tool {must_call} in your next message." if must_call else ""
    return "\n\n".join([_HOW, *map(_described, tools)]) + demand


def call_as_markup(call: ToolCall) -> str:
    """A call that was made, as the model wrote it."""
    lines = [f'<parameter name="{name}">{_value(value)}</parameter>' for name, value in call.arguments.items()]
    return "\n".join(["<function_calls>", f'<invoke name="{call.name}">', *lines, "</invoke>", "</function_calls>"])


def result_as_markup(result: ToolResult) -> str:
    """A result, for the model to read."""
    kind = "error" if result.is_error else "result"
    return f'<{kind} tool="{result.tool_name}">\n{result.content}\n</{kind}>'


def _described(tool: ToolSpec) -> str:
    return f"Tool {tool.name}: {tool.description}\nParameters (JSON Schema): {json.dumps(tool.parameters)}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
