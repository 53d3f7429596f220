"""The Claude API, on its official client: streamed, with tools, adaptive thinking and prompt caching."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.credentials import Variable, from_environ
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
from kubeagentix.domain.requests import ModelRequest, Price, Readiness
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import AuthenticationError, ContextWindowError, ProviderError, RefusedError
from kubeagentix.wire import loading, pool
from kubeagentix.wire.ambient import custom_headers, explicit_headers, is_ambient
from kubeagentix.wire.parts import THINKING_TOKENS, parsed_arguments, wire_id
from kubeagentix.wire.readiness import base_url_of, with_surroundings
from kubeagentix.wire.retry import RetryPolicy, retried
from kubeagentix.wire.seals import opened, sealed
from kubeagentix.wire.taxonomy import Asked, cut_short, translating

ID = "claude"
SDK, SDK_PARTS = "anthropic", ("anthropic.resources.messages",)
TITLE = "the Claude API"
OFFICIAL_URL = "https://api.anthropic.com"
OWN_URL_VARIABLE = "KUBEAGENTIX_CLAUDE_BASE_URL"
VARIABLES: tuple[Variable, ...] = (("ANTHROPIC_API_KEY", "api_key"), ("ANTHROPIC_AUTH_TOKEN", "auth_token"))
HEADERS_VARIABLE = "ANTHROPIC_CUSTOM_HEADERS"
API_VERSION = "2026-10-21"  # of the SDK; said here only where a variable of the environment would overwrite it
IDLE_S = 90.0  # the API pings every few seconds while it works
_SUBSCRIPTION = "sk-ant-oat"
SHORT_NAMES = {"sonnet": "claude-sonnet-5-5", "opus": "claude-opus-5-5", "haiku": "claude-haiku-5-5"}
SWITCHED_OFF = {"type": "disabled"}
CACHED = {"type": "ephemeral"}

# Models that always think: they refuse to have it switched off, and refuse a forced tool.
# Source: platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5
_ALWAYS_THINKS = re.compile(r"claude-(fable|mythos|opus-5-5)")
# Models from before adaptive thinking. Source: platform.claude.com/docs/en/build-with-claude/adaptive-thinking
_NOT_ADAPTIVE = re.compile(r"claude-(2|3|instant|(opus|sonnet|haiku)-4(-[015])?(-\d{8})?$)")
# Models that bind thinking to all that came before it: where that has changed (results that were shortened, tools that
# were withheld), the thinking is to be dropped, not the request refused.
# Source: platform.claude.com/docs/en/build-with-claude/preserved-thinking
_BINDS = re.compile(r"claude-(fable|mythos|(opus|sonnet|haiku)-5-5)")
BINDING_BETA = "thinking-binding-controls-2026-08-01"
_BETA_HEADER = "anthropic-beta"
_STOPS: Mapping[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "refusal": "refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claude:
    """Asks the Claude API. An auth token and an API key go out alike, as a bearer."""

    environ: Mapping[str, str]
    idle_s: float = IDLE_S
    retries: RetryPolicy = field(default_factory=RetryPolicy)

    async def stream(self, request: ModelRequest, credential: Credential) -> AsyncGenerator[ModelEvent, None]:
        """The events of one call; see contracts.Provider."""
        request = replace(request, model=full_name(request.model))
        sdk = await loading.load(SDK, ID, *SDK_PARTS)
        idle_s = min(self.idle_s, request.deadline_s)
        base_url = self._base_url(credential)
        asked = Asked(
            provider=ID, title=TITLE, model=request.model, credential=credential, idle_s=idle_s, address=base_url
        )
        client = await self._client(sdk, credential, base_url, idle_s)
        body = self._with_beta(body_of(request), credential)
        events = retried(
            lambda: _attempt(client, body, asked), self.retries, request.deadline_s, lambda error: _adjust(body, error)
        )
        async with aclosing(events):
            async for event in events:
                yield event

    def _with_beta(self, body: dict[str, Any], credential: Credential) -> dict[str, Any]:
        """The body with the header that its thinking needs, beside those that the environment asks for."""
        if "block_binding" in body.get("thinking", {}):
            theirs = custom_headers(self.environ, HEADERS_VARIABLE) if _is_ambient(credential) else {}
            names = [value for name, value in theirs.items() if name.lower() == _BETA_HEADER]
            body["extra_headers"] = {_BETA_HEADER: ",".join([*names, BINDING_BETA])}
        return body

    def _base_url(self, credential: Credential) -> str:
        variable = "ANTHROPIC_BASE_URL" if _is_ambient(credential) else ""
        return base_url_of(self.environ, OWN_URL_VARIABLE, variable) or OFFICIAL_URL

    async def _client(self, sdk: Any, credential: Credential, base_url: str, idle_s: float) -> Any:
        wanted = custom_headers(self.environ, HEADERS_VARIABLE) if _is_ambient(credential) else {}
        secret = credential.secret.reveal()
        own = {
            "authorization": f"Bearer {secret}",
            "anthropic-version": API_VERSION,
            "content-type": "application/json",
            "accept": "application/json",
        }
        key = {"auth_token": secret} if credential.kind == "auth_token" else {"api_key": secret}
        return sdk.AsyncAnthropic(
            **key,
            base_url=base_url,
            max_retries=0,
            timeout=pool.timeout(idle_s),
            default_headers=explicit_headers(wanted, HEADERS_VARIABLE, sdk.omit, own),
            http_client=await pool.shared(),
        )


def _is_ambient(credential: Credential) -> bool:
    return is_ambient(credential.source, (name for name, _ in VARIABLES))


def full_name(model: str) -> str:
    """A model's name as the API has it: ANTHROPIC_MODEL is also Claude Code's, which has short names of its own."""
    bare = model.removesuffix("[1m]")
    return SHORT_NAMES.get(bare, bare)


def body_of(request: ModelRequest) -> dict[str, Any]:
    """The request in the API's own words. Sampling parameters are left out: it refuses them."""
    thinking = _thinking(request)
    messages = _messages(request)
    if thinking.get("thinking") == SWITCHED_OFF:
        _drop_thinking(messages)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_output_tokens + _room(request, thinking),
        "messages": _with_cache_mark(messages),
        **_tools(request),
        **thinking,
    }
    system = request.system
    if system:
        body["system"] = _system(system)
    return body


