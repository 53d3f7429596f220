"""One call to a model, read to its end: what it said, what it asks for, and what of that is told at once.

Markup for tool calls in a text is taken out of it and becomes calls; what was asked for by the API comes as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from uuid import uuid4

from kubeagentix.domain.answers import Answer
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.events import (
    ModelEvent,
    ModelFinished,
    Notice,
    RunEvent,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
    UsageReported,
)
from kubeagentix.domain.messages import Message, Part, Text, ToolCall, Usage
from kubeagentix.engine.answers import ANSWER_TOOL, read_answer
from kubeagentix.engine.citations import CitationMarker
from kubeagentix.engine.fence import Fence
from kubeagentix.errors import MalformedAnswerError
from kubeagentix.wire.markup import MarkupParser, Unoffered

Emit = Callable[[RunEvent], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a model call gave. `calls` leaves out the answer tool and what the provider's own client has run."""

    stop_reason: StopReason
    messages: tuple[Message, ...]
    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    model: str
    submitted: ToolCall | None = None

    @property
    def said(self) -> tuple[Message, ...]:
        """The messages without calls, which have no results where they are not run."""
        bare = (
            replace(item, parts=tuple(part for part in item.parts if not isinstance(part, ToolCall)))
            for item in self.messages
        )
        return tuple(item for item in bare if any(isinstance(part, Text) for part in item.parts))

    def answer(self, known: Mapping[str, Evidence]) -> Answer | None:
        """What was submitted as the answer, if it was."""
        return read_answer(self.submitted.arguments, known) if self.submitted is not None else None


@dataclass(slots=True)
class _Reading:
    emit: Emit
    parser: MarkupParser | None
    told: dict[str, ToolCall]
    spend: Callable[[Usage], None]
    text: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    before: frozenset[str] = frozenset()  # ids of calls of earlier turns
    renamed: list[tuple[ToolCall, ToolCall]] = field(default_factory=list)  # as it came, with its own id
    finished: ModelFinished | None = None
    has_markup: bool = False
    is_quoted: Callable[[ToolCall], bool] = lambda _: False
    unoffered: set[str] = field(default_factory=set)  # ids of calls of tools that there are not
    marker: CitationMarker = field(default_factory=lambda: CitationMarker(dict))

    @property
    def is_submitted_again(self) -> bool:
        """Whether the answer came twice: there is nothing more to come."""
        return len(self.told) > 1 and len(self.submitted) > 1

    @property
    def submitted(self) -> list[ToolCall]:
        """The answers, as calls of their tool."""
        return [call for key, call in self.told.items() if key not in self.before and self.is_answer(call)]

    def is_answer(self, call: ToolCall) -> bool:
        """Whether it gives the answer, was asked to, and does not only quote one."""
        return call.name == ANSWER_TOOL.name and call.id not in self.unoffered and not self.is_quoted(call)

    def say(self, text: str) -> None:
        self.text.append(text)
        self.show(self.marker.feed(text))

    def show(self, text: str) -> None:
        if text:
            self.emit(TextDelta(text=text))

    def take(self, pieces: list[str | ToolCall | Unoffered]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self.say(piece)
                continue
            self.has_markup = True
            if isinstance(piece, ToolCall):
                self.ask(piece)
            else:  # it is told to the model as well, which would ask again
                call = ToolCall(id=f"unoffered-{uuid4().hex[:8]}", name=piece.name, arguments={}, origin="markup")
                self.unoffered.add(call.id)
                self.ask(call)
                self.emit(
                    Notice(code="unoffered_tool", message=f"the model asked for {piece.name}, which there is not")
                )

    def ask(self, call: ToolCall) -> None:
        if call.origin != "mcp" and call.id in self.told:  # a server that numbers its calls anew in every answer
            same, number = call, 2
            while f"{same.id}-{number}" in self.told:
                number += 1
            call = replace(same, id=f"{same.id}-{number}")
            self.renamed.append((same, call))
        self.calls.append(call)
        if call.id not in self.told:
            self.told[call.id] = call
            self.show(self.marker.finish())
            self.emit(ToolCallReady(call=call))


async def take_turn(
    events: AsyncIterator[ModelEvent],
    emit: Emit,
    parser: MarkupParser | None,
    told: dict[str, ToolCall],
    *,
    spend: Callable[[Usage], None],
    fence: Fence,
    issued: Callable[[], Collection[str]],
) -> Turn:
    """Reads a model call to its end. Raises what the provider raises, MalformedAnswerError if it just stops.

    `told` holds the calls that were told of, by id. It is added to, also by who runs calls in the middle of this one.
    `spend` is told what was used so far, whether or not the call comes to its end. `fence` knows the calls that
    stand in data, `issued` the evidence that may be cited.
    """
    reading = _Reading(
        emit=emit,
        parser=parser,
        told=told,
        spend=spend,
        before=frozenset(told),
        is_quoted=fence.quotable.has_call,
        marker=CitationMarker(issued),
    )
    async for event in events:
        _read(reading, event)
        if reading.is_submitted_again:  # a client that asks in the middle of a call would go on for ever
            message = Message(role="assistant", parts=(Text(text="".join(reading.text)),))
            reading.finished = ModelFinished(stop_reason="stop", message=message)
            break
    if reading.parser is not None:
        reading.take(reading.parser.finish())
        reading.show(reading.marker.finish())
    finished = reading.finished
    if finished is None:
        raise MalformedAnswerError("the model's answer broke off", hint="try again")
    return _turn(reading, finished)


def _read(reading: _Reading, event: ModelEvent) -> None:
    if type(event) is TextDelta:
        if reading.parser is None:
            reading.text.append(event.text)
            reading.emit(event)
        else:
            reading.take(reading.parser.feed(event.text))
    elif isinstance(event, ToolCallReady):
        reading.ask(event.call)
    elif isinstance(event, UsageReported):
        reading.usage = event.usage
        reading.spend(event.usage)
    elif isinstance(event, ModelFinished):
        reading.finished = event
    elif isinstance(event, ThinkingDelta | Notice):
        reading.emit(event)


def _turn(reading: _Reading, finished: ModelFinished) -> Turn:
    text = "".join(reading.text)
    wanted = [call for call in reading.calls if call.origin != "mcp"]
    message = _as_said(finished.message, text, wanted) if reading.has_markup else finished.message
    message = replace(message, parts=tuple(_renamed(part, reading.renamed) for part in message.parts))
    return Turn(
        stop_reason=finished.stop_reason,
        messages=(message,) if message.parts else (),
        text=text,
        calls=tuple(call for call in wanted if not reading.is_answer(call)),
        usage=reading.usage,
        model=finished.model,
        submitted=next(iter(reading.submitted), None),
    )


def _renamed(part: Part, renamed: list[tuple[ToolCall, ToolCall]]) -> Part:
    """A call under the id that it was given."""
    found = next((pair for pair in renamed if pair[0] is part), None)
    found = found or next((pair for pair in renamed if pair[0] == part), None)
    if found is None:
        return part
    renamed.remove(found)
    return found[1]


def _as_said(message: Message, text: str, calls: list[ToolCall]) -> Message:
    """The message with its markup taken out, and the calls that it stood for put in."""
    others: list[Part] = [part for part in message.parts if not isinstance(part, Text | ToolCall)]
    said: list[Part] = [Text(text=text)] if text else []
    return replace(message, parts=(*others, *said, *calls))
