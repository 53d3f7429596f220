"""Nodes that are joining or being taken away, and the pods whose trouble is only that."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.node_life import is_excused, is_joining, is_leaving, is_node_coming, late_pods
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"


def node(*, made: str = LONG_AGO, taint: str = "", ready: str = "True", since: str = "2026-01-15T11:58:00Z") -> str:
    return f"""
kind: Node
metadata: {{name: n1, creationTimestamp: "{made}"}}
spec: {{taints: [{{key: "{taint}", effect: NoSchedule}}]}}
status: {{conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{since}"}}]}}
"""


def pod(*, on: str = "n1") -> str:
    return f"""
kind: Pod
metadata: {{name: web, uid: u1, creationTimestamp: "{LONG_AGO}"}}
spec: {{nodeName: "{on}"}}
status: {{phase: Pending, conditions: [{{type: Ready, status: "False", lastTransitionTime: "{LONG_AGO}"}}]}}
"""


def event(reason: str, at: str) -> str:
    return f"""
kind: Event
metadata: {{name: web.{reason.lower()}}}
involvedObject: {{kind: Pod, namespace: default, name: web, uid: u1}}
reason: {reason}
lastTimestamp: "2026-01-15T{at}Z"
"""


def only_node(snapshot: Snapshot) -> Node:
    return snapshot.all(Node)[0]


@pytest.mark.parametrize(
    "taint",
    ["ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "aws-node-termination-handler/spot-itn"],
)
def test_a_node_that_is_being_removed_is_leaving_for_a_while(taint: str) -> None:
    just_silent = snapshot_of(node(taint=taint, ready="Unknown"))
    long_silent = snapshot_of(node(taint=taint, ready="Unknown", since="2026-01-15T11:30:00Z"))
    assert is_leaving(just_silent, only_node(just_silent))
    assert not is_leaving(long_silent, only_node(long_silent))


@pytest.mark.parametrize("taint", ["DeletionCandidateOfClusterAutoscaler", "dedicated", "node.kubernetes.io/not-ready"])
def test_other_taints_announce_no_removal(taint: str) -> None:
    snapshot = snapshot_of(node(taint=taint, ready="Unknown"))
    assert not is_leaving(snapshot, only_node(snapshot))


@pytest.mark.parametrize(("made", "expected"), [("2026-01-15T11:59:00Z", True), ("2026-01-15T11:50:00Z", False)])
def test_a_node_is_new_for_two_minutes(made: str, expected: bool) -> None:
    snapshot = snapshot_of(node(made=made))
    assert is_joining(snapshot, only_node(snapshot)) is expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("TriggeredScaleUp", "11:58:00")], True),
        ([("Nominated", "11:58:00")], True),
        ([("TriggeredScaleUp", "11:30:00")], False),
        ([("TriggeredScaleUp", "11:57:00"), ("NotTriggerScaleUp", "11:58:00")], False),
        ([("FailedScheduling", "11:58:00")], False),
    ],
)
def test_a_node_comes_if_an_autoscaler_said_so_last(events: list[tuple[str, str]], expected: bool) -> None:
    snapshot = snapshot_of(pod(on=""), *(event(*item) for item in events))
    [waiting] = snapshot.all(Pod)
    assert is_node_coming(snapshot, waiting) is expected
    assert is_excused(snapshot, waiting) is expected
    assert bool(late_pods(snapshot, [waiting])) is not expected


def test_a_pod_of_a_lasting_node_is_late() -> None:
    snapshot = snapshot_of(node(), pod())
    assert late_pods(snapshot, snapshot.all(Pod)) == snapshot.all(Pod)
    leaving = snapshot_of(node(taint="karpenter.sh/disrupted"), pod())
    assert late_pods(leaving, leaving.all(Pod)) == ()


@pytest.mark.parametrize(("events", "is_late"), [((), True), (("Pulling",), False), (("Pulling", "Failed"), True)])
def test_a_large_image_takes_its_time(events: tuple[str, ...], is_late: bool) -> None:
    told = [event(reason, f"11:5{minute}:00") for minute, reason in enumerate(events, start=7)]
    snapshot = snapshot_of(node(), pod(), *told)
    assert bool(late_pods(snapshot, snapshot.all(Pod))) is is_late
