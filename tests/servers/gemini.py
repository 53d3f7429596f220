"""The Gemini API's wire: POST /v1/models/MODEL:streamGenerateContent?alt=sse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from kubeagentix.domain.events import StopReason
from kubeagentix.domain.messages import Message, Part, Text, Thinking, ToolCall, ToolResult
from tests.servers.turns import Call, Fail, Fault, Say, Think
from tests.servers.wire import Event, Heard, WireServer, Writer, pieces, retry_after_text

_TYPE = "type.googleapis.com/google.rpc."
_BAD_KEY = {"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
_PER_DAY = {"@type": f"{_TYPE}QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}
FAULTS: Mapping[Fault, tuple[int, str, str, list[dict[str, Any]]]] = {
    "authentication": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [_BAD_KEY]),
    "permission": (403, "PERMISSION_DENIED", "The caller does not have permission", []),
    "billing": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", [_PER_DAY]),
    "rate_limit": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted", []),
    "quota": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", [_PER_DAY]),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", []),
    "server": (500, "INTERNAL", "An internal error has occurred.", []),
    "model_not_found": (404, "NOT_FOUND", "models/nope is not found", []),
    "context_window": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
        [],
    ),
    "bad_request": (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", []),
}
STOPS = {"stop": "STOP", "tool_calls": "STOP", "max_tokens": "MAX_TOKENS", "refused": "SAFETY"}


def _error(step: Fail) -> tuple[int, dict[str, Any]]:
    code, status, message, details = FAULTS[step.fault]
    if step.retry_after is not None:
        details = [*details, {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{retry_after_text(step)}s"}]
    return code, {"error": {"code": code, "message": step.message or message, "status": status, "details": details}}


class GeminiWriter(Writer):
    """Chunks of parts. Arguments that are damaged never reach a client here: the API itself says so."""

    _is_signed = False
    _finish = ""

    def _chunk(self, parts: list[dict[str, Any]], finish: str = "", usage: Mapping[str, int] | None = None) -> Event:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "usageMetadata": usage or {"promptTokenCount": self.usage.input_tokens},
            "modelVersion": self.heard.model,
            "responseId": f"resp{self.number}",
        }

    def begin(self) -> Iterator[Event]:
        yield {"usageMetadata": {"promptTokenCount": self.usage.input_tokens}, "modelVersion": self.heard.model}

    def say(self, step: Say) -> Iterator[Event]:
        for piece in pieces(step.text, step.piece):
            yield self._chunk([{"text": piece}])
        if step.signature:
            yield self._chunk([{"text": "", "thoughtSignature": step.signature}])

    def think(self, step: Think) -> Iterator[Event]:
        for piece in [] if step.is_hidden else pieces(step.text):
            yield self._chunk([{"text": piece, "thought": True}])

    def call(self, step: Call, call_id: str) -> Iterator[Event]:
        if isinstance(step.arguments, str):
            self._finish = "MALFORMED_FUNCTION_CALL"
            return
        part: dict[str, Any] = {"functionCall": {"id": call_id, "name": step.name, "args": step.arguments}}
        if not self._is_signed:  # of parallel calls, only the first is signed
            part["thoughtSignature"] = step.signature or "c2lnbmVk"
            self._is_signed = True
        yield self._chunk([part])

    def error(self, step: Fail) -> Iterator[Event]:
        yield _error(step)[1]

    def end(self, reason: StopReason) -> Iterator[Event]:
        usage = {
            "promptTokenCount": self.usage.input_tokens,
            "candidatesTokenCount": self.usage.output_tokens - self.usage.thinking_tokens,
            "thoughtsTokenCount": self.usage.thinking_tokens,
            "cachedContentTokenCount": self.usage.cached_tokens,
            "totalTokenCount": self.usage.total_tokens,
        }
        yield self._chunk([], self._finish or STOPS[reason], usage)


class GeminiServer(WireServer):
    """The Gemini API."""

    is_named = False

    def hear(self, path: str, body: Any) -> Heard:
        match = re.fullmatch(r"/v1(?:beta)?/models/(.+):streamGenerateContent", path)
        assert match is not None, path
        config = body.get("toolConfig", {}).get("functionCallingConfig", {})
        system = body.get("systemInstruction", {}).get("parts", ())
        return Heard(
            model=match[1],
            system="".join(part["text"] for part in system),
            messages=tuple(_message(content) for content in body["contents"]),
            tools=tuple(
                function["name"] for tool in body.get("tools", ()) for function in tool.get("functionDeclarations", ())
            ),
            must_call="".join(config.get("allowedFunctionNames", ())),
            may_call=config.get("mode") != "NONE",
            max_tokens=body.get("generationConfig", {}).get("maxOutputTokens", 0),
        )

    def refuse(self, path: str, step: Fail) -> web.Response:
        status, body = _error(step)
        return web.json_response(body, status=status, headers=step.headers)

    def writer(self, path: str, heard: Heard, number: int) -> Writer:
        return GeminiWriter(heard, self.usage, number)


def _message(content: Mapping[str, Any]) -> Message:
    parts = tuple(_part(part) for part in content["parts"])
    if any(isinstance(part, ToolResult) for part in parts):
        return Message(role="tool", parts=parts)
    return Message(role="user" if content["role"] == "user" else "assistant", parts=parts)


def _part(part: Mapping[str, Any]) -> Part:
    signature = part.get("thoughtSignature", "")
    if "functionCall" in part:
        call = part["functionCall"]
        return ToolCall(id=call.get("id", ""), name=call["name"], arguments=call.get("args", {}), signature=signature)
    if "functionResponse" in part:
        answer = part["functionResponse"]
        is_error = "error" in answer["response"]
        content = answer["response"]["error" if is_error else "output"]
        return ToolResult(call_id=answer.get("id", ""), tool_name=answer["name"], content=content, is_error=is_error)
    if part.get("thought") or signature:
        return Thinking(text=part.get("text", ""), signature=signature)
    return Text(text=part["text"])
