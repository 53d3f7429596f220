"""Events tell of pods that are gone; the texts are those of Kubernetes 1.20 to 1.34."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.gone_pods import LastTrouble, last_trouble
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.testing import snapshot_of

JOB = "kind: Job\nmetadata: {name: import}"


def event(about: str, reason: str, message: str, *, at: str = "11:50", kind: str = "Pod") -> str:
    return f"""
kind: Event
metadata: {{name: {about}-{reason}-{len(message)}}}
involvedObject: {{kind: {kind}, namespace: default, name: {about}}}
reason: {reason}
message: '{message}'
lastTimestamp: "2026-01-15T{at}:00Z"
"""


def made(pod: str = "import-a", at: str = "11:45") -> str:
    return event("import", "SuccessfulCreate", f"Created pod: {pod}", at=at, kind="Job")


def find(*manifests: str, gaps: tuple[Gap, ...] = ()) -> LastTrouble | None:
    snapshot = snapshot_of(JOB, *manifests, gaps=gaps)
    return last_trouble(snapshot, snapshot.named("Job", "default", "import"))


SCHEDULED = event("import-a", "Scheduled", "Successfully assigned default/import-a to n1")
STARTED = event("import-a", "Started", "Started container app")
PULL = event("import-a", "Failed", 'Failed to pull image "app:2": not found')


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((SCHEDULED, PULL), "ImagePullBackOff"),
        ((SCHEDULED, event("import-a", "BackOff", 'Back-off pulling image "app:2"')), "ImagePullBackOff"),
        ((SCHEDULED, event("import-a", "Failed", 'Error: configmap "env" not found')), "CreateContainerError"),
        ((SCHEDULED, event("import-a", "FailedMount", "MountVolume.SetUp failed")), "FailedMount"),
        ((event("import-a", "FailedScheduling", "0/3 nodes are available"),), "Unschedulable"),
        (
            (SCHEDULED, STARTED, event("import-a", "BackOff", "Back-off restarting failed container")),
            "CrashLoopBackOff",
        ),
        ((SCHEDULED, STARTED, PULL), None),
        ((SCHEDULED, STARTED, event("import-a", "FailedScheduling", "0/3 nodes are available")), None),
        ((SCHEDULED, STARTED), None),
    ],
    ids=["pull", "back-off", "config", "mount", "no node", "crash", "pulled later", "scheduled later", "nothing"],
)
def test_the_most_telling_event_of_a_gone_pod(events: tuple[str, ...], reason: str | None) -> None:
    trouble = find(made(), *events)
    assert (trouble.reason if trouble else None) == reason


def test_the_newest_pod_is_told_of() -> None:
    older = event("import-b", "BackOff", "Back-off restarting failed container")
    trouble = find(made("import-b", "11:30"), made(), older, SCHEDULED, PULL)
    assert trouble is not None
    assert trouble.pod.name == "import-a"


def test_pods_that_are_left_or_were_not_read_speak_for_themselves() -> None:
    left = "kind: Pod\nmetadata: {name: import-a, ownerReferences: [{kind: Job, name: import, controller: true}]}"
    assert find(made(), SCHEDULED, PULL, left) is None
    assert find(made(), SCHEDULED, PULL, gaps=(Gap(what="pods", why="403", kind="Pod", namespace="default"),)) is None


def test_pods_of_others_are_not_taken_for_its_own() -> None:
    assert find(SCHEDULED, PULL) is None
