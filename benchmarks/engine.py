"""What the engine costs on top of the bare clients: time to the first token, time per delta, deltas per second.

    python benchmarks/engine.py                # both measurements
    python benchmarks/engine.py --deltas 20000 --runs 9

A scripted API on loopback answers the real anthropic client with the same stream, asked bare and through the engine
alternately in one process; the difference of the medians is what the engine adds. Deltas per second are counted with
a provider that makes them out of nothing, so that only the engine is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for tests/, whose servers are used

import anthropic

from kubeagentix import registry
from kubeagentix.domain.events import ModelEvent, ModelFinished, RunFinished, TextDelta
from kubeagentix.domain.messages import Message, Text
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.engine.engine import Engine
from kubeagentix.testing import scripted_plugin, snapshot_of
from tests.servers.turns import Say
from tests.servers.wire import WireServer
from tests.servers.wired import CLAUDE

KEY = "sk-dummy-of-the-benchmark"
MODEL = CLAUDE.plugin.default_model


class Flood:
    """Says `count` words as fast as it can."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def stream(self, _: ModelRequest, __: Credential) -> AsyncGenerator[ModelEvent, None]:
        for number in range(self._count):
            if number % 256 == 0:
                await asyncio.sleep(0)  # as a network would
            yield TextDelta(text="word ")
        message = Message(role="assistant", parts=(Text(text="word " * self._count),))
        yield ModelFinished(stop_reason="stop", message=message)


async def flooded(count: int) -> float:
    """Deltas per second through the engine, read one by one."""
    engine = Engine(snapshot_of(), plugins={"claude": scripted_plugin(Flood(count))}, tools={}, environ={})
    started, seen = time.perf_counter(), 0
    async for record in engine.stream("why?", options=RunOptions(max_turns=1), with_findings=False):
        seen += isinstance(record.event, TextDelta)
        if isinstance(record.event, RunFinished):
            break
    assert seen == count, seen
    return count / (time.perf_counter() - started)


async def bare(_: WireServer, client: anthropic.AsyncAnthropic) -> tuple[float, float]:
    """(seconds to the first token, seconds in all) of the official client by itself, which is kept open."""
    started, first = time.perf_counter(), 0.0
    events = await client.messages.create(
        model=MODEL, max_tokens=8192, system="x", messages=[{"role": "user", "content": "why?"}], stream=True
    )
    async for event in events:
        if event.type == "content_block_delta" and not first:
            first = time.perf_counter() - started
    return first, time.perf_counter() - started


async def through_engine(server: WireServer, _: anthropic.AsyncAnthropic) -> tuple[float, float]:
    """The same through the engine and its provider."""
    plugins = {"claude": registry.providers()["claude"]}
    engine = Engine(snapshot_of(), plugins=plugins, environ=CLAUDE.environ(server))
    mine = Credential(kind="api_key", secret=Secret(KEY), source="the benchmark")
    options = RunOptions(provider="claude", credential=mine, fallback=False, thinking="off")
    started, first = time.perf_counter(), 0.0
    async for record in engine.stream("why?", options=options, with_findings=False):
        if isinstance(record.event, TextDelta) and not first:
            first = time.perf_counter() - started
    return first, time.perf_counter() - started


async def compared(deltas: int, runs: int) -> dict[str, float]:
    """Medians of both, asked in turns, after one of each that does not count."""
    text = "word " * deltas
    with CLAUDE.server() as server:
        client = anthropic.AsyncAnthropic(api_key=KEY, base_url=server.base_url, max_retries=0)
        server.script(then=[Say(text, piece=5)])
        taken: dict[str, list[tuple[float, float]]] = {"bare": [], "engine": []}
        for number in range(runs + 1):
            for name, ask in (("bare", bare), ("engine", through_engine)):
                times = await ask(server, client)
                if number:
                    taken[name].append(times)
        await client.close()
    medians = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in taken.items()}
    (bare_first, bare_all), (first, whole) = medians["bare"], medians["engine"]
    per_delta = ((whole - first) - (bare_all - bare_first)) / deltas
    return {
        "bare_first_ms": bare_first * 1e3,
        "engine_first_ms": first * 1e3,
        "added_first_ms": (first - bare_first) * 1e3,
        "bare_all_ms": bare_all * 1e3,
        "engine_all_ms": whole * 1e3,
        "added_per_delta_us": per_delta * 1e6,
        "ratio": whole / bare_all,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--deltas", type=int, default=2_000, help="of one answer of the scripted API")
    parser.add_argument("--flood", type=int, default=200_000, help="deltas to push through the engine alone")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    found = asyncio.run(compared(options.deltas, options.runs))
    rates = [asyncio.run(flooded(options.flood)) for _ in range(3)]
    print(f"first token: bare {found['bare_first_ms']:.1f} ms, engine {found['engine_first_ms']:.1f} ms")
    print(f"  added {found['added_first_ms']:.1f} ms (aim: under 5)")
    print(f"{options.deltas} deltas: bare {found['bare_all_ms']:.0f} ms, engine {found['engine_all_ms']:.0f} ms")
    print(f"  ratio {found['ratio']:.2f}, added {found['added_per_delta_us']:.1f} microseconds a delta")
    print(f"engine alone: {statistics.median(rates):,.0f} deltas a second (aim: over 50,000)")


if __name__ == "__main__":
    main()
