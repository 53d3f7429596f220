"""A call that may have a question for its user before it goes on, put to them by MCP elicitation.

Until 2025-11-25 the server asks in the middle of a call. Since 2026-07-28 it cannot: it answers with the question, and
the client calls again with what its user said. The call waits meanwhile, under a key that nobody can guess.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Mapping
from typing import Any

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from kubeagentix import asking
from kubeagentix.domain.changes import ApprovalAnswer, ApprovalRequest
from kubeagentix.domain.events import Listener
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.engine.workbench import Workbench
from kubeagentix.errors import excerpt

Context = ServerRequestContext[Any, Any]

FIELD = "approve"
KEY = "approval"
MOST_WAITING = 100  # calls that wait for a client to come back; the oldest is ended
CANNOT_ASK = "this client cannot ask its user (no MCP elicitation)"
_FORM = {
    "type": "object",
    "properties": {
        FIELD: {
            "type": "boolean",
            "title": "Make this change, once",
            "description": "Anything but a yes leaves the cluster as it is.",
        }
    },
    "required": [FIELD],
}


class Case:
    """One call under way: `step` gives its result, or what has to be answered first."""

    def __init__(self, bench: Workbench, call: ToolCall, listen: Listener) -> None:
        self.call = call
        self._questions: asyncio.Queue[ApprovalRequest] = asyncio.Queue()
        self._answer: asyncio.Future[ApprovalAnswer] | None = None
        self.task = asyncio.create_task(bench.call(call, approve=self._ask, listen=listen))

    async def step(self) -> ToolResult | ApprovalRequest:
        """What comes next."""
        question = asyncio.ensure_future(self._questions.get())
        try:
            await asyncio.wait({self.task, question}, return_when=asyncio.FIRST_COMPLETED)
            return question.result() if question.done() else self.task.result()
        finally:
            question.cancel()

    def answer(self, answer: ApprovalAnswer) -> None:
        """What was said to the last question; one that has expired meanwhile is not asked about any more."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    async def hear(self, answering: Coroutine[Any, Any, ApprovalAnswer]) -> None:
        """Waits for an answer, for as long as the question is open."""
        saying = asyncio.ensure_future(answering)
        try:
            await asyncio.wait({saying, self.task}, return_when=asyncio.FIRST_COMPLETED)
            if saying.done():
                self.answer(saying.result())
        finally:
            saying.cancel()

    async def _ask(self, request: ApprovalRequest) -> ApprovalAnswer:
        self._answer = asyncio.get_running_loop().create_future()
        self._questions.put_nowait(request)
        return await self._answer


class Waiting:
    """The calls whose client has to come back with an answer."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}

    def put(self, case: Case) -> str:
        """Keeps a call; its key is good for one answer."""
        while len(self._cases) >= MOST_WAITING:
            self._cases.pop(next(iter(self._cases))).task.cancel()
        key = secrets.token_urlsafe(32)
        self._cases[key] = case
        case.task.add_done_callback(lambda _: self._cases.pop(key, None))  # it expired, and nobody came
        return key

    def take(self, key: str, call: ToolCall) -> Case | None:
        """The call that waits under that key, if it is this one."""
        case = self._cases.get(key)
        if case is None or (case.call.name, case.call.arguments) != (call.name, call.arguments):
            return None
        return self._cases.pop(key)


def can_ask(context: Context) -> bool:
    """Whether the client says that it shows its user a form."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def is_asked_by_answer(context: Context) -> bool:
    """Whether a question is the answer to the call, as this client's protocol has it."""
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


async def asked(context: Context, request: ApprovalRequest) -> ApprovalAnswer:
    """The user's word, asked for in the middle of the call; a client that fails to ask brought no yes."""
    try:
        found = await context.session.elicit_form(_shown(request), _FORM, related_request_id=context.request_id)
    except MCPError as error:
        why = f"the client could not ask its user: {excerpt(error.message, 160)}"
        return ApprovalAnswer(decision="refused", by="", why=why)
    return meant(context, found.action, found.content)


def question(request: ApprovalRequest, key: str) -> InputRequiredResult:
    """The question as the answer to a call."""
    form = ElicitRequestFormParams(message=_shown(request), requested_schema=_FORM)
    return InputRequiredResult(input_requests={KEY: ElicitRequest(params=form)}, request_state=key)


def answered(context: Context, responses: Mapping[str, Any] | None) -> ApprovalAnswer:
    """What the client brought back."""
    found = (responses or {}).get(KEY)
    if not isinstance(found, ElicitResult):
        return meant(context, "", None)
    return meant(context, found.action, found.content)


def meant(context: Context, action: str, content: Mapping[str, Any] | None) -> ApprovalAnswer:
    """A yes only where the form was sent, and the box in it was ticked."""
    by = f"MCP client {client_of(context)}"
    if action == "accept" and (content or {}).get(FIELD) is True:
        return ApprovalAnswer(decision="once", by=by)
    return ApprovalAnswer(decision="refused", by=by)


def client_of(context: Context) -> str:
    """What the client calls itself."""
    params = context.session.client_params
    name = params.client_info.name if params is not None else ""
    return "".join(char for char in name if char.isprintable())[:60] or "without a name"


def _shown(request: ApprovalRequest) -> str:
    return asking.shown(request)
