"""What keeping a history costs: seconds a run, and deltas a second, with it and without, in turns in one process.

    python benchmarks/history.py
    python benchmarks/history.py --flood 200000 --runs 21

The runs are those of a provider that makes its text out of nothing, so that nothing but the engine and the history is
measured. Each kind is run alternately; what is printed are medians, and their ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for benchmarks/ itself

from kubeagentix.contracts import ToolPlugin
from kubeagentix.domain.events import ModelEvent, ModelFinished, RunFinished, TextDelta, ToolCallReady
from kubeagentix.domain.messages import Message, Text, ToolCall
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.engine.engine import Engine
from kubeagentix.keeping import keeping
from kubeagentix.settings import Settings
from kubeagentix.testing import scripted_plugin, snapshot_of


class Scripted:
    """Asks for `calls` tools, one a turn, and then says `deltas` words, `pause_s` apart in swarms of 256."""

    def __init__(self, deltas: int, calls: int) -> None:
        self._deltas, self._calls, self._turn = deltas, calls, 0

    async def stream(self, _: ModelRequest, __: Credential) -> AsyncGenerator[ModelEvent, None]:
        self._turn += 1
        if self._turn <= self._calls:
            call = ToolCall(id=f"t{self._turn}", name="read", arguments={"number": self._turn})
            yield ToolCallReady(call=call)
            yield ModelFinished(stop_reason="tool_calls", message=Message(role="assistant", parts=(call,)))
            return
        for number in range(self._deltas):
            if number % 256 == 0:
                await asyncio.sleep(0)  # as a network would
            yield TextDelta(text="word ")
        parts = (Text(text="word " * self._deltas),)
        yield ModelFinished(stop_reason="stop", message=Message(role="assistant", parts=parts))


async def _read(_: object, __: object) -> ToolOutput:
    return ToolOutput(text="a line of a log, as long as they are\n" * 100)


def tool() -> ToolPlugin:
    schema = {"type": "object", "properties": {"number": {"type": "integer"}}}
    return ToolPlugin(spec=ToolSpec(name="read", description="Reads.", parameters=schema), handler=_read)


async def took(settings: Settings, deltas: int, calls: int) -> tuple[float, float]:
    """Seconds from the question to the terminal event, which the front end waits for; and of the processor."""
    history = keeping(settings, os.environ, kind="chat")
    plugins = {"claude": scripted_plugin(Scripted(deltas, calls))}
    engine = Engine(snapshot_of(), plugins=plugins, tools={"read": tool()}, environ={}, history=history)
    started, used = time.perf_counter(), time.process_time()
    async for record in engine.stream("why?", options=RunOptions(), with_findings=False):
        if isinstance(record.event, RunFinished):
            assert record.event.reason == "stop", record.event
    return time.perf_counter() - started, time.process_time() - used


async def compared(folder: str, deltas: int, calls: int, runs: int) -> list[tuple[float, float]]:
    """Medians of both with history, and without, in turns, after one of each that does not count."""
    kinds = (Settings(history_file=f"{folder}/history.db"), Settings(history=False))
    taken: list[list[tuple[float, float]]] = [[], []]
    for number in range(runs + 1):
        for settings, times in zip(kinds, taken, strict=True):
            found = await took(settings, deltas, calls)
            if number:
                times.append(found)
    return [
        (statistics.median(wall), statistics.median(cpu)) for wall, cpu in (zip(*times, strict=True) for times in taken)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--flood", type=int, default=100_000, help="deltas of one run, as fast as they go")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for deltas, calls in ((200, 8), (options.flood, 0)):
            (on, on_cpu), (off, off_cpu) = asyncio.run(compared(folder, deltas, calls, options.runs))
            print(f"{calls} tool calls, {deltas} deltas: {on * 1e3:.0f} ms with history, {off * 1e3:.0f} ms without")
            print(f"  of the processor {on_cpu * 1e3:.0f} ms and {off_cpu * 1e3:.0f} ms; {off / on:.2f} of the speed")


if __name__ == "__main__":
    main()
