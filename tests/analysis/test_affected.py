"""Pods in trouble, grouped and weighed."""

from __future__ import annotations

from typing import Any

from kubeagentix.analysis import affected
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.domain.pods import Pod
from kubeagentix.testing import snapshot_of


def pod(name: str, ready: str, revision: str = "r1", phase: str = "Running") -> dict[str, Any]:
    owner = {"kind": "StatefulSet", "name": "db", "controller": True}
    labels = {"controller-revision-hash": revision}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "ownerReferences": [owner], "labels": labels},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]},
    }


def test_pods_of_a_workload_are_one_group_per_thing_said() -> None:
    snapshot = snapshot_of(pod("db-0", "False"), pod("db-1", "False"), pod("db-2", "False"))
    groups = affected.group(snapshot, zip(snapshot.all(Pod), ("a", "b", "a"), strict=True))
    assert {key[1]: [item.name for item in pods] for key, pods in groups.items()} == {
        "a": ["db-0", "db-2"],
        "b": ["db-1"],
    }


def test_finished_pods_are_not_counted_in_the_share() -> None:
    snapshot = snapshot_of(pod("db-0", "False"), pod("db-1", "True"), pod("db-9", "False", phase="Failed"))
    first = snapshot.all(Pod)[0]
    assert affected.share(snapshot, snapshot.workload_of(first), (first,)) == "1 of 2 pods"


def test_only_ready_pods_of_the_same_revision_soften_the_severity() -> None:
    same = snapshot_of(pod("db-0", "False"), pod("db-1", "True"))
    first = same.all(Pod)[0]
    assert affected.severity(same, same.workload_of(first), (first,)) is Severity.WARNING
    other = snapshot_of(pod("db-0", "False", "r2"), pod("db-1", "True"))
    first = other.all(Pod)[0]
    assert affected.severity(other, other.workload_of(first), (first,)) is Severity.CRITICAL


def test_a_workload_without_live_pods_is_not_healthy() -> None:
    snapshot = snapshot_of(pod("db-0", "True"), pod("db-1", "False", phase="Failed"))
    workload = snapshot.workload_of(snapshot.all(Pod)[0])
    assert affected.is_healthy(snapshot, workload)
    gone = snapshot_of(pod("db-0", "True", phase="Succeeded"))
    assert not affected.is_healthy(gone, workload)


def dated(name: str, ready: str, revision: str, made: str) -> dict[str, Any]:
    manifest = pod(name, ready, revision)
    manifest["metadata"]["creationTimestamp"] = made
    return manifest


OLD, NEW = "2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z"


def test_pods_of_the_revision_before_that_still_serve() -> None:
    snapshot = snapshot_of(
        dated("db-0", "False", "r2", NEW), dated("db-1", "True", "r1", OLD), dated("db-2", "False", "r1", OLD)
    )
    older = affected.older_ready_pods(snapshot, snapshot.all(Pod)[:1])
    assert [item.name for item in older] == ["db-1"]
    assert affected.still_serving(len(older)) == "; 1 of the old revision still serves"


def test_newer_pods_and_those_of_the_same_revision_are_no_older_ones() -> None:
    newer = snapshot_of(dated("db-0", "False", "r1", OLD), dated("db-1", "True", "r2", NEW))
    same = snapshot_of(dated("db-0", "False", "r1", NEW), dated("db-1", "True", "r1", OLD))
    assert affected.older_ready_pods(newer, newer.all(Pod)[:1]) == ()
    assert affected.older_ready_pods(same, same.all(Pod)[:1]) == ()
    assert affected.still_serving(0) == ""
