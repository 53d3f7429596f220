"""A named target of a large cluster: how many requests its diagnosis takes, how long, and whether its fault is found.

    python benchmarks/target.py --pods 10000
    python benchmarks/target.py --pods 10000 --each 5 --json

A few of each kind of fault of the synthetic cluster are asked for one by one, each over a connection of its own, in a
process that has imported everything before (what that takes is told apart, in a process of its own); and a few
workloads that are well, which take a reading of their whole namespace, as nothing explains itself. `--whole` also
reads the namespace of each target, as is done for `-n` without a target, and compares.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks.synthetic import PODS, Planted, served
from kubeagentix.cluster.connection import connect
from kubeagentix.cluster.session import Session
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.workloads import Deployment
from kubeagentix.quickdx import pipeline

IMPORTING = (
    "import kubeagentix.api, kubeagentix.registry as r, kubernetes.client.rest, kubernetes.config.incluster_config"
)
STARTS = {"PersistentVolumeClaim": "Deployment"}  # whom one asks about where a claim is at fault


@contextmanager
def counted() -> Iterator[list[str]]:
    """The requests of the block: each takes its headers once."""
    sent: list[str] = []
    headers = Session.headers

    def counting(self: Session, *, accept: str) -> Any:
        sent.append(accept)
        return headers(self, accept=accept)

    Session.headers = counting  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        Session.headers = headers  # type: ignore[method-assign]


def ask(kubeconfig: Path, target: Target) -> tuple[float, float, int, list[tuple[str, str]]]:
    """Milliseconds, those of the processor, requests and what was found, over a connection of its own."""
    began, worked = time.perf_counter(), time.process_time()
    with counted() as sent, connect(kubeconfig=kubeconfig) as cluster:
        found = asyncio.run(pipeline.run(cluster, target))
    took_ms, worked_ms = 1000 * (time.perf_counter() - began), 1000 * (time.process_time() - worked)
    return (
        took_ms,
        worked_ms,
        len(sent),
        [(str(item.root), found.finding(item.findings[0]).reason) for item in found.hypotheses],
    )


def target_of(planted: Planted) -> Target:
    kind = STARTS.get(planted.kind, planted.kind)
    return Target(namespace=planted.namespace, kind=kind, name=planted.name.removesuffix("-data"))


def healthy(kubeconfig: Path, planted: Sequence[Planted], count: int) -> list[Target]:
    """Deployments of the first namespace in which nothing is broken, or else not they."""
    broken = {(item.namespace, target_of(item).name) for item in planted}
    with connect(kubeconfig=kubeconfig) as cluster:
        namespace = planted[0].namespace
        picture = asyncio.run(cluster.read_snapshot(namespace))
    names = [item.name for item in picture.all(Deployment) if (item.namespace, item.name) not in broken]
    return [Target(namespace=namespace, kind="Deployment", name=name) for name in names[:count]]


def measured(kubeconfig: Path, targets: Sequence[Target], truths: Sequence[tuple[str, str]]) -> dict[str, Any]:
    times, work, requests, right = [], [], [], 0
    for target, truth in zip(targets, truths or [("", "")] * len(targets), strict=True):
        took_ms, worked_ms, sent, found = ask(kubeconfig, target)
        times.append(took_ms)
        work.append(worked_ms)
        requests.append(sent)
        right += found[:1] == [truth] if truths else not found
    return {
        "targets": len(targets),
        "right": right,
        "ms": round(statistics.median(times)),
        "ms_min": round(min(times)),
        "ms_max": round(max(times)),
        "processor_ms": round(statistics.median(work)),
        "requests": statistics.median(requests),
        "requests_max": max(requests),
    }


def whole(kubeconfig: Path, targets: Sequence[Target]) -> dict[str, Any]:
    times, requests = [], []
    for target in targets:
        took_ms, _, sent, _ = ask(kubeconfig, Target(namespace=target.namespace))
        times.append(took_ms)
        requests.append(sent)
    return {"whole_ms": round(statistics.median(times)), "whole_requests": statistics.median(requests)}


def import_ms(rounds: int = 5) -> float:
    """What imports take, in a process of its own: the median, less that of an empty interpreter."""

    def once(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return 1000 * (time.perf_counter() - began)

    pairs = [(once(f"{IMPORTING}; r.analyzers()"), once("pass")) for _ in range(rounds)]
    return statistics.median(loaded - empty for loaded, empty in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--each", type=int, default=5, help="targets of each kind of fault")
    parser.add_argument("--whole", action="store_true", help="also read each target's namespace")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    with served(options.pods) as cluster:
        by_reason: dict[str, list[Planted]] = defaultdict(list)
        for item in cluster.planted:
            by_reason[item.reason].append(item)
        first = target_of(cluster.planted[0])
        ask(cluster.kubeconfig, first)  # which imports everything
        for reason, planted in sorted(by_reason.items()):
            chosen = planted[: options.each]
            targets = [target_of(item) for item in chosen]
            truths = [(f"{item.kind} {item.namespace}/{item.name}", item.reason) for item in chosen]
            rows[reason] = measured(cluster.kubeconfig, targets, truths)
            if options.whole:
                rows[reason] |= whole(cluster.kubeconfig, targets[:1])
        rows["nothing"] = measured(cluster.kubeconfig, healthy(cluster.kubeconfig, cluster.planted, options.each), [])
    result = {"pods": options.pods, "import_ms": round(import_ms()), "faults": rows}
    if options.json:
        print(json.dumps(result))
        return
    print(f"{options.pods} pods; imports take {result['import_ms']} ms, once")
    for reason, row in rows.items():
        print(f"{reason:45}", " ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
