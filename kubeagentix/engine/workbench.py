"""Tools for a client that asks its own model: the same runner, policy, masking, fence and audit as in a chat.

A session has one set of placeholders, one store of whole results and one fence. It has no memory of calls: who asks
again after an hour wants to know what is so now. How often is the client's to say, how many at once is not.
"""

from __future__ import annotations

import asyncio
import secrets
from contextvars import ContextVar
from dataclasses import replace
from functools import partial

from kubeagentix.audit import audit_log
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest, Approver
from kubeagentix.domain.events import Listener, silent
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.approvals import Approvals, Grants, nobody
from kubeagentix.engine.changing import Changes
from kubeagentix.engine.clock import Clock
from kubeagentix.engine.engine import Engine, is_withheld, offered
from kubeagentix.engine.fence import Fence
from kubeagentix.engine.results import Results
from kubeagentix.engine.tool_runner import PARALLEL, ToolRunner
from kubeagentix.redaction import Redactor
from kubeagentix.settings import load_settings
from kubeagentix.toolkit.arguments import load_soon

MAX_CHARS = 40_000  # of one result: what a chat allows in a window of 200,000 tokens
MOST_ISSUED = 100_000  # evidence ids of a session that can be cited

_approver: ContextVar[Approver] = ContextVar("approver", default=nobody)


class Workbench:
    """The tools of one session. Raises UsageError for options that name a tool there is not."""

    def __init__(self, engine: Engine, options: RunOptions) -> None:
        self.tools = offered(engine.tools, options)
        self.fence = Fence()
        self.redactor = Redactor()
        self._engine = engine
        self._withheld = frozenset(name for name, tool in engine.tools.items() if is_withheld(tool, options))
        self._results = Results()
        self._issued: dict[str, None] = {}
        self._slots = asyncio.Semaphore(PARALLEL)
        self._changes = Changes(
            run_id=f"mcp-{secrets.token_hex(8)}",
            approvals=Approvals(_asked, lambda _: None, Clock()),
            grants=Grants(),
            audit=audit_log(load_settings(engine.environ).audit_log, engine.environ),
            redactor=self.redactor,
        )
        load_soon()

    async def call(self, call: ToolCall, *, approve: Approver = nobody, listen: Listener = silent) -> ToolResult:
        """The result of one call, as a model may read it: masked, bounded, fenced. Never raises but CancelledError.

        `listen` hears how far Quick Dx is.
        """
        runner = ToolRunner(
            self.tools,
            self._context(listen),
            results=self._results,
            told=lambda _: None,
            max_calls=1,
            max_chars=MAX_CHARS,
            changes=self._changes,
            withheld=self._withheld,
            redactor=self.redactor,
            is_quoted=self.fence.quotable.has_call,
        )
        token = _approver.set(approve)
        try:
            if call.name in self.tools and self.tools[call.name].spec.effect == "read":
                async with self._slots:
                    result = await runner.run(call)
            else:  # without a slot: others may read while a person thinks
                result = await runner.run(call)
        finally:
            _approver.reset(token)
        return self._fenced(result)

    def _fenced(self, result: ToolResult) -> ToolResult:
        for item in result.evidence:
            self._issued[item.id] = None
        while len(self._issued) > MOST_ISSUED:
            del self._issued[next(iter(self._issued))]
        fenced = self.fence.result(result, self._issued)
        return replace(fenced, content=" ".join(fenced.content.split())) if result.is_error else fenced

    def _context(self, listen: Listener) -> ToolContext:
        return ToolContext(
            source=self._engine.source,
            namespace=self._engine.namespace,
            diagnose=partial(self._engine.quick_dx, listen=listen),
            results=self._results,
            environ=self._engine.environ,
        )


async def _asked(request: ApprovalRequest) -> ApprovalAnswer:
    """Asks whoever called: what a person says to one client's question counts for that client's call."""
    answer = _approver.get()(request)
    return answer if isinstance(answer, ApprovalAnswer) else await answer