def _system(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "cache_control": CACHED}]


def _thinking(request: ModelRequest) -> dict[str, Any]:
    always = bool(_ALWAYS_THINKS.match(request.model))
    if _NOT_ADAPTIVE.match(request.model):
        return {}
    if not always and (request.thinking == "off" or request.must_call):
        return {"thinking": SWITCHED_OFF}
    effort = {"off": "low", "high": "high"}.get(request.thinking)
    bound = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}} if _BINDS.match(request.model) else {}
    return {
        "thinking": {"type": "adaptive", "display": "summarized", **bound},
        **({"output_config": {"effort": effort}} if effort else {}),
    }


def _room(request: ModelRequest, thinking: Mapping[str, Any]) -> int:
    """Tokens for thinking, where there will be some."""
    if thinking.get("thinking", {}).get("type") != "adaptive":
        return 0
    return THINKING_TOKENS["high" if request.thinking == "high" else "auto"]


def _is_asked_to_call(request: ModelRequest) -> bool:
    """Whether a tool that has to be called can only be asked for in words."""
    return bool(request.must_call and _ALWAYS_THINKS.match(request.model))


def _tools(request: ModelRequest) -> dict[str, Any]:
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
        for tool in request.tools
    ]
    if not tools:
        return _withheld(request)
    if not request.may_call:
        return {"tools": tools, "tool_choice": {"type": "none"}}
    if request.must_call and not _is_asked_to_call(request):
        return {"tools": tools, "tool_choice": {"type": "tool", "name": request.must_call}}
    return {"tools": tools}


