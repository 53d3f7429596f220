"""The surfaces a user meets a fault on: each is used once, and says what was seen, how it ended and what was kept.

On every one of them the same law is held: where the broken workload was not found, the answer says what could not be
read, or that nothing could; and a run has exactly one terminal event, which is last.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.cli.app import main
from kubeagentix.contracts import ToolPlugin
from kubeagentix.domain.events import (
    FindingReported,
    RunFailed,
    RunFinished,
    RunRecord,
    TextDelta,
    ToolCallFinished,
    ToolCallReady,
)
from kubeagentix.domain.messages import ToolCall
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine import engine
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.own_tools import tools
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.report import words
from kubeagentix.testing import ScriptedProvider, scripted_plugin
from tests.faults.table import NONE
from tests.faults.world import NAMESPACE, REASON, WORKLOAD, Place

WHOLE, IN_PART, UNREAD = "whole", "kept, what is missing is told", "none: nothing could be read, and it says so"
KUBECTL_S = 4.0  # it tries again for longer than a test should last
MISSED = "not found, and it says what was not read"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of it."""

    seen: str
    ended: str
    result: str


def adiagnose(world: Place, _folder: Path) -> Told:
    """`await kx.adiagnose()`."""
    with world.connect() as cluster:
        try:
            diagnosis = asyncio.run(kx.adiagnose(cluster=cluster, all_namespaces=True))
        except KubeAgentiXError as error:
            return Told(seen=str(error), ended=f"raises {type(error).__name__}", result=UNREAD)
    return Told(seen=in_one_line(diagnosis), ended="returns", result=judged(diagnosis))


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


def dx(world: Place, _folder: Path) -> Told:
    """`kubeagentix dx -A`."""
    code, out, err = cli("dx", "-A", "--kubeconfig", str(world.kubeconfig))
    if code == 2:
        assert err.count("\n") == 1
        return Told(seen=err.removeprefix("error: "), ended="exit code 2", result=UNREAD)
    assert code == 0, err
    gaps = re.findall(r"^  not seen  (.*(?:\n {14}.*)*)", out, re.MULTILINE)
    is_found = f"{WORKLOAD} ({REASON})" in out
    assert is_found or (gaps and "Nothing is wrong" not in out)
    seen = "; not seen: ".join([out.partition(" (cluster ")[0], *gaps[:1]]) + (
        f"; {len(gaps) - 1} more" * (len(gaps) > 1)
    )
    return Told(seen=seen, ended="exit code 0", result=(IN_PART if gaps else WHOLE) if is_found else MISSED)


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


def snapshot_save(world: Place, folder: Path) -> Told:
    """`kubeagentix snapshot save FILE -A`, and what the file says when it is diagnosed."""
    file = folder / "incident.json.gz"
    code, out, err = cli("snapshot", "save", str(file), "-A", "--kubeconfig", str(world.kubeconfig))
    if code:
        assert not file.exists(), "a file that is not whole"
        assert code == 2
        return Told(seen=err.removeprefix("error: "), ended="exit code 2", result=UNREAD)
    diagnosis = kx.diagnose(cluster=kx.load(file))
    file.unlink()
    return Told(seen=out.partition("\n")[0], ended="exit code 0", result=judged(diagnosis))


def pod_logs(world: Place, _folder: Path) -> Told:
    """The tool `pod_logs`."""
    return _tool(world, "pod_logs", pod=world.pod, namespace=NAMESPACE)


def list_resources(world: Place, _folder: Path) -> Told:
    """The tool `list_resources`."""
    return _tool(world, "list_resources", kind="pods", namespace=NAMESPACE)


def kubectl(world: Place, _folder: Path) -> Told:
    """The tool `kubectl`."""
    return _tool(world, "kubectl", command=world.kubectl)


def _tool(world: Place, name: str, **arguments: object) -> Told:
    """The tool as a model calls it, in a run of an engine."""
    call = ToolCallReady(call=ToolCall(id="1", name=name, arguments=arguments))
    model = scripted_plugin(ScriptedProvider([call], [TextDelta(text="I see.")]))
    tools = limited(min(world.patience_s, KUBECTL_S) if name == "kubectl" else world.patience_s)
    with world.connect() as cluster:
        asked = engine.Engine(cluster, plugins={model.id: model}, tools=tools)
        records = sync.run(_asked(asked, with_findings=False))
    (result,) = (record.event.result for record in records if isinstance(record.event, ToolCallFinished))
    seen = result.content.strip().partition("\n")[0]
    how = "an error for the model" if result.is_error else "an answer"
    return Told(seen=seen, ended=f"{how}; {ending(records)}", result=NONE)


def ending(records: Sequence[RunRecord]) -> str:
    """The terminal event of a run. Raises AssertionError where there is not exactly one, and last."""
    assert [record for record in records if isinstance(record.event, RunFinished | RunFailed)] == list(records[-1:])
    last = records[-1].event
    if isinstance(last, RunFailed):
        return f"RunFailed({last.error.code})"
    assert isinstance(last, RunFinished)
    return f"RunFinished({last.reason})"


def limited(timeout_s: float) -> dict[str, ToolPlugin]:
    """The tools with less time than they have."""
    return {name: replace(tool, spec=replace(tool.spec, timeout_s=timeout_s)) for name, tool in tools.items()}


def rules_chat(world: Place, _folder: Path) -> Told:
    """A conversation with the provider `rules`."""
    with world.connect() as cluster:
        asked = engine.Engine(cluster, namespace=NAMESPACE, provider="rules", tools=limited(world.patience_s))
        records = sync.run(_asked(asked))
    ended, last = ending(records), records[-1].event
    if isinstance(last, RunFailed):
        return Told(seen="; ".join(filter(None, (last.error.message, last.error.hint))), ended=ended, result=UNREAD)
    text = "".join(record.event.text for record in records if isinstance(record.event, TextDelta))
    found = [record.event.finding for record in records if isinstance(record.event, FindingReported)]
    is_found = any(finding.reason == REASON for finding in found)
    unread = re.findall(r"Could not be read; .*\n- (.*)", text)
    assert is_found or unread, text
    seen = "; … could not be read: ".join([text.strip().partition("\n")[0], *unread])
    return Told(seen=seen, ended=ended, result=(IN_PART if unread else WHOLE) if is_found else MISSED)


async def _asked(asked: engine.Engine, *, with_findings: bool = True) -> list[RunRecord]:
    options = RunOptions(deadline_s=60)
    stream = asked.stream("why is limiter failing?", options=options, with_findings=with_findings)
    return [record async for record in stream]


SURFACES: dict[str, Callable[[Place, Path], Told]] = {
    "adiagnose": adiagnose,
    "dx": dx,
    "snapshot save": snapshot_save,
    "chat, rules": rules_chat,
    "tool pod_logs": pod_logs,
    "tool list_resources": list_resources,
    "tool kubectl": kubectl,
}
