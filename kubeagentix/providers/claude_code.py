"""Claude by the user's subscription, through the real Claude Code CLI.

Two channels: `sdk` speaks the CLI's control protocol and serves our tools in the middle of a run (MCP); `cli` writes
one prompt, and tools are asked for by markup in the text. The first is used unless KUBEAGENTIX_CLAUDE_CODE_CHANNEL says
otherwise, or nobody is there to run a tool in the middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from kubeagentix.claude_cli import tokens
from kubeagentix.claude_cli.environment import passed_on
from kubeagentix.claude_cli.finding import find
from kubeagentix.claude_cli.markup_channel import with_calls
from kubeagentix.claude_cli.outcomes import PROVIDER, failed
from kubeagentix.claude_cli.prompts import prompt, system_prompt
from kubeagentix.claude_cli.session import Order, run
from kubeagentix.claude_cli.switches import Switches, switches_of
from kubeagentix.claude_cli.watchdog import Limits
from kubeagentix.contracts import ProviderPlugin
from kubeagentix.domain.events import ModelEvent
from kubeagentix.domain.requests import ModelRequest, Readiness
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import AuthenticationError, ClientError, ConfigurationError, NotConfiguredError

_NO_CREDENTIAL = "no token is set and Claude Code holds no login"


class ClaudeCode:
    """Runs one CLI for each stream; keeps nothing between them."""

    def __init__(self, environ: Mapping[str, str], limits: Limits | None = None) -> None:
        self._environ = environ
        self._limits = limits

    async def stream(self, request: ModelRequest, credential: Credential) -> AsyncGenerator[ModelEvent]:
        """The events of one run of the CLI, in which it may have asked for many tools."""
        switches = switches_of(self._environ)
        if not switches.enabled:
            raise NotConfiguredError(_OFF, provider=PROVIDER)
        if not request.may_call:  # nothing that it keeps is bound to the tools that were there
            request = replace(request, tools=())
        checked = tokens.checked(credential, switches)
        program = await asyncio.to_thread(find, self._environ)
        serves_tools = _serves_tools(request, switches)
        order = Order(
            request=request,
            system=system_prompt(request, by_markup=not serves_tools),
            prompt=prompt(request.messages, by_markup=not serves_tools),
            serves_tools=serves_tools,
            credential=checked,
            program=program,
            environ=self._environ,
            switches=switches,
            limits=self._limits or _limits(request, switches),
        )
        async with aclosing(run(order)) as events, aclosing(_with_tools(events, order)) as found:
            async for event in found:
                yield event


_OFF = "ENABLE_CLAUDE_CODE_PROVIDER is false"


def _serves_tools(request: ModelRequest, switches: Switches) -> bool:
    can_run = request.run_tool is not None or not request.tools
    return switches.channel != "cli" and can_run


def _with_tools(events: AsyncGenerator[ModelEvent], order: Order) -> AsyncGenerator[ModelEvent]:
    is_by_markup = order.request.tools and not order.serves_tools
    return with_calls(events, order.request.tools) if is_by_markup else events


def _limits(request: ModelRequest, switches: Switches) -> Limits:
    total_s = min(request.deadline_s, switches.timeout_s or request.deadline_s)
    return Limits(total_s=total_s + request.patience_s)  # the engine's own deadline ends the run before that


def ready(environ: Mapping[str, str], credential: Credential | None) -> Readiness:
    """As whom the CLI would run here. Starts nothing but `claude --version`, and that once."""
    try:
        switches = switches_of(environ)
    except ConfigurationError as error:
        return Readiness(credential=None, why_not=str(error))
    shown = passed_on(environ, switches)
    if not switches.enabled:
        return Readiness(credential=None, why_not=_OFF, passed_on=shown)
    own = tokens.checked(credential, switches) if credential is not None else None
    try:
        program = find(environ)
        used = own or tokens.chosen(environ, switches)
    except (ClientError, AuthenticationError) as error:
        is_broken = any(environ.get(name, "").strip() for name in tokens.TOKEN_VARIABLES)
        rest = tokens.ignored(environ, None)
        return Readiness(credential=None, why_not=str(error), is_broken=is_broken, ignored=rest, passed_on=shown)
    why_not = "" if used else str(failed("not_logged_in", _NO_CREDENTIAL))
    about = (f"cli={program}", f"channel={switches.channel or 'sdk'}", *shown)
    return Readiness(credential=used, why_not=why_not, ignored=tokens.ignored(environ, used), passed_on=about)


plugin = ProviderPlugin(
    id=PROVIDER,
    title="Claude Code (subscription)",
    default_model="sonnet",
    context_tokens=200_000,
    tool_calls="mcp",
    ready=ready,
    build=ClaudeCode,
    extra="claude-code",
    model_variables=("KUBEAGENTIX_CLAUDE_CODE_MODEL", "ANTHROPIC_MODEL"),
)
