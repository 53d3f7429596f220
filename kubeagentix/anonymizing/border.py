"""The border between the engine and a model's provider: names go out as placeholders and come back as names.

What stays on this side of it (history, events, tools, evidence) has the real names. What a model said goes back to it
in its own words, since some providers sign them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from kubeagentix import registry
from kubeagentix.anonymizing.names import Names
from kubeagentix.anonymizing.streams import Restoring
from kubeagentix.anonymizing.texts import learn_text
from kubeagentix.contracts import Provider
from kubeagentix.domain.events import ModelEvent, ModelFinished, Notice, TextDelta, ThinkingDelta, ToolCallReady
from kubeagentix.domain.messages import Message, Part, Text, Thinking, ToolCall, ToolResult
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.errors import KubeAgentiXError

MAX_FRESH = 300  # names at once, beyond which texts are hidden anew rather than searched for them
_FOR_MODELS = ("description", "title", "enum", "const", "default", "examples")
NOTE = """
- Names are hidden from you. ns-k1, deploy-k2, svc-k3, host-k4.domain-k5.example, image-k6 and their like stand for \
real names of objects, hosts and images, addresses in 198.18.0.0/15 and 2001:db8:: for real ones; none of them is \
an error. Equal ones are equal. Use them exactly as they are, in tool calls, commands and your answer: they are put \
back."""


class Anonymizer:
    """What one conversation hides, and how it is put back."""

    def __init__(self) -> None:
        self.names = Names()
        self._said: dict[str, Part] = {}  # what a model said, by the text that it was shown as
        self._learnt: set[str] = set()
        self._hidden: dict[str, str] = {}
        self._seen = (0, 0)  # how many names and common words there were

    def request(self, request: ModelRequest) -> ModelRequest:
        """The request as it goes out."""
        self._know_words_of(request)
        for message in request.messages:
            self._learn(message)
        run_tool = request.run_tool

        async def run(call: ToolCall) -> ToolResult:
            assert run_tool is not None
            result = await run_tool(self.restored_call(call))
            self._learn(Message(role="tool", parts=(result,)))
            return replace(result, content=self.hide(result.content))

        return replace(
            request,
            system=f"{self.hide(request.system)}{NOTE}" if request.system else NOTE.strip(),
            messages=tuple(self._message(item) for item in request.messages),
            tools=tuple(self._tool(item) for item in request.tools),
            run_tool=run if run_tool is not None else None,
        )

    def hide(self, text: str) -> str:
        """A text as it goes out; the same text again costs nothing."""
        self._forget()
        if text not in self._hidden:
            self._hidden[text] = self.names.hide(text)
        return self._hidden[text]

    def _forget(self) -> None:
        """Drops what is hidden no more as it should be: texts with names that were learnt since."""
        before, now = self._seen, (len(self.names.names), len(self.names.common))
        if now == before:
            return
        fresh = self.names.names[before[0] :]
        if now[1] != before[1] or len(fresh) > MAX_FRESH:
            self._hidden.clear()
        else:
            self._hidden = {
                text: hidden for text, hidden in self._hidden.items() if not any(name in text for name in fresh)
            }
        self._seen = now

    def restored_call(self, call: ToolCall) -> ToolCall:
        """A call with the real names in its arguments."""
        restore = self.names.restore
        return replace(call, arguments=_mapped(call.arguments, restore), malformed=restore(call.malformed))

    def restored(self, message: Message) -> Message:
        """A model's message with the real names; what it said is kept, to go back as it was."""
        return replace(message, parts=tuple(self._restored(part) for part in message.parts))

    def _restored(self, part: Part) -> Part:
        shown: Part = part
        if isinstance(part, Text | Thinking):
            shown = replace(part, text=self.names.restore(part.text))
            self._said[_key(shown)] = part
        elif isinstance(part, ToolCall):
            shown = self.restored_call(part)
            self._said[_key(shown)] = part
        return shown

    # On the way out

    def _know_words_of(self, request: ModelRequest) -> None:
        """Our own words are no names, however somebody called an object; those of a user's own tools may be."""
        for tool in request.tools:
            self.names.keep(tool.name)
        ours = {*registry.tools(), request.final_tool}
        texts = (
            request.system,
            *(str(item) for tool in request.tools if tool.name in ours for item in _texts_of(tool)),
        )
        self.names.treat_as_common(word.strip(".,:;()[]'\"`").lower() for text in texts for word in text.split())

    def _learn(self, message: Message) -> None:
        if message.role == "assistant":  # it knows no names but those it was told
            return
        for part in message.parts:
            text = part.content if isinstance(part, ToolResult) else getattr(part, "text", "")
            if text in self._learnt:
                continue
            self._learnt.add(text)
            if isinstance(part, ToolResult):
                self.names.learn_data(part.data)
                for item in part.evidence:
                    self.names.learn_ref(item.ref)
            learn_text(self.names, text)

    def _message(self, message: Message) -> Message:
        return replace(message, parts=tuple(self._part(part, message.role) for part in message.parts))

    def _part(self, part: Part, role: str) -> Part:
        if isinstance(part, ToolResult):
            return replace(part, content=self.hide(part.content), data=None, evidence=())
        if role == "assistant" and (said := self._said.get(_key(part))) is not None:
            return replace(said, id=part.id) if isinstance(said, ToolCall) and isinstance(part, ToolCall) else said
        if isinstance(part, ToolCall):
            return replace(part, arguments=_mapped(part.arguments, self.hide), malformed=self.hide(part.malformed))
        return replace(part, text=self.hide(part.text))

    def _tool(self, tool: ToolSpec) -> ToolSpec:
        parameters = _in_schema(tool.parameters, self.hide)
        return replace(tool, description=self.hide(tool.description), parameters=parameters)


