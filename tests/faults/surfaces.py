"""The surfaces a user meets a fault on: each is used once, and says what was seen, how it ended and what was kept.

On every one of them the same law is held: where the broken workload was not found, the answer says what could not be
read, or that nothing could; and a run has exactly one terminal event, which is last.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.cli.app import main
from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import FindingReported, RunFailed, RunFinished, RunRecord, TextDelta
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.results import Results
from kubeagentix.engine.tool_runner import ToolRunner
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.own_tools import tools
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.report import words
from tests.faults.table import NO_RUN
from tests.faults.world import NAMESPACE, REASON, WORKLOAD, World

WHOLE, IN_PART, UNREAD = "whole", "kept, what is missing is told", "none: nothing could be read, and it says so"
KUBECTL_S = 4.0  # it tries again for longer than a test should last
MISSED = "not found, and it says what was not read"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of it."""

    seen: str
    ended: str = NO_RUN
    result: str = ""


def adiagnose(world: World, _folder: Path) -> Told:
    """`await kx.adiagnose()`."""
    with world.connect() as cluster:
        try:
            diagnosis = asyncio.run(kx.adiagnose(cluster=cluster, all_namespaces=True))
        except KubeAgentiXError as error:
            return Told(seen=f"{type(error).__name__}: {error}", result=UNREAD)
    return Told(seen=in_one_line(diagnosis), result=judged(diagnosis))


def in_one_line(diagnosis: Diagnosis) -> str:
    gaps = words.gaps_in_short(diagnosis.gaps)
    return "; not seen: ".join([words.headline(diagnosis), *gaps[:1]]) + (f"; {len(gaps) - 1} more" * (len(gaps) > 1))


def judged(diagnosis: Diagnosis) -> str:
    """What became of the result. Raises AssertionError where silence is taken for health."""
    if any(finding.reason == REASON and finding.ref.name == WORKLOAD for finding in diagnosis.findings):
        return IN_PART if diagnosis.gaps else WHOLE
    assert diagnosis.gaps, "not found, and no word of what was not read"
    assert not diagnosis.is_healthy
    assert "Nothing is wrong" not in words.headline(diagnosis)
    return MISSED


def dx(world: World, _folder: Path) -> Told:
    """`kubeagentix dx -A`."""
    code, out, err = cli("dx", "-A", "--kubeconfig", str(world.kubeconfig))
    if code == 2:
        assert err.count("\n") == 1
        return Told(seen=f"{err} (exit code 2)", result=UNREAD)
    assert code == 0, err
    gaps = re.findall(r"^  not seen  (.*(?:\n {14}.*)*)", out, re.MULTILINE)
    is_found = f"{WORKLOAD} ({REASON})" in out
    assert is_found or (gaps and "Nothing is wrong" not in out)
    seen = out.partition("\n")[0] + (f"; not seen: {gaps[0]}" if gaps else "")
    return Told(seen=seen, result=(IN_PART if gaps else WHOLE) if is_found else MISSED)


_one_at_a_time = threading.Lock()  # the program's output is redirected for the whole process


def cli(*words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the program, run in this process."""
    with (
        _one_at_a_time,
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = main(words)
    assert "Traceback" not in err.getvalue()
    return code, out.getvalue(), err.getvalue()


def snapshot_save(world: World, folder: Path) -> Told:
    """`kubeagentix snapshot save FILE -A`, and what the file says when it is diagnosed."""
    file = folder / "incident.json.gz"
    code, out, err = cli("snapshot", "save", str(file), "-A", "--kubeconfig", str(world.kubeconfig))
    if code:
        assert not file.exists(), "a file that is not whole"
        return Told(seen=f"{err} (exit code {code})", result=UNREAD)
    diagnosis = kx.diagnose(cluster=kx.load(file))
    file.unlink()
    return Told(seen=out.partition("\n")[0], result=judged(diagnosis))


def pod_logs(world: World, _folder: Path) -> Told:
    """The tool `pod_logs`."""
    return _tool(world, "pod_logs", pod=world.pod, namespace=NAMESPACE)


def list_resources(world: World, _folder: Path) -> Told:
    """The tool `list_resources`."""
    return _tool(world, "list_resources", kind="pods", namespace=NAMESPACE)


def kubectl(world: World, _folder: Path) -> Told:
    """The tool `kubectl`."""
    return _tool(world, "kubectl", command=f"get pods -n {NAMESPACE}")


def _tool(world: World, name: str, **arguments: object) -> Told:
    with world.connect() as cluster:
        call = ToolCall(id="1", name=name, arguments=arguments)
        result = sync.run(_called(cluster, call, min(world.patience_s, KUBECTL_S if name == "kubectl" else 30)))
    seen = "; ".join(line for line in result.content.splitlines()[:2] if line)
    return Told(seen=seen, result="the model is told that it failed" if result.is_error else "an answer")


async def _called(cluster: Cluster, call: ToolCall, timeout_s: float) -> ToolResult:
    async def diagnose(target: Target) -> Diagnosis:
        return await pipeline.run(cluster, target)

    results = Results()
    context = ToolContext(source=cluster, namespace=None, diagnose=diagnose, results=results, environ=os.environ)
    plugin = tools[call.name]
    limited = {call.name: replace(plugin, spec=replace(plugin.spec, timeout_s=timeout_s))}
    runner = ToolRunner(limited, context, results=results, told=lambda _: None, max_calls=5, max_chars=20_000)
    return await runner.run(call)


def rules_chat(world: World, _folder: Path) -> Told:
    """A conversation with the provider `rules`."""
    with world.connect() as cluster:
        records = sync.run(_asked(kx.Engine(cluster, namespace=NAMESPACE, provider="rules"), 2 * world.patience_s))
    assert [record for record in records if isinstance(record.event, RunFinished | RunFailed)] == records[-1:]
    last = records[-1].event
    if isinstance(last, RunFailed):
        return Told(
            seen=f"{last.error.message}; {last.error.hint}", ended=f"RunFailed({last.error.code})", result=UNREAD
        )
    assert isinstance(last, RunFinished)
    text = "".join(record.event.text for record in records if isinstance(record.event, TextDelta))
    found = [record.event.finding for record in records if isinstance(record.event, FindingReported)]
    is_found = any(finding.reason == REASON for finding in found)
    assert is_found or "Could not be read" in text, text
    return Told(
        seen=text.strip().partition("\n")[0], ended=f"RunFinished({last.reason})", result=WHOLE if is_found else MISSED
    )


async def _asked(engine: kx.Engine, deadline_s: float) -> list[RunRecord]:
    options = RunOptions(deadline_s=deadline_s)
    return [record async for record in engine.stream("why is limiter failing?", options=options)]


SURFACES: dict[str, Callable[[World, Path], Told]] = {
    "adiagnose": adiagnose,
    "dx": dx,
    "snapshot save": snapshot_save,
    "chat, rules": rules_chat,
    "tool pod_logs": pod_logs,
    "tool list_resources": list_resources,
    "tool kubectl": kubectl,
}
