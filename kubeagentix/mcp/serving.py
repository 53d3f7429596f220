"""The MCP server itself: which tools there are, and what comes of a call. How it is reached is not its business."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from mcp.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from kubeagentix import __version__
from kubeagentix.contracts import ToolPlugin
from kubeagentix.domain.changes import ApprovalAnswer
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.engine.workbench import Workbench
from kubeagentix.errors import excerpt
from kubeagentix.mcp.progress import Progress, has_left
from kubeagentix.mcp.prompts import get_prompt, list_prompts
from kubeagentix.mcp.questions import (
    CANNOT_ASK,
    Case,
    Context,
    Waiting,
    answered,
    asked,
    can_ask,
    is_asked_by_answer,
    question,
)

NAME = "kubeagentix"
EVIDENCE = "kubeagentix/evidence"  # in a result's _meta: what its text may be cited by
MOST_EVIDENCE = 20
LEFT = "The client has left."
GONE = "This question is no longer open: it was answered, has expired, or was about another call. Call again."
_INSTRUCTIONS = """\
Tools that find out why a Kubernetes workload is broken. Begin with run_quickdx: it names root causes with evidence.
- Name the ids of the evidence that a statement rests on, such as those in brackets.
"""


class Desk:
    """Takes calls of MCP clients, and has them done at the workbench."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._waiting = Waiting()
        self._running: set[asyncio.Task[ToolResult]] = set()
        self.server: Server[Any] = Server(
            NAME,
            version=__version__,
            instructions=_INSTRUCTIONS + bench.fence.rule,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_prompts=list_prompts,
            on_get_prompt=get_prompt,
        )

    async def close(self) -> None:
        """Ends what still runs; a change that is on its way is waited for, to know what became of it."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _list_tools(self, _: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_offered(plugin) for plugin in self._bench.tools.values()])

    async def _call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """A call takes until there is a result, or nobody who would take it."""
        progress = Progress(context)
        called = asyncio.create_task(self._called(context, params, progress))
        beside = (asyncio.create_task(progress.tell()), asyncio.create_task(has_left(context)))
        try:
            await asyncio.wait({called, beside[1]}, return_when=asyncio.FIRST_COMPLETED)
            return called.result() if called.done() else _told(LEFT, is_error=True)
        finally:
            for task in (called, *beside):
                task.cancel()

    async def _called(
        self, context: Context, params: CallToolRequestParams, progress: Progress
    ) -> CallToolResult | InputRequiredResult:
        call = ToolCall(
            id=f"call-{secrets.token_hex(8)}", name=params.name, arguments=params.arguments or {}, origin="mcp"
        )
        if params.request_state is None:
            case = self._begun(call, progress)
        else:
            waiting = self._waiting.take(params.request_state, call)
            if waiting is None:
                return _told(GONE, is_error=True)
            case = waiting
            case.answer(answered(context, params.input_responses))
        is_left_waiting = False
        try:
            while not isinstance(step := await case.step(), ToolResult):
                if not can_ask(context):
                    case.answer(ApprovalAnswer(decision="refused", by="", why=CANNOT_ASK))
                elif is_asked_by_answer(context):
                    is_left_waiting = True
                    return question(step, self._waiting.put(case))
                else:
                    await case.hear(asked(context, step))
            return _result(step)
        finally:
            if not is_left_waiting:  # cancelled, or the client is gone
                case.task.cancel()

    def _begun(self, call: ToolCall, progress: Progress) -> Case:
        case = Case(self._bench, call, progress.listen)
        self._running.add(case.task)
        case.task.add_done_callback(self._running.discard)
        return case


def _offered(plugin: ToolPlugin) -> Tool:
    spec, is_reading = plugin.spec, plugin.spec.effect == "read"
    return Tool(
        name=spec.name,
        description=spec.description,
        input_schema=dict(spec.parameters),
        annotations=ToolAnnotations(
            read_only_hint=is_reading,
            destructive_hint=not is_reading,
            open_world_hint=bool(plugin.source),  # one of the user's own may ask whomever it likes
        ),
    )


def _result(result: ToolResult) -> CallToolResult:
    """No structured content: clients would show that to their model, past the fence and the limit of the text."""
    pieces = [
        {"id": item.id, "source": item.source, "ref": str(item.ref), "summary": excerpt(item.summary, 160)}
        for item in result.evidence[:MOST_EVIDENCE]
    ]
    told = _told(result.content, is_error=result.is_error)
    told.meta = {EVIDENCE: pieces} if pieces else None
    return told


def _told(text: str, *, is_error: bool) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)
