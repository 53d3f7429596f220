"""The Claude API's wire: POST /v1/messages, as `anthropic-version: 2026-10-21` has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from aiohttp import web

from kubeagentix.domain.events import StopReason
from kubeagentix.domain.messages import Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from tests.servers.turns import Call, Fail, Fault, Say, Think
from tests.servers.wire import Event, Heard, WireServer, Writer, pieces, raw_arguments, retry_after_text

FAULTS: Mapping[Fault, tuple[int, str, str]] = {
    "authentication": (401, "authentication_error", "invalid x-api-key"),
    "permission": (403, "permission_error", "Request not allowed"),
    "billing": (402, "billing_error", "Your credit balance is too low to access the Claude API."),
    "rate_limit": (429, "rate_limit_error", "This request would exceed your organization's rate limit"),
    "quota": (429, "rate_limit_error", "This request would exceed your account's limit"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "server": (500, "api_error", "Internal server error"),
    "model_not_found": (404, "not_found_error", "model: claude-nope-1"),
    "context_window": (400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
    "bad_request": (400, "invalid_request_error", "messages: something is wrong"),
}
# What a subscription over its limit gets.
UNIFIED = {
    "retry-after": "3600",
    "x-should-retry": "false",
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": "1795608000",
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
}
STOPS = {"stop": "end_turn", "tool_calls": "tool_use", "max_tokens": "max_tokens", "refused": "refusal"}


def _error(step: Fail) -> tuple[int, dict[str, Any]]:
    status, kind, message = FAULTS[step.fault]
    return status, {"type": "error", "error": {"type": kind, "message": step.message or message}, "request_id": "req_1"}


class AnthropicWriter(Writer):
    """Content blocks, numbered."""

    _index = -1

    def begin(self) -> Iterator[Event]:
        usage = self.usage
        yield {
            "type": "message_start",
            "message": {
                "id": f"msg_{self.number}",
                "type": "message",
                "role": "assistant",
                "model": self.heard.model,
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
                    "cache_read_input_tokens": usage.cached_tokens,
                    "cache_creation_input_tokens": usage.cache_write_tokens,
                    "output_tokens": 1,
                },
            },
        }
        yield {"type": "ping"}

    def _block(self, block: Mapping[str, Any], deltas: list[dict[str, Any]]) -> Iterator[Event]:
        self._index += 1
        yield {"type": "content_block_start", "index": self._index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": self._index, "delta": delta}
        yield {"type": "content_block_stop", "index": self._index}

    def say(self, step: Say) -> Iterator[Event]:
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces(step.text, step.piece)]
        yield from self._block({"type": "text", "text": ""}, deltas)

    def think(self, step: Think) -> Iterator[Event]:
        if step.is_hidden:
            yield from self._block({"type": "redacted_thinking", "data": step.signature}, [])
            return
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(step.text)]
        deltas.append({"type": "signature_delta", "signature": step.signature})
        yield from self._block({"type": "thinking", "thinking": "", "signature": ""}, deltas)

    def call(self, step: Call, call_id: str) -> Iterator[Event]:
        block = {"type": "tool_use", "id": call_id, "name": step.name, "input": {}}
        texts = ["", *pieces(raw_arguments(step), 7)]
        yield from self._block(block, [{"type": "input_json_delta", "partial_json": text} for text in texts])

    def error(self, step: Fail) -> Iterator[Event]:
        yield _error(step)[1]

    def end(self, reason: StopReason) -> Iterator[Event]:
        details = {"thinking_tokens": self.usage.thinking_tokens}
        usage = {"output_tokens": self.usage.output_tokens, "output_tokens_details": details}
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": STOPS[reason], "stop_sequence": None},
            "usage": usage,
        }
        yield {"type": "message_stop"}


class AnthropicServer(WireServer):
    """The Claude API."""

    def hear(self, path: str, body: Any) -> Heard:
        return Heard(
            model=body["model"],
            system=_text(body.get("system", "")),
            messages=tuple(_message(message) for message in body["messages"]),
            tools=tuple(tool["name"] for tool in body.get("tools", ())),
            must_call=body.get("tool_choice", {}).get("name", ""),
            may_call=body.get("tool_choice", {}).get("type") != "none",
            max_tokens=body["max_tokens"],
        )

    def refuse(self, path: str, step: Fail) -> web.Response:
        status, body = _error(step)
        unified = UNIFIED if step.fault == "quota" else {}
        headers = {"request-id": "req_1", **unified, **step.headers}
        if step.retry_after is not None:
            headers["retry-after"] = retry_after_text(step)
        return web.json_response(body, status=status, headers=headers)

    def writer(self, path: str, heard: Heard, number: int) -> Writer:
        return AnthropicWriter(heard, self.usage, number)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def _message(message: Mapping[str, Any]) -> Message:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    parts = tuple(_part(block) for block in blocks)
    role = "tool" if any(isinstance(part, ToolResult) for part in parts) else message["role"]
    return Message(role=cast("Role", role), parts=parts)


def _part(block: Mapping[str, Any]) -> Part:
    match block["type"]:
        case "text":
            return Text(text=block["text"])
        case "thinking":
            return Thinking(text=block["thinking"], signature=block["signature"])
        case "redacted_thinking":
            return Thinking(signature=block["data"])
        case "tool_use":
            return ToolCall(id=block["id"], name=block["name"], arguments=block["input"])
        case "tool_result":
            content = _text(block.get("content", ""))
            is_error = block.get("is_error", False)
            return ToolResult(call_id=block["tool_use_id"], tool_name="", content=content, is_error=is_error)
        case other:
            raise AssertionError(f"a block of type {other}")
