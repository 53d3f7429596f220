from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.containers import (
    PodContainer,
    restless_containers,
)
from kubeagentix.analysis.present_pods import is_in_play, lifetime_s
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of

NEVER = {
    "exitCode": 128,
    "reason": "StartError",
    "startedAt": "1970-01-01T00:00:00Z",
    "finishedAt": "2026-01-15T11:59:00Z",
}
ENDED = {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-15T11:58:50Z", "finishedAt": "2026-01-15T11:59:00Z"}


def pod(status: dict[str, Any], *, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"containers": [{"name": "c"}], **spec},
        "status": {"phase": phase, "containerStatuses": [{"name": "c", **status}]},
    }


def only(snapshot: Snapshot) -> PodContainer:
    [container] = restless_containers(snapshot)
    return container


def names_in_play(snapshot: Snapshot) -> list[str]:
    return [item.name for item in snapshot.all(Pod) if is_in_play(snapshot, item)]


def test_a_container_that_never_started_has_no_lifetime() -> None:
    container = only(snapshot_of(pod({"state": {"terminated": NEVER}})))
    assert container.last_end is not None
    assert lifetime_s(container.last_end) is None


@pytest.mark.parametrize(
    ("phase", "policy", "reason", "counts"),
    [
        ("Running", "Always", "", True),
        ("Failed", "Never", "", True),
        ("Failed", "Never", "Evicted", False),
        ("Failed", "Always", "", False),
        ("Succeeded", "Never", "", False),
    ],
)
def test_finished_pods_count_only_where_they_were_to_finish(phase: str, policy: str, reason: str, counts: bool) -> None:
    manifest = pod({"state": {"terminated": ENDED}}, phase=phase, restartPolicy=policy)
    manifest["status"]["reason"] = reason
    assert names_in_play(snapshot_of(manifest)) == (["p"] if counts else [])


@pytest.mark.parametrize(
    ("finished", "sibling", "counts"),
    [
        ("2026-01-10T11:00:00Z", "", False),  # days ago
        ("2026-01-15T11:00:00Z", "", True),
        ("2026-01-15T11:00:00Z", "Succeeded", False),  # another went well since
        ("2026-01-15T11:00:00Z", "Failed", True),
    ],
)
def test_a_failed_run_of_an_unknown_owner_counts_while_it_is_news(finished: str, sibling: str, counts: bool) -> None:
    manifest = pod({"state": {"terminated": {**ENDED, "finishedAt": finished}}}, phase="Failed", restartPolicy="Never")
    metadata = {"labels": {"app": "installer"}, "ownerReferences": [{"kind": "ConfigMap", "name": "revision-7"}]}
    manifest["metadata"] |= metadata
    other = pod({}, phase=sibling, restartPolicy="Never")
    other["metadata"] = {"name": "q", "creationTimestamp": "2026-01-15T11:30:00Z", **metadata}
    snapshot = snapshot_of(manifest, *([other] if sibling else []))
    assert ("p" in names_in_play(snapshot)) is counts


@pytest.mark.parametrize(("started", "counts"), [("2026-01-15T11:59:50Z", True), ("2026-01-15T11:40:00Z", False)])
def test_a_failed_attempt_is_past_once_the_next_lives_longer(started: str, counts: bool) -> None:
    job = {"kind": "Job", "metadata": {"name": "j", "uid": "j"}, "status": {"active": 1, "failed": 1}}
    first = pod({"state": {"terminated": ENDED}}, phase="Failed", restartPolicy="Never")
    second = pod({"state": {"running": {"startedAt": started}}}, restartPolicy="Never")
    for name, made, manifest in (("p", "11:30", first), ("q", "11:35", second)):
        owner = {"kind": "Job", "name": "j", "controller": True}
        manifest["metadata"] = {
            "name": name,
            "creationTimestamp": f"2026-01-15T{made}:00Z",
            "ownerReferences": [owner],
        }
    assert ("p" in names_in_play(snapshot_of(job, first, second))) is counts


@pytest.mark.parametrize(("api", "counts"), [("batch/v1", False), ("batch.volcano.sh/v1alpha1", True)])
def test_a_failed_pod_whose_job_is_gone_will_be_gone_too(api: str, counts: bool) -> None:
    manifest = pod({"state": {"terminated": ENDED}}, phase="Failed", restartPolicy="Never")
    owner = {"kind": "Job", "name": "run-1", "apiVersion": api, "controller": True}
    manifest["metadata"]["ownerReferences"] = [owner]
    assert names_in_play(snapshot_of(manifest)) == (["p"] if counts else [])
