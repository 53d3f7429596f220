"""Quick Dx with a model over a real client, in a world that holds one broken workload; and what came of it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from kubeagentix import registry
from kubeagentix.contracts import Provider, ProviderPlugin, ToolPlugin
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import Notice, RunEvent, RunFailed, RunFinished
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.engine import quick
from kubeagentix.engine.engine import Engine
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.testing import log_of, snapshot_of
from kubeagentix.wire.retry import RetryPolicy
from tests.engine.test_wires import CHANNEL, Client, options
from tests.faults.memory import forget_peak, peak_mb
from tests.servers.turns import Call, Say, Step
from tests.servers.wire import WireServer

BROKEN = """
kind: Pod
metadata: {name: web, namespace: banking}
spec: {containers: [{name: app, image: web:1}]}
status:
  phase: Running
  containerStatuses:
  - name: app
    restartCount: 7
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-01-15T11:59:45Z"}}
"""
REASON = "CrashLoopBackOff/MissingVariable"
CAUSE = "Pod web lacks DATABASE_URL"
MAX_GROWTH_MB = 200  # of this process, for a client's own modules and what a run holds


def pictured() -> Snapshot:
    """A cluster as it was read: one pod that lacks a variable."""
    log = log_of("web", "app", "FATAL: DATABASE_URL is not set", namespace="banking")
    return snapshot_of(BROKEN, logs=[log])


@dataclass(frozen=True)
class Told:
    """What a diagnosis said, and the events on the way to it."""

    dx: Diagnosis
    events: list[RunEvent]
    seconds: float

    @property
    def notices(self) -> list[Notice]:
        return [event for event in self.events if isinstance(event, Notice)]

    @property
    def ended(self) -> str:
        """The terminal event, of which there is exactly one, and last."""
        terminal = [event for event in self.events if isinstance(event, RunFinished | RunFailed)]
        assert terminal == self.events[-1:], [event.kind for event in self.events]
        (end,) = terminal
        return f"run_failed ({end.error.code})" if isinstance(end, RunFailed) else f"run_finished ({end.reason})"

    @property
    def result(self) -> str:
        """What became of the deterministic diagnosis: it is the whole truth whatever the model did."""
        first = self.dx.hypotheses[0]
        assert self.dx.finding(first.findings[0]).reason == REASON
        return (
            "kept, with the model's view" if self.dx.mode == "agentic" and self.dx.answer else "kept, without a model"
        )

    @property
    def seen(self) -> str:
        """What the report says of the model: why there is none, or what was waited for."""
        notes = [note for note in self.dx.notes if "no model was used" in note or "gave no answer" in note]
        said = notes[-1] if notes else next((item.message for item in self.notices if item.code == "retry"), "nothing")
        return re.sub(r" in \d+\.\d s\Z", " in a moment", said)  # the CLI's own patience, with its jitter


def conclusion(client: Client) -> list[Step]:
    """The turn in which the model gives its answer, in this client's own way."""
    claim = {"title": "a variable is missing", "confidence": 0.9, "evidence": []}
    answer: dict[str, Any] = {"root_cause": CAUSE, "hypotheses": [claim], "remedies": []}
    if (CHANNEL, "cli") in client.settings:
        return [Say(f"```json\n{json.dumps(answer)}\n```")]
    return [Call(f"{client.prefix}submit_answer", answer)]


def diagnosed(
    client: Client,
    server: WireServer,
    home: Path,
    *,
    tools: Mapping[str, ToolPlugin] | None = None,
    environ: Mapping[str, str] | None = None,
    **changes: Any,
) -> Told:
    """Quick Dx with that client's provider, and nobody else to fall back on but the analyzers."""
    plugins = {"rules": registry.providers()["rules"], client.wired.plugin.id: impatient(client.wired.plugin)}
    surroundings = {**client.environ(server, home), **(environ or {})}
    engine = Engine(pictured(), plugins=plugins, environ=surroundings, tools=tools)
    events: list[RunEvent] = []
    forget_peak()
    before, began = peak_mb(), time.monotonic()
    chosen = options(client, **{"fallback": True, **changes})
    dx = asyncio.run(quick.diagnose(engine, Target(), options=chosen, told=events.append))
    assert peak_mb() - before < MAX_GROWTH_MB
    return Told(dx=dx, events=events, seconds=time.monotonic() - began)


def impatient(plugin: ProviderPlugin) -> ProviderPlugin:
    """The plugin, which waits a fifth of a second before it asks again where it would wait one."""
    if plugin.tool_calls == "mcp":  # the CLI has its own patience
        return plugin

    def build(environ: Mapping[str, str]) -> Provider:
        built: Any = plugin.build(environ)
        return cast("Provider", replace(built, retries=RetryPolicy(first_s=0.2)))

    return replace(plugin, build=build)
