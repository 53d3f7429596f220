"""What Quick Dx takes after collecting: seconds of CPU per stage and by analyzer, from a thousand pods to 100,000.

    python benchmarks/analysis.py --pods 1000 10000 100000
    python benchmarks/analysis.py --pods 10000 --broken 0.067 --one-namespace --runs 3 --json

The synthetic cluster of synthetic.py, as a picture in memory: no server, no network. Each run has a picture without
indexes; of several runs the medians are told.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks.synthetic import BROKEN_SHARE, PODS_PER_NAMESPACE, synthetic_snapshot
from kubeagentix import registry
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.events import StageChanged
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.redaction import Redactor, using

EVERYTHING = Target(namespace=None)
SLOWEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """CPU seconds of one diagnosis: as a whole, by stage, by analyzer; an analyzer that first asks builds the index."""

    whole_s: float
    stages: Mapping[str, float]
    analyzers: Mapping[str, float]
    findings: int


def measured(picture: Snapshot) -> Run:
    titles = {item.title: item.id for item in registry.analyzers().values()}
    spent: dict[str, float] = defaultdict(float)
    clock = began = time.process_time()

    def listen(event: Any) -> None:
        nonlocal clock
        now = time.process_time()
        if isinstance(event, StageChanged):
            spent[titles.get(event.detail, event.stage)] += now - clock
        clock = now

    with using(Redactor()):
        diagnosis = diagnose_snapshot(picture, EVERYTHING, listen=listen)
    ended = time.process_time()
    analyzers = {name: took for name, took in spent.items() if name in titles.values()}
    stages = {
        "analyze": sum(analyzers.values()),
        "correlate": spent["correlate"],
        "mask": ended - clock,
    }
    return Run(whole_s=ended - began, stages=stages, analyzers=analyzers, findings=len(diagnosis.findings))


def median(runs: list[Run], of: Callable[[Run], float]) -> float:
    return round(statistics.median(map(of, runs)), 3)


def row(pods: int, runs: int, shape: Mapping[str, Any]) -> dict[str, Any]:
    picture, _ = synthetic_snapshot(pods, **shape)
    gc.collect()
    done = [measured(replace(picture)) for _ in range(runs)]
    by_analyzer = {
        name: median(done, lambda run, name=name: run.analyzers.get(name, 0.0)) for name in done[0].analyzers
    }
    slowest = sorted(by_analyzer.items(), key=lambda item: -item[1])[:SLOWEST]
    return {
        "pods": len(picture.objects["Pod"]),
        "events": len(picture.objects["Event"]),
        "findings": done[0].findings,
        "cpu_s": median(done, lambda run: run.whole_s),
        "cpu_s_spread": [round(edge(run.whole_s for run in done), 3) for edge in (min, max)],
        **{f"{name}_s": median(done, lambda run, name=name: run.stages[name]) for name in done[0].stages},
        "slowest": dict(slowest),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--broken", type=float, default=BROKEN_SHARE, help="share of the pods")
    parser.add_argument("--one-namespace", action="store_true", help="all of them in one")
    parser.add_argument("--json", action="store_true", help="one object for each size, in lines")
    chosen = parser.parse_args()
    space = max(chosen.pods) if chosen.one_namespace else PODS_PER_NAMESPACE
    for pods in chosen.pods:
        told = row(pods, chosen.runs, {"broken_share": chosen.broken, "pods_per_namespace": space})
        if chosen.json:
            print(json.dumps(told), flush=True)
            continue
        stages = ", ".join(f"{name} {told[f'{name}_s']}" for name in ("analyze", "correlate", "mask"))
        print(f"{told['pods']} pods: {told['cpu_s']} s of CPU {told['cpu_s_spread']} ({stages}); ", end="")
        print(f"{told['findings']} findings; slowest: {told['slowest']}", flush=True)


if __name__ == "__main__":
    main()
