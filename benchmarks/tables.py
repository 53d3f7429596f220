"""What Quick Dx would lose if server-side Tables told which pods are well, and only the others were read in full.

A pod is well to a Table whose cells say so: `READY` all, `STATUS` Running or Completed, `RESTARTS` 0. Such pods are
then known by name only (`includeObject=None`), or by their metadata (`includeObject=Metadata`). Judged as in
`accuracy.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks import cases
from benchmarks.accuracy import by_family, false_alarms, judge
from kubeagentix.domain.meta import Metadata, Resource
from kubeagentix.domain.pods import Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot


def is_well(pod: Pod) -> bool:
    """Whether the cells of its row say nothing of trouble."""
    status = pod.status
    if pod.is_terminating or status.reason:
        return False
    if status.phase == "Succeeded":
        return True
    statuses = status.container_statuses
    return status.phase == "Running" and all(item.ready and not item.restart_count for item in statuses)


def name_only(pod: Pod) -> Pod:
    """What is known of it by `includeObject=None`: its cells."""
    known = Metadata(name=pod.name, namespace=pod.namespace)
    return Pod(metadata=known, spec=PodSpec(node_name=pod.spec.node_name), status=pod.status)


def metadata_only(pod: Pod) -> Pod:
    """What is known of it by `includeObject=Metadata`: its labels and owner besides."""
    return Pod(metadata=pod.metadata, spec=PodSpec(node_name=pod.spec.node_name), status=pod.status)


def seen_by(known: Callable[[Pod], Pod]) -> Callable[[Snapshot], Snapshot]:
    """The view in which pods that are well are no more than that."""

    def view(snapshot: Snapshot) -> Snapshot:
        pods: tuple[Resource, ...] = tuple(known(pod) if is_well(pod) else pod for pod in snapshot.all(Pod))
        return replace(snapshot, objects={**snapshot.objects, "Pod": pods})

    return view


VIEWS = {"in full": lambda snapshot: snapshot, "names": seen_by(name_only), "metadata": seen_by(metadata_only)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", action="append", choices=("demo", "pictures", "recorded"), help="default: all")
    options = parser.parse_args()
    known = [case for source in options.source or ("demo", "pictures", "recorded") for case in cases.load_cases(source)]
    for name, view in VIEWS.items():
        results = [judge(replace(case, snapshot=view(case.snapshot)), "all") for case in known]
        told: dict[str, Any] = next(row for row in by_family(results) if row["family"] == "all")
        shown = {key: told[key] for key in ("cases", "top_1", "invented")}
        print(json.dumps({"pods that are well are read": name, **shown, **false_alarms(results)}))


if __name__ == "__main__":
    main()
