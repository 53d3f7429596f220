"""The Responses API of OpenAI: what is asked, and the reading of what is streamed back.

Nothing is stored there: reasoning comes back encrypted, is kept whole, and goes back with the next request.
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
from kubeagentix.wire.parts import THINKING_TOKENS, parsed_arguments, result_text, wire_id
from kubeagentix.wire.seals import opened, sealed
from kubeagentix.wire.taxonomy import Asked, Refusal, cut_short, of_refusal, translating

OWNER = "openai"
MIN_OUTPUT_TOKENS = 16  # less is refused
ENCRYPTED = "reasoning.encrypted_content"
_REASONS = re.compile(r"(gpt-(5|[6-9]|\d\d)|o\d)(?!.*-chat)")
# Models that can do without; the others are asked to reason little.
# Source: developers.openai.com/api/docs/models/gpt-6.2-sol ("rejects requests that set reasoning effort to none")
_CAN_DO_WITHOUT = re.compile(r"gpt-(5\.[1-9]|6-)")


def body_of(request: ModelRequest) -> dict[str, Any]:
    """The request in the API's own words. Only models that do not reason take a temperature."""
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for message in request.messages for part in message.parts for item in _items(message, part)],
        "max_output_tokens": max(MIN_OUTPUT_TOKENS, request.max_output_tokens) + _room(request),
        "store": False,
    }
    if request.system:
        body["instructions"] = request.system
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
                "strict": False,  # it is on by default, and then every parameter is required
            }
            for tool in request.tools
        ]
    if request.tools and not request.may_call:
        body["tool_choice"] = "none"
    elif request.must_call:
        body["tool_choice"] = {"type": "function", "name": request.must_call}
    if _REASONS.match(request.model):
        body |= {"reasoning": _reasoning(request), "include": [ENCRYPTED]}
    elif request.temperature is not None:
        body["temperature"] = request.temperature
    return body


def _room(request: ModelRequest) -> int:
    """Tokens for reasoning, where there will be some."""
    if not _REASONS.match(request.model) or _reasoning(request).get("effort") == "none":
        return 0
    return THINKING_TOKENS["high" if request.thinking == "high" else "auto"]


def _reasoning(request: ModelRequest) -> dict[str, str]:
    if request.thinking == "off":
        return {"effort": "none" if _CAN_DO_WITHOUT.match(request.model) else "low"}
    return {"summary": "auto", **({"effort": "high"} if request.thinking == "high" else {})}


def _items(message: Message, part: Part) -> list[dict[str, Any]]:
    match part:
        case Text() if part.text:
            _, label = opened(OWNER, part.signature) or ("", {})
            role = "assistant" if message.role == "assistant" else "user"
            return [{"role": role, "content": part.text, **label}]
        case Thinking():
            _, item = opened(OWNER, part.signature) or ("", None)
            return [item] if item else []
        case ToolCall():
            text = json.dumps(dict(part.arguments))
            return [{"type": "function_call", "call_id": wire_id(part.id), "name": part.name, "arguments": text}]
        case ToolResult():
            return [{"type": "function_call_output", "call_id": wire_id(part.call_id), "output": result_text(part)}]
        case _:
            return []


def adjust(body: dict[str, Any], error: ProviderError) -> Notice | None:
    """Leaves out what this model or this account may not ask for, one thing at a time."""
    if type(error) is not ProviderError or "reasoning" not in body:
        return None
    words = error.message.lower()
    if "summar" in words and "summary" in body["reasoning"]:
        body["reasoning"] = {name: value for name, value in body["reasoning"].items() if name != "summary"}
        return Notice(code="adjusted", message=f"asking without summaries of its reasoning: {error.message}")
    if "encrypted" in words and any(item.get("type") == "reasoning" for item in body["input"]):
        body["input"] = [item for item in body["input"] if item.get("type") != "reasoning"]
        return Notice(code="adjusted", message=f"asking without its earlier reasoning: {error.message}")
    if "reasoning" in words:
        del body["reasoning"], body["include"]
        return Notice(code="adjusted", message=f"asking without reasoning: {error.message}")
    return None