def _withheld(request: ModelRequest) -> dict[str, Any]:
    """Tools that were called before have to be defined for as long as the calls are in the conversation."""
    names = dict.fromkeys(call.name for message in request.messages for call in message.tool_calls)
    if not names:
        return {}
    schema = {"type": "object"}
    tools = [{"name": name, "description": "Not to be had any more.", "input_schema": schema} for name in names]
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _messages(request: ModelRequest) -> list[dict[str, Any]]:
    """The conversation as turns of two sides, results of tools first in the user's."""
    turns: list[dict[str, Any]] = []
    demand = _demand(request.must_call) if _is_asked_to_call(request) else ()
    for message in (*request.messages, *demand):
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for part in message.parts if (block := _block(part, request.model)) is not None]
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _demand(tool: str) -> tuple[Message, ...]:
    return (Message.of("user", f"You must use the tool {tool} in your next message."),)


def _drop_thinking(turns: list[dict[str, Any]]) -> bool:
    """Takes all thinking out of the turns; returns whether there was any."""
    count = sum(len(turn["content"]) for turn in turns)
    for turn in turns:
        turn["content"] = [block for block in turn["content"] if "thinking" not in block["type"]]
    turns[:] = [turn for turn in turns if turn["content"]]
    return count != sum(len(turn["content"]) for turn in turns)


