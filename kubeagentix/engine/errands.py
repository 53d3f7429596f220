"""A change that a program asks for, and no model: by the same tools, and through the same gate.

It is checked against the policy and one's rights, rehearsed by the API server, shown to whoever approves, made once
after a yes, and written to the audit log. Without an approver nothing is done.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from kubeagentix.audit import AuditLog
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.changes import Approver
from kubeagentix.domain.messages import ToolCall
from kubeagentix.engine.approvals import Approvals, Grants
from kubeagentix.engine.changing import Changes
from kubeagentix.engine.clock import Clock
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.redaction import Redactor
from kubeagentix.toolkit.arguments import check


async def carry_out(
    tools: Mapping[str, ToolPlugin],
    name: str,
    arguments: Mapping[str, Any],
    context: ToolContext,
    *,
    approve: Approver,
    audit: AuditLog,
) -> str:
    """What was done, with its diff. Raises ApprovalError for a no, UsageError, and what the cluster refuses."""
    changing = [key for key, tool in tools.items() if tool.spec.effect == "write"]
    if name not in changing:
        what = f"{excerpt(repr(name), 60)} is no tool that changes something"
        raise UsageError(what, hint=f"these do: {', '.join(changing)}")
    number, redactor = secrets.token_hex(8), Redactor()
    changes = Changes(
        run_id=f"errand-{number}",
        approvals=Approvals(approve, lambda _: None, Clock()),
        grants=Grants(),
        audit=audit,
        redactor=redactor,
    )
    plugin = tools[name]
    call = ToolCall(id=f"call-{number}", name=name, arguments=dict(arguments))
    output = await changes.carry_out(plugin, call, check(plugin.spec, call.arguments), context)
    return redactor.text(output.text)
