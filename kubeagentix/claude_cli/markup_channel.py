"""The `cli` channel's tools: what the model asks for by markup in its text becomes real calls.

Text after the first call is not shown: the model was told to stop there, and what it says instead is a guess at the
results.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import replace

from kubeagentix.domain.events import ModelEvent, ModelFinished, Notice, TextDelta, ToolCallReady
from kubeagentix.domain.messages import Message, Text, ToolCall
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.wire.markup import Item, MarkupParser


async def with_calls(events: AsyncIterator[ModelEvent], tools: Sequence[ToolSpec]) -> AsyncGenerator[ModelEvent]:
    """The events of a run, with ToolCallReady in place of markup; the last one's message holds the calls."""
    reader = _CallReader(tools)
    async for event in events:
        if isinstance(event, TextDelta):
            for found in reader.feed(event.text):
                yield found
        elif isinstance(event, ModelFinished):
            for found in reader.finish():
                yield found
            yield reader.finished(event)
        else:
            yield event


class _CallReader:
    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._parser = MarkupParser([tool.name for tool in tools])
        self._shown: list[str] = []
        self._calls: list[ToolCall] = []

    def feed(self, text: str) -> Iterator[ModelEvent]:
        yield from self._found(self._parser.feed(text))

    def finish(self) -> Iterator[ModelEvent]:
        yield from self._found(self._parser.finish())

    def finished(self, event: ModelFinished) -> ModelFinished:
        text = "".join(self._shown)
        parts = (*((Text(text=text),) if text else ()), *self._calls)
        reason = "tool_calls" if self._calls else event.stop_reason
        return replace(event, stop_reason=reason, message=Message(role="assistant", parts=parts))

    def _found(self, items: Sequence[Item]) -> Iterator[ModelEvent]:
        for item in items:
            if isinstance(item, ToolCall):
                self._calls.append(item)
                yield ToolCallReady(call=item)
            elif not isinstance(item, str):
                yield Notice(code="unknown_tool", message=f"the model asked for {item.name}, which was not offered")
            elif not self._calls:
                self._shown.append(item)
                yield TextDelta(text=item)