def _with_cache_mark(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Marks the last block, so that the next turn finds all of this one in the cache."""
    if turns and turns[-1]["role"] == "user":
        turns[-1]["content"][-1]["cache_control"] = CACHED
    return turns


def _block(part: Part, model: str) -> dict[str, Any] | None:
    match part:
        case Text():
            return {"type": "text", "text": part.text} if part.text.strip() else None
        case Thinking():
            kind, data = opened(_owner(model), part.signature) or ("", "")
            if kind == "redacted":
                return {"type": "redacted_thinking", "data": data}
            return {"type": "thinking", "thinking": part.text, "signature": data} if kind else None
        case ToolCall():
            return {"type": "tool_use", "id": wire_id(part.id), "name": part.name, "input": dict(part.arguments)}
        case ToolResult():
            block = {"type": "tool_result", "tool_use_id": wire_id(part.call_id), "content": part.content}
            return {**block, "is_error": True} if part.is_error else block


def _owner(model: str) -> str:
    """Thinking is bound to the model that thought it."""
    return f"{ID}/{model}"


def _adjust(body: dict[str, Any], error: ProviderError) -> Notice | None:
    """Leaves out what this model, or a gateway before it, refuses, one thing at a time."""
    if type(error) is not ProviderError:
        return None
    words = error.message.lower()
    if "signature" in words and "thinking" in words and _drop_thinking(body["messages"]):
        return Notice(code="adjusted", message=f"asking without its earlier thinking: {error.message}")
    if ("block_binding" in words or _BETA_HEADER in words) and "extra_headers" in body:
        body["thinking"] = {name: value for name, value in body["thinking"].items() if name != "block_binding"}
        del body["extra_headers"]
        return Notice(code="adjusted", message=f"asking without {BINDING_BETA}: {error.message}")
    if "tool_choice" in words and body.get("tool_choice", {}).get("type") == "tool":
        (demand,) = _demand(body.pop("tool_choice")["name"])
        body["messages"].append({"role": "user", "content": [{"type": "text", "text": demand.text}]})
        return Notice(code="adjusted", message=f"asking for a tool in words: {error.message}")
    if "thinking" in words and "thinking" in body:
        for name in ("thinking", "output_config", "extra_headers"):
            body.pop(name, None)
        return Notice(code="adjusted", message=f"asking without thinking: {error.message}")
    return None


@dataclass(slots=True)
class _Reading:
    """A message as it comes in: whole blocks in `parts`, the pieces of the open one in `pieces`."""

    asked: Asked
    parts: list[Part] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    block: Any = None
    signature: str = ""
    input_usage: Any = None
    output_usage: Any = None
    model: str = ""
    stop: str = ""
    refusal: str = ""

    def close_block(self) -> ToolCall | None:
        """Puts the open block among the parts; returns it if it is a tool call."""
        text, block, owner = "".join(self.pieces), self.block, _owner(self.asked.model)
        self.pieces, self.block = [], None
        if block is None:
            return None
        if block.type == "text":
            self.parts.append(Text(text=block.text + text))
        elif block.type == "thinking":
            seal = sealed(owner, "thinking", block.signature + self.signature)
            self.parts.append(Thinking(text=block.thinking + text, signature=seal))
        elif block.type == "redacted_thinking":
            self.parts.append(Thinking(signature=sealed(owner, "redacted", block.data)))
        elif block.type == "tool_use":
            arguments, malformed = parsed_arguments(text) if text else (dict(block.input or {}), "")
            call = ToolCall(id=block.id, name=block.name, arguments=arguments, malformed=malformed)
            self.parts.append(call)
            return call
        return None

    def usage(self) -> Usage:
        """All that this call has used; the API counts cached input apart."""
        first, last = self.input_usage, self.output_usage
        cached, written = _count(first, "cache_read_input_tokens"), _count(first, "cache_creation_input_tokens")
        details = getattr(last, "output_tokens_details", None)
        return Usage(
            input_tokens=_count(first, "input_tokens") + cached + written,
            output_tokens=_count(last, "output_tokens") or _count(first, "output_tokens"),
            cached_tokens=cached,
            cache_write_tokens=written,
            thinking_tokens=_count(details, "thinking_tokens"),
        )

    def finished(self) -> ModelFinished:
        """How the turn ended. Raises RefusedError, ContextWindowError, ConnectionFailedError."""
        if self.stop == "refusal":
            what = f"{self.asked.model} refuses to answer{': ' if self.refusal else ''}{self.refusal}"
            raise RefusedError(what, hint="put it in other words, or use another model", provider=ID, detail="refusal")
        if self.stop == "model_context_window_exceeded":
            what = f"the window of {self.asked.model} is full"
            raise ContextWindowError(what, hint="ask with less", provider=ID, detail=self.stop)
        if not self.stop:
            raise cut_short(self.asked)
        message = Message(role="assistant", parts=tuple(self.parts))
        return ModelFinished(stop_reason=_STOPS.get(self.stop, "stop"), message=message, model=self.model)


def _count(usage: Any, name: str) -> int:
    return int(getattr(usage, name, None) or 0)


async def _attempt(client: Any, body: Mapping[str, Any], asked: Asked) -> AsyncGenerator[ModelEvent, None]:
    reading = _Reading(asked=asked)
    with translating(asked):
        async with await client.messages.create(**body, stream=True) as stream:
            async for raw in stream:
                event = _read(reading, raw)
                if event is not None:
                    yield event
    if reading.input_usage is not None:
        yield UsageReported(usage=reading.usage())
    yield reading.finished()


def _read(reading: _Reading, raw: Any) -> ModelEvent | None:
    kind = raw.type
    if kind == "content_block_delta":
        return _read_delta(reading, raw.delta)
    if kind == "content_block_start":
        reading.block, reading.signature = raw.content_block, ""
    elif kind == "content_block_stop":
        call = reading.close_block()
        return ToolCallReady(call=call) if call is not None else None
    elif kind == "message_start":
        reading.model, reading.input_usage = raw.message.model, raw.message.usage
    elif kind == "message_delta":
        reading.output_usage = raw.usage
        reading.stop = raw.delta.stop_reason or reading.stop
        details = getattr(raw.delta, "stop_details", None)
        reading.refusal = reading.asked.clean(getattr(details, "explanation", None) or "")
    return None


def _read_delta(reading: _Reading, delta: Any) -> ModelEvent | None:
    kind = delta.type
    if kind == "text_delta":
        reading.pieces.append(delta.text)
        return TextDelta(text=delta.text) if delta.text else None
    if kind == "thinking_delta":
        reading.pieces.append(delta.thinking)
        return ThinkingDelta(text=delta.thinking) if delta.thinking else None
    if kind == "input_json_delta":
        reading.pieces.append(delta.partial_json)
    elif kind == "signature_delta":
        reading.signature += delta.signature
    return None


def ready(environ: Mapping[str, str], credential: Credential | None) -> Readiness:
    """A key or a token of the request, else ANTHROPIC_API_KEY, else ANTHROPIC_AUTH_TOKEN.

    Raises AuthenticationError for the token of a subscription: that is for Claude Code alone.
    """
    if credential is not None and is_subscription(credential.secret.reveal()):
        what = f"the credential of {credential.source} is the token of a Claude subscription, not an API key"
        hint = "use it with the provider claude_code, or make a key at platform.claude.com"
        raise AuthenticationError(what, hint=hint, provider=ID, detail="subscription_token")
    subscribed = {name for name, _ in VARIABLES if is_subscription(environ.get(name, ""))}
    usable = {name: value for name, value in environ.items() if name not in subscribed}
    found = from_environ(usable, VARIABLES, credential, "make a key at platform.claude.com")
    return with_surroundings(
        found,
        environ,
        module=SDK,
        extra=ID,
        own_url=OWN_URL_VARIABLE,
        url="ANTHROPIC_BASE_URL",
        variables=(HEADERS_VARIABLE,),
        never={
            "ANTHROPIC_PROFILE": "profile files are not read",
            **dict.fromkeys(subscribed, "it holds the token of a subscription, which is for claude_code"),
        },
        is_ambient=found.credential is not None and _is_ambient(found.credential),
    )


def is_subscription(text: str) -> bool:
    """Whether this is the token of a Claude subscription, which no API is ever sent by us."""
    return _SUBSCRIPTION in text


def build(environ: Mapping[str, str]) -> Claude:
    """The provider; its client begins to load."""
    loading.begin(SDK, *SDK_PARTS)
    return Claude(environ=environ)


def _price(input_: float, output: float, cached: float, cache_write: float, date: str) -> Price:
    return Price(input=input_, output=output, cached=cached, cache_write=cache_write, date=date)


# List prices of the Claude API. Source: platform.claude.com/docs/en/about-claude/pricing, and for the 5.5 models the
# models overview there; Haiku 5.5 costs more for prompts of over 100,000 tokens, which is left out of account.
PRICES: Mapping[str, Price] = {
    "claude-fable-5-1": _price(10, 50, 0.25, 12.5, "2026-10-24"),
    "claude-opus-5-5": _price(4, 20, 0.20, 5, "2026-10-24"),
    "claude-sonnet-5-5": _price(2, 10, 0.10, 2.5, "2026-10-24"),
    "claude-haiku-5-5": _price(0.10, 0.50, 0.01, 0.125, "2026-10-24"),
    "claude-sonnet-5": _price(2, 10, 0.20, 2.5, "2026-10-24"),
    "claude-opus-5": _price(5, 25, 0.50, 6.25, "2026-10-24"),
    "claude-opus-4-8": _price(5, 25, 0.50, 6.25, "2026-10-24"),
    "claude-opus-4-7": _price(5, 25, 0.50, 6.25, "2026-10-24"),
    "claude-opus-4-6": _price(5, 25, 0.50, 6.25, "2026-10-24"),
    "claude-opus-4-5": _price(5, 25, 0.50, 6.25, "2026-10-24"),
}

plugin = ProviderPlugin(
    id=ID,
    title="Claude API",
    default_model="claude-sonnet-5-5",
    context_tokens=200_000,  # what every model in use takes; the newest take five times as much
    tool_calls="native",
    ready=ready,
    build=build,
    extra=ID,
    model_variables=("ANTHROPIC_MODEL",),
    prices=PRICES,
)
