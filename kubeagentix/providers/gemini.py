"""The Gemini API, on its official client (google-genai): streamed, with tools and thoughts whose signatures go back."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.credentials import Variable, from_environ
from kubeagentix.domain.events import (
    ModelEvent,
    ModelFinished,
    Notice,
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
    UsageReported,
)
from kubeagentix.domain.messages import Message, Part, Text, Thinking, ToolCall, ToolResult, Usage
from kubeagentix.domain.requests import ModelRequest, Price, Readiness
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import MalformedAnswerError, ProviderError, RefusedError
from kubeagentix.wire import loading, pool
from kubeagentix.wire.ambient import is_ambient
from kubeagentix.wire.parts import THINKING_TOKENS
from kubeagentix.wire.readiness import base_url_of, with_surroundings
from kubeagentix.wire.retry import RetryPolicy, retried
from kubeagentix.wire.seals import opened, sealed
from kubeagentix.wire.taxonomy import Asked, cut_short, translating

ID = "gemini"
SDK = "google.genai"
TITLE = "the Gemini API"
OFFICIAL_URL = "https://generativelanguage.googleapis.com"
OWN_URL_VARIABLE = "KUBEAGENTIX_GEMINI_BASE_URL"
VARIABLES: tuple[Variable, ...] = (("GEMINI_API_KEY", "api_key"), ("GOOGLE_API_KEY", "api_key"))
URL_VARIABLE = "GOOGLE_GEMINI_BASE_URL"
VERSION_VARIABLE = "GOOGLE_GENAI_API_VERSION"
PREVIEW_VERSION = "v1beta"
IDLE_S = 120.0  # nothing is sent while a model thinks without telling

# Names that only the preview version of the API knows. Source: the client's notes on version 3.0.
_PREVIEW = re.compile(r"-(latest|preview|exp)\b")
_PREVIEW_ONLY = re.compile(r"Unknown name|not found for API version v1\b")
# Of parallel calls only the first is signed; for one that another model made, this stands in its place.
# Source: ai.google.dev/gemini-api/docs/thought-signatures
_NO_SIGNATURE = b"skip_thought_signature_validator"
_UNCHECKED = re.compile(r"gemini-[12]")  # models that take calls without any signature
_MALFORMED = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"}
_FINE = {"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED", "TOO_MANY_TOOL_CALLS", "OTHER"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemini:
    """Asks the Gemini API."""

    environ: Mapping[str, str]
    idle_s: float = IDLE_S
    retries: RetryPolicy = field(default_factory=RetryPolicy)

    async def stream(self, request: ModelRequest, credential: Credential) -> AsyncGenerator[ModelEvent, None]:
        """The events of one call; see contracts.Provider."""
        genai = await loading.load(SDK, ID)
        _without_key_warning()
        idle_s = min(self.idle_s, request.deadline_s)
        asked = Asked(
            provider=ID,
            title=TITLE,
            model=request.model,
            credential=credential,
            idle_s=idle_s,
            address=self._base_url(credential),
        )
        http = await pool.view()
        # The client is held here until the stream is over: once it is finalised, its streams break.
        client = genai.Client(
            vertexai=False,
            api_key=credential.secret.reveal(),
            http_options=self._http_options(genai, request, credential, http, idle_s),
        )
        config = config_of(request)
        events = retried(
            lambda: _attempt(client, request, config, asked),
            self.retries,
            request.deadline_s,
            lambda error: _adjust(config, error),
        )
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:  # closing its generator does not close the client's connection
            await pool.release(http)

    def _base_url(self, credential: Credential) -> str:
        variable = URL_VARIABLE if _is_ambient(credential) else ""
        return base_url_of(self.environ, OWN_URL_VARIABLE, variable) or OFFICIAL_URL

    def _http_options(self, genai: Any, request: ModelRequest, credential: Credential, http: Any, idle_s: float) -> Any:
        version = self.environ.get(VERSION_VARIABLE, "").strip() if _is_ambient(credential) else ""
        version = PREVIEW_VERSION if version == "beta" else version
        return genai.types.HttpOptions(
            base_url=self._base_url(credential),
            api_version=version or (PREVIEW_VERSION if _PREVIEW.search(request.model) else "v1"),
            timeout=math.ceil(idle_s * 1000),  # of each read; None would be for ever
            headers={"X-Server-Timeout": str(math.ceil(request.deadline_s))},  # else it would be `timeout`, for all
            httpx_client=pool.sync_stub(),
            httpx_async_client=http,
            async_client_args={"ssl": pool.tls()},  # for a web socket that is never opened; else made anew each time
        )


def _is_ambient(credential: Credential) -> bool:
    return is_ambient(credential.source, (name for name, _ in VARIABLES))


class _KeyWarning(logging.Filter):
    """The client warns of two keys in the environment even where it is given one; `ready` tells it better."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "GOOGLE_API_KEY" not in str(record.msg)


