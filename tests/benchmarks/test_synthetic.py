"""The synthetic cluster: what is planted is there and nothing else is wrong; the same seed gives the same cluster."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.prototypes import BROKEN
from benchmarks.synthetic import Planted, Synthetic, synthetic_cluster, synthetic_snapshot
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import NOW

PODS = 300


@pytest.fixture(scope="module")
def made() -> tuple[Snapshot, Synthetic]:
    return synthetic_snapshot(PODS, now=NOW)


def test_all_that_is_planted_is_found_and_nothing_else(made: tuple[Snapshot, Synthetic]) -> None:
    snapshot, cluster = made
    diagnosis = diagnose_snapshot(snapshot, Target())
    told = [
        Planted(item.root.kind, item.root.namespace, item.root.name, diagnosis.finding(item.findings[0]).reason)
        for item in diagnosis.hypotheses
    ]
    assert sorted(map(str, told)) == sorted(map(str, cluster.planted))
    assert len({item.reason for item in cluster.planted}) == len(BROKEN) == 8


def test_the_cluster_has_the_size_that_was_asked_for(made: tuple[Snapshot, Synthetic]) -> None:
    snapshot, _ = made
    counted = {kind: len(items) for kind, items in snapshot.objects.items()}
    assert PODS - 5 < counted["Pod"] <= PODS
    assert counted["Node"] == PODS // 10
    assert PODS / 6 < counted["Service"] < PODS / 4
    assert counted["Event"] > 3.5 * PODS


def test_no_two_objects_share_an_identity(made: tuple[Snapshot, Synthetic]) -> None:
    snapshot, _ = made
    objects: list[Resource] = [item for items in snapshot.objects.values() for item in items]
    uids = Counter(item.metadata.uid for item in objects)
    assert [uid for uid, count in uids.items() if count > 1] == []
    assert all("<<" not in str(item) and "q0" not in str(item) for item in objects)


def test_the_same_seed_gives_the_same_cluster() -> None:
    stores = [synthetic_cluster(80, seed=seed, now=NOW).store for seed in (1, 1, 2)]
    pods = [[item["metadata"]["name"] for item in store.list("Pod")] for store in stores]
    assert pods[0] == pods[1] != pods[2]
