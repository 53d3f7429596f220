"""Advice on quotas: those that are used up, so that the next object is refused. A quota of none is meant so."""

from __future__ import annotations

from collections.abc import Iterable

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.quantities import quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import ResourceQuota

ID = "lint-quotas"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per quota of which something is used up."""
    for quota in snapshot.all(ResourceQuota):
        used = quota.status.used
        full = [
            (name, hard)
            for name, hard in quota.status.hard.items()
            if 0 < quantity_or_zero(hard) <= quantity_or_zero(used.get(name))
        ]
        if full:
            remarks = [
                Remark(seen=f"{name}: {used[name]} of {hard} are in use", locator=f"status.used[{name}]")
                for name, hard in full
            ]
            title = f"{', '.join(name for name, _ in full)} used up"
            why = "What asks for more is refused, a rollout's additional pod as well."
            yield advice(ID, "QuotaUsedUp", snapshot.ref(quota), title=title, why=why, remarks=remarks)


plugin = AnalyzerPlugin(id=ID, title="Advice on quotas", analyze=analyze, is_lint=True)