def _without_key_warning() -> None:
    logger = logging.getLogger("google_genai._api_client")
    if not any(isinstance(one, _KeyWarning) for one in logger.filters):
        logger.addFilter(_KeyWarning())


def config_of(request: ModelRequest) -> dict[str, Any]:
    """The request's settings in the API's own words."""
    config: dict[str, Any] = {
        "max_output_tokens": request.max_output_tokens + THINKING_TOKENS[request.thinking],
        "automatic_function_calling": {"disable": True},
        "thinking_config": _thinking(request),
    }
    if request.system:
        config["system_instruction"] = request.system
    if request.temperature is not None:
        config["temperature"] = request.temperature
    if request.tools:
        functions = [
            {"name": tool.name, "description": tool.description, "parameters_json_schema": dict(tool.parameters)}
            for tool in request.tools
        ]
        config["tools"] = [{"function_declarations": functions}]
    if request.tools and not request.may_call:
        config["tool_config"] = {"function_calling_config": {"mode": "NONE"}}
    elif request.must_call:
        wanted = {"mode": "ANY", "allowed_function_names": [request.must_call]}
        config["tool_config"] = {"function_calling_config": wanted}
    return config


def _thinking(request: ModelRequest) -> dict[str, Any]:
    if request.thinking == "off":
        return {"thinking_budget": 0} if request.model.startswith("gemini-2") else {"thinking_level": "MINIMAL"}
    level = {"thinking_level": "HIGH"} if request.thinking == "high" and "gemini-2" not in request.model else {}
    return {"include_thoughts": True, **level}


