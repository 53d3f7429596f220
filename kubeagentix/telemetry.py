"""OpenTelemetry spans and counters after the GenAI semantic conventions; never prompt, log or secret text.

Nothing is exported unless the program sets up an exporter, and nothing happens at all without `opentelemetry-api`.
Source: the semantic conventions for generative AI, spans `chat`, `execute_tool` and `invoke_agent`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from kubeagentix.domain.events import RunFailed, RunFinished
from kubeagentix.domain.messages import Usage

SCOPE = "kubeagentix"
# What the conventions call the makers of models.
_SYSTEMS = {"claude": "anthropic", "claude_code": "anthropic", "openai": "openai", "gemini": "gcp.gemini"}


@cache
def _api() -> Any:
    """The API of OpenTelemetry, or None where it is not installed."""
    try:
        from opentelemetry import metrics, trace  # noqa: PLC0415  optional
    except ImportError:
        return None
    return trace, metrics


class Call:
    """A model or tool call that is under way; `used` and `failed` say how it went."""

    def __init__(self, span: Any, started: float, attributes: dict[str, Any]) -> None:
        self._span = span
        self._started = started
        self.attributes = attributes

    def used(self, usage: Usage, model: str) -> None:
        """What it took, and which model answered."""
        self.attributes["gen_ai.response.model"] = model
        if self._span is not None:
            self._span.set_attribute("gen_ai.response.model", model)
            self._span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
            self._span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
            self._span.set_attribute("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens)
        _count("gen_ai.client.token.usage", usage.input_tokens, {**self.attributes, "gen_ai.token.type": "input"})
        _count("gen_ai.client.token.usage", usage.output_tokens, {**self.attributes, "gen_ai.token.type": "output"})

    def failed(self, code: str) -> None:
        """It failed; `code` is the error's, which holds no text of anybody's."""
        self.attributes["error.type"] = code
        if self._span is not None:
            self._span.set_attribute("error.type", code)

    def ended(self, event: RunFinished | RunFailed) -> None:
        """How a run ended: who answered in which attempt, with what in all, or why nobody did."""
        self.attributes |= _outcome(event)
        if self._span is not None:
            self._span.set_attributes(
                {
                    **_outcome(event),
                    "gen_ai.usage.input_tokens": event.usage.input_tokens,
                    "gen_ai.usage.output_tokens": event.usage.output_tokens,
                }
            )
        _count("kubeagentix.runs", 1, _outcome(event))

    def end(self) -> None:
        """The call is over."""
        seconds = time.perf_counter() - self._started
        _count("gen_ai.client.operation.duration", seconds, self.attributes)


@contextmanager
def model_call(provider: str, model: str, attempt: str = "") -> Iterator[Call]:
    """A span of one call to a model."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _SYSTEMS.get(provider, provider),
        "gen_ai.request.model": model,
        "kubeagentix.provider": provider,
        "kubeagentix.attempt": attempt,
    }
    with _span(f"chat {model}".strip(), attributes) as call:
        yield call


@contextmanager
def tool_call(name: str) -> Iterator[Call]:
    """A span of one tool that runs."""
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.type": "function"}
    with _span(f"execute_tool {name}", attributes) as call:
        yield call


@contextmanager
def run() -> Iterator[Call]:
    """A span of a whole run, around those of its calls."""
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": SCOPE}
    with _span(f"invoke_agent {SCOPE}", attributes) as call:
        yield call


@contextmanager
def _span(name: str, attributes: dict[str, Any]) -> Iterator[Call]:
    api, started = _api(), time.perf_counter()
    if api is None:
        yield Call(None, started, attributes)
        return
    tracer = api[0].get_tracer(SCOPE)
    # Exceptions are not recorded by the span itself: their text may be somebody's.
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        call = Call(span, started, attributes)
        try:
            yield call
        except BaseException as error:
            call.failed(getattr(error, "code", "") or type(error).__name__)
            raise
        finally:
            call.end()


def _outcome(event: RunFinished | RunFailed) -> dict[str, str]:
    if isinstance(event, RunFinished):
        return {
            "kubeagentix.provider": event.provider,
            "gen_ai.response.model": event.model,
            "kubeagentix.attempt": event.attempt,
            "kubeagentix.outcome": event.reason,
        }
    return {
        "kubeagentix.provider": event.error.provider,
        "kubeagentix.outcome": "failed",
        "error.type": event.error.code,
    }


@cache
def _instrument(name: str) -> Any:
    api = _api()
    if api is None:
        return None
    meter = api[1].get_meter(SCOPE)
    if name == "gen_ai.client.operation.duration":
        return meter.create_histogram(name, unit="s", description="how long a call took")
    if name == "gen_ai.client.token.usage":
        return meter.create_histogram(name, unit="{token}", description="tokens of a call")
    return meter.create_counter(name, unit="{run}", description="runs by how they ended")


def _count(name: str, value: float, attributes: dict[str, Any]) -> None:
    instrument = _instrument(name)
    if instrument is None:
        return
    if hasattr(instrument, "record"):
        instrument.record(value, attributes)
    else:
        instrument.add(value, attributes)
