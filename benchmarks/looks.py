"""What one look of watch mode costs, in processor time: the first, and those after some changes.

The changes are those of watch.py, made to a synthetic cluster in this process and decoded as a watch decodes them; all
but the looks is left out of the count.

    python benchmarks/looks.py                 # 10,000 pods; 1, 20, 200 and 2,000 changes
    python benchmarks/looks.py --pods 1000 --rounds 50 --json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks.synthetic import synthetic_cluster
from benchmarks.watch import Churn
from kubeagentix.cluster.live_objects import LiveObjects
from kubeagentix.cluster.projections import decode_object
from kubeagentix.cluster.sharing import KnownParts
from kubeagentix.demo.store import Store
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.quickdx.rerunning import Rerunning
from kubeagentix.redaction import Redactor, using

CHANGES = (1, 20, 200, 2000)


class Looks:
    """A cluster that changes, and looks at it."""

    def __init__(self, pods: int) -> None:
        self._store = synthetic_cluster(pods).store
        self._churn = Churn(self._store, share=1.0)
        self._objects = LiveObjects()
        self._parts = KnownParts(self._objects.known)
        self._rerunning = Rerunning(Target(), include_lint=False, ignore=())
        for kind, served in _kinds(self._store):
            items = self._store.peek_all(served)
            self._objects.fill(kind, [decode_object(KINDS[kind], msgspec.json.encode(item)) for item in items])
        self._taken_at = datetime.now(UTC)

    def change(self, count: int) -> None:
        """So many changes, and a pod that is broken from now on."""
        before = self._store.revision
        for _ in range(count):
            self._churn.step()
        self._churn.mark()
        for kind, served in _kinds(self._store):
            for change in self._store.changes_since(served, before):
                metadata = change.new["metadata"]
                found = None
                if change.type != "DELETED":
                    found = decode_object(KINDS[kind], msgspec.json.encode(change.new))
                    self._parts.share((found,))
                self._objects.put(kind, metadata.get("namespace", ""), metadata["name"], found)

    def look(self) -> tuple[float, Diagnosis]:
        """Seconds of processor time for a look, and its answer."""
        objects, changes = self._objects.take()
        picture = Snapshot(cluster="synthetic", taken_at=self._taken_at, objects=objects)
        began = time.process_time()
        found = self._rerunning.diagnose(picture, changes)
        return time.process_time() - began, found

    def is_exact(self, found: Diagnosis) -> bool:
        """Whether that is what a whole Quick Dx of the same picture finds."""
        assert self._rerunning.snapshot is not None
        whole = diagnose_snapshot(replace(self._rerunning.snapshot), Target())
        return [item.id for item in whole.findings] == [item.id for item in found.findings]


def _kinds(store: Store) -> Iterator[tuple[str, Any]]:
    for served in store.catalog:
        if served.kind in KINDS and served.key[0] == KINDS[served.kind].group:
            yield served.kind, served


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    looks = Looks(options.pods)
    first_s, _ = looks.look()
    result: dict[str, Any] = {"pods": options.pods, "first_s": round(first_s, 2)}
    for count in CHANGES:
        times = []
        for _ in range(options.rounds):
            looks.change(count)
            taken_s, found = looks.look()
            times.append(taken_s)
        result[f"after_{count}_s"] = round(statistics.median(times), 3)
    return result | {"is_exact": looks.is_exact(found)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7, help="looks after as many changes each; the median is told")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with using(Redactor()):
        result = _measured(options)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:>14}  {value}")


if __name__ == "__main__":
    main()
