"""Updates of strategy OnDelete: a choice, and one that is easily forgotten after a change that seems to do nothing."""

from __future__ import annotations

from kubeagentix.analysis import kubectl
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity

PODS_SHOWN = 3


def waits_for_deletion(analyzer: str, ref: ResourceRef, pods: tuple[str, ...]) -> Finding:
    """The Finding of severity `info` on a workload whose pods keep the old template until they are deleted."""
    names = ", ".join(pods[:PODS_SHOWN]) + (f" and {len(pods) - PODS_SHOWN} more" if len(pods) > PODS_SHOWN else "")
    return Finding.of(
        analyzer=analyzer,
        reason="RolloutOnDelete",
        ref=ref,
        title=f"{ref}: {names} keep{'s' if len(pods) == 1 else ''} the old template until deleted by hand",
        severity=Severity.INFO,
        confidence=0.95,
        cause="updateStrategy is OnDelete, so no pod is replaced by itself.",
        evidence=(Evidence.of(ref, "spec", "updateStrategy: OnDelete", locator="spec.updateStrategy.type"),),
        remedies=(kubectl.write("Have a pod made anew", f"delete pod {pods[0]}", ref.namespace),),
    )
