"""Quick Dx of everything, as a user's call: discovery, lists, logs, analysis, answer."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import kubeagentix as kx
from benchmarks.scanning.measuring import tell
from kubeagentix import registry


def quickdx(kubeconfig: Path) -> dict[str, Any]:
    """What it found, to be held against what was planted."""
    with kx.connect(kubeconfig=kubeconfig) as cluster:
        diagnosis = kx.diagnose(cluster=cluster, all_namespaces=True, history=False)
    told = [
        [item.root.kind, item.root.namespace, item.root.name, diagnosis.finding(item.findings[0]).reason]
        for item in diagnosis.hypotheses
    ]
    gaps = [f"{item.what}: {item.why}" for item in diagnosis.gaps]
    return {"told": told, "gaps": gaps, "timings": dict(diagnosis.timings)}


if __name__ == "__main__":
    # What is imported at the first use belongs to the start, as the other parts' imports do.
    for name in (
        *("kubernetes.client.rest", "kubernetes.config.incluster_config"),
        *("kubeagentix.api", "kubeagentix.keeping", "kubeagentix.quickdx.pipeline", "kubeagentix.quickdx.early"),
    ):
        importlib.import_module(name)
    registry.analyzers()
    tell(quickdx)
