"""Runs analyzers, one after the other. One that fails costs its own findings, never those of the others."""

from __future__ import annotations

from collections.abc import Sequence

from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Gap
from kubeagentix.domain.events import Listener, StageChanged, silent
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt
from kubeagentix.quickdx.guarded import run_guarded


def analyze(
    snapshot: Snapshot, analyzers: Sequence[AnalyzerPlugin], listen: Listener = silent
) -> tuple[list[Finding], list[Gap]]:
    """All findings of `analyzers`; one that raises becomes a Gap that names it."""
    found: list[Finding] = []
    failed: list[Gap] = []
    for done, analyzer in enumerate(analyzers, start=1):
        results, gaps = run_guarded(analyzer, snapshot) if analyzer.source else _run(analyzer, snapshot)
        found += results
        failed += gaps
        listen(StageChanged(stage="analyze", done=done, total=len(analyzers), detail=analyzer.title))
    return found, failed


def _run(analyzer: AnalyzerPlugin, snapshot: Snapshot) -> tuple[list[Finding], list[Gap]]:
    found: list[Finding] = []
    try:
        found.extend(analyzer.analyze(snapshot))
    except Exception as error:  # noqa: BLE001  an analyzer's bug must not cost the others' findings
        why = f"{type(error).__name__}: {excerpt(str(error), 160)}"
        return found, [Gap(what=f"analyzer {analyzer.id} failed", why=why)]
    return found, []


def worst_first(finding: Finding) -> tuple[int, bool, str, str, str]:
    """The order in which findings are told."""
    return (-finding.severity.rank, finding.is_symptom, finding.ref.namespace, finding.ref.name, finding.id)
