"""Chat Completions, as servers that are compatible with OpenAI's speak it (Ollama, vLLM, llama.cpp, gateways).

A server or model that takes no tools gets them described in the prompt, and asks for them by markup in its text, which
whoever reads the events turns into calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeagentix.domain.events import (
    ModelEvent,
    ModelFinished,
    Notice,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
    UsageReported,
)
from kubeagentix.domain.messages import Message, Part, Text, Thinking, ToolCall, ToolResult, Usage
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.errors import ProviderError, RefusedError
from kubeagentix.wire.markup_prompt import call_as_markup, described, result_as_markup
from kubeagentix.wire.parts import parsed_arguments, result_text, wire_id
from kubeagentix.wire.taxonomy import Asked, cut_short, translating

# How servers say that they take no tools. Sources: Ollama's "does not support tools", vLLM's "requires
# --enable-auto-tool-choice", llama.cpp's "tools param requires --jinja flag".
_NO_TOOLS = re.compile(
    r"not support (tools|tool (calls|calling|use)|functions?( call(s|ing))?)\b|\btools? .{0,40}requires --"
    r"|\btools (is|are) not supported|(unknown|unrecognized|unsupported|extra).{0,40}\btools\b",
    re.IGNORECASE,
)
_STOPS: Mapping[str, StopReason] = {"length": "max_tokens", "content_filter": "refused"}


def body_of(request: ModelRequest, *, by_markup: bool) -> dict[str, Any]:
    """The request in this wire's words, its tools offered by the API or described in the prompt."""
    system = request.system
    if by_markup and request.tools and request.may_call:
        system = f"{system}\n\n{described(request.tools, request.must_call)}".strip()
    messages = [{"role": "system", "content": system}] if system else []
    body: dict[str, Any] = {
        "model": request.model,
        "messages": messages + _messages(request, by_markup=by_markup),
        "max_tokens": request.max_output_tokens,
        "stream_options": {"include_usage": True},
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools and not by_markup:
        body["tools"] = [_tool(tool.name, tool.description, tool.parameters) for tool in request.tools]
        if not request.may_call:
            body["tool_choice"] = "none"
        elif request.must_call:
            body["tool_choice"] = {"type": "function", "function": {"name": request.must_call}}
    return body


def is_about_tools(error: ProviderError) -> bool:
    """Whether a server says that it, or this model, takes no tools."""
    return _NO_TOOLS.search(error.message) is not None


def adjust(body: dict[str, Any], error: ProviderError) -> Notice | None:
    """Leaves out, or names anew, what this server does not know."""
    if type(error) is not ProviderError:
        return None
    for name in ("stream_options", "temperature", "tool_choice"):
        if name in body and name in error.message:
            del body[name]
            return Notice(code="adjusted", message=f"asking without {name}: {error.message}")
    if "max_tokens" in body and "max_completion_tokens" in error.message:
        body["max_completion_tokens"] = body.pop("max_tokens")
        return Notice(code="adjusted", message=f"asking with max_completion_tokens: {error.message}")
    return None


def _tool(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": dict(parameters)}
    return {"type": "function", "function": function}


def _messages(request: ModelRequest, *, by_markup: bool) -> list[dict[str, Any]]:
    write = _as_markup if by_markup else _as_native
    return [entry for message in request.messages for entry in write(message)]


def _as_native(message: Message) -> list[dict[str, Any]]:
    if message.role == "assistant":
        calls = [_call(call) for call in message.tool_calls]
        entry = {"role": "assistant", "content": message.text, **({"tool_calls": calls} if calls else {})}
        return [entry] if message.text or calls else []
    results = [
        {"role": "tool", "tool_call_id": wire_id(part.call_id), "content": result_text(part)}
        for part in message.parts
        if isinstance(part, ToolResult)
    ]
    return results + ([{"role": "user", "content": message.text}] if message.text else [])


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
    return {"id": wire_id(call.id), "type": "function", "function": function}


def _as_markup(message: Message) -> list[dict[str, Any]]:
    texts = [text for part in message.parts if (text := _markup(part))]
    role = "assistant" if message.role == "assistant" else "user"
    return [{"role": role, "content": "\n\n".join(texts)}] if texts else []


def _markup(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case ToolCall():
            return call_as_markup(part)
        case ToolResult():
            return result_as_markup(part)
        case _:
            return ""


@dataclass(slots=True)
class _Pending:
    """A tool call that comes in pieces."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def call(self, number: int) -> ToolCall:
        arguments, malformed = parsed_arguments(self.arguments)
        return ToolCall(id=self.id or f"call_{number}", name=self.name, arguments=arguments, malformed=malformed)


@dataclass(slots=True)
class _Reading:
    asked: Asked
    text: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    refusal: str = ""
    pending: list[_Pending] = field(default_factory=list)
    by_index: dict[int, _Pending] = field(default_factory=dict)
    usage: Any = None
    model: str = ""
    stop: str = ""

    def take_call(self, piece: Any) -> None:
        """Adds a piece of a call. Some servers number every call 0: another id is another call, too."""
        index = piece.index or 0
        known = self.by_index.get(index)
        if known is None or (piece.id and known.id and piece.id != known.id):
            known = self.by_index[index] = _Pending()
            self.pending.append(known)
        known.id = known.id or piece.id or ""
        if piece.function is not None:
            known.name = known.name or piece.function.name or ""
            known.arguments += piece.function.arguments or ""

    def calls(self) -> list[ToolCall]:
        """The whole calls."""
        return [pending.call(number) for number, pending in enumerate(self.pending) if pending.name]

    def finished(self, calls: list[ToolCall]) -> ModelFinished:
        """How the turn ended. Raises RefusedError, ConnectionFailedError."""
        if not self.stop:
            raise cut_short(self.asked)
        if self.refusal or self.stop == "content_filter":
            what = f"{self.asked.model} refuses to answer: {self.asked.clean(self.refusal) or 'its filter stopped it'}"
            hint = "put it in other words, or use another model"
            raise RefusedError(what, hint=hint, provider=self.asked.provider, detail=self.stop)
        thinking: list[Part] = [Thinking(text="".join(self.thinking))] if self.thinking else []
        said: list[Part] = [Text(text="".join(self.text))] if self.text else []
        message = Message(role="assistant", parts=(*thinking, *said, *calls))
        stop = _STOPS.get(self.stop, "tool_calls" if calls else "stop")
        return ModelFinished(stop_reason=stop, message=message, model=self.model)


async def attempt(client: Any, body: Mapping[str, Any], asked: Asked) -> AsyncGenerator[ModelEvent, None]:
    """One try: the events of one streamed completion."""
    reading = _Reading(asked=asked)
    with translating(asked):
        async with await client.chat.completions.create(**body, stream=True) as stream:
            async for chunk in stream:
                for event in _read(reading, chunk):
                    yield event
    calls = reading.calls() if reading.stop else []
    for call in calls:
        yield ToolCallReady(call=call)
    if reading.usage is not None:
        yield UsageReported(usage=_usage(reading.usage))
    yield reading.finished(calls)


def _read(reading: _Reading, chunk: Any) -> list[ModelEvent]:
    reading.model = chunk.model or reading.model
    reading.usage = chunk.usage or reading.usage
    events: list[ModelEvent] = []
    for choice in chunk.choices or ():
        delta = choice.delta
        reading.stop = choice.finish_reason or reading.stop
        thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        if isinstance(thought, str):
            reading.thinking.append(thought)
            events.append(ThinkingDelta(text=thought))
        if delta.content:
            reading.text.append(delta.content)
            events.append(TextDelta(text=delta.content))
        reading.refusal += getattr(delta, "refusal", None) or ""
        for piece in delta.tool_calls or ():
            reading.take_call(piece)
    return events


def _usage(usage: Any) -> Usage:
    return Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        cached_tokens=getattr(usage.prompt_tokens_details, "cached_tokens", None) or 0,
        cache_write_tokens=getattr(usage.prompt_tokens_details, "cache_write_tokens", None) or 0,
        thinking_tokens=getattr(usage.completion_tokens_details, "reasoning_tokens", None) or 0,
    )
