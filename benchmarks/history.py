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


async def took(settings: Settings, deltas: int, calls: int) -> float:
    """Seconds from the question to the terminal event, which the front end waits for."""
    history = keeping(settings, os.environ, kind="chat")
    plugins = {"claude": scripted_plugin(Scripted(deltas, calls))}
    engine = Engine(snapshot_of(), plugins=plugins, tools={"read": tool()}, environ={}, history=history)
    started = time.perf_counter()
    async for record in engine.stream("why?", options=RunOptions(), with_findings=False):
        if isinstance(record.event, RunFinished):
            assert record.event.reason == "stop", record.event
    return time.perf_counter() - started


async def compared(folder: str, deltas: int, calls: int, runs: int) -> tuple[float, float]:
    """Medians with history and without, in turns, after one of each that does not count."""
    kinds = {"on": Settings(history_file=f"{folder}/history.db"), "off": Settings(history=False)}
    taken: dict[str, list[float]] = {"on": [], "off": []}
    for number in range(runs + 1):
        for name, settings in kinds.items():
            seconds = await took(settings, deltas, calls)
            if number:
                taken[name].append(seconds)
    return statistics.median(taken["on"]), statistics.median(taken["off"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--flood", type=int, default=100_000, help="deltas of one run, as fast as they go")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        on, off = asyncio.run(compared(folder, 200, 8, options.runs))
        print(f"a run of 8 tool calls and 200 deltas: {on * 1e3:.1f} ms with history, {off * 1e3:.1f} ms without")
        print(f"  added {(on - off) * 1e3:.1f} ms a run")
        on, off = asyncio.run(compared(folder, options.flood, 0, max(3, options.runs // 3)))
        fast, bare = options.flood / on, options.flood / off
        print(
            f"{options.flood} deltas: {fast:,.0f} a second with history, {bare:,.0f} without, ratio {fast / bare:.2f}"
        )


if __name__ == "__main__":
    main()
