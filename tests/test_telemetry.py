"""Spans and counters of runs, as an exporter sees them: who, how much and how it ended, and nobody's text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kubeagentix import telemetry
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.events import TextDelta, ToolCallReady, UsageReported
from kubeagentix.domain.messages import ToolCall, Usage
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.engine.engine import Engine
from kubeagentix.errors import AuthenticationError
from kubeagentix.testing import ScriptedProvider, scripted_plugin, snapshot_of
from tests.spans import exporter

SPOKEN = "the-words-of-somebody"


@pytest.fixture(scope="module")
def exported() -> Iterator[tuple[InMemorySpanExporter, InMemoryMetricReader]]:
    spans, reader = exporter(), InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
    telemetry._instrument.cache_clear()
    yield spans, reader
    telemetry._instrument.cache_clear()


async def _look(_: Any, __: ToolContext) -> ToolOutput:
    return ToolOutput(text=SPOKEN)


def run(*turns: Any) -> None:
    spec = ToolSpec(name="look", description="look", parameters={"type": "object", "properties": {}})
    engine = Engine(
        snapshot_of(),
        plugins={"claude": scripted_plugin(ScriptedProvider(*turns))},
        tools={"look": ToolPlugin(spec=spec, handler=_look)},
        environ={},
    )

    async def read() -> None:
        async for _ in engine.stream(f"why {SPOKEN}?", with_findings=False):
            pass

    asyncio.run(read())


def spans_of(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_run_its_model_calls_and_its_tools_are_spans_within_one_another(
    exported: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> None:
    exported[0].clear()
    ask = ToolCallReady(call=ToolCall(id="c1", name="look", arguments={}))
    run([ask], [TextDelta(text=SPOKEN), UsageReported(usage=Usage(input_tokens=7, output_tokens=3, cached_tokens=2))])
    spans = spans_of(exported[0])
    assert set(spans) == {"invoke_agent kubeagentix", "chat claude-model", "execute_tool look"}
    chat, whole = spans["chat claude-model"], spans["invoke_agent kubeagentix"]
    assert chat.attributes is not None
    assert {key: chat.attributes[key] for key in chat.attributes if key.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-model",
        "gen_ai.response.model": "claude-model",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 2,
    }
    assert chat.parent is not None
    assert whole.context is not None
    assert chat.parent.span_id == whole.context.span_id
    assert chat.attributes["kubeagentix.attempt"] == "selected"
    assert whole.attributes is not None
    assert {key: value for key, value in whole.attributes.items() if key.startswith("kubeagentix.")} == {
        "kubeagentix.provider": "claude",
        "kubeagentix.attempt": "selected",
        "kubeagentix.outcome": "stop",
    }
    assert whole.attributes["gen_ai.usage.input_tokens"] == 7


def test_a_run_that_fails_says_so_in_its_span(exported: tuple[InMemorySpanExporter, InMemoryMetricReader]) -> None:
    exported[0].clear()
    run([AuthenticationError("refused")])
    whole = spans_of(exported[0])["invoke_agent kubeagentix"]
    assert whole.attributes is not None
    assert (whole.attributes["kubeagentix.outcome"], whole.attributes["error.type"]) == ("failed", "authentication")


def test_nobodys_text_and_no_secret_is_in_a_span_or_a_counter(
    exported: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> None:
    exported[0].clear()
    run([TextDelta(text=SPOKEN)])
    run([AuthenticationError(f"refused {SPOKEN}")])
    everything = "".join(span.to_json() for span in exported[0].get_finished_spans())
    data = exported[1].get_metrics_data()
    assert data is not None
    everything += data.to_json()
    assert "invoke_agent" in everything
    assert SPOKEN not in everything
    assert "dummy-of-the-environment" not in everything


def test_runs_are_counted_by_how_they_ended(exported: tuple[InMemorySpanExporter, InMemoryMetricReader]) -> None:
    run([TextDelta(text="ok")])
    run([AuthenticationError("refused")])
    data = exported[1].get_metrics_data()
    assert data is not None
    points = [
        dict(point.attributes or {})
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "kubeagentix.runs"
        for point in metric.data.data_points
    ]
    assert {point["kubeagentix.outcome"] for point in points} == {"stop", "failed"}
    assert "authentication" in {point.get("error.type") for point in points}
