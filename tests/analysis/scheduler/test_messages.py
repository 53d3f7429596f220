"""Every wording in which schedulers from 1.18 to 1.36 say that no node took a pod."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.scheduler.messages import ObstacleKind as K
from kubeagentix.analysis.scheduler.messages import read_clauses


def read(message: str) -> list[tuple[K, str, int | None]]:
    return [(item.obstacle.kind, item.obstacle.detail, item.count) for item in read_clauses(message)]


def test_each_clause_has_its_count() -> None:
    message = (
        "0/6 nodes are available: 2 Insufficient cpu, 3 Insufficient nvidia.com/gpu, "
        "1 node(s) had taint {dedicated: batch}, that the pod didn't tolerate."
    )
    assert read(message) == [(K.RESOURCE, "cpu", 2), (K.RESOURCE, "nvidia.com/gpu", 3), (K.TAINT, "dedicated", 1)]


@pytest.mark.parametrize(
    ("clause", "kind", "detail"),
    [
        ("Insufficient memory", K.RESOURCE, "memory"),
        ("Insufficient ephemeral-storage", K.RESOURCE, "ephemeral-storage"),
        ("Too many pods", K.TOO_MANY_PODS, ""),
        ("node(s) had taint {a/b: }, that the pod didn't tolerate", K.TAINT, "a/b"),
        ("node(s) had untolerated taint {a/b: c}", K.TAINT, "a/b"),
        ("node(s) had untolerated taint(s)", K.TAINT, ""),
        ("node(s) had taints that the pod didn't tolerate", K.TAINT, ""),
        ("node(s) had untolerated taint {node.kubernetes.io/unreachable: }", K.NODE_CONDITION, ""),
        ("node(s) had untolerated taint {node.kubernetes.io/unschedulable: }", K.CORDONED, ""),
        ("node(s) were unschedulable", K.CORDONED, ""),
        ("node(s) didn't match node selector", K.NODE_SELECTOR, ""),
        ("node(s) didn't match Pod's node affinity", K.NODE_SELECTOR, ""),
        ("node(s) didn't match Pod's node affinity/selector", K.NODE_SELECTOR, ""),
        ("node(s) didn't satisfy plugin(s) [NodeAffinity]", K.NODE_SELECTOR, ""),
        ("node(s) didn't have free ports for the requested pod ports", K.HOST_PORT, ""),
        ("node(s) didn't match pod affinity rules", K.POD_AFFINITY, ""),
        ("node(s) didn't match pod anti-affinity rules", K.POD_ANTI_AFFINITY, ""),
        ("node(s) didn't satisfy existing pods anti-affinity rules", K.POD_ANTI_AFFINITY, ""),
        ("node(s) didn't match pod affinity/anti-affinity", K.POD_AFFINITY_OR_ANTI, ""),
        ("node(s) didn't match pod topology spread constraints", K.TOPOLOGY_SPREAD, ""),
        ("node(s) didn't match pod topology spread constraints (missing required label)", K.TOPOLOGY_SPREAD, ""),
        ("node(s) had volume node affinity conflict", K.VOLUME_NODE_AFFINITY, ""),
        ("node(s) had no available volume zone", K.VOLUME_NODE_AFFINITY, ""),
        ("node(s) didn't find available persistent volumes to bind", K.CLAIM_UNBOUND, ""),
        ("pod has unbound immediate PersistentVolumeClaims", K.CLAIM_UNBOUND, ""),
        ('persistentvolumeclaim "data" not found', K.CLAIM_NOT_FOUND, "data"),
        ("node(s) exceed max volume count", K.VOLUME_LIMIT, ""),
        ("node(s) are out of luck", K.OTHER, "node(s) are out of luck"),
    ],
)
def test_a_wording_is_understood(clause: str, kind: K, detail: str) -> None:
    assert read(f"0/3 nodes are available: 3 {clause}.") == [(kind, detail, 3)]


@pytest.mark.parametrize(
    "tail",
    [
        " preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.",
        " preemption: 0/3 nodes are available: 1 Insufficient memory, 2 Preemption is not helpful for scheduling..",
        " no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful.",
        " preemption: not eligible due to preemptionPolicy=Never.",
    ],
)
def test_what_preemption_says_is_no_obstacle(tail: str) -> None:
    message = f"0/3 nodes are available: 3 node(s) had untolerated taint {{node.kubernetes.io/disk-pressure: }}.{tail}"
    assert read(message) == [(K.NODE_CONDITION, "", 3)]


def test_a_clause_about_the_whole_pod_has_no_count() -> None:
    message = (
        '0/3 nodes are available: persistentvolumeclaim "shop.data" not found. preemption: 0/3 nodes are available.'
    )
    assert read(message) == [(K.CLAIM_NOT_FOUND, "shop.data", None)]


def test_a_claim_named_without_any_count_of_nodes_is_understood() -> None:
    assert read('error while running "VolumeBinding" prefilter plugin: persistentvolumeclaim "x" not found') == [
        (K.CLAIM_NOT_FOUND, "x", None)
    ]


def test_the_general_affinity_wording_beside_a_specific_one_is_dropped() -> None:
    message = (
        "0/2 nodes are available: 1 node(s) didn't match pod affinity/anti-affinity, "
        "1 node(s) didn't match pod anti-affinity rules, 1 Too many pods."
    )
    assert read(message) == [(K.POD_ANTI_AFFINITY, "", 1), (K.TOO_MANY_PODS, "", 1)]


def test_words_never_seen_before_are_kept_as_they_are() -> None:
    assert read("no nodes available to schedule pods") == [(K.OTHER, "no nodes available to schedule pods", None)]
