"""Runs what a model asks for: policy, arguments, time, size and repetition are held here, whoever the model is.

Whatever happens, a call has a result: an error is one too, in words from which a model can go on.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from kubeagentix import telemetry
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.events import ToolCallFinished
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.engine.attempts import is_cancelled
from kubeagentix.engine.changing import Changes
from kubeagentix.engine.limits import within
from kubeagentix.engine.results import Results
from kubeagentix.errors import ApprovalError, KubeAgentiXError, excerpt
from kubeagentix.redaction import Redactor, using
from kubeagentix.toolkit.arguments import check, loaded
from kubeagentix.toolkit.reducing import fit

PARALLEL = 8  # calls at once; an API server takes it lightly
MAX_EVIDENCE_LINES = 20  # of one result; the model is told the ids of the first ones
REPEATED = "(The same call was made before in this run; this is its result again. Ask for something else, or answer.)"

QUOTED = (
    "Not run: this call stands word for word in data from the cluster, so it is taken for a quotation. "
    "If you need it yourself, ask with other arguments."
)


class ToolRunner:
    """The tools of one run, with what was called so far."""

    def __init__(
        self,
        tools: Mapping[str, ToolPlugin],
        context: ToolContext,
        *,
        results: Results,
        told: Callable[[ToolCallFinished], None],
        max_calls: int,
        max_chars: int,
        changes: Changes,
        withheld: Collection[str] = (),
        redactor: Redactor | None = None,
        is_quoted: Callable[[ToolCall], bool] = lambda _: False,
    ) -> None:
        self.tools = tools
        self.evidence: dict[str, Evidence] = {}
        self.calls = 0
        self.repeats = 0
        self._context = context
        self._results = results
        self._told = told
        self._max_calls = max_calls
        self._max_chars = max_chars
        self._changes = changes
        self._withheld = withheld  # tools that there are, and that this run may not use: they change something
        self._redactor = redactor or Redactor()
        self._is_quoted = is_quoted
        self._known: dict[str, asyncio.Future[ToolResult]] = {}
        self._passing: set[str] = set()  # ids of calls that failed for a reason that passes
        self._settled: set[str] = set()  # keys of changes that were refused: they are not asked for again
        self._slots = asyncio.Semaphore(PARALLEL)

    @property
    def is_exhausted(self) -> bool:
        """Whether no further call is allowed."""
        return self.calls >= self._max_calls

    async def run_all(self, calls: Sequence[ToolCall]) -> tuple[ToolResult, ...]:
        """The results in the order of the calls: read-only ones side by side, then each of the others alone."""
        reading = [call for call in calls if self._is_reading(call)]
        writing = [call for call in calls if not self._is_reading(call)]
        found = dict(zip(map(id, reading), await asyncio.gather(*map(self.run, reading)), strict=True))
        for call in writing:
            found[id(call)] = await self.run(call)
        return tuple(found[id(call)] for call in calls)

    def _is_reading(self, call: ToolCall) -> bool:
        plugin = self.tools.get(call.name)
        return plugin is None or plugin.spec.effect == "read"

    async def run(self, call: ToolCall) -> ToolResult:
        """The result of one call; never raises but CancelledError."""
        result = await self._run(call)
        self.evidence.update({item.id: item for item in result.evidence})
        self._told(ToolCallFinished(call=call, result=result))
        return result

    async def _run(self, call: ToolCall) -> ToolResult:
        refusal = self._refusal(call)
        if refusal:
            return ToolResult(call_id=call.id, tool_name=call.name, content=refusal, is_error=True, is_own=True)
        self.calls += 1
        key = json.dumps([call.name, call.arguments], sort_keys=True, default=str)
        earlier = self._known.get(key)
        if earlier is not None:
            self.repeats += 1
            result = await asyncio.shield(earlier)
            return replace(result, call_id=call.id, note=REPEATED, elapsed_s=0.0)
        self._known[key] = future = asyncio.get_running_loop().create_future()
        try:
            result = await self._result(call)
        except BaseException:
            self._known.pop(key, None)
            future.cancel()
            raise
        future.set_result(result)
        if not self._is_reading(call):
            self._forget(key, was_refused=result.is_error)
        if call.id in self._passing:  # the same call may fare better next time
            self._known.pop(key, None)
        return result

    def _forget(self, key: str, *, was_refused: bool) -> None:
        """After a change what was read before is no longer so; what was refused stays refused."""
        self._settled |= {key} if was_refused else set()
        self._known = {item: known for item, known in self._known.items() if item == key or item in self._settled}

    def _refusal(self, call: ToolCall) -> str:
        """Why a call is not run, or nothing."""
        if self._is_quoted(call):
            return QUOTED
        if call.name in self._withheld:
            self._changes.not_allowed(call, "this run may not change anything")
            return f"{call.name} changes the cluster, which this run may not. Say what should be done instead."
        if call.name not in self.tools:
            near = difflib.get_close_matches(call.name, self.tools, n=1, cutoff=0.5)
            there = ", ".join(self.tools) or "none in this turn: answer from what you have"
            return f"There is no tool {excerpt(call.name, 60)}." + (
                f" Did you mean {near[0]}?" if near else f" The tools are: {there}."
            )
        if call.malformed:
            return f"The arguments of {call.name} are no JSON object: {excerpt(call.malformed, 200)} Send them whole."
        if self.is_exhausted:
            return f"The limit of {self._max_calls} tool calls is reached. Answer from what you have."
        return ""

    async def _result(self, call: ToolCall) -> ToolResult:
        started = time.perf_counter()
        try:
            output = await self._output(call)
        except KubeAgentiXError as error:
            if error.retryable or not (self._is_reading(call) or isinstance(error, ApprovalError)):
                self._passing.add(call.id)
            return self._failed(call, str(error), started)
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # a tool's bug must not end the run
            if is_cancelled(error):
                raise
            what = f"{call.name} failed: {type(error).__name__}: {excerpt(str(error), 200)}"
            return self._failed(call, what, started)
        return self._finished(call, output, started)

    async def _output(self, call: ToolCall) -> ToolOutput:
        plugin = self.tools[call.name]
        await loaded()
        arguments = check(plugin.spec, call.arguments)
        if not self._is_reading(call):  # without a slot: others may read while a person thinks
            with telemetry.tool_call(call.name):
                return await self._changes.carry_out(plugin, call, arguments, self._context)
        async with self._slots:
            with telemetry.tool_call(call.name), using(self._redactor):
                return await within(plugin.spec, plugin.handler(arguments, self._context))

    def _failed(self, call: ToolCall, what: str, started: float) -> ToolResult:
        elapsed_s, content = time.perf_counter() - started, self._redactor.text(what)
        return ToolResult(call_id=call.id, tool_name=call.name, content=content, is_error=True, elapsed_s=elapsed_s)

    def _finished(self, call: ToolCall, output: ToolOutput, started: float) -> ToolResult:
        spec, result_id = self.tools[call.name].spec, self._results.reserve()
        output = self._redactor.value(output)  # its text, its data and its evidence
        content, is_cut = fit(output, min(spec.max_chars, self._max_chars), result_id)
        if is_cut:
            self._results.put(result_id, output.text)
        return ToolResult(
            call_id=call.id,
            tool_name=call.name,
            content=content + _citable(content, output.evidence),
            truncated=is_cut,
            elapsed_s=time.perf_counter() - started,
            evidence=output.evidence,
            data=output.data,
        )


def _citable(content: str, evidence: Sequence[Evidence]) -> str:
    """The ids under which a result's evidence may be cited, unless its text names them itself."""
    rest = [item for item in evidence if item.id not in content][:MAX_EVIDENCE_LINES]
    lines = [f"{item.id} {item.source} of {item.ref}: {excerpt(item.summary, 160)}" for item in rest]
    return "\n".join(["\n\nEvidence to cite by id:", *lines]) if lines else ""