def contents_of(messages: Sequence[Message], model: str) -> list[dict[str, Any]]:
    """The conversation as turns of two sides."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "model" if message.role == "assistant" else "user"
        parts = [found for part in message.parts if (found := _part(part, model)) is not None]
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns if _UNCHECKED.match(model) else [_signed(turn) for turn in turns]


def _part(part: Part, model: str) -> dict[str, Any] | None:
    match part:
        case Text():
            signature = _signature(part.signature, model)
            return {"text": part.text, **signature} if part.text or signature else None
        case ToolCall():
            call = {"id": part.id, "name": part.name, "args": dict(part.arguments)}
            return {"function_call": call, **_signature(part.signature, model)}
        case ToolResult():
            said = {"error" if part.is_error else "output": part.content}
            return {"function_response": {"id": part.call_id, "name": part.tool_name, "response": said}}
        case Thinking():  # for people, unless it is signed
            signature = _signature(part.signature, model)
            return {"text": part.text, "thought": True, **signature} if signature else None


def _signature(signature: str, model: str) -> dict[str, bytes]:
    _, data = opened(_owner(model), signature) or ("", "")
    return {"thought_signature": bytes.fromhex(data)} if data else {}


def _signed(turn: dict[str, Any]) -> dict[str, Any]:
    """The turn with a stand-in on its first call, if none is signed: calls of another model."""
    calls = [part for part in turn["parts"] if "function_call" in part]
    if calls and not any("thought_signature" in call for call in calls):
        calls[0]["thought_signature"] = _NO_SIGNATURE
    return turn


def _owner(model: str) -> str:
    return f"{ID}/{model}"


def _seal(part: Any, model: str) -> str:
    return sealed(_owner(model), "thought", part.thought_signature.hex()) if part.thought_signature else ""


def _adjust(config: dict[str, Any], error: ProviderError) -> Notice | None:
    """Asks at the preview version for what only that knows, and a model that does not think as asked without it."""
    if _PREVIEW_ONLY.search(error.message) and "http_options" not in config:
        config["http_options"] = {"api_version": PREVIEW_VERSION}
        return Notice(code="adjusted", message=f"asking at {PREVIEW_VERSION}: {error.message}")
    if type(error) is not ProviderError or "think" not in error.message.lower() or "thinking_config" not in config:
        return None
    del config["thinking_config"]
    return Notice(code="adjusted", message=f"asking without thinking: {error.message}")


@dataclass(slots=True)
class _Reading:
    asked: Asked
    parts: list[Part] = field(default_factory=list)
    kind: type[Text | Thinking] = Text  # of what `pieces` are of
    pieces: list[str] = field(default_factory=list)
    usage: Any = None
    model: str = ""
    stop: str = ""
    stop_message: str = ""
    blocked: str = ""

    def read(self, chunk: Any) -> list[ModelEvent]:
        """What one chunk brings."""
        self.model = chunk.model_version or self.model
        self.usage = chunk.usage_metadata or self.usage
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason is not None:
            self.blocked = str(chunk.prompt_feedback.block_reason.value)
        events: list[ModelEvent] = []
        for candidate in chunk.candidates or ():
            if candidate.finish_reason is not None:
                self.stop = str(getattr(candidate.finish_reason, "value", candidate.finish_reason))
                self.stop_message = candidate.finish_message or ""
            parts = candidate.content.parts if candidate.content is not None else None
            events += [event for part in parts or () if (event := self._take(part)) is not None]
        return events

    def _take(self, part: Any) -> ModelEvent | None:
        seal = _seal(part, self.asked.model)
        if part.function_call is not None:
            return self._take_call(part.function_call, seal)
        text = part.text or ""
        if text or seal:
            self._add(Thinking if part.thought else Text, text, seal)
        if not text:
            return None
        return ThinkingDelta(text=text) if part.thought else TextDelta(text=text)

    def _take_call(self, called: Any, seal: str) -> ToolCallReady:
        self._close()
        identity = called.id or f"call_{len(self.parts)}_{called.name}"
        call = ToolCall(id=identity, name=called.name, arguments=dict(called.args or {}), signature=seal)
        self.parts.append(call)
        return ToolCallReady(call=call)

    def _add(self, kind: type[Text | Thinking], text: str, seal: str) -> None:
        """Joins the pieces of one part; a signed piece stays one of its own, for it goes back unchanged."""
        if seal or kind is not self.kind:
            self._close()
        if seal:
            self.parts.append(kind(text=text, signature=seal))
        else:
            self.kind = kind
            self.pieces.append(text)

    def _close(self) -> None:
        if self.pieces:
            self.parts.append(self.kind(text="".join(self.pieces)))
        self.pieces = []

    def finished(self) -> ModelFinished:
        """How the turn ended. Raises RefusedError, MalformedAnswerError, ConnectionFailedError."""
        if self.stop in _MALFORMED:
            what = f"{self.asked.model} wrote a tool call that nothing can read ({self.stop})"
            raise MalformedAnswerError(what, hint="try again", provider=ID, detail=self.stop)
        if self.blocked or (self.stop and self.stop not in _FINE):
            reason = self.blocked or self.stop
            what = f"{self.asked.model} refuses to answer: {reason} {self.asked.clean(self.stop_message)}".strip()
            raise RefusedError(what, hint="put it in other words, or use another model", provider=ID, detail=reason)
        if not self.stop:
            raise cut_short(self.asked)
        self._close()
        message = Message(role="assistant", parts=tuple(self.parts))
        if self.stop == "MAX_TOKENS":
            return ModelFinished(stop_reason="max_tokens", message=message, model=self.model)
        return ModelFinished(
            stop_reason="tool_calls" if message.tool_calls else "stop", message=message, model=self.model
        )


async def _attempt(
    client: Any, request: ModelRequest, config: Mapping[str, Any], asked: Asked
) -> AsyncGenerator[ModelEvent, None]:
    reading = _Reading(asked=asked)
    contents = contents_of(request.messages, request.model)
    with translating(asked):
        chunks = await client.aio.models.generate_content_stream(
            model=request.model, contents=contents, config=dict(config)
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                for event in reading.read(chunk):
                    yield event
    if reading.usage is not None:
        yield UsageReported(usage=_usage(reading.usage))
    yield reading.finished()


def _usage(usage: Any) -> Usage:
    thoughts = usage.thoughts_token_count or 0
    return Usage(
        input_tokens=(usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
        output_tokens=(usage.candidates_token_count or 0) + thoughts,
        cached_tokens=usage.cached_content_token_count or 0,
        thinking_tokens=thoughts,
    )


def ready(environ: Mapping[str, str], credential: Credential | None) -> Readiness:
    """A key of the request, else GEMINI_API_KEY, else GOOGLE_API_KEY."""
    found = from_environ(environ, VARIABLES, credential, "make a key at aistudio.google.com")
    unused = "the Gemini API is asked with a key, not as a project of Google Cloud"
    return with_surroundings(
        found,
        environ,
        module=SDK,
        extra=ID,
        own_url=OWN_URL_VARIABLE,
        url=URL_VARIABLE,
        variables=(VERSION_VARIABLE,),
        never=dict.fromkeys(("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"), unused),
        is_ambient=found.credential is not None and _is_ambient(found.credential),
    )


def build(environ: Mapping[str, str]) -> Gemini:
    """The provider; its client begins to load."""
    loading.begin(SDK)
    return Gemini(environ=environ)


# List prices of the paid tier; those of 3.6 to 3.8 Flash hold through 31 December 2026, and double then.
# Source: ai.google.dev/gemini-api/docs/pricing
PRICES: Mapping[str, Price] = dict.fromkeys(
    ("gemini-3.8-flash", "gemini-3.6-flash"), Price(input=0.75, output=3.75, cached=0.075, date="2026-10-07")
)

plugin = ProviderPlugin(
    id=ID,
    title="Gemini API",
    default_model="gemini-3.8-flash",
    context_tokens=1_000_000,
    tool_calls="native",
    ready=ready,
    build=build,
    extra=ID,
    model_variables=("GEMINI_MODEL",),
    prices=PRICES,
)