@dataclass(slots=True)
class _Reading:
    asked: Asked
    parts: list[Part] = field(default_factory=list)
    refusal: str = ""
    end: Any = None

    def take(self, item: Any) -> ToolCall | None:
        """Keeps an output item; returns it if it is a tool call."""
        if item.type == "message":
            text = "".join(getattr(part, "text", "") for part in item.content)
            phase = getattr(item, "phase", None)
            self.parts.append(Text(text=text, signature=sealed(OWNER, "label", {"phase": phase}) if phase else ""))
        elif item.type == "reasoning":
            whole = item.to_dict(mode="json")
            whole.pop("status", None)
            text = "\n\n".join(part.text for part in item.summary)
            self.parts.append(Thinking(text=text, signature=sealed(OWNER, "reasoning", whole)))
        elif item.type == "function_call":
            arguments, malformed = parsed_arguments(item.arguments)
            call = ToolCall(id=item.call_id, name=item.name, arguments=arguments, malformed=malformed)
            self.parts.append(call)
            return call
        return None

    def finished(self) -> ModelFinished:
        """How the turn ended. Raises RefusedError, ConnectionFailedError."""
        if self.end is None:
            raise cut_short(self.asked)
        message = Message(role="assistant", parts=tuple(self.parts))
        reason = getattr(self.end.incomplete_details, "reason", None)
        if self.refusal or reason == "content_filter":
            what = f"{self.asked.model} refuses to answer: {self.asked.clean(self.refusal) or 'its filter stopped it'}"
            hint = "put it in other words, or use another model"
            raise RefusedError(what, hint=hint, provider=self.asked.provider, detail=reason or "refusal")
        stop: StopReason = "tool_calls" if message.tool_calls else "stop"
        stop = "max_tokens" if reason == "max_output_tokens" else stop
        return ModelFinished(stop_reason=stop, message=message, model=self.end.model)


async def attempt(client: Any, body: Mapping[str, Any], asked: Asked) -> AsyncGenerator[ModelEvent, None]:
    """One try: the events of one streamed response."""
    reading = _Reading(asked=asked)
    with translating(asked):
        async with await client.responses.create(**body, stream=True) as stream:
            async for raw in stream:
                event = _read(reading, raw)
                if event is not None:
                    yield event
    if reading.end is not None and reading.end.usage is not None:
        yield UsageReported(usage=_usage(reading.end.usage))
    yield reading.finished()


def _read(reading: _Reading, raw: Any) -> ModelEvent | None:
    match raw.type:
        case "response.output_text.delta":
            return TextDelta(text=raw.delta) if raw.delta else None
        case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
            return ThinkingDelta(text=raw.delta) if raw.delta else None
        case "response.reasoning_summary_part.added":
            return ThinkingDelta(text="\n\n") if raw.summary_index else None
        case "response.refusal.delta":
            reading.refusal += raw.delta
        case "response.output_item.done":
            call = reading.take(raw.item)
            return ToolCallReady(call=call) if call is not None else None
        case "response.completed" | "response.incomplete":
            reading.end = raw.response
        case "response.failed":
            error = raw.response.error
            raise of_refusal(Refusal(codes=_codes(error), message=getattr(error, "message", "")), reading.asked)
        case "error":
            raise of_refusal(Refusal(codes=_codes(raw), message=raw.message), reading.asked)
    return None


def _codes(error: Any) -> tuple[str, ...]:
    found = (getattr(error, "code", None), getattr(error, "type", None))
    return tuple(code for code in found if code and code != "error")


def _usage(usage: Any) -> Usage:
    inputs, outputs = usage.input_tokens_details, usage.output_tokens_details
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=getattr(inputs, "cached_tokens", None) or 0,
        cache_write_tokens=getattr(inputs, "cache_write_tokens", None) or 0,
        thinking_tokens=getattr(outputs, "reasoning_tokens", None) or 0,
    )
