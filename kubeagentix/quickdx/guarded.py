"""Runs an analyzer of the user's own: whatever it does costs its findings at most, never the run.

It works in a thread of its own, so that an endless one can be left behind and told to end. What it yields is checked
here, as nothing after this place expects a Finding of odd parts; what it yielded before it failed counts.
"""

from __future__ import annotations

import contextvars
import ctypes
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Gap, Remedy, ResourceRef, Severity, digest
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

DEADLINE_S = 20.0  # more than all built-in analyzers need for ten thousand pods
MAX_FINDINGS = 10_000  # nobody reads more; an endless generator is cut there
_PARTS = (("evidence", Evidence), ("remedies", Remedy), ("points_at", ResourceRef), ("explains", ResourceRef))
_TEXTS: dict[type, tuple[str, ...]] = {
    Finding: ("id", "reason", "title", "cause"),
    ResourceRef: ("kind", "namespace", "name"),
    Evidence: ("id", "source", "summary", "excerpt", "locator"),
    Remedy: ("title", "command", "effect", "why"),
}


class _Stopped(BaseException):
    """Raised in the thread of an analyzer that does not end."""


def run_guarded(plugin: AnalyzerPlugin, snapshot: Snapshot) -> tuple[list[Finding], list[Gap]]:
    """The findings of one's own analyzer, and a Gap if it failed, was cut short, or yielded something else."""
    work = _Work(plugin, snapshot)
    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(work.run,), name=f"analyzer {plugin.id}", daemon=True
    )
    thread.start()
    thread.join(DEADLINE_S)
    if thread.is_alive() and thread.ident is not None:
        work.why = f"it did not end within {DEADLINE_S:.0f} s"
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Stopped))
    gaps = [Gap(what=f"analyzer {plugin.id} of {plugin.source}", why=why) for why in (work.why, work.odd) if why]
    return list(_named(plugin, work.found.copy())), gaps


class _Work:
    def __init__(self, plugin: AnalyzerPlugin, snapshot: Snapshot) -> None:
        self._plugin = plugin
        self._snapshot = snapshot
        self.found: list[Finding] = []
        self.why = ""
        self.odd = ""

    def run(self) -> None:
        """Collects what the analyzer yields; whatever it raises ends up in `why`."""
        try:
            self._collect()
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  also SystemExit: it ends the analyzer, not the run
            self.why = f"{type(error).__name__}: {excerpt(str(error), 160)}{self._line(error)}"

    def _collect(self) -> None:
        for item in self._plugin.analyze(self._snapshot):
            problem = _problem(item)
            if problem:
                self.odd = self.odd or f"it yields {problem}; kx.finding(object, reason, title) makes a Finding"
            elif len(self.found) == MAX_FINDINGS:
                self.why = f"it yields more than {MAX_FINDINGS} findings; the rest is left out"
                return
            else:
                self.found.append(item)

    def _line(self, error: BaseException) -> str:
        """` (line 3)`: where in the analyzer's own file it went wrong."""
        own = getattr(getattr(self._plugin.analyze, "__code__", None), "co_filename", None)
        line, trace = 0, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == own:
                line = trace.tb_lineno
            trace = trace.tb_next
        return f" (line {line})" if line else ""


def _problem(item: object) -> str:
    """What is wrong with something that was yielded, in words; empty for a proper Finding."""
    if not isinstance(item, Finding):
        return f"{excerpt(repr(item), 60)}, which is no Finding"
    for name, is_fine in _expected(item):
        if not is_fine:
            return f"a Finding whose {name} is {excerpt(repr(getattr(item, name)), 60)}"
    parts = (item.ref, *item.evidence, *(piece.ref for piece in item.evidence), *item.remedies)
    for part in (item, *parts, *item.points_at, *item.explains):
        for name in _TEXTS.get(type(part), ()):
            if not isinstance(getattr(part, name), str):
                return f"{type(part).__name__} whose {name} is {excerpt(repr(getattr(part, name)), 60)}"
    return ""


def _expected(item: Finding) -> Iterator[tuple[str, bool]]:
    """(field, whether it is what it should be)."""
    yield "ref", isinstance(item.ref, ResourceRef)
    yield "severity", isinstance(item.severity, Severity)
    yield "confidence", isinstance(item.confidence, int | float) and 0 <= item.confidence <= 1
    yield "since", item.since is None or (isinstance(item.since, datetime) and item.since.tzinfo is not None)
    for name, part in _PARTS:
        several = getattr(item, name)
        yield name, isinstance(several, tuple) and all(isinstance(one, part) for one in several)
    yield "evidence", bool(item.evidence)


def _named(plugin: AnalyzerPlugin, found: list[Finding]) -> Iterator[Finding]:
    """The findings with the analyzer's id, and each with an id of its own."""
    known: dict[str, int] = {}
    for item in found:
        times = known[item.id] = known.get(item.id, 0) + 1
        key = digest("f", plugin.id, item.id, *([str(times)] if times > 1 else []))
        severity = Severity.INFO if plugin.is_lint else item.severity
        yield replace(item, id=key, analyzer=plugin.id, severity=severity, caused_by=())