def _in_schema(schema: Any, change: Callable[[str], str]) -> Any:
    """A JSON Schema with the texts changed that are for a model; names of parameters stay."""
    if isinstance(schema, Mapping):
        return {
            key: _mapped(item, change) if key in _FOR_MODELS else _in_schema(item, change)
            for key, item in schema.items()
        }
    return [_in_schema(item, change) for item in schema] if isinstance(schema, list | tuple) else schema


def _texts_of(tool: ToolSpec) -> tuple[Any, ...]:
    return tool.name, tool.description, *dict(tool.parameters.get("properties", {})).items()


def _key(part: Part) -> str:
    if isinstance(part, ToolCall):
        return f"call\x1f{part.name}\x1f{part.arguments}\x1f{part.malformed}"
    assert not isinstance(part, ToolResult)
    return f"{type(part).__name__}\x1f{part.text}\x1f{part.signature}"


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with each of its texts changed, names of fields apart."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Anonymous:
    """A provider that is asked in placeholders; to whoever uses it, it speaks of the real names."""

    provider: Provider
    anonymizer: Anonymizer

    async def stream(self, request: ModelRequest, credential: Credential) -> AsyncGenerator[ModelEvent, None]:
        """The events of one call; see contracts.Provider."""
        outgoing = self.anonymizer.request(request)
        reading = _Reading(self.anonymizer)
        stream = cast("AsyncGenerator[ModelEvent, None]", self.provider.stream(outgoing, credential))
        try:
            async with aclosing(stream) as events:
                async for event in reading.events(events):
                    yield event
        except KubeAgentiXError as error:  # a server may quote what it was sent
            restore = self.anonymizer.names.restore
            error.message, error.hint = restore(error.message), restore(error.hint)
            raise


class _Reading:
    """The events of one call: its two texts are held back where a placeholder may be under way."""

    def __init__(self, anonymizer: Anonymizer) -> None:
        self._anonymizer = anonymizer
        self._text = Restoring(anonymizer.names)
        self._thinking = Restoring(anonymizer.names)

    async def events(self, events: AsyncIterator[ModelEvent]) -> AsyncGenerator[ModelEvent, None]:
        async for event in events:
            for restored in self._read(event):
                yield restored

    def _read(self, event: ModelEvent) -> list[ModelEvent]:
        if isinstance(event, TextDelta):
            return [TextDelta(text=text)] if (text := self._text.feed(event.text)) else []
        if isinstance(event, ThinkingDelta):
            return [ThinkingDelta(text=text)] if (text := self._thinking.feed(event.text)) else []
        if isinstance(event, ToolCallReady):
            return [*self._rest(), ToolCallReady(call=self._anonymizer.restored_call(event.call))]
        if isinstance(event, ModelFinished):
            return [*self._rest(), replace(event, message=self._anonymizer.restored(event.message))]
        if isinstance(event, Notice):
            return [replace(event, message=self._anonymizer.names.restore(event.message))]
        return [event]

    def _rest(self) -> list[ModelEvent]:
        thinking, text = self._thinking.finish(), self._text.finish()
        told: list[ModelEvent] = [ThinkingDelta(text=thinking)] if thinking else []
        return [*told, TextDelta(text=text)] if text else told
