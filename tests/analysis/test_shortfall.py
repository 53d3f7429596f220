"""When a pod that is not ready is late, and when it is only starting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kubeagentix.analysis.shortfall import (
    broken_nodes,
    describe_age,
    earliest,
    format_duration,
    is_older_than,
    overdue_pods,
    pod_evidence,
    start_allowance_s,
    unready_pods,
)
from kubeagentix.domain.pods import Pod
from kubeagentix.testing import NOW, snapshot_of


def pod(
    *,
    age_s: int,
    state: str = "{running: {}}",
    probes: str = "",
    extra: str = "",
    phase: str = "Running",
    flip_s: int = -1,
) -> Pod:
    made = (NOW - timedelta(seconds=age_s)).isoformat()
    flipped = (NOW - timedelta(seconds=flip_s if flip_s >= 0 else age_s)).isoformat()
    manifest = f"""
kind: Pod
metadata: {{name: p, creationTimestamp: "{made}"{extra}}}
spec: {{nodeName: n1, containers: [{{name: c{probes}}}]}}
status:
  phase: {phase}
  conditions: [{{type: Ready, status: "False", lastTransitionTime: "{flipped}", message: not yet}}]
  containerStatuses: [{{name: c, state: {state}}}]
"""
    return snapshot_of(manifest).all(Pod)[0]


@pytest.mark.parametrize(
    ("item", "is_late"),
    [
        (pod(age_s=30), False),
        (pod(age_s=90), True),
        (pod(age_s=90, probes=", readinessProbe: {initialDelaySeconds: 60}"), False),
        (pod(age_s=140, probes=", readinessProbe: {initialDelaySeconds: 60}"), True),
        (pod(age_s=300, probes=", startupProbe: {failureThreshold: 30}"), False),
        (pod(age_s=400, probes=", startupProbe: {failureThreshold: 30}"), True),
        (
            pod(
                age_s=300,
                probes=", startupProbe: {failureThreshold: 30}",
                state="{waiting: {reason: CrashLoopBackOff}}",
            ),
            True,
        ),
        (pod(age_s=3600, flip_s=5), False),
        (pod(age_s=3600, flip_s=5, state="{waiting: {reason: ImagePullBackOff}}"), True),
        (pod(age_s=3600, phase="Failed"), False),
        (pod(age_s=3600, extra=', deletionTimestamp: "2026-01-15T11:59:00Z"'), False),
    ],
)
def test_which_pods_are_overdue(item: Pod, is_late: bool) -> None:
    assert bool(overdue_pods([item], NOW)) is is_late


def test_overdue_pods_are_unready_ones() -> None:
    young = pod(age_s=30)
    assert unready_pods([young]) == (young,)
    assert start_allowance_s(young.spec) == 60.0


def test_only_nodes_that_are_not_ready_are_broken() -> None:
    item = pod(age_s=90)
    for status, count in (("True", 0), ("False", 1), ("Unknown", 1)):
        node = f'kind: Node\nmetadata: {{name: n1}}\nstatus: {{conditions: [{{type: Ready, status: "{status}"}}]}}'
        assert len(broken_nodes(snapshot_of(node), [item])) == count
    assert broken_nodes(snapshot_of(), [item]) == ()


def test_evidence_shows_three_pods_with_what_they_wait_for() -> None:
    items = [pod(age_s=90, state="{waiting: {reason: ImagePullBackOff}}")] * 5
    evidence = pod_evidence(snapshot_of(), items)
    assert len(evidence) == 3
    assert evidence[0].summary == "p is Running and not ready (ImagePullBackOff)"
    assert evidence[0].excerpt == "not yet"


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45s"), (119, "119s"), (120, "2m"), (7200, "2h"), (90000, "25h"), (432000, "5d")]
)
def test_spans_read_as_kubectl_writes_them(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text
    assert describe_age(NOW - timedelta(seconds=seconds), NOW) == f" for {text}"


def test_unknown_moments() -> None:
    assert is_older_than(None, 60, NOW)
    assert describe_age(None, NOW) == ""
    assert earliest([None, NOW, datetime(2020, 1, 1, tzinfo=UTC)]) == datetime(2020, 1, 1, tzinfo=UTC)
