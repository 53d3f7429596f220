"""Which pods analyzers need not look into, and that none of them would have told anything of those."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import kubeagentix as kx
from benchmarks.cases import CORPUS
from benchmarks.synthetic import synthetic_snapshot
from kubeagentix import registry
from kubeagentix.analysis import restless
from kubeagentix.analysis.containers import restless_containers
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.testing import log_of, snapshot_of
from tests.quickdx import pictures
from tests.quickdx.pictures import merged

STEADY: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {"name": "p", "uid": "u"},
    "spec": {
        "containers": [{"name": "c"}],
        "initContainers": [{"name": "setup"}, {"name": "proxy", "restartPolicy": "Always"}],
    },
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "c", "ready": True, "started": True, "state": {"running": {}}}],
        "initContainerStatuses": [
            {"name": "setup", "ready": True, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
            {"name": "proxy", "ready": True, "started": True, "state": {"running": {}}},
        ],
    },
}
KILLED = {"exitCode": 137, "reason": "OOMKilled"}


def event(reason: str) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "default", "name": "p", "uid": "u"}
    return {"kind": "Event", "metadata": {"name": reason.lower()}, "reason": reason, "involvedObject": about}


def is_left_out(*manifests: dict[str, Any], **more: Any) -> bool:
    return not restless.pods_to_mind(snapshot_of(*manifests, **more))


def main(**status: Any) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{**STEADY["status"]["containerStatuses"][0], **status}]}}


def init(index: int, **status: Any) -> dict[str, Any]:
    statuses = [dict(item) for item in STEADY["status"]["initContainerStatuses"]]
    statuses[index].update(status)
    return {"status": {"initContainerStatuses": statuses}}


def test_a_pod_that_was_started_and_runs_is_left_out() -> None:
    assert is_left_out(STEADY)
    assert is_left_out(STEADY, event("Pulled"), event("Started"))


@pytest.mark.parametrize(
    "change",
    [
        {"status": {"phase": "Pending"}},
        {"status": {"reason": "NodeLost"}},
        {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        {"status": {"conditions": []}},
        {"metadata": {"deletionTimestamp": "2026-01-15T11:00:00Z"}},
        main(ready=False),
        main(started=False),
        main(restartCount=1),
        main(state={"waiting": {"reason": "CrashLoopBackOff"}}),
        main(state={"terminated": KILLED}),
        main(state={}),
        main(lastState={"terminated": KILLED}),
        init(0, state={"terminated": {"exitCode": 1}}),
        init(0, state={"terminated": {"exitCode": 0, "reason": "OOMKilled"}}),
        init(0, state={"terminated": {"exitCode": 0, "message": "it was refused"}}),
        init(0, restartCount=7),
        init(0, state={"running": {}}),
        init(1, ready=False),
        init(1, state={"terminated": {"exitCode": 0}}),
    ],
)
def test_a_pod_of_which_anything_is_out_of_the_ordinary_is_looked_into(change: dict[str, Any]) -> None:
    assert not is_left_out(merged(STEADY, change))


def test_a_pod_of_which_something_is_heard_is_looked_into() -> None:
    assert not is_left_out(STEADY, event("Unhealthy"))
    assert not is_left_out(STEADY, logs=[log_of("p", "c", "ERROR connection refused")])


def test_containers_come_in_the_order_of_their_start() -> None:
    snapshot = snapshot_of(merged(STEADY, main(ready=False)))
    assert [item.name for item in restless_containers(snapshot)] == ["setup", "proxy", "c"]


def cases() -> Iterator[Snapshot]:
    for path in sorted(CORPUS.glob("*.json.gz"))[::6]:
        yield kx.load(path)
    for name in pictures.FILES:
        yield snapshot_of(*pictures.healthy(name))
    yield synthetic_snapshot(300)[0]


def test_no_analyzer_says_anything_of_a_pod_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    analyzers, left_out = tuple(registry.analyzers().values()), 0
    for snapshot in cases():
        left_out += len(snapshot.all(Pod)) - len(restless.pods_to_mind(snapshot))
        quick = analyze(snapshot, analyzers)
        with monkeypatch.context() as patch:
            patch.setattr(restless, "simply_runs", lambda _: False)
            assert quick == analyze(replace(snapshot), analyzers)
    assert left_out > 100
