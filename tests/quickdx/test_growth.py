"""The analysis takes four times the work for four times the cluster. Calls are counted, as no clock is steady."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any

import pytest

from benchmarks.synthetic import synthetic_snapshot
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.pipeline import diagnose_snapshot

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
PODS = 200
MOST = 4.5  # times the calls for four times the pods; a join of all with all makes sixteen
MOST_PER_POD = 280  # calls, and there are forty analyzers: of replicas one is asked


def calls(work: Callable[[], object]) -> int:
    """The calls, of Python's functions and of C's, that `work` makes."""
    made = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made


def diagnosed(snapshot: Snapshot) -> None:
    diagnose_snapshot(snapshot, Target(namespace=None))


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param({}, id="one pod in a hundred is broken"),
        pytest.param({"broken_share": 1 / 15}, id="broken all over"),
        pytest.param({"pods_per_namespace": 10**6}, id="all in one namespace"),
    ],
)
def test_the_work_grows_with_the_cluster_and_no_faster(shape: dict[str, Any]) -> None:
    small, large = (synthetic_snapshot(pods, now=NOW, **shape)[0] for pods in (PODS, 4 * PODS))
    diagnosed(replace(small))  # what is made once in a program
    assert calls(partial(diagnosed, large)) < MOST * calls(partial(diagnosed, small))


def test_the_work_for_a_pod_is_little() -> None:
    snapshot = synthetic_snapshot(4 * PODS, now=NOW)[0]
    diagnosed(replace(snapshot))
    assert calls(partial(diagnosed, snapshot)) < MOST_PER_POD * 4 * PODS


def test_a_join_of_all_with_all_is_told() -> None:
    def joined(items: int) -> list[int]:
        return [hash((left, right)) for left in range(items) for right in range(items)]

    assert calls(partial(joined, 400)) > MOST * calls(partial(joined, 100))
