"""How fast credentials are masked in logs of megabytes, and what masking adds to a diagnosis and to a snapshot file."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from kubeagentix.cluster import archive
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx import masking, pipeline
from kubeagentix.redaction import Redactor

CORPUS = Path(__file__).parent / "corpus"
LINE = "2026-01-0{day}T10:00:{second:02d}.123Z INFO [exec-{day}] request id=5f{n:06x} GET /api/v1/orders/{n}"
LOGS: Mapping[str, list[str]] = {
    "ordinary lines": [LINE.format(n=n, day=n % 9 + 1, second=n % 60) + f" {n % 90} ms" for n in range(20_000)],
    "JSON lines": [
        f'{{"level":"info","path":"/v1/x","status":200,"key":"u:{n}","token_count":{n}}}' for n in range(20_000)
    ],
    "a credential in every 50th line": [
        LINE.format(n=n, day=n % 9 + 1, second=n % 60) + ("" if n % 50 else f" password=hunter2-Zq{n % 200}x")
        for n in range(20_000)
    ],
}


def seconds(work: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


def large() -> Snapshot:
    """All recordings of the corpus as one picture of one cluster, each in namespaces of its own."""
    whole: Snapshot | None = None
    for path in sorted(CORPUS.glob("*.json.gz")):
        one = replace(archive.load(path), namespace=None)
        whole = one if whole is None else whole.joined(one)
    assert whole is not None
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    speeds = {}
    for name, lines in LOGS.items():
        text = "\n".join(lines)
        speeds[name] = round(len(text) / 1e6 / seconds(lambda text=text: Redactor().text(text), runs), 1)
    snapshot = large()
    diagnosis = pipeline.diagnose_snapshot(snapshot, Target())
    whole_s = seconds(lambda: pipeline.diagnose_snapshot(replace(snapshot), Target()), runs)
    masking_s = seconds(lambda: masking.masked(snapshot, diagnosis), runs)
    save_s = seconds(lambda: archive.masked(snapshot), runs)
    told = {
        "MB/s": speeds,
        "objects": sum(map(len, snapshot.objects.values())),
        "findings": len(diagnosis.findings),
        "diagnosis_s": round(whole_s, 2),
        "of it masking_s": round(masking_s, 2),
        "share of a diagnosis": round(masking_s / whole_s, 3),
        "masking of a snapshot file_s": round(save_s, 2),
    }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
