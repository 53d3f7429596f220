"""What it costs a whole-cluster run to tell findings while it reads, and how soon the first are there."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any

import kubeagentix as kx
from kubeagentix.demo.mishaps import Crowded
from kubeagentix.domain.events import PartialFindings, ProgressEvent
from kubeagentix.quickdx import early

CASES = ((0.0, 0), (0.0, 3000), (0.1, 0), (0.1, 3000), (0.5, 0))  # latency in s, and healthy pods besides the demo's


def serve(latency_s: float, pods: int, line: Connection) -> None:
    """The demo in a process of its own, so that its work is not counted."""
    with kx.demo() as demo:
        demo.faults.latency_s = latency_s
        if pods:
            store = demo._running.store
            well = next(pod for pod in store.list("Pod") if pod["metadata"]["namespace"] == "kube-system")
            demo.faults.strike("GET /api/v1/pods", Crowded(template=well, count=pods))
        line.send(demo.kubeconfig)
        line.recv()


def run(cluster: Any, *, looks: bool) -> tuple[float, float, float | None]:
    """Seconds of the whole, seconds of work, and when the first findings were there."""
    early.FIRST_S = 1.0 if looks else 1e9
    began, worked, first = time.perf_counter(), time.process_time(), None

    def listen(event: ProgressEvent) -> None:
        nonlocal first
        if isinstance(event, PartialFindings) and first is None:
            first = time.perf_counter() - began

    kx.diagnose(cluster=cluster, all_namespaces=True, listen=listen, history=False)
    return time.perf_counter() - began, time.process_time() - worked, first


def measured(latency_s: float, pods: int, runs: int) -> dict[str, Any]:
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=serve, args=(latency_s, pods, theirs))
    child.start()
    with kx.connect(kubeconfig=ours.recv()) as cluster:
        run(cluster, looks=False)
        pairs = [(run(cluster, looks=False), run(cluster, looks=True)) for _ in range(runs)]
    ours.send(None)
    child.join()
    whole, work = (
        {name: statistics.median(pair[at][place] for pair in pairs) for at, name in enumerate(("without", "with"))}
        for place in (0, 1)
    )
    firsts = [pair[1][2] for pair in pairs if pair[1][2] is not None]
    return {
        "latency_s": latency_s,
        "pods": pods,
        "whole_s": {name: round(value, 2) for name, value in whole.items()},
        "work_s": {name: round(value, 2) for name, value in work.items()},
        "added_percent": round(100 * statistics.median(pair[1][0] / pair[0][0] - 1 for pair in pairs), 1),
        "first_findings_s": round(statistics.median(firsts), 2) if firsts else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for latency_s, pods in CASES:
        print(json.dumps(measured(latency_s, pods, runs)), flush=True)


if __name__ == "__main__":
    main()
