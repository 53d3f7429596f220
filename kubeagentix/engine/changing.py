"""How a tool's changes are made: prepared, rehearsed, shown, approved, rehearsed once more, made. In this order only.

Calls that change something go through here one after the other, so that what one shows is what the one before it left.
Every decision is in the audit log before it takes effect.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kubeagentix.audit import AuditDecision, AuditLog
from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.kubectl_changes import check_kind
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.changes import (
    ApprovalAnswer,
    ApprovalRequest,
    ApprovedChange,
    Change,
    Grant,
    Proposal,
    expiry,
)
from kubeagentix.domain.messages import ToolCall
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.engine.approvals import LATE, Approvals, Grants
from kubeagentix.engine.limits import within
from kubeagentix.engine.rehearsal import Rehearsal, rehearse
from kubeagentix.errors import (
    ApprovalError,
    ConfigurationError,
    KubeAgentiXError,
    NotPermittedError,
    StaleChangeError,
    UsageError,
    excerpt,
)
from kubeagentix.redaction import Redactor
from kubeagentix.toolkit.places import live

GRACE_S = 4.0  # a change that is on its way when the run is cancelled is waited for, to know what became of it


class Changes:
    """Makes the changes of one run, with a person's approval and not without."""

    def __init__(
        self, *, run_id: str, approvals: Approvals, grants: Grants, audit: AuditLog, redactor: Redactor
    ) -> None:
        self._run_id = run_id
        self._approvals = approvals
        self._grants = grants
        self._audit = audit
        self._redactor = redactor
        self._turn = asyncio.Lock()

    def not_allowed(self, call: ToolCall, why: str) -> None:
        """Writes down that a call was not even considered."""
        self._note("not_allowed", call, why=why)

    async def carry_out(
        self, plugin: ToolPlugin, call: ToolCall, arguments: Mapping[str, Any], context: ToolContext
    ) -> ToolOutput:
        """Makes the changes of one call, as far as each is approved. Raises ApprovalError, ClusterError and kin."""
        async with self._turn:
            if plugin.prepare is None:
                return await self._run_own(plugin, call, arguments, context)
            cluster = live(context, plugin.id)
            try:
                prepared = await within(plugin.spec, plugin.prepare(arguments, context))
            except UsageError as error:  # the policy's no, or arguments that name nothing
                self._note("not_allowed", call, why=str(error))
                raise
            rehearsed = await within(plugin.spec, self._all_rehearsed(cluster, call, prepared))
            done: list[str] = []
            for rehearsal in rehearsed:
                try:
                    done.append(await self._settled(cluster, call, rehearsal, plugin.spec.timeout_s))
                except KubeAgentiXError as error:
                    if done:
                        error.message += f"; of the same call these came before it: {' / '.join(done)}"
                    raise
            return ToolOutput(text="\n\n".join(done) or "there is nothing to change")

    async def _all_rehearsed(self, cluster: Cluster, call: ToolCall, changes: Sequence[Change]) -> list[Rehearsal]:
        return [await self._rehearsed(cluster, call, change) for change in changes]

    async def _rehearsed(self, cluster: Cluster, call: ToolCall, change: Change) -> Rehearsal:
        try:
            check_kind(change.resource, change.is_delete)
        except UsageError as error:
            self._note("not_allowed", call, change, why=str(error))
            raise
        try:
            return await rehearse(cluster, change, self._redactor.text)
        except KubeAgentiXError as error:
            is_denied = isinstance(error, NotPermittedError)
            self._note("not_permitted" if is_denied else "rehearsal_failed", call, change, why=str(error))
            raise

    async def _settled(self, cluster: Cluster, call: ToolCall, rehearsal: Rehearsal, timeout_s: float) -> str:
        """One change, approved and made; in words for the model."""
        change = rehearsal.change
        summary = self._redactor.text(change.summary)
        if rehearsal.is_nothing:
            return f"{summary}: nothing to do, it is so already"
        proposal = Proposal.of(
            change, call, request_id=_new_id(), summary=summary, diff=rehearsal.diff, fields=rehearsal.fields
        )
        grant = self._grants.covering(proposal)
        if grant is not None:
            self._approvals.tell_granted(proposal.request, grant)
            self._note("granted_earlier", call, change, by=grant.by)
            approved = grant.approved(proposal)
        else:
            approved = await self._approved(cluster, proposal, rehearsal)
        await self._performed(cluster, call, approved, timeout_s)
        return f"Done, as {approved.by} approved: {summary}\n{rehearsal.diff}"

    async def _approved(self, cluster: Cluster, proposal: Proposal, rehearsal: Rehearsal) -> ApprovedChange:
        """The change with a person's word for it, if it would still do what was shown."""
        change, call = proposal.change, proposal.request.call
        answer = await self._answered(proposal.request, change)
        again = await self._rehearsed(cluster, call, change)
        if again.differences != rehearsal.differences:
            why = f"{change.ref} has changed while the approval was waited for: nothing was done"
            self._note("changed_meanwhile", call, change, why=why)
            raise StaleChangeError(why, hint="look at it again, and ask anew if it is still wanted")
        approved = proposal.approved(answer)
        if answer.decision == "always":
            self._grants.add(Grant.of(proposal, answer))
        return approved

    async def _answered(self, request: ApprovalRequest, change: Change | None = None) -> ApprovalAnswer:
        """The answer, which is a yes. Raises ApprovalError for a no."""
        self._note("asked", request.call, change)
        answer = await self._approvals.settle(request)
        if answer.decision == "refused":
            refusal: AuditDecision = "expired" if answer.why == LATE else "refused"
            self._note(refusal, request.call, change, by=answer.by, why=answer.why)
            who = f"{answer.by} refused it" if answer.by else "it was not approved"
            hint = "do not ask for it again; say what you would have done, and go on without it"
            raise ApprovalError(
                f"{request.summary}: not done, {who}{f' ({answer.why})' if answer.why else ''}", hint=hint
            )
        decision: AuditDecision = "approved_always" if answer.decision == "always" else "approved_once"
        self._note(decision, request.call, change, by=answer.by)
        return answer

    async def _performed(self, cluster: Cluster, call: ToolCall, approved: ApprovedChange, timeout_s: float) -> None:
        """Makes the change and writes down what came of it, also where the run is cancelled in the middle of it."""
        change = approved.change
        work = asyncio.ensure_future(cluster.perform(approved, timeout_s=timeout_s))
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            await asyncio.wait([work], timeout=GRACE_S)
            work.cancel()
            with suppress(ConfigurationError):  # nobody is there any more to be told
                self._note_outcome(call, change, work)
            raise
        self._note_outcome(call, change, work)
        work.result()

    def _note_outcome(self, call: ToolCall, change: Change, work: asyncio.Future[Mapping[str, Any]]) -> None:
        if not work.done() or work.cancelled():
            self._note("failed", call, change, why="the run was cancelled; whether it was done is not known")
        elif (error := work.exception()) is not None:
            self._note("failed", call, change, why=str(error))
        else:
            try:
                self._note("performed", call, change)
            except ConfigurationError as unwritten:
                unwritten.message = f"{change.summary} was done, as approved, but: {unwritten.message}"
                raise

    async def _run_own(
        self, plugin: ToolPlugin, call: ToolCall, arguments: Mapping[str, Any], context: ToolContext
    ) -> ToolOutput:
        """A tool of one's own that changes something: nobody can show what, so the call itself is what is approved."""
        told = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        summary = self._redactor.text(f"{plugin.id}({told})")
        request = ApprovalRequest(id=_new_id(), call=call, summary=summary, diff="", expires_at=expiry())
        request.check(await self._answered(request))
        try:
            output = await within(plugin.spec, plugin.handler(arguments, context))
        except BaseException as error:
            self._note("failed", call, why=f"{type(error).__name__}: {error}")
            raise
        self._note("performed", call)
        return output

    def _note(self, decision: AuditDecision, call: ToolCall, change: Change | None = None, **told: str) -> None:
        """A line in the audit log, without credentials. Raises ConfigurationError where it cannot be written."""
        about = _about(change) if change is not None else {}
        entry = {"run": self._run_id, "call": call.id, "tool": call.name, **about, **told}
        self._audit.write(decision, **{key: self._redactor.text(value) for key, value in entry.items()})


def _new_id() -> str:
    return f"approval-{secrets.token_hex(8)}"


def _about(change: Change) -> dict[str, str]:
    return {
        "cluster": change.ref.cluster,
        "kind": change.ref.kind,
        "namespace": change.ref.namespace,
        "name": change.ref.name,
        "uid": change.ref.uid,
        "verb": change.verb,
        "subresource": change.subresource,
        "summary": excerpt(change.summary),
    }
