"""What a status says, line by line, and what of it is worth citing."""

from __future__ import annotations

from typing import Any

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.testing import NOW
from kubeagentix.toolkit.statuses import said_by_status

POD = ResourceRef(kind="Pod", namespace="shop", name="web-1")


def lines(raw: dict[str, Any], ref: ResourceRef = POD) -> list[tuple[str, bool]]:
    return [(item.text, item.evidence is not None) for item in said_by_status(ref, raw, NOW)]


def test_conditions_are_told_and_the_bad_ones_can_be_cited() -> None:
    conditions = [
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "web"},
        {"type": "Initialized", "status": "True", "message": "ignored", "lastTransitionTime": "2026-01-15T11:00:00Z"},
        {"type": "MemoryPressure", "status": "False"},
        {"type": "DiskPressure", "status": "True", "reason": "Full"},
    ]
    assert lines({"status": {"conditions": conditions}}) == [
        ("Ready=False ContainersNotReady: web", True),
        ("Initialized=True (for 60m)", False),
        ("MemoryPressure=False", False),
        ("DiskPressure=True Full", True),
    ]


def test_containers_are_told_with_the_life_before() -> None:
    ended = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-15T11:58:00Z"}
    status = {
        "containerStatuses": [
            {
                "name": "web",
                "ready": False,
                "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                "lastState": {"terminated": ended},
            },
            {
                "name": "proxy",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-15T09:00:00Z"}},
            },
        ],
        "initContainerStatuses": [{"name": "wait", "ready": True, "state": {"terminated": {"exitCode": 0}}}],
    }
    assert lines({"status": status}) == [
        ("init container wait: ended exit code 0, ready, restarts 0", False),
        ("container web: waiting CrashLoopBackOff (back-off 40s), not ready, restarts 4", True),
        ("container web before: ended OOMKilled exit code 137, 2m ago", True),
        ("container proxy: running, ready, restarts 0, started 3h ago", False),
    ]


def test_counts_stand_beside_what_is_wanted() -> None:
    ref = ResourceRef(kind="Deployment", namespace="shop", name="web")
    assert lines({"spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 1}}, ref) == [
        ("wanted 3, replicas 3, readyReplicas 1", True)
    ]
    assert lines({"spec": {"replicas": 3}, "status": {}}, ref) == [("wanted 3, none of them there", True)]


def test_a_phase_is_told_with_its_reason() -> None:
    raw = {"status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}}
    assert lines(raw) == [("phase Failed (Evicted: low on memory)", True)]


def test_odd_statuses_say_nothing() -> None:
    assert lines({"status": "ok"}) == []
    assert lines({"status": {"conditions": "many"}}) == []
    assert lines({}) == []
