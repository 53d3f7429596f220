"""One template per workload."""

from __future__ import annotations

from typing import Any

from kubeagentix.analysis.templates import templates
from kubeagentix.testing import snapshot_of


def owner(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "controller": True}]


def of(kind: str, name: str, owners: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "ownerReferences": owners or []}, **more}


def names(*manifests: dict[str, Any]) -> dict[str, int]:
    return {f"{item.workload.kind}/{item.workload.name}": item.wanted for item in templates(snapshot_of(*manifests))}


def test_what_something_else_controls_is_not_asked_again() -> None:
    assert names(
        of("Deployment", "web", spec={"replicas": 3}),
        of("ReplicaSet", "web-1", owner("Deployment", "web")),
        of("Pod", "web-1-x", owner("ReplicaSet", "web-1")),
        of("CronJob", "nightly"),
        of("Job", "nightly-1", owner("CronJob", "nightly")),
        of("Pod", "nightly-1-x", owner("Job", "nightly-1")),
    ) == {"Deployment/web": 3, "CronJob/nightly": 1}


def test_bare_pods_and_unknown_controllers_are_known_by_their_pods() -> None:
    assert names(
        of("Pod", "alone"),
        of("Pod", "canary-a", owner("Rollout", "canary")),
        of("Pod", "canary-b", owner("Rollout", "canary")),
    ) == {"Pod/alone": 1, "Rollout/canary": 2}


def test_static_pods_and_finished_ones_are_left_out() -> None:
    mirror = of("Pod", "etcd-node-1", owner("Node", "node-1"))
    assert names(mirror, of("Pod", "done", status={"phase": "Succeeded"})) == {}


def test_a_job_that_ended_or_is_suspended_wants_no_pods() -> None:
    ended = {"conditions": [{"type": "Complete", "status": "True"}]}
    jobs = (of("Job", "a"), of("Job", "b", status=ended), of("Job", "c", spec={"suspend": True}))
    assert names(*jobs, of("CronJob", "d", spec={"suspend": True})) == {
        "Job/a": 1,
        "Job/b": 0,
        "Job/c": 0,
        "CronJob/d": 0,
    }
