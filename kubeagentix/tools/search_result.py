"""The rest of an answer that was too long to be shown whole: searched, or cut out by line numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import NotFoundError, excerpt
from kubeagentix.toolkit.searching import compiled, matching, with_context
from kubeagentix.toolkit.wording import count_of


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """Numbered lines."""
    text = context.results.get(arguments["result_id"])
    if text is None:
        hint = "the note of a shortened answer names it"
        raise NotFoundError(f"no result is called {excerpt(arguments['result_id'], 40)!r}", hint=hint)
    lines = text.split("\n")
    if arguments.get("pattern"):
        return _found(lines, arguments)
    first = min(arguments["from_line"], len(lines))
    last = min(first + arguments["lines"] - 1, len(lines))
    shown = "\n".join(f"{number}: {lines[number - 1]}" for number in range(first, last + 1))
    return ToolOutput(text=f"{shown}\n(lines {first} to {last} of {len(lines)})", data={"first": first, "last": last})


def _found(lines: list[str], arguments: Mapping[str, Any]) -> ToolOutput:
    hits = matching(lines, compiled(arguments["pattern"]))
    kept = hits[: arguments["lines"]]
    shown = [
        f"{index + 1}{':' if is_hit else '-'} {line}"
        for index, line, is_hit in with_context(lines, kept, arguments["context"])
    ]
    more = f", the first {len(kept)} are shown" if len(hits) > len(kept) else ""
    said = f"({count_of(len(hits), 'line')} of {len(lines)} match{more})"
    return ToolOutput(text="\n".join([*shown, said]), data={"matches": len(hits), "lines": [hit + 1 for hit in kept]})


plugin = ToolPlugin(
    spec=ToolSpec(
        name="search_result",
        description=(
            "Shows parts of an earlier answer that was shortened: lines that match a pattern, or a range of lines. "
            "The answer's note names its result_id."
        ),
        parameters={
            "type": "object",
            "properties": {
                "result_id": {"type": "string", "description": "Which answer, as its note names it."},
                "pattern": {"type": "string", "description": "A regular expression or a text; case does not matter."},
                "context": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 50,
                    "default": 2,
                    "description": "Lines to show before and after each match.",
                },
                "from_line": {
                    "type": "integer",
                    "minimum": 1,
                    "default": 1,
                    "description": "Without a pattern: the first line to show.",
                },
                "lines": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000,
                    "default": 100,
                    "description": "How many lines or matches to show.",
                },
            },
            "required": ["result_id"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
)
