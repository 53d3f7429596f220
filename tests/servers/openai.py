"""OpenAI's two wires on one server: POST /v1/responses, and /v1/chat/completions as compatible servers speak it.

A compatible server that knows no tools is one with `takes_tools=False`: it refuses a request that offers some.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from aiohttp import web

from kubeagentix.domain.events import StopReason
from kubeagentix.domain.messages import Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from tests.servers.turns import Call, Fail, Fault, Say, Think
from tests.servers.wire import Event, Heard, Recorded, WireServer, Writer, pieces, raw_arguments, retry_after_text

FAULTS: Mapping[Fault, tuple[int, str | None, str, str]] = {
    "authentication": (401, "invalid_api_key", "invalid_request_error", "Incorrect API key provided."),
    "permission": (403, None, "permission_error", "You have insufficient permissions for this operation."),
    "billing": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
    "rate_limit": (429, "rate_limit_exceeded", "requests", "Rate limit reached for requests"),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
    "overloaded": (503, None, "server_error", "The engine is currently overloaded, please try again later"),
    "server": (500, "server_error", "server_error", "The server had an error while processing your request"),
    "model_not_found": (404, "model_not_found", "invalid_request_error", "The model `nope` does not exist"),
    "context_window": (
        400,
        "context_length_exceeded",
        "invalid_request_error",
        "Your input exceeds the context window of this model.",
    ),
    "bad_request": (400, None, "invalid_request_error", "Unknown parameter"),
}
CHAT_STOPS = {"stop": "stop", "tool_calls": "tool_calls", "max_tokens": "length", "refused": "content_filter"}
NO_TOOLS = "registry.ollama.ai/library/tiny does not support tools"


class ResponsesWriter(Writer):
    """Output items, whole once done, under numbered events."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sequence = -1
        self._output: list[dict[str, Any]] = []

    def _event(self, kind: str, **fields: Any) -> Event:
        self._sequence += 1
        return {"type": kind, "sequence_number": self._sequence, **fields}

    def _response(self, status: str, **fields: Any) -> dict[str, Any]:
        return {
            "id": f"resp_{self.number}",
            "object": "response",
            "created_at": 1,
            "status": status,
            "model": self.heard.model,
            "output": self._output if status != "in_progress" else [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            **fields,
        }

    def begin(self) -> Iterator[Event]:
        yield self._event("response.created", response=self._response("in_progress"))
        yield self._event("response.in_progress", response=self._response("in_progress"))

    def _item(self, started: dict[str, Any], between: list[dict[str, Any]], item: dict[str, Any]) -> Iterator[Event]:
        index = len(self._output)
        yield self._event("response.output_item.added", output_index=index, item=started)
        for fields in between:
            yield self._event(fields.pop("kind"), output_index=index, item_id=item["id"], **fields)
        self._output.append(item)
        yield self._event("response.output_item.done", output_index=index, item=item)

    def say(self, step: Say) -> Iterator[Event]:
        item_id = f"msg_{self.number}_{len(self._output)}"
        started = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        part = {"type": "output_text", "text": step.text, "annotations": []}
        between: list[dict[str, Any]] = [
            {"kind": "response.content_part.added", "content_index": 0, "part": {**part, "text": ""}}
        ]
        for piece in pieces(step.text, step.piece):
            between.append({"kind": "response.output_text.delta", "content_index": 0, "delta": piece, "logprobs": []})
        between.append(
            {"kind": "response.output_text.done", "content_index": 0, "text": step.text, "logprobs": []},
        )
        yield from self._item(started, between, {**started, "status": "completed", "content": [part]})

    def think(self, step: Think) -> Iterator[Event]:
        item_id = f"rs_{self.number}_{len(self._output)}"
        started: dict[str, Any] = {"id": item_id, "type": "reasoning", "summary": []}
        done = {**started, "encrypted_content": step.signature}
        between: list[dict[str, Any]] = []
        if not step.is_hidden:
            done["summary"] = [{"type": "summary_text", "text": step.text}]
            for piece in pieces(step.text):
                between.append(
                    {"kind": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": piece},
                )
        yield from self._item(started, between, done)

    def call(self, step: Call, call_id: str) -> Iterator[Event]:
        text = raw_arguments(step)
        item = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": step.name}
        between = [{"kind": "response.function_call_arguments.delta", "delta": piece} for piece in pieces(text, 7)]
        started = {**item, "arguments": "", "status": "in_progress"}
        yield from self._item(started, between, {**item, "arguments": text, "status": "completed"})

    def error(self, step: Fail) -> Iterator[Event]:
        _, code, kind, message = FAULTS[step.fault]
        error = {"code": code or kind, "message": step.message or message}
        yield self._event("response.failed", response=self._response("failed", error=error))

    def end(self, reason: StopReason) -> Iterator[Event]:
        usage = {
            "input_tokens": self.usage.input_tokens,
            "input_tokens_details": {"cached_tokens": self.usage.cached_tokens},
            "output_tokens": self.usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.usage.thinking_tokens},
            "total_tokens": self.usage.total_tokens,
        }
        why = {"max_tokens": "max_output_tokens", "refused": "content_filter"}.get(reason)
        if why:
            response = self._response("incomplete", usage=usage, incomplete_details={"reason": why})
            yield self._event("response.incomplete", response=response)
        else:
            yield self._event("response.completed", response=self._response("completed", usage=usage))


class ChatWriter(Writer):
    """Chunks with one choice; reasoning as vLLM and others give it."""

    _calls = -1

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._base(), "choices": [choice]}

    def _base(self) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.number}",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": self.heard.model,
        }

    def begin(self) -> Iterator[Event]:
        yield self._chunk({"role": "assistant", "content": ""})

    def say(self, step: Say) -> Iterator[Event]:
        for piece in pieces(step.text, step.piece):
            yield self._chunk({"content": piece})

    def think(self, step: Think) -> Iterator[Event]:
        for piece in pieces(step.text):
            yield self._chunk({"reasoning_content": piece})

    def call(self, step: Call, call_id: str) -> Iterator[Event]:
        self._calls += 1
        index = self._calls
        function = {"name": step.name, "arguments": ""}
        yield self._chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})
        for piece in pieces(raw_arguments(step), 7):
            yield self._chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})

    def error(self, step: Fail) -> Iterator[Event]:
        _, code, kind, message = FAULTS[step.fault]
        yield {"error": {"message": step.message or message, "type": kind, "param": None, "code": code}}

    def end(self, reason: StopReason) -> Iterator[Event]:
        yield self._chunk({}, CHAT_STOPS[reason])
        usage = {
            "prompt_tokens": self.usage.input_tokens,
            "completion_tokens": self.usage.output_tokens,
            "total_tokens": self.usage.total_tokens,
            "prompt_tokens_details": {"cached_tokens": self.usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": self.usage.thinking_tokens},
        }
        yield {**self._base(), "choices": [], "usage": usage}
        yield "[DONE]"


class OpenAIServer(WireServer):
    """The OpenAI API, or a server that is compatible with it."""

    def __init__(self, *, takes_tools: bool = True) -> None:
        super().__init__()
        self.takes_tools = takes_tools

    @property
    def base_url(self) -> str:
        return f"{self._root}/v1"

    def hear(self, path: str, body: Any) -> Heard:
        return _heard_responses(body) if path.endswith("/responses") else _heard_chat(body)

    def before(self, recorded: Recorded) -> web.Response | None:
        if self.takes_tools or not recorded.heard.tools:
            return None
        error = {"message": NO_TOOLS, "type": "api_error", "param": None, "code": None}
        return web.json_response({"error": error}, status=400)

    def refuse(self, path: str, step: Fail) -> web.Response:
        status, code, kind, message = FAULTS[step.fault]
        headers = {"x-request-id": "req_1", **step.headers}
        if step.retry_after is not None:
            headers["retry-after"] = retry_after_text(step)
        error = {"message": step.message or message, "type": kind, "param": None, "code": code}
        return web.json_response({"error": error}, status=status, headers=headers)

    def writer(self, path: str, heard: Heard, number: int) -> Writer:
        kind = ResponsesWriter if path.endswith("/responses") else ChatWriter
        return kind(heard, self.usage, number)


def _heard_responses(body: Mapping[str, Any]) -> Heard:
    choice = body.get("tool_choice")
    return Heard(
        model=body["model"],
        system=body.get("instructions", ""),
        messages=tuple(_item(item) for item in _input(body["input"])),
        tools=tuple(tool["name"] for tool in body.get("tools", ())),
        must_call=choice["name"] if isinstance(choice, Mapping) else "",
        may_call=choice != "none",
        max_tokens=body.get("max_output_tokens", 0),
    )


def _input(items: Any) -> Any:
    return [{"role": "user", "content": items}] if isinstance(items, str) else items


def _item(item: Mapping[str, Any]) -> Message:
    match item.get("type", "message"):
        case "message":
            content = item["content"]
            text = content if isinstance(content, str) else "".join(part["text"] for part in content)
            return Message.of(cast("Role", item["role"]), text)
        case "reasoning":
            text = "".join(part["text"] for part in item["summary"])
            part: Part = Thinking(text=text, signature=item["encrypted_content"])
            return Message(role="assistant", parts=(part,))
        case "function_call":
            return Message(role="assistant", parts=(_call(item["call_id"], item),))
        case "function_call_output":
            part = ToolResult(call_id=item["call_id"], tool_name="", content=item["output"])
            return Message(role="tool", parts=(part,))
        case other:
            raise AssertionError(f"an item of type {other}")


def _call(call_id: str, function: Mapping[str, Any]) -> ToolCall:
    return ToolCall(id=call_id, name=function["name"], arguments=json.loads(function["arguments"]))


def _heard_chat(body: Mapping[str, Any]) -> Heard:
    choice = body.get("tool_choice")
    messages = body["messages"]
    return Heard(
        model=body["model"],
        system="".join(message["content"] for message in messages if message["role"] == "system"),
        messages=tuple(_chat_message(message) for message in messages if message["role"] != "system"),
        tools=tuple(tool["function"]["name"] for tool in body.get("tools", ())),
        must_call=choice["function"]["name"] if isinstance(choice, Mapping) else "",
        may_call=choice != "none",
        max_tokens=body.get("max_tokens", 0),
    )


def _chat_message(message: Mapping[str, Any]) -> Message:
    if message["role"] == "tool":
        result = ToolResult(call_id=message["tool_call_id"], tool_name="", content=message["content"])
        return Message(role="tool", parts=(result,))
    parts: list[Part] = [Text(text=message["content"])] if message.get("content") else []
    parts += [_call(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    return Message(role=cast("Role", message["role"]), parts=tuple(parts))
