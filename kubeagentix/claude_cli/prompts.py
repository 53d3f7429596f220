"""The two texts of a run: a system prompt, and one prompt that holds the conversation so far.

The CLI takes what a user says and nothing else, so earlier turns are told in a transcript whose headings no text in it
can imitate. It never begins with a `/`, which the CLI would read as a command of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from kubeagentix.claude_cli.environment import SERVER
from kubeagentix.domain.messages import Message, Text, ToolCall, ToolResult
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.wire.markup_prompt import call_as_markup, described, result_as_markup

_MARK = "====="
_IMITATION = re.compile(rf"(?m)^(\s*){_MARK}")
_INTRODUCTION = f"This is a conversation so far; lines that begin with {_MARK} tell who speaks. Go on with it.\n\n"


def system_prompt(request: ModelRequest, *, by_markup: bool) -> str:
    """The system prompt, with what has to be said of the tools."""
    if by_markup:
        said = described(request.tools, request.must_call)
    elif request.must_call:
        said = f"You must call the tool mcp__{SERVER}__{request.must_call} before you end; it takes your answer."
    else:
        said = ""
    return "\n\n".join(part for part in (request.system, said) if part)


def prompt(messages: Sequence[Message], *, by_markup: bool) -> str:
    """What the CLI is told as the user's words."""
    if len(messages) == 1:
        return "\n" + messages[0].text  # a line break in front: no command, whatever the text
    turns = [_turn(message, _calls_as_markup if by_markup else _calls_in_words) for message in messages]
    return _INTRODUCTION + "\n\n".join(turn for turn in turns if turn)


def _turn(message: Message, told: Callable[[Sequence[ToolCall]], str]) -> str:
    said: list[str] = []
    for part in message.parts:
        match part:
            case Text(text=text):
                said.append(text)
            case ToolResult():
                said.append(result_as_markup(part))
            case _:  # thoughts are for whoever thought them; calls come last, as in a turn that ends with them
                continue
    said.append(told(message.tool_calls))
    body = _IMITATION.sub(r"\1 ·=====", "\n".join(part for part in said if part).strip())
    return f"{_MARK} {message.role} {_MARK}\n{body}" if body else ""


def _calls_as_markup(calls: Sequence[ToolCall]) -> str:
    return "\n".join(map(call_as_markup, calls))


def _calls_in_words(calls: Sequence[ToolCall]) -> str:
    return "\n".join(f"(called {call.name} with {json.dumps(dict(call.arguments), default=str)})" for call in calls)
