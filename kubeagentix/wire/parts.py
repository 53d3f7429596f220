"""What the wires share in putting messages together and taking them apart."""

from __future__ import annotations

import json
import re
from typing import Any

from kubeagentix.domain.messages import ToolResult
from kubeagentix.domain.options import ThinkingMode

# Tokens that a model may think on top of what it is to say: all three APIs count both against one limit.
THINKING_TOKENS: dict[ThinkingMode, int] = {"off": 0, "auto": 8_192, "high": 24_576}
CALL_ID_MAX_CHARS = 64  # as OpenAI has it


def parsed_arguments(text: str) -> tuple[dict[str, Any], str]:
    """The arguments of a tool call, and the text itself where it is no JSON object (see ToolCall.malformed)."""
    if not text.strip():
        return {}, ""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return {}, text
    return (arguments, "") if isinstance(arguments, dict) else ({}, text)


def wire_id(call_id: str) -> str:
    """A call's id as every API takes it, for calls that another provider (or markup) has numbered."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", call_id)[-CALL_ID_MAX_CHARS:]


def result_text(result: ToolResult) -> str:
    """A result for an API that has no field for errors."""
    return f"Error: {result.content}" if result.is_error else result.content
