"""Quick Dx after a change: what rests on nothing that has changed is kept, the rest is found anew."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.domain.diagnosis import Finding, Target
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.own_analyzers import load_packages
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.graph import Graph
from kubeagentix.quickdx.masking import masked
from kubeagentix.quickdx.pipeline import blamed_namespaces, chosen_analyzers, conclude


class Rerunning:
    """The Diagnosis of one picture after another."""

    def __init__(self, target: Target, *, include_lint: bool, ignore: Sequence[IgnoreRule] | None) -> None:
        self._target, self._include_lint, self._ignore = target, include_lint, ignore
        self._unloaded = load_packages()
        self._found: list[Finding] = []

    def diagnose(self, snapshot: Snapshot, changes: Sequence[ObjectChange]) -> Diagnosis:  # noqa: ARG002
        """The Diagnosis of `snapshot`, which differs from the one before by `changes`. Raises NotFoundError."""
        started_at, clock = datetime.now(UTC), time.perf_counter()
        self._found, failed = analyze(snapshot, chosen_analyzers(include_lint=self._include_lint))
        diagnosis = conclude(
            snapshot,
            self._target,
            Graph.of(snapshot),
            self._found,
            include_lint=self._include_lint,
            ignore=self._ignore,
            gaps=(*self._unloaded, *failed),
            started_at=started_at,
            timings={"analyze_s": round(time.perf_counter() - clock, 4)},
        )
        return masked(snapshot, diagnosis)

    def blamed_namespaces(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Namespaces outside the picture that the latest findings blame, the most blamed first."""
        return blamed_namespaces(snapshot, self._found)
