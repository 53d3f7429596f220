"""What a foreign server answers, as an output of ours: text, bounded, without what was given to it to keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kubeagentix.domain.tooling import ToolOutput

if TYPE_CHECKING:
    from mcp_types import CallToolResult

MAX_CHARS = 1_000_000  # of one answer; what a model sees at once is cut further, as with every tool


def output_of(result: CallToolResult, hidden: Callable[[str], str]) -> ToolOutput:
    """The text of an answer; its structure, where there is no text."""
    text = text_of(result)
    if len(text) > MAX_CHARS:
        text = f"{text[:MAX_CHARS]}\n[… {len(text) - MAX_CHARS:,} more characters were not taken]"
    return ToolOutput(text=hidden(text) or "(nothing)")


def text_of(result: CallToolResult) -> str:
    """All of it that can be read."""
    text = "\n".join(_pieces(result))
    if not text and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return text


def _pieces(result: CallToolResult) -> Iterator[str]:
    for block in result.content:
        given: Any = block
        if given.type == "text":
            yield given.text
        elif given.type in ("image", "audio"):
            yield f"[{given.type}, {given.mime_type}: not shown]"
        elif given.type == "resource_link":
            yield f"[see {given.uri}]"
        elif getattr(given.resource, "text", None) is not None:
            yield given.resource.text
        else:
            yield f"[{given.resource.uri}: not shown]"
