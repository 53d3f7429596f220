"""The CLI's lines as model events: what was shown once is not shown again when an answer that broke begins anew.

Every line is a JSON object; kinds that are not known are passed over. The deltas are for showing, the `assistant`
lines (one for each block) are what was said, the `result` line is how it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from kubeagentix.claude_cli.fields import items, mapping, moment, number
from kubeagentix.claude_cli.outcomes import Ended
from kubeagentix.claude_cli.repeats import Shown
from kubeagentix.domain.events import ModelEvent, Notice, TextDelta, ThinkingDelta
from kubeagentix.domain.messages import Message, Part, Text, Usage
from kubeagentix.errors import excerpt

Line = Mapping[str, Any]
Before = Literal["", "turn", "rest"]
_CONTENT = ("content_block_start", "content_block_delta")
_RESTARTED = "the connection broke in the middle of the answer, which begins again"


def line_of(text: bytes) -> Line | None:
    """A line of the CLI; None for what is no JSON object."""
    try:
        line: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) else None


class Reader:
    """Reads the lines of one run: gives events, and keeps what the end of the run needs.

    `turns` counts the model's answers; `is_complete`: the API said how the last of them ended.
    """

    def __init__(self) -> None:
        self.ended = Ended()
        self.model = ""
        self.turns = 0
        self.is_complete = False
        self._text, self._thought = Shown(), Shown()
        self._message_id = ""
        self._before: Before = "turn"  # what came since that message
        self._come = {"text": 0, "thinking": 0}  # how much came in deltas of the block that is open
        self._parts: list[Part] = []

    @property
    def is_over(self) -> bool:
        """Whether the last line has come."""
        return self.ended.result is not None

    @property
    def message(self) -> Message:
        """All that was said."""
        last = (Text(text=self._text.text),) if self._text.text else ()
        return Message(role="assistant", parts=(*self._parts, *last))

    def feed(self, line: Line) -> Iterator[ModelEvent]:
        """The events of one line."""
        match line.get("type"):
            case "stream_event":
                yield from self._streamed(mapping(line.get("event")))
            case "assistant":
                yield from self._said(line)
            case "user":
                self._before = "rest" if line.get("isSynthetic") else "turn"
            case "system":
                yield from self._system(line)
            case "rate_limit_event":
                yield from self._limit(mapping(line.get("rate_limit_info")))
            case "result":
                self.ended.result = line

    def _system(self, line: Line) -> Iterator[ModelEvent]:
        match line.get("subtype"):
            case "init":
                self.model = str(line.get("model") or "")
            case "api_retry":
                yield Notice(code="retry", message=_retry(line))
            case "model_fallback":
                yield Notice(code="model_fallback", message=f"Claude Code goes on with another model: {_brief(line)}")

    def _limit(self, info: Line) -> Iterator[ModelEvent]:
        self.ended.limit = info
        if info.get("status") == "allowed_warning":
            yield Notice(code="subscription_limit_near", message=_near(info))

    def _streamed(self, event: Line) -> Iterator[ModelEvent]:
        match event.get("type"):
            case "message_start":
                self._begin(str(mapping(event.get("message")).get("id")))
            case "content_block_start":
                self._come = {"text": 0, "thinking": 0}
            case "content_block_delta":
                delta = mapping(event.get("delta"))
                if text := delta.get("text"):
                    yield from self._show("text", str(text))
                if thought := delta.get("thinking"):
                    yield from self._show("thinking", str(thought))
            case "message_delta":
                self.is_complete = mapping(event.get("delta")).get("stop_reason") is not None

    def _begin(self, message_id: str) -> None:
        """A message begins: an answer of its own, the rest of the last one, or the last one again."""
        if message_id == self._message_id:
            return
        if self._before == "turn":
            self.turns += 1
            if self._text.text:
                self._parts.append(Text(text=self._text.text))
            self._text = Shown(gap="\n\n" if self._parts else "")
            self._thought = Shown(gap="\n\n" if self._thought.text else "")
        elif self._before == "rest":
            self._text.go_on()
            self._thought.begin_again()
        else:
            self._text.begin_again()
            self._thought.begin_again()
        self._message_id, self._before, self.is_complete = message_id, "", False
        self._come = {"text": 0, "thinking": 0}

    def _said(self, line: Line) -> Iterator[ModelEvent]:
        message = mapping(line.get("message"))
        if line.get("error") or message.get("model") == "<synthetic>":  # words of the CLI, told again by the result
            self.ended.error_kind = str(line.get("error") or "")
            return
        self._begin(str(message.get("id")))
        self.model = str(message.get("model") or self.model)
        for block in items(message.get("content")):
            yield from self._block_said(mapping(block))

    def _block_said(self, block: Line) -> Iterator[ModelEvent]:
        kind = str(block.get("type"))
        if kind not in self._come:
            return
        whole = str(block.get(kind) or "")
        yield from self._show(kind, whole[self._come[kind] :])
        self._come[kind] = 0
        (self._text if kind == "text" else self._thought).settle()

    def _show(self, kind: str, piece: str) -> Iterator[ModelEvent]:
        if not piece:
            return
        self._come[kind] += len(piece)
        shown = self._text if kind == "text" else self._thought
        fresh = shown.add(piece)
        if shown.was_broken:
            shown.was_broken = False
            yield Notice(code="restarted", message=_RESTARTED)
        if fresh:
            yield TextDelta(text=fresh) if kind == "text" else ThinkingDelta(text=fresh)


def is_content(line: Line) -> bool:
    """Whether the line shows that the model works, as a ping, a status or a limit does not."""
    if line.get("type") == "stream_event":
        return mapping(line.get("event")).get("type") in _CONTENT
    return line.get("type") in ("assistant", "user", "result") or line.get("subtype") == "thinking_tokens"


def usage_of(result: Line) -> Usage:
    """What the whole run used, over all of its calls and models; the cost is an estimate at list prices."""
    per_model = [mapping(used) for used in mapping(result.get("modelUsage")).values()]
    if not per_model:
        used = mapping(result.get("usage"))
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    else:
        names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        used = {name: sum(number(model.get(name)) for model in per_model) for name in names}
    fresh, output, cached, written = (int(number(used.get(name))) for name in names)
    cost = result.get("total_cost_usd")
    return Usage(
        input_tokens=fresh + cached + written,
        output_tokens=output,
        cached_tokens=cached,
        cache_write_tokens=written,
        cost_usd=number(cost) if isinstance(cost, int | float) else None,
    )


def retry_pause_s(line: Line) -> float | None:
    """The pause that the line announces; None if it is no announcement of a retry."""
    if line.get("type") != "system" or line.get("subtype") != "api_retry":
        return None
    return number(line.get("retry_delay_ms")) / 1000


def _retry(line: Line) -> str:
    status = f" ({line['error_status']})" if line.get("error_status") else ""
    pause = number(line.get("retry_delay_ms")) / 1000
    told = str(line.get("error") or "unknown")
    what = "no answer, or one that broke" if told == "unknown" else told.replace("_", " ")
    tries = f"retry {line.get('attempt')} of {line.get('max_retries')}"
    return f"Claude Code: {excerpt(what, 60)}{status}; {tries} in {pause:.1f} s"


def _near(info: Line) -> str:
    window = str(info.get("rateLimitType") or "usage").replace("_", " ")
    at = moment(info.get("resetsAt"))
    resets = f", which resets at {at:%Y-%m-%d %H:%M} UTC" if at is not None else ""
    used = number(info.get("utilization"))
    share = f" ({used:.0%} used)" if used else ""
    return f"the Claude subscription is near its {excerpt(window, 40)} limit{share}{resets}"


def _brief(line: Line) -> str:
    named = [str(line[key]) for key in ("from_model", "to_model", "model", "message") if line.get(key)]
    return excerpt(" → ".join(named)) or "it does not say which"
