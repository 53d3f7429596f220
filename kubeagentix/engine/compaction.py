"""Keeps a conversation within a model's window: what is old gives way first, what can be cited stays.

Old results of tools shrink to a line with their evidence ids (the whole stays in the result store), then old thinking
goes, then old turns become one note. The question and the newest turns are kept as long as anything is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.messages import Message, Part, Text, Thinking, ToolCall, ToolResult
from kubeagentix.domain.tooling import ToolSpec

CHARS_PER_TOKEN = 3.2  # YAML, logs and ids take more tokens than prose
FILL = 0.75  # of the window; the rest is for the answer and for what is estimated wrongly
KEPT_TURNS = 4  # of the newest messages, which are left alone as long as possible
KEEP_CHARS = 400  # of a result that nobody needs whole any more
IDS_SHARE = 0.1  # of the budget: the most that the ids of evidence take which was shown in turns that are left out
SHORTEST = 2_000  # of a single message that does not fit by itself


def size_of(messages: Sequence[Message], system: str = "", tools: Sequence[ToolSpec] = ()) -> int:
    """About how many characters a request sends."""
    return (
        len(system)
        + sum(len(str(tool.parameters)) + len(tool.description) + 40 for tool in tools)
        + sum(_size(part) for message in messages for part in message.parts)
    )


def budget_of(context_tokens: int, output_tokens: int) -> int:
    """How many characters of a request go into a window, with room left for the answer."""
    return max(SHORTEST, int((context_tokens - output_tokens) * FILL * CHARS_PER_TOKEN))


def compacted(messages: Sequence[Message], budget: int) -> tuple[Message, ...]:
    """`messages` within `budget` characters, changed no more than it takes."""
    found = tuple(messages)
    steps: tuple[Callable[[Sequence[Message], int], tuple[Message, ...]], ...] = (
        _with_short_results,
        _without_thinking,
        _without_old_turns,
        _cut_to_size,
    )
    for step in steps:
        if size_of(found) <= budget:
            break
        found = step(found, budget)
    return found


def _with_short_results(messages: Sequence[Message], budget: int) -> tuple[Message, ...]:
    """Results of tools from the oldest on, made a few lines each, until it fits; the newest are left alone."""
    found, over = list(messages), size_of(messages) - budget
    for index, message in enumerate(found[:-KEPT_TURNS]):
        if over <= 0:
            break
        parts = tuple(_short(part) for part in message.parts)
        over -= sum(map(_size, message.parts)) - sum(map(_size, parts))
        found[index] = replace(message, parts=parts)
    return tuple(found)


def _short(part: Part) -> Part:
    if not isinstance(part, ToolResult) or len(part.content) <= KEEP_CHARS:
        return part
    ids = " ".join(item.id for item in part.evidence)
    note = f"\n[{len(part.content) - KEEP_CHARS} characters of this earlier result are left out"
    note += f"; it is evidence {ids}]" if ids else "]"
    return replace(part, content=part.content[:KEEP_CHARS] + note, truncated=True)


def _without_thinking(messages: Sequence[Message], _: int) -> tuple[Message, ...]:
    """Thinking goes but in the newest turns, whose tool calls it belongs to."""
    old, new = messages[:-KEPT_TURNS], messages[-KEPT_TURNS:]
    bare = (replace(item, parts=tuple(part for part in item.parts if not isinstance(part, Thinking))) for item in old)
    return (*(item for item in bare if item.parts), *new)


def _without_old_turns(messages: Sequence[Message], budget: int) -> tuple[Message, ...]:
    """The question, a note of what was done, and as many of the newest turns as fit; calls keep their results."""
    first, rest = messages[0], list(messages[1:])
    asked = next((item for item in reversed(rest) if item.role == "user"), None)  # what is to be answered now
    done: list[str] = []
    shown: list[str] = []
    while len(rest) > 2 and size_of([first, *rest]) > budget:
        at = 1 if rest[0] is asked else 0
        turn = [rest.pop(at)]
        while len(rest) > at and rest[at].role == "tool":
            turn.append(rest.pop(at))
        done += [f"- {call.name}({_brief(call)})" for message in turn for call in message.tool_calls]
        shown += [item.id for message in turn for item in _evidence(message)]
        done += [
            f"- you said: {message.text[:200]}" for message in turn if message.role == "assistant" and message.text
        ]
    if not done:
        return (first, *rest)
    done = done[-40:]
    newest = list(dict.fromkeys(reversed(shown)))[: max(1, int(budget * IDS_SHARE) // 13)]
    done += [f"- you were shown evidence {' '.join(newest)}"] if newest else []
    said = "[Earlier turns are left out to save room. In them you did:\n" + "\n".join(done) + "]"
    note = Text(text=said, is_data=True)  # it may repeat what data said
    return (replace(first, parts=(*first.parts, note)), *rest)


def _evidence(message: Message) -> Iterator[Evidence]:
    return (item for part in message.parts if isinstance(part, ToolResult) for item in part.evidence)


def _brief(call: ToolCall) -> str:
    return ", ".join(f"{key}={value}" for key, value in call.arguments.items())[:120]


def _cut_to_size(messages: Sequence[Message], budget: int) -> tuple[Message, ...]:
    """The last resort: every long text is cut to its share, head and tail."""
    share = max(SHORTEST, budget // max(1, sum(len(message.parts) for message in messages)))
    return tuple(replace(item, parts=tuple(_cut(part, share) for part in item.parts)) for item in messages)


def _cut(part: Part, share: int) -> Part:
    if isinstance(part, Text):
        return replace(part, text=_middle_out(part.text, share))
    if isinstance(part, ToolResult):
        return replace(part, content=_middle_out(part.content, share), truncated=True)
    return part


def _middle_out(text: str, share: int) -> str:
    if len(text) <= share:
        return text
    half = share // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def _size(part: Part) -> int:
    match part:
        case Text():
            return len(part.text)
        case Thinking():
            return len(part.text) + len(part.signature)
        case ToolCall():
            return len(part.name) + len(str(part.arguments)) + 40
        case ToolResult():
            return len(part.content) + 40
